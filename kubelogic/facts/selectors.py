"""Label selectors and label sets, each matched once however many objects use them.

A selector's constant is its text as kubectl writes it (``app=cart,tier in (a,b),!legacy``), a label set's is
``app=cart,tier=a``. Both say everything, so the extractors of all modules stay pure: they give the facts
``selector(Text)`` and ``label_set(Text)``, and the stage here gives ``selector_matches(Selector, LabelSet)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubelogic.facts.base import Changes, FactModule
from kubelogic.patterns import regex

EVERYTHING = "<everything>"
"""The selector without requirements."""

NOTHING = "<nothing>"
"""The selector that is absent where an absent one matches no object."""

Requirement = tuple[str, str, tuple[str, ...]]
"""Key, operator (``In``, ``NotIn``, ``Exists``, ``DoesNotExist``) and sorted values."""


def label_set(labels: Mapping[str, str] | None) -> str:
    """The constant of a set of labels.

    >>> label_set({"tier": "a", "app": "cart"})
    'app=cart,tier=a'
    """
    if not labels:
        return ""
    if len(labels) == 1:
        ((key, value),) = labels.items()
        return f"{key}={value}"
    return ",".join([f"{key}={labels[key]}" for key in sorted(labels)])


def labels_of(text: str) -> dict[str, str]:
    """The labels that a constant made by ``label_set`` stands for."""
    return dict(part.split("=", 1) for part in text.split(",")) if text else {}


def requirements(selector: Mapping[str, Any]) -> tuple[Requirement, ...]:
    """The requirements of a ``LabelSelector`` document, in canonical order and without repetition."""
    found: set[Requirement] = {(key, "In", (value,)) for key, value in (selector.get("matchLabels") or {}).items()}
    for expression in selector.get("matchExpressions") or ():
        values = tuple(sorted({*(expression.get("values") or ())}))
        found.add((expression["key"], expression["operator"], values))
    return tuple(sorted(found))


def selector_text(wanted: Sequence[Requirement]) -> str:
    """The constant of a selector.

    >>> selector_text([("app", "In", ("cart",)), ("tier", "NotIn", ("a", "b")), ("old", "DoesNotExist", ())])
    'app=cart,tier notin (a,b),!old'
    """
    return ",".join(map(_requirement_text, wanted)) or EVERYTHING


def _requirement_text(requirement: Requirement) -> str:
    match requirement:
        case (key, "In", (value,)):
            return f"{key}={value}"
        case (key, "In", values):
            return f"{key} in ({','.join(values)})"
        case (key, "NotIn", values):
            return f"{key} notin ({','.join(values)})"
        case (key, "Exists", _):
            return key
        case (key, _, _):
            return f"!{key}"


def selector(document: Mapping[str, Any] | None) -> str:
    """The constant of a ``LabelSelector`` document; ``NOTHING`` for None.

    >>> selector({"matchLabels": {"app": "cart"}}), selector({}), selector(None)
    ('app=cart', '<everything>', '<nothing>')
    """
    return NOTHING if document is None else selector_text(requirements(document))


def map_selector(labels: Mapping[str, str] | None) -> str:
    """The constant of a plain map as Services and ReplicationControllers have it; empty selects nothing."""
    return selector_text([(key, "In", (labels[key],)) for key in sorted(labels)]) if labels else NOTHING


def parse(text: str) -> tuple[Requirement, ...]:
    """The requirements of a selector's constant.

    Args:
        text: as ``selector`` or ``map_selector`` made it, but not ``NOTHING``.
    """
    if text == EVERYTHING:
        return ()
    found: list[Requirement] = []
    for part in _split(text):
        if " " in part:
            key, operator, values = part.split(" ", 2)
            found.append((key, "In" if operator == "in" else "NotIn", tuple(values[1:-1].split(","))))
        elif "=" in part:
            key, value = part.split("=", 1)
            found.append((key, "In", (value,)))
        elif part.startswith("!"):
            found.append((part[1:], "DoesNotExist", ()))
        else:
            found.append((part, "Exists", ()))
    return tuple(found)


def _split(text: str) -> Iterable[str]:
    depth = start = 0
    for position, character in enumerate(text):
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
        elif character == "," and not depth:
            yield text[start:position]
            start = position + 1
    yield text[start:]


def matches(wanted: Sequence[Requirement], labels: Mapping[str, str]) -> bool:
    """Whether labels meet all requirements.

    Source: Kubernetes documentation, "Labels and Selectors": NotIn and DoesNotExist also choose objects without the
    key.
    """
    for key, operator, values in wanted:
        value = labels.get(key)
        if operator == "In":
            held = value is not None and value in values
        elif operator == "NotIn":
            held = value is None or value not in values
        elif operator == "Exists":
            held = value is not None
        else:
            held = value is None
        if not held:
            return False
    return True


_PART = regex(
    r"(?P<key>[\w./-]+)\s*(?:(?P<sign>==|=|!=)\s*(?P<value>[\w.-]*)|\s(?P<word>in|notin)\s*\((?P<set>[^()]*)\))?|!\s*(?P<no>[\w./-]+)"
)
_SPLIT = regex(r",(?![^()]*\))")
_SHORT = {"zone": "topology.kubernetes.io/zone", "region": "topology.kubernetes.io/region"}


def selector_of(value: Any) -> tuple[Requirement, ...]:
    """The requirements of a selector: a mapping of labels, or text such as ``zone=a,tier!=db``.

    >>> selector_of("zone=a"), selector_of("!gpu"), selector_of({"app": "web"})
    ((('topology.kubernetes.io/zone', 'In', ('a',)),), (('gpu', 'DoesNotExist', ()),), (('app', 'In', ('web',)),))

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, Mapping) and value and all(isinstance(each, str) for each in value.values()):
        return tuple(sorted((_SHORT.get(str(key), str(key)), "In", (text,)) for key, text in value.items()))
    found: list[Requirement] = []
    for part in _SPLIT.split(value) if isinstance(value, str) else ():
        match = _PART.fullmatch(part.strip())
        if match is None:
            break
        key = _SHORT.get(match["key"] or "", match["key"] or "")
        if match["no"]:
            found.append((match["no"], "DoesNotExist", ()))
        elif match["word"]:
            values = tuple(sorted(each.strip() for each in match["set"].split(",")))
            found.append((key, "In" if match["word"] == "in" else "NotIn", values))
        elif match["sign"]:
            found.append((key, "NotIn" if match["sign"] == "!=" else "In", (match["value"],)))
        else:
            found.append((key, "Exists", ()))
    else:
        if found:
            return tuple(found)
    raise ValueError(f"must be labels such as {{app: web}} or text such as app=web, is {value!r}")


