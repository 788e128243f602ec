"""What the rules of admission say about a request: one evaluation for each question that is different.

Plugins whose decision rests on other objects (classes, defaults) ask here. They state what the object says itself as
facts of ``rules/facts/requests.dl``; the rules of ``rules/admission`` derive what it gets and why it is refused. Pods
of one template ask the same question, which is answered once while rules and classes are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from kubelogic.apiserver.transaction import CLASSES, Transaction
from kubelogic.cluster import Object
from kubelogic.facts.admission import priority_class
from kubelogic.facts.base import Fact
from kubelogic.facts.storage import runtime_class
from kubelogic.facts.volumes import class_facts
from kubelogic.logic import Evaluation, Row, Rulebook

Question = tuple[Fact, ...]
"""What the object that is asked about says, as facts. It goes by the name ``IT`` in them."""

Answer = Mapping[str, tuple[Row, ...]]
"""The rows of each goal, sorted."""

IT = "it"
"""What the object that is asked about is called in a question: objects that say the same ask the same."""

_EXTRACTORS: Mapping[str, Callable[[Object], Iterator[Fact]]] = MappingProxyType(
    {"PriorityClass": priority_class, "RuntimeClass": runtime_class, "StorageClass": class_facts}
)


def decide(tx: Transaction, question: Question, goals: tuple[str, ...]) -> Answer:
    """What the rules derive about an object that somebody wants to make.

    Args:
        tx: what there is by now, and the rules and parameters.
        question: see ``Question``.
        goals: the predicates to be answered, the same ones for questions of one kind.
    """
    found: Answer | None = tx.decided.get((question, goals))
    if found is None:
        known = tx.decided.get(_KNOWN)
        if known is None:
            known = tx.decided[_KNOWN] = tuple([fact for obj in _classes(tx) for fact in _EXTRACTORS[obj.kind](obj)])
        found = tx.decided[question, goals] = _answer(_Rules(tx.rules, known), question, goals)
    return found


_KNOWN = "classes"


class _Rules:
    """The very same rules and parameters, and equal facts of classes."""

    __slots__ = ("book", "classes")

    def __init__(self, book: Rulebook, classes: Question) -> None:
        self.book, self.classes = book, classes

    def __hash__(self) -> int:
        return hash((id(self.book), self.classes))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rules) and self.book is other.book and self.classes == other.classes


@lru_cache(maxsize=1024)
def _answer(rules: _Rules, question: Question, goals: tuple[str, ...]) -> Answer:
    evaluation = Evaluation(rules.book, {}, goals=goals)
    evaluation.update(_grouped([*rules.classes, *question]))
    return {goal: tuple(sorted(evaluation.rows(goal))) for goal in goals}


def _classes(tx: Transaction) -> Iterator[Object]:
    """The classes that there are by now."""
    for kind in CLASSES:
        stored = tx.state.cluster.objects(kind)
        changed = {key: obj for (each, key), obj in tx.changed.items() if each == kind}
        for key in sorted({*stored, *changed}):
            obj = changed[key] if key in changed else stored[key]
            if obj is not None:
                yield obj


def _grouped(facts: Iterable[Fact]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for predicate, row in facts:
        found.setdefault(predicate, []).append(row)
    return found
