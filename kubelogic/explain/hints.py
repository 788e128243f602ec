"""What to ask instead of a question that nothing fits: constants that are spelt otherwise, or have rows."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from kubelogic.cluster.state import State
from kubelogic.explain.units import some
from kubelogic.logic import Evaluation, Rulebook, Value
from kubelogic.logic.terms import Pattern
from kubelogic.logic.words import Words
from kubelogic.reconcile.relations import Relations

OFFERS = "did you mean"
"""What a hint says that names something else to ask."""

_SHOWN = 3
"""How many other constants are named."""

_PLAIN = frozenset({"str", "int", "any", "time", "ms"})
"""Types of arguments that do not say what their values are."""

_STANDS_FOR = {"shape": "pod_shape", "node_class": "node_class"}
"""For types whose values stand for many objects: the relation from an object to its value."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question that nothing fits."""

    rulebook: Rulebook
    state: State
    predicate: str
    pattern: Pattern


def of_alike(question: Question) -> tuple[Pattern, tuple[str, ...]]:
    """A question that names shapes of pods and classes of nodes where it named pods and nodes, and what was put.

    Rows about pods that are alike go by one of them, and so do those about nodes: whoever asks about another one means
    the same rows. A question about what is alike stays as it is.
    """
    predicate, pattern = question.predicate, question.pattern
    arguments = question.rulebook.declarations[predicate].arguments
    given = zip(arguments, pattern, strict=True)
    places = [(i, value) for i, (each, value) in enumerate(given) if value is not None and each.type in _STANDS_FOR]
    if not places or predicate in _STANDS_FOR.values():
        return pattern, ()
    relations = Relations.of(question.rulebook, question.state, list(_STANDS_FOR.values()))
    found: dict[int, Value] = {}
    for i, value in places:
        names = {row[1] for row in relations.matching(_STANDS_FOR[arguments[i].type], {0: value})} - {value}
        if len(names) == 1:
            found[i] = names.pop()
    told = tuple(f"{pattern[i]} is asked about as {one}, which is like it." for i, one in found.items())
    return tuple(found.get(i, value) for i, value in enumerate(pattern)), told


def hints(question: Question) -> tuple[str, ...]:
    """Sentences about constants of a question, each with something that exists; empty if it has no constants."""
    if not any(value is not None for value in question.pattern):
        return ()
    declarations = question.rulebook.declarations
    kinds = {argument.type for argument in declarations[question.predicate].arguments} - _PLAIN
    tellers = [
        name
        for name, declaration in declarations.items()
        if not declaration.function
        and name not in question.rulebook.uses
        and not kinds.isdisjoint(argument.type for argument in declaration.arguments)
    ]
    goals = [question.predicate, *_STANDS_FOR.values(), *tellers]
    return tuple(_Hints(question, Relations.of(question.rulebook, question.state, goals), tellers).sentences())


class _Hints:
    def __init__(self, question: Question, relations: Evaluation, tellers: Sequence[str]) -> None:
        self._question = question
        self._relations = relations
        self._tellers = tellers
        self._words = Words(question.rulebook)

    def sentences(self) -> Iterator[str]:
        arguments = self._question.rulebook.declarations[self._question.predicate].arguments
        strange = False
        for place, argument in enumerate(arguments):
            value = self._question.pattern[place]
            if value is None:
                continue
            known = self._column(self._question.predicate, place) | self._named(argument.type)
            if value in known:
                continue
            strange = True
            yield self._about(place, argument.name, argument.type, value, known)
        if not strange:
            yield from self._other_rows()

    def _about(self, place: int, name: str, kind: str, value: Value, known: Collection[Value]) -> str:
        """What to say of a constant that nothing here is called."""
        what = f"there is no {kind.replace('_', ' ')} {value!r}" if kind not in _PLAIN else f"no {name} is {value!r}"
        near = self._stands_for(kind, value) or _near(value, known)
        fitting = [other for other in near if self._fit(place, other)]
        if fitting or near:
            return f"{what}; {OFFERS} {_either(fitting or near)}?"
        if not known:
            return f"{what}, nor any other."
        few = sorted(known, key=lambda each: (isinstance(each, str), each))
        return f"{what}; there {'is' if len(few) == 1 else 'are'} {some(list(map(repr, few)), _SHOWN)}."

    def _other_rows(self) -> Iterator[str]:
        """If each constant exists: which of them, left open, would have rows."""
        arguments = self._question.rulebook.declarations[self._question.predicate].arguments
        for place, value in enumerate(self._question.pattern):
            if value is None:
                continue
            others = sorted({row[place] for row in self._rows(place)}, key=repr)
            if others:
                yield f"with another {arguments[place].name} something fits: {some(list(map(repr, others)), _SHOWN)}."

    def _rows(self, open_: int) -> Collection[tuple[Value, ...]]:
        """The rows that fit if one of the constants is left open."""
        pattern = self._question.pattern
        known = {i: value for i, value in enumerate(pattern) if value is not None and i != open_}
        return self._relations.matching(self._question.predicate, known)

    def _fit(self, place: int, value: Value) -> bool:
        """Whether anything fits if a constant is another."""
        return any(row[place] == value for row in self._rows(place))

    def _column(self, predicate: str, place: int) -> set[Value]:
        return {row[place] for row in self._relations.rows(predicate)}

    def _named(self, kind: str) -> set[Value]:
        """All constants of a type that given facts speak of."""
        if kind in _PLAIN:
            return set()
        declarations = self._question.rulebook.declarations
        return {
            value
            for predicate in self._tellers
            for place, argument in enumerate(declarations[predicate].arguments)
            if argument.type == kind
            for value in self._column(predicate, place)
        }

    def _stands_for(self, kind: str, value: Value) -> list[Value]:
        """The shape of a pod or the class of a node that was named instead."""
        relation = _STANDS_FOR.get(kind)
        if relation is None:
            return []
        names = {value, f"default/{value}"}
        return sorted({row[1] for row in self._relations.rows(relation) if row[0] in names and row[1] != value})


def _near(value: Value, known: Iterable[Value]) -> list[Value]:
    """Constants that look like a value: the same in another namespace or case, else almost the same text."""
    if not isinstance(value, str):
        return []
    texts = sorted(each for each in known if isinstance(each, str))
    short = value.rpartition("/")[2].lower()
    same = [each for each in texts if each.rpartition("/")[2].lower() == short]
    if same:
        return list(same[:_SHOWN])
    close = difflib.get_close_matches(value, texts, n=_SHOWN)
    if not close:
        by_name = {each.rpartition("/")[2]: each for each in reversed(texts)}
        close = [by_name[name] for name in difflib.get_close_matches(short, sorted(by_name), n=_SHOWN)]
    return list(close)


def _either(values: Sequence[Value]) -> str:
    return " or ".join(map(repr, values))