class SelectorStage:
    """Keeps ``selector_matches(Selector, LabelSet)``.

    Selectors with a positive requirement are found through one of its (key, value) pairs, so a new label set
    is compared with the few selectors that name one of its labels, and a new selector with the label sets
    that carry one of its values.
    """

    def __init__(self) -> None:
        self._selectors: dict[str, tuple[Requirement, ...]] = {}
        self._sets: dict[str, dict[str, str]] = {}
        self._by_pair: dict[tuple[str, str], dict[str, None]] = {}
        self._sets_by_pair: dict[tuple[str, str], dict[str, None]] = {}
        self._anywhere: dict[str, None] = {}

    def apply(self, changes: Changes) -> None:
        """See ``Stage``."""
        for (text,) in changes.went("selector"):
            self._report(changes, str(text), self._remove_selector(str(text)), removed=True)
        for (text,) in changes.went("label_set"):
            labels = str(text)
            for found in self._selectors_of(labels):
                changes.remove("selector_matches", (found, labels))
            for pair in self._sets.pop(labels).items():
                _discard(self._sets_by_pair, pair, labels)
        for (text,) in changes.came("label_set"):
            labels = str(text)
            self._sets[labels] = labels_of(labels)
            for pair in self._sets[labels].items():
                self._sets_by_pair.setdefault(pair, {})[labels] = None
            for found in self._selectors_of(labels):
                changes.add("selector_matches", (found, labels))
        for (text,) in changes.came("selector"):
            self._report(changes, str(text), self._add_selector(str(text)), removed=False)

    def _report(self, changes: Changes, text: str, sets: Iterable[str], *, removed: bool) -> None:
        report = changes.remove if removed else changes.add
        for labels in sets:
            report("selector_matches", (text, labels))

    def _add_selector(self, text: str) -> list[str]:
        if text == NOTHING:
            return []
        self._selectors[text] = wanted = parse(text)
        pairs = _pairs(wanted)
        for pair in pairs:
            self._by_pair.setdefault(pair, {})[text] = None
        if not pairs:
            self._anywhere[text] = None
        return self._sets_of(wanted, pairs)

    def _remove_selector(self, text: str) -> list[str]:
        if text == NOTHING:
            return []
        wanted = self._selectors.pop(text)
        pairs = _pairs(wanted)
        for pair in pairs:
            _discard(self._by_pair, pair, text)
        self._anywhere.pop(text, None)
        return self._sets_of(wanted, pairs)

    def _sets_of(self, wanted: Sequence[Requirement], pairs: Sequence[tuple[str, str]]) -> list[str]:
        if pairs:
            candidates = dict.fromkeys(text for pair in pairs for text in self._sets_by_pair.get(pair, ()))
        else:
            candidates = dict.fromkeys(self._sets)
        return [text for text in candidates if matches(wanted, self._sets[text])]

    def _selectors_of(self, labels: str) -> list[str]:
        have = self._sets[labels]
        candidates = [text for pair in have.items() for text in self._by_pair.get(pair, ())]
        return [text for text in (*candidates, *self._anywhere) if matches(self._selectors[text], have)]


def _pairs(wanted: Sequence[Requirement]) -> tuple[tuple[str, str], ...]:
    """The (key, value) pairs of one ``In`` requirement: labels that match have exactly one of them."""
    choices = [(key, values) for key, operator, values in wanted if operator == "In"]
    if not choices:
        return ()
    key, values = min(choices, key=lambda choice: len(choice[1]))
    return tuple((key, value) for value in values)


def _discard(index: dict[tuple[str, str], dict[str, None]], pair: tuple[str, str], text: str) -> None:
    texts = index[pair]
    del texts[text]
    if not texts:
        del index[pair]


MODULE = FactModule(
    name="selectors",
    shared=frozenset({"selector", "label_set"}),
    stages=(SelectorStage,),
    composed={"selector_matches": lambda row: (("selector", row[:1]), ("label_set", row[1:]))},
)
