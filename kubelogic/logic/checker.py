"""What makes a set of rule files unusable: found all at once, each with file, line and caret."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import structs
from msgspec.structs import replace

from kubelogic.logic.errors import RuleFault
from kubelogic.logic.strata import unstratified
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

MOST_RELATIONS = 16
"""Relations that one body may join: each is a loop, and Python nests 20."""


class _Program(msgspec.Struct, frozen=True):
    """All files together."""

    files: Sequence[RuleFile]
    declared: Mapping[str, Declaration]
    clauses: Sequence[Clause]
    facts: Sequence[Atom]

    @classmethod
    def of(cls, files: Sequence[RuleFile]) -> _Program:
        declared: dict[str, Declaration] = {}
        for file in files:
            for declaration in file.declarations:
                declared.setdefault(declaration.predicate, declaration)
        return cls(
            files=files,
            declared=declared,
            clauses=[clause for file in files for clause in file.clauses],
            facts=[fact for file in files for fact in file.facts],
        )


def check(files: Sequence[RuleFile]) -> list[RuleFault]:
    """All faults of a set of parsed files: declarations, uses, types, safety and stratification, by place."""
    from kubelogic.logic.typecheck import check_types

    program = _Program.of(files)
    faults = [
        *_declarations(program),
        *_uses(program),
        *_heads(program),
        *(fault for clause in program.clauses for fault in _clause(clause, program.declared)),
        *check_types([(file.facts, file.clauses) for file in files], program.declared),
        *unstratified(program.clauses),
    ]
    return excerpted(faults, files)


def check_atom(atom: Atom, files: Sequence[RuleFile]) -> list[RuleFault]:
    """What is wrong with an atom that is asked about, of a set of checked files."""
    from kubelogic.logic.typecheck import check_types

    program = _Program.of(files)
    counts = Counter(name for name in variables(*atom.terms) if name != "_")
    asked = replace(program, clauses=(), facts=(atom,))
    faults = [
        *_uses(asked),
        *(
            RuleFault(place=atom.place, message=f"{name} stands twice", hint="ask with different variables")
            for name, count in counts.items()
            if count > 1
        ),
        *check_types([*((file.facts, file.clauses) for file in files), ((atom,), ())], program.declared),
    ]
    return [fault for fault in faults if fault.place.file == atom.place.file]


def warnings(files: Sequence[RuleFile]) -> list[RuleFault]:
    """What does not keep a set of checked files from working but should not stay, by place."""
    from kubelogic.logic.lint import lint

    return excerpted(lint(files, _Program.of(files).declared), files)


def excerpted(faults: Iterable[RuleFault], files: Sequence[RuleFile]) -> list[RuleFault]:
    """Faults by place, each with the line of its file that it is about."""
    lines = {file.path: file.lines for file in files}
    found = []
    for fault in faults:
        source = lines.get(fault.place.file, ())
        excerpt = source[fault.place.line - 1] if 0 < fault.place.line <= len(source) else ""
        found.append(replace(fault, excerpt=excerpt))
    return sorted(set(found))


# -- declarations, uses, heads -----------------------------------------------------------------------------


def _declarations(program: _Program) -> Iterator[RuleFault]:
    for file in program.files:
        for declaration in file.declarations:
            first = program.declared[declaration.predicate]
            if first is not declaration:
                message = f"{declaration.predicate} is declared twice"
                yield RuleFault(place=declaration.place, message=message, hint=f"first at {first.place}")


def _uses(program: _Program) -> Iterator[RuleFault]:
    atoms = [
        *program.facts,
        *(clause.head for clause in program.clauses),
        *(item.atom for clause in program.clauses for item in clause.body if isinstance(item, Literal)),
    ]
    for atom in atoms:
        declaration = program.declared.get(atom.predicate)
        if declaration is None:
            near = difflib.get_close_matches(atom.predicate, program.declared, n=1)
            hint = f"did you mean {near[0]}?" if near else "declare it with #: name(Argument: type, ...)"
            yield RuleFault(place=atom.place, message=f"{atom.predicate} is not declared", hint=hint)
        elif declaration.arity != len(atom.terms):
            message = f"{atom.predicate} takes {_count(declaration.arity, 'argument')}, not {len(atom.terms)}"
            hint = f"declared at {declaration.place}: {declaration.signature}"
            yield RuleFault(place=atom.place, message=message, hint=hint)
        elif declaration.functional != atom.functional:
            form = "name[X] == Y" if declaration.functional else "name(X, Y)"
            message = f"{atom.predicate} is written {form}"
            yield RuleFault(place=atom.place, message=message, hint=f"declared at {declaration.place}")


def _heads(program: _Program) -> Iterator[RuleFault]:
    first: dict[str, Place] = {}
    aggregated = {clause.head.predicate: clause for clause in program.clauses if clause.aggregate}
    seen: set[str] = set()
    rank = {file.path: number for number, file in enumerate(program.files)}
    heads = [*(clause.head for clause in program.clauses), *program.facts]
    for head in sorted(heads, key=lambda atom: (rank.get(atom.place.file, len(rank)), atom.place)):
        name = head.predicate
        declaration = program.declared.get(name)
        place = first.setdefault(name, head.place)
        if declaration is not None and declaration.function:
            yield RuleFault(place=head.place, message=f"{name} is a function, computed outside the rules")
        elif declaration is not None and declaration.role == "input":
            yield RuleFault(place=head.place, message=f"{name} is an input: its facts come from outside")
        elif place.file != head.place.file and (declaration is None or declaration.role != "open"):
            hint = "a predicate that other files may add to is declared as: open name(...)"
            yield RuleFault(place=head.place, message=f"{name} is also defined at {place}", hint=hint)
        elif name in aggregated and name in seen:
            hint = "an aggregate is defined by one clause; collect its rows in another predicate first"
            yield RuleFault(place=head.place, message=f"{name} has more than one clause", hint=hint)
        seen.add(name)
    for fact in program.facts:
        for name in variables(*fact.terms):
            yield RuleFault(place=fact.place, message=f"a fact has no variables, but {name} is one")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


# -- one clause --------------------------------------------------------------------------------------------


def _clause(clause: Clause, declared: Mapping[str, Declaration]) -> Iterator[RuleFault]:
    for name in unsafe(clause, declared):
        yield RuleFault(
            place=_place_of(name, clause),
            message=f"{name} is not bound by any positive literal",
            hint="negation, comparisons and functions need their variables from elsewhere",
        )
    counts = Counter(_occurrences(clause))
    for name, count in sorted(counts.items()):
        if count == 1 and not name.startswith("_"):
            near = difflib.get_close_matches(name, sorted(counts.keys() - {name}), n=1)
            other = f", or is it {near[0]}?" if near else ""
            message = f"{name} is used only once"
            yield RuleFault(place=_place_of(name, clause), message=message, hint=f"write _{name}{other}")
        if count > 1 and name.startswith("_"):
            message = f"{name} is used {count} times, but an underscore says once"
            better = f"write {name.lstrip('_') or 'X'}"
            yield RuleFault(place=_place_of(name, clause), message=message, hint=better)
    relations = [
        item
        for item in clause.body
        if isinstance(item, Literal) and not item.negated and not _is_function(item.atom, declared)
    ]
    if len(relations) > MOST_RELATIONS:
        message = f"the body joins {len(relations)} relations, more than {MOST_RELATIONS}"
        yield RuleFault(place=relations[MOST_RELATIONS].atom.place, message=message, hint="give a part of it a name")
    if clause.aggregate:
        yield from _aggregate(clause)


def _place_of(name: str, clause: Clause) -> Place:
    """Where a variable first occurs in the text of a clause."""
    match = re.search(rf"\b{re.escape(name)}\b", clause.text)
    if match is None:
        return clause.place
    before = clause.text[: match.start()].split("\n")
    column = len(before[-1]) + (clause.place.column if len(before) == 1 else 1)
    line = clause.place.line + len(before) - 1
    return structs.replace(clause.place, line=line, column=column, end_column=column + len(name))


def _aggregate(clause: Clause) -> Iterator[RuleFault]:
    aggregate = clause.aggregate
    assert aggregate is not None
    forms = {
        "len_": "len_(Value, ...)",
        "sum_": "sum_(Value, for_each=Key)",
        "min_": "min_(Value, order_by=Key)",
        "max_": "max_(Value, order_by=Key)",
        "rank_": "rank_(group_by=Key, order_by=Key)",
    }
    match aggregate.function:
        case "len_":
            right = bool(aggregate.value) and not (aggregate.for_each or aggregate.order_by or aggregate.group_by)
        case "sum_":
            right = len(aggregate.value) == 1 and bool(aggregate.for_each)
            right = right and not (aggregate.order_by or aggregate.group_by)
        case "rank_":
            right = not (aggregate.value or aggregate.for_each) and bool(aggregate.order_by)
            keys = {term.name for term in clause.head.terms[:-1] if isinstance(term, Variable)}
            strange = [name for name in aggregate.group_by if name not in keys]
            if strange:
                message = f"{strange[0]} is in group_by but is no key of {clause.head.predicate}"
                yield RuleFault(place=clause.head.place, message=message)
        case _:
            right = len(aggregate.value) == 1 and not (aggregate.for_each or aggregate.group_by)
    if not right:
        form = forms[aggregate.function]
        yield RuleFault(place=clause.head.place, message=f"this aggregate is written {form}")


def _occurrences(clause: Clause) -> Iterator[str]:
    if clause.aggregate:
        aggregate = clause.aggregate
        yield from variables(*clause.head.terms[:-1])
        yield from (*aggregate.value, *aggregate.for_each, *aggregate.group_by)
        yield from (name.lstrip("-") for name in aggregate.order_by)
    else:
        yield from variables(*clause.head.terms)
    for item in clause.body:
        match item:
            case Comparison(left=left, right=right):
                yield from variables(left, right)
            case Literal(atom=atom):
                yield from variables(*atom.terms)


def unsafe(clause: Clause, declared: Mapping[str, Declaration]) -> list[str]:
    """The variables of a clause that nothing binds, sorted."""
    bound = bound_variables(clause, declared)
    terms = clause.head.terms[:-1] if clause.aggregate else clause.head.terms
    needed: set[str] = set(variables(*terms))
    if clause.aggregate:
        aggregate = clause.aggregate
        needed.update(aggregate.value, aggregate.for_each, aggregate.group_by)
        needed.update(name.lstrip("-") for name in aggregate.order_by)
    for item in clause.body:
        match item:
            case Comparison(left=left, right=right):
                needed.update(variables(left, right))
            case Literal(atom=atom, negated=True) if _is_function(atom, declared):
                needed.update(variables(*atom.terms))
            case Literal(atom=atom, negated=True):
                plain = {term.name for term in atom.terms if isinstance(term, Variable)}
                needed.update(n for n in variables(*atom.terms) if n not in plain or not n.startswith("_"))
            case Literal(atom=atom):
                needed.update(variables(*atom.terms))
    return sorted(needed - bound)


def bound_variables(clause: Clause, declared: Mapping[str, Declaration]) -> set[str]:
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


def _is_function(atom: Atom, declared: Mapping[str, Declaration]) -> bool:
    declaration = declared.get(atom.predicate)
    return declaration is not None and declaration.function
