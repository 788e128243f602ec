"""What heads of actions name outright, checked where it is written: kinds, and keys and values of labels.

What only turns out in a run is refused there, as the API server refuses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from kubelogic.kinds.table import did_you_mean, is_namespaced, served
from kubelogic.kinds.validation.names import label_value, qualified_name
from kubelogic.logic import Rulebook, RuleFault
from kubelogic.logic.terms import Atom, Constant

_Check = Callable[[str], str]

_NAMES: Mapping[str, tuple[tuple[str, _Check], ...]] = {
    "action_label_object": (("the key of the label", qualified_name), ("the value of the label", label_value)),
    "action_annotate_object": (("the key of the annotation", lambda key: qualified_name(key.lower())),),
}
"""By action, what its arguments after kind and key are, and what is wrong with a text in that place; empty: nothing."""

_OF_OBJECTS = (*_NAMES, "action_set_field", "action_create_object")
"""Actions whose first two arguments are the kind and the key of an object."""


def action_faults(book: Rulebook) -> Sequence[RuleFault]:
    """Every head of an action on objects that names a kind, a key or a label which cannot be."""
    heads = [clause.head for name in _OF_OBJECTS if name in book.declarations for clause in book.clauses_of(name)]
    heads += [fact for fact in book.facts if fact.predicate in _OF_OBJECTS]
    return [fault for head in heads for fault in _of_head(head)]


def _of_head(head: Atom) -> Iterator[RuleFault]:
    texts = [term.value if isinstance(term, Constant) and isinstance(term.value, str) else None for term in head.terms]
    kind, key, *others = texts
    kinds = {each: version for version, each in served()}
    if kind is not None and kind not in kinds:
        near = did_you_mean("v1", kind)
        if near is not None:  # others may be custom resources
            yield RuleFault(place=head.place, message=f"there is no kind {kind!r}", hint=f"did you mean {near.kind}?")
    elif kind is not None and key is not None:
        spaced = is_namespaced(kinds[kind], kind)
        if spaced is not None and spaced != ("/" in key):
            wanted = "NAMESPACE/NAME" if spaced else "NAME alone"
            yield RuleFault(place=head.place, message=f"the key of a {kind} is {wanted}, not {key!r}")
    for (what, check), text in zip(_NAMES.get(head.predicate, ()), others, strict=False):
        if text is not None and (wrong := check(text)):
            yield RuleFault(place=head.place, message=f"{what}, {text!r}, {wrong}")
