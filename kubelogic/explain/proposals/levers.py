"""Repairs of what a filter of a user's rule file says: the labels and annotations that its clauses read.

Whether a change helps is not worked out here: every candidate is tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from kubelogic.explain.proposals.case import Candidate, Case, Lever, Patch, by_app, by_platform, labels_of
from kubelogic.explain.proposals.marks import states_a_fact
from kubelogic.explain.proposals.patches import put, remove, setting, without
from kubelogic.logic import Rulebook
from kubelogic.logic.terms import Constant, Literal

_READ: Mapping[str, tuple[str, str]] = {
    "class_label": ("Node", "labels"),
    "shape_label": ("Pod", "labels"),
    "shape_annotation": ("Pod", "annotations"),
}
"""Predicates of (shape or node class, key, value), and the field that they tell of."""

_WORD = {"labels": "label", "annotations": "annotation"}
_VALUE = "true"
"""What a label or annotation is set to, of which any value does."""

_MOST_NODES = 3


class _Step(msgspec.Struct, frozen=True):
    predicate: str
    negated: bool


def levers(book: Rulebook, predicate: str) -> tuple[Lever, ...]:
    """The labels and annotations with a key that the clauses of a predicate name, and what would make them fail.

    Args:
        book: the rules.
        predicate: a relation that rejects.
    """
    found: dict[Lever, None] = {}
    todo, seen = [_Step(predicate, False)], set[_Step]()
    while todo:
        step = todo.pop()
        if step in seen:
            continue
        seen.add(step)
        for clause in book.clauses_of(step.predicate):
            for item in clause.body:
                if not isinstance(item, Literal):
                    continue
                negated = step.negated != item.negated
                name, terms = item.atom.predicate, item.atom.terms
                if name not in _READ:
                    todo.append(_Step(name, negated))
                elif isinstance(terms[1], Constant):
                    kind, field = _READ[name]
                    value = str(terms[2].value) if isinstance(terms[2], Constant) else ""
                    found[Lever(kind=kind, field=field, key=str(terms[1].value), value=value, add=negated)] = None
    return tuple(sorted(found))


def own_filters(case: Case) -> Iterator[Candidate]:
    """Give pods or nodes what a filter's clauses ask for, or take from them what these object to."""
    for predicate, found in sorted(case.levers.items()):
        blocked = sorted({blocker.node for blocker in case.about(predicate)} - {""})
        for lever in found:
            if lever.kind == "Pod":
                yield _on_pods(lever)
            else:
                yield from _on_nodes(case, lever, blocked)


def _on_pods(lever: Lever) -> Candidate:
    path = ("metadata", lever.field, lever.key)
    word = _WORD[lever.field]
    if not lever.add:
        summary = f"take the {word} {lever.key} off the pods"
        return by_app(f"{word} off", 3, summary, without(*path))
    value = lever.value or _VALUE
    some = "" if lever.value else f" (any value; tried with {value})"
    summary = f"give the pods the {word} {lever.key}{'=' + value if lever.value else some}"
    return by_app(word, 3, summary, put(path, value))


def _on_nodes(case: Case, lever: Lever, blocked: list[str]) -> Iterator[Candidate]:
    path = ("metadata", lever.field, lever.key)
    value = lever.value or _VALUE
    few = sorted(blocked, key=lambda node: (len(case.on(node)), node))[:_MOST_NODES]
    for name in () if states_a_fact(lever.key) else few:
        node = case.cluster.get("Node", name)
        if node is None or (lever.key in labels_of(node)) == lever.add:
            continue
        operations = setting(node.document, path, value) if lever.add else [remove(path)]
        summary = f"label {name} with {lever.key}={value}" if lever.add else f"take the label {lever.key} off {name}"
        yield by_platform(
            "node label" if lever.add else "node label off",
            6,
            summary,
            changes=(Patch(target=node, operations=tuple(operations)),),
        )
