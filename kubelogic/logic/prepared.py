"""What an evaluation makes of a rulebook before it has any facts: made once for the same rules and goals.

Nothing here depends on facts, so evaluations share it: the steps in their order, which rules a change of a predicate
concerns, and the joins that were compiled so far, each with the sizes of relations for which it was planned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec

from kubelogic.logic.joins import Joins
from kubelogic.logic.plan import Group, Parts, Rule, kept_columns, needed, plan
from kubelogic.logic.relation import Columns
from kubelogic.logic.rulebook import Rulebook

LOST, GAINED = "$lost", "$gained"
"""What is added to the name of a recursive predicate for rows that may go and may come."""


class Use(msgspec.Struct, frozen=True):
    """A body literal that a change of its predicate seeds; ``kept`` if it asks only whether a key is absent.

    ``head`` is the rule's head, ``negated`` whether the literal is; ``reads`` are the relations of the other positive
    literals: where one of them is empty, nothing follows.
    """

    rule: Rule
    number: int
    kept: Columns | None
    recursive: bool
    head: str
    negated: bool
    reads: tuple[str, ...]


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """See the module.

    Attributes:
        predicates: all that is evaluated and kept, internal ones apart.
        groups: the steps of the evaluation.
        steps: the same for changes: the predicate of each plain group; of aggregates and recursive groups the group,
            too.
        relations: every relation that is kept, internal ones too, sorted.
        derived: the predicates with rules.
        recursive: those that depend on themselves.
        functions: the functions that are called.
        uses: for each predicate the body literals that its changes seed, in evaluation order.
        joins: what was compiled.
        turns: the step at which a derived predicate is settled, by its names in a change.
        wakes: the steps of aggregates over a predicate.
    """

    predicates: frozenset[str]
    groups: tuple[Group, ...]
    steps: tuple[tuple[str, Group | None], ...]
    relations: tuple[str, ...]
    derived: frozenset[str]
    recursive: frozenset[str]
    functions: tuple[str, ...]
    uses: Mapping[str, tuple[Use, ...]]
    joins: Joins
    turns: Mapping[str, int]
    wakes: Mapping[str, tuple[int, ...]]


def prepared(rulebook: Rulebook, goals: Iterable[str] | None) -> Prepared:
    """What there is to know of a rulebook for some goals; the same value for the same clauses.

    Args:
        rulebook: the rules; its facts do not count.
        goals: the predicates that will be asked for; None for all.

    Raises:
        KeyError: if a goal is not declared.
    """
    return _prepared(_Same(rulebook), None if goals is None else frozenset(goals))


class _Shared(msgspec.Struct, frozen=True):
    """What all plans of a rulebook have in common."""

    parts: Parts
    joins: Joins


@lru_cache(maxsize=16)
def _shared(same: _Same) -> _Shared:
    book = same.book
    functions = frozenset(name for name, declaration in book.declarations.items() if declaration.function)
    return _Shared(parts=Parts(book), joins=Joins(functions, book.mark))


class _Same:
    """A rulebook that is equal to another if both hold the very same clauses and declarations."""

    __slots__ = ("book",)

    def __init__(self, book: Rulebook) -> None:
        self.book = book

    def __hash__(self) -> int:
        return hash((id(self.book.clauses), id(self.book.declarations)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Same)
            and self.book.clauses is other.book.clauses
            and self.book.declarations is other.book.declarations
        )


@lru_cache(maxsize=64)
def _prepared(same: _Same, goals: frozenset[str] | None) -> Prepared:
    book = same.book
    predicates = needed(book, None if goals is None else sorted(goals))
    functions = sorted(name for name in predicates if book.declarations[name].function)
    shared = _shared(same)
    groups = tuple(plan(shared.parts, predicates))
    derived = [predicate for group in groups for predicate in group.predicates]
    sources = {group.source for group in groups} - {""}
    return Prepared(
        predicates=frozenset(predicates),
        groups=groups,
        steps=tuple(
            (group.predicates[0], group if group.grouping is not None or group.recursive else None) for group in groups
        ),
        relations=tuple(sorted({*predicates, *derived, *sources})),
        derived=frozenset(derived),
        recursive=frozenset(p for group in groups if group.recursive for p in group.predicates),
        functions=tuple(functions),
        uses=_uses(groups, frozenset(functions)),
        joins=shared.joins,
        turns={
            name + suffix: turn
            for turn, group in enumerate(groups)
            for name in group.predicates
            for suffix in (("", GAINED, LOST) if group.recursive else ("",))
        },
        wakes=_wakes(groups),
    )


def _wakes(groups: Sequence[Group]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for turn, group in enumerate(groups):
        if group.grouping is not None:
            found[group.source] = (*found.get(group.source, ()), turn)
    return found


def _uses(groups: Collection[Group], functions: frozenset[str]) -> dict[str, tuple[Use, ...]]:
    found: dict[str, list[Use]] = {}
    for group in groups:
        for rule in group.rules:
            literals = rule.literals()
            positive = [
                (number, literal.atom.predicate)
                for number, literal in literals
                if not literal.negated and literal.atom.predicate not in functions
            ]
            for number, literal in literals:
                predicate = literal.atom.predicate
                if group.recursive and predicate in group.predicates:
                    continue
                reads = tuple([name for other, name in positive if other != number])
                use = Use(rule, number, kept_columns(literal), group.recursive, rule.head, literal.negated, reads)
                found.setdefault(predicate, []).append(use)
    return {predicate: tuple(uses) for predicate, uses in found.items()}
