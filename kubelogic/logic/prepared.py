"""What an evaluation makes of a rulebook before it has any facts: made once for the same rules and goals.

Nothing here depends on facts, so evaluations share it: the steps in their order, which rules a change of a predicate
concerns, and the joins that were compiled so far, each with the sizes of relations for which it was planned. The steps
are kept between runs, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec

from kubelogic.logic.aggregates import Grouping
from kubelogic.logic.joins import Joins
from kubelogic.logic.kept import keep_answer, kept_answer
from kubelogic.logic.plan import Asked, Group, Parts, Rule, needed, plan
from kubelogic.logic.relation import Columns
from kubelogic.logic.rulebook import Rulebook

LOST, GAINED = "$lost", "$gained"
"""What is added to the name of a recursive predicate for rows that may go and may come."""


class Use(msgspec.Struct, frozen=True):
    """A body literal that a change of its predicate seeds; ``kept`` if it asks only whether a key is absent.

    ``negated`` says whether the literal is; ``reads`` are the relations of the other positive literals: where one of
    them is empty, nothing follows.
    """

    rule: Rule
    number: int
    kept: Columns | None
    recursive: bool
    negated: bool
    reads: tuple[str, ...]


class Uses:
    """For each predicate the body literals that its changes seed, in evaluation order."""

    def __init__(self, groups: Iterable[Group], functions: Collection[str]) -> None:
        self._functions = functions
        self._found: dict[str, tuple[Use, ...]] = {}
        self._places: dict[str, list[tuple[Group, Rule, Asked]]] = {}
        for group in groups:
            for rule in group.rules:
                for asked in rule.asks:
                    if not group.recursive or asked.predicate not in group.predicates:
                        self._places.setdefault(asked.predicate, []).append((group, rule, asked))

    def of(self, predicate: str) -> tuple[Use, ...]:
        """The body literals that a change of a predicate seeds."""
        found = self._found.get(predicate)
        if found is None:
            places = self._places.get(predicate, ())
            found = self._found[predicate] = tuple([self._use(*place) for place in places])
        return found

    def _use(self, group: Group, rule: Rule, asked: Asked) -> Use:
        reads = [
            other.predicate
            for other in rule.asks
            if other.number != asked.number and not other.negated and other.predicate not in self._functions
        ]
        return Use(rule, asked.number, asked.kept, group.recursive, asked.negated, tuple(dict.fromkeys(reads)))


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
        uses: which body literals changes seed.
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
    uses: Uses
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
    shared = _shared(same)
    predicates, groups = _steps(book, shared.parts, goals)
    functions = sorted(name for name in predicates if book.declarations[name].function)
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
        uses=Uses(groups, frozenset(functions)),
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


class _Step(msgspec.Struct, frozen=True, array_like=True):
    """A group as it is kept; a rule is its head, label, mark and what its body asks."""

    predicates: tuple[str, ...]
    rules: tuple[tuple[str, str, str, tuple[Asked, ...]], ...]
    recursive: bool
    source: str
    grouping: Grouping | None


_Kept = tuple[tuple[str, ...], tuple[_Step, ...]]


def _steps(book: Rulebook, parts: Parts, goals: frozenset[str] | None) -> tuple[frozenset[str], tuple[Group, ...]]:
    """What is needed for some goals, and the groups in evaluation order: as an earlier run found them, or found now."""
    asked = None if goals is None else sorted(goals)
    question = "steps of all" if asked is None else f"steps of {' '.join(asked)}"
    data = kept_answer(book.mark, question)
    if data is not None:
        with contextlib.suppress(msgspec.MsgspecError):
            predicates, steps = msgspec.msgpack.decode(data, type=_Kept)
            return frozenset(predicates), tuple([_group(step, parts) for step in steps])
    needs = needed(book, asked)
    groups = tuple(plan(parts, needs))
    keep_answer(book.mark, question, msgspec.msgpack.encode((sorted(needs), [_step(group) for group in groups])))
    return frozenset(needs), groups


def _step(group: Group) -> _Step:
    rules = tuple([(rule.head, rule.label, rule.mark, rule.asks) for rule in group.rules])
    return _Step(group.predicates, rules, group.recursive, group.source, group.grouping)


def _group(step: _Step, parts: Parts) -> Group:
    return Group(
        predicates=step.predicates,
        rules=tuple([parts.rule(*each) for each in step.rules]),
        recursive=step.recursive,
        source=step.source,
        grouping=step.grouping,
    )
