"""Dependency order of predicates: strongly connected components, dependencies first; recursion through negation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from kubelogic.logic.errors import RuleFault
from kubelogic.logic.terms import Clause, Literal


def components(uses: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Tarjan's strongly connected components of a graph, each sorted, dependencies before dependents.

    Args:
        uses: for each node the nodes it depends on; nodes that are only used may be absent.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    on_stack: set[str] = set()
    stack: list[str] = []
    found: list[tuple[str, ...]] = []
    for root in sorted(uses):
        if root in index:
            continue
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        work = [(root, iter(sorted(set(uses.get(root, ())))))]
        while work:
            node, successors = work[-1]
            for successor in successors:
                if successor not in index:
                    index[successor] = low[successor] = len(index)
                    stack.append(successor)
                    on_stack.add(successor)
                    work.append((successor, iter(sorted(set(uses.get(successor, ()))))))
                    break
                if successor in on_stack:
                    low[node] = min(low[node], index[successor])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        group.append(member)
                        if member == node:
                            break
                    found.append(tuple(sorted(group)))
    return found


def unstratified(clauses: Sequence[Clause]) -> Iterator[RuleFault]:
    """A fault for each literal through which a predicate depends on its own negation or aggregate."""
    uses: dict[str, set[str]] = {}
    for clause in clauses:
        found = uses.setdefault(clause.head.predicate, set())
        found.update(item.atom.predicate for item in clause.body if isinstance(item, Literal))
    group_of = {name: number for number, group in enumerate(components(uses)) for name in group}
    for clause in clauses:
        for item in clause.body:
            if not isinstance(item, Literal) or not (item.negated or clause.aggregate):
                continue
            if group_of[item.atom.predicate] == group_of[clause.head.predicate]:
                cycle = " -> ".join(_cycle(uses, clause.head.predicate, item.atom.predicate))
                kind = "negation" if item.negated else "an aggregate"
                yield RuleFault(
                    place=item.atom.place,
                    message=f"recursion through {kind}: {cycle}",
                    hint="such rules have no agreed meaning; derive one of the predicates another way",
                )


def _cycle(uses: Mapping[str, set[str]], head: str, used: str) -> list[str]:
    """A shortest path head -> used -> ... -> head."""
    paths = [[head, used]]
    seen = {used}
    while paths:
        path = paths.pop(0)
        if path[-1] == head:
            return path
        for following in sorted(uses.get(path[-1], ())):
            if following == head:
                return [*path, head]
            if following not in seen:
                seen.add(following)
                paths.append([*path, following])
    return [head, used, head]
