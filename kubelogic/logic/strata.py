"""Dependency order of predicates: strongly connected components, dependencies first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


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
