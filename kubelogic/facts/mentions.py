"""Keys of labels and annotations that rules name themselves, so that nodes and pods are told apart by them.

Node classes, topology and shapes know only the labels that some constraint reads. Built-in rules read labels through
the constraints of pods; a company's rule may write ``class_label(NodeClass, 'accelerator', 'gpu')`` or
``shape_annotation(Shape, 'example.com/owner', Owner)`` itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from kubelogic.facts.base import Changes, Fact, FactModule
from kubelogic.facts.node_terms import NODE_NAME
from kubelogic.logic import Rulebook
from kubelogic.logic.encoded import Clauses
from kubelogic.logic.terms import Atom, Constant, Literal, is_anonymous

_LABELS = frozenset({"class_label", "class_number"})
"""Predicates of (node class, key, value)."""

_OF_PODS = {"shape_label": "pod_label_mentioned", "shape_annotation": "pod_annotation_mentioned"}
"""Predicates of (shape, key, value), and what says that their key is read."""

_TOPOLOGY = {"class_topology": 1, "node_topology": 1, "demands_spread": 2, "demands_apart": 2}
"""Predicates with a topology key, and its column."""


_READ = {*_LABELS, *_OF_PODS, *_TOPOLOGY}


def mentions(rulebook: Rulebook) -> FactModule:
    """The fact module of what a rulebook mentions. It comes before the modules that read mentions."""
    clauses = _of_clauses(_Same(rulebook.clauses))
    facts = tuple(sorted({*clauses, *(fact for atom in rulebook.facts for fact in _mentioned(atom))}))
    return FactModule(name="mentions", stages=(lambda: MentionStage(facts),))


class MentionStage:
    """Gives its facts once, in the first update."""

    def __init__(self, facts: tuple[Fact, ...]) -> None:
        self._facts = facts

    def apply(self, changes: Changes) -> None:
        """See ``Stage``."""
        for predicate, row in self._facts:
            changes.add(predicate, row)
        self._facts = ()


class _Same:
    """The very same clauses; every evaluation asks for what they mention."""

    __slots__ = ("clauses",)

    def __init__(self, clauses: Clauses) -> None:
        self.clauses = clauses

    def __hash__(self) -> int:
        return id(self.clauses)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.clauses is other.clauses


@lru_cache(maxsize=16)
def _of_clauses(given: _Same) -> frozenset[Fact]:
    return frozenset(fact for atom in _atoms(given.clauses) for fact in _mentioned(atom))


def _atoms(clauses: Clauses) -> Iterator[Atom]:
    """The atoms of the clauses that may mention something."""
    for clause in clauses.about(_READ):
        if clause.head.predicate in _READ:
            yield clause.head
        for item in clause.body:
            if isinstance(item, Literal) and item.atom.predicate in _READ:
                yield item.atom


def _mentioned(atom: Atom) -> Iterator[Fact]:
    label = atom.terms[1] if atom.predicate in _LABELS else None
    if isinstance(label, Constant) and label.value != NODE_NAME:
        key, value = str(label.value), atom.terms[2]
        if isinstance(value, Constant) and atom.predicate == "class_label":
            yield "node_label_mentioned", (key, "value", str(value.value))
        elif is_anonymous(value):
            yield "node_label_mentioned", (key, "present", "")
        else:
            yield "node_label_mentioned", (key, "number", "")
    if atom.predicate in _OF_PODS and isinstance(atom.terms[1], Constant):
        yield _OF_PODS[atom.predicate], (str(atom.terms[1].value),)
    if atom.predicate in _TOPOLOGY:
        term = atom.terms[_TOPOLOGY[atom.predicate]]
        if isinstance(term, Constant):
            yield "topology_key", (str(term.value),)
