"""What makes a set of rule files unusable: found all at once, each with file, line and caret."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from kubelogic.logic.errors import RuleFault
from kubelogic.logic.strata import components
from kubelogic.logic.terms import (
    Atom,
    Clause,
    Comparison,
    Declaration,
    Literal,
    Place,
    RuleFile,
    Variable,
    variables,
)


def check(files: Sequence[RuleFile]) -> list[RuleFault]:
    """All faults of a set of parsed files: declarations, arities, safety and stratification."""
    faults: list[RuleFault] = []
    lines = {file.path: file.lines for file in files}

    def fault(place: Place, message: str, hint: str = "") -> None:
        source = lines.get(place.file, ())
        excerpt = source[place.line - 1] if 0 < place.line <= len(source) else ""
        faults.append(RuleFault(place=place, message=message, hint=hint, excerpt=excerpt))

    declared: dict[str, Declaration] = {}
    for file in files:
        for declaration in file.declarations:
            if declaration.predicate in declared:
                first = declared[declaration.predicate].place
                fault(declaration.place, f"{declaration.predicate} is declared twice", f"first at {first}")
            declared.setdefault(declaration.predicate, declaration)

    def use(atom: Atom) -> None:
        declaration = declared.get(atom.predicate)
        if declaration is None:
            near = difflib.get_close_matches(atom.predicate, declared, n=1)
            hint = f"did you mean {near[0]}?" if near else "declare it with #: name(Argument: type, ...)"
            fault(atom.place, f"{atom.predicate} is not declared", hint)
        elif declaration.arity != len(atom.terms):
            fault(
                atom.place,
                f"{atom.predicate} takes {declaration.arity} arguments, not {len(atom.terms)}",
                f"declared at {declaration.place}",
            )
        elif declaration.functional != atom.functional:
            form = "name[X] == Y" if declaration.functional else "name(X, Y)"
            fault(atom.place, f"{atom.predicate} is written {form}", f"declared at {declaration.place}")

    heads: dict[str, str] = {}
    clauses = [clause for file in files for clause in file.clauses]
    for file in files:
        for fact in file.facts:
            use(fact)
            for name in variables(*fact.terms):
                fault(fact.place, f"a fact has no variables, but {name} is one")
    for clause in clauses:
        use(clause.head)
        for item in clause.body:
            if isinstance(item, Literal):
                use(item.atom)
        first_file = heads.setdefault(clause.head.predicate, clause.place.file)
        if first_file != clause.place.file:
            fault(clause.head.place, f"{clause.head.predicate} is also defined in {first_file}")
        for name in unsafe(clause, declared):
            fault(
                clause.place,
                f"{name} is not bound by any positive literal",
                "negation, comparisons and functions need their variables from elsewhere",
            )
    faults.extend(_stratification(clauses, fault_at=lines))
    return faults


def unsafe(clause: Clause, declared: dict[str, Declaration]) -> list[str]:
    """The variables of a clause that nothing binds, sorted."""
    bound = bound_variables(clause, declared)
    needed: set[str] = set(variables(*clause.head.terms))
    if clause.aggregate:
        needed.discard("Result")
        aggregate = clause.aggregate
        needed.update(aggregate.value, aggregate.for_each, aggregate.group_by)
        needed.update(name.lstrip("-") for name in aggregate.order_by)
    for item in clause.body:
        match item:
            case Comparison(left=left, right=right):
                needed.update(variables(left, right))
            case Literal(atom=atom, negated=True):
                needed.update(name for name in variables(*atom.terms) if not name.startswith("_"))
            case Literal(atom=atom):
                needed.update(variables(*atom.terms))
    return sorted(needed - bound)


def bound_variables(clause: Clause, declared: dict[str, Declaration]) -> set[str]:
    """The variables that the positive part of a body binds, functions and assignments included."""
    bound: set[str] = set()
    for item in clause.body:
        if isinstance(item, Literal) and not item.negated and not _is_function(item.atom, declared):
            bound.update(term.name for term in item.atom.terms if isinstance(term, Variable))
    changed = True
    while changed:
        before = len(bound)
        for item in clause.body:
            match item:
                case Comparison(operator="==", left=left, right=right):
                    if isinstance(left, Variable) and bound.issuperset(variables(right)):
                        bound.add(left.name)
                    if isinstance(right, Variable) and bound.issuperset(variables(left)):
                        bound.add(right.name)
                case Literal(atom=atom, negated=False) if _is_function(atom, declared):
                    result = atom.terms[-1]
                    if isinstance(result, Variable) and bound.issuperset(variables(*atom.terms[:-1])):
                        bound.add(result.name)
        changed = len(bound) > before
    return bound


def _is_function(atom: Atom, declared: dict[str, Declaration]) -> bool:
    declaration = declared.get(atom.predicate)
    return declaration is not None and declaration.function


def _stratification(clauses: Iterable[Clause], *, fault_at: dict[str, tuple[str, ...]]) -> Iterable[RuleFault]:
    uses: dict[str, set[str]] = {}
    for clause in clauses:
        uses.setdefault(clause.head.predicate, set()).update(
            item.atom.predicate for item in clause.body if isinstance(item, Literal)
        )
    group_of = {name: number for number, group in enumerate(components(uses)) for name in group}
    for clause in clauses:
        for item in clause.body:
            if not isinstance(item, Literal) or not (item.negated or clause.aggregate):
                continue
            if group_of[item.atom.predicate] == group_of[clause.head.predicate]:
                cycle = " -> ".join(_cycle(uses, clause.head.predicate, item.atom.predicate))
                kind = "negation" if item.negated else "an aggregate"
                lines = fault_at.get(item.atom.place.file, ())
                number = item.atom.place.line
                yield RuleFault(
                    place=item.atom.place,
                    message=f"recursion through {kind}: {cycle}",
                    hint="such rules have no agreed meaning; derive one of the predicates another way",
                    excerpt=lines[number - 1] if 0 < number <= len(lines) else "",
                )


def _cycle(uses: dict[str, set[str]], head: str, used: str) -> list[str]:
    """A shortest path head -> used -> ... -> head."""
    paths = [[head, used]]
    seen = {used}
    while paths:
        path = paths.pop(0)
        if path[-1] == head and len(path) > 1:
            return path
        for following in sorted(uses.get(path[-1], ())):
            if following == head:
                return [*path, head]
            if following not in seen:
                seen.add(following)
                paths.append([*path, following])
    return [head, used, head]
