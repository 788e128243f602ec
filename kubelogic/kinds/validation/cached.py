"""Admission of many documents: those that are equal but for what is their own are checked once.

What was admitted without a word is a model for documents whose text is equal but for the strings that are an object's
own: its name, uid, version and times, its node, the addresses, ids and times of its status. Before it is one, it is
tried on invented strings: what comes of it has to be what admission makes of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from kubelogic.kinds.evidence import is_stored
from kubelogic.kinds.validation.admission import Admission, admit
from kubelogic.kinds.validation.own import (
    FORMS,
    LIST,
    LISTS,
    MANY,
    REPEATED,
    RULES,
    UNCHECKED,
    UNIQUE,
    own_of,
    own_of_entry,
)
from kubelogic.text.alike import Alike, Own, Run, cut, put_together, raw_at, raw_entries
from kubelogic.text.location import Path, Step, value_at

_LONGEST = 4096
"""Bytes that all strings of an object's own may have together."""

_TRIED = 50
"""So many models of a kind are made before it matters whether any was of use."""

_MOST = 1000
"""Entries of a list that are looked at one by one at most, as many as an EndpointSlice may have."""

_ADDRESSES = ("addresses", "notReadyAddresses")
_INVENTED = 60
"""Invented strings that differ: seconds of a minute."""


class _Part:
    """A place in documents, mapping or list, in which strings of an object's own are put."""

    __slots__ = ("all_of", "fields", "inner", "made", "own", "tree")

    def __init__(self, own: Sequence[Own], numbers: Sequence[int], depth: int = 0) -> None:
        self.fields: list[tuple[Step, int]] = []
        below: dict[Step, tuple[list[Own], list[int]]] = {}
        for each, number in zip(own, numbers, strict=True):
            step = each.path[depth]
            if len(each.path) == depth + 1:
                self.fields.append((step, number))
            else:
                inner = below.setdefault(step, ([], []))
                inner[0].append(each)
                inner[1].append(number)
        self.inner = [(step, _Part(*inner, depth + 1)) for step, inner in below.items()]
        self.all_of = itemgetter(*numbers)
        self.own = self.tree = self.made = None

    def filled(self, tree: Any, own: Sequence[str]) -> Any:
        """The tree with other strings; the one that was made before, if they were the same."""
        mine = self.all_of(own)
        if tree is not self.tree or mine != self.own:
            made = tree.copy()
            for step, number in self.fields:
                made[step] = own[number]
            for step, part in self.inner:
                made[step] = part.filled(tree[step], own)
            self.own, self.tree, self.made = mine, tree, made
        return self.made


class _Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Where objects have strings of their own, and what these have to be.

    Attributes:
        part: puts them where they belong.
        invented: strings that could be there.
        checks: the rules that they have to keep, and which of them each is for.
        equal: pairs of strings that are equal.
        lists: which of them stand for lists of endpoints.
    """

    part: _Part
    invented: tuple[str, ...]
    checks: tuple[tuple[str, Callable[[Sequence[str]], Sequence[str]]], ...]
    equal: tuple[tuple[int, int], ...]
    lists: tuple[int, ...]


class _Model(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was admitted without a word, for others that are equal to it but for what is their own.

    Attributes:
        kind: of the object, or of that around lists of endpoints.
        document: as it is stored.
        shape: where it has strings of its own.
    """

    kind: str
    document: Mapping[str, Any]
    shape: _Shape


class Admitter(msgspec.Struct, kw_only=True):
    """Admits many documents as ``admit`` does, those that are alike at a tenth.

    What it learns lives as long as it does: make one for each load.

    Attributes:
        namespace: where namespaced objects go that name no namespace.
        ip_families: the address families of the cluster's Services.
    """

    namespace: str = "default"
    ip_families: Collection[str] = ("IPv4",)
    _models: Alike[_Model] = msgspec.field(default_factory=Alike)
    _entries: dict[tuple[Any, Any], tuple[Run, Alike[_Model]]] = msgspec.field(default_factory=dict)
    _shapes: dict[tuple[tuple[Path, str, int], ...], _Shape] = msgspec.field(default_factory=dict)
    _known: dict[str, set[str]] = msgspec.field(default_factory=lambda: {rule: set() for rule in RULES})
    _made: Counter[str] = msgspec.field(default_factory=Counter)
    _used: Counter[str] = msgspec.field(default_factory=Counter)

    def admit(self, document: Mapping[str, Any], text: bytes | None = None) -> Admission:
        """The stored document, or all problems at once.

        Args:
            document: as it was written.
            text: the JSON text that says just this, if ``recall`` was asked about it already.
        """
        which = document.get("apiVersion"), document.get("kind")
        try:
            if which in LISTS and type(document) is dict:
                return self._listing(document, text)
            if which not in MANY:
                return self._one(document)
            if text is None:
                text = msgspec.json.encode(document)
                stored = self.recall(text, 0, len(text))
                if stored is not None:
                    return Admission(document=stored, problems=(), warnings=())
        except (TypeError, ValueError, RecursionError):
            return self._one(document)
        admission = self._one(document)
        if _is_clean(admission):
            self._learn(text, document, admission.document)
        return admission

    def recall(self, data: bytes, start: int, end: int) -> dict[str, Any] | None:
        """What is stored of an object whose JSON text stands from ``start`` to ``end``, if one like it was admitted."""
        found = self._models.find(data, start, end)
        if found is None or (own := self._own(*found)) is None:
            return None
        model = found[0]
        for number in model.shape.lists:
            own[number] = msgspec.json.decode(found[1][number])
            if len(own[number]) > _MOST:
                return None
        self._used[model.kind] += 1
        stored: dict[str, Any] = model.shape.part.filled(model.document, own)
        return stored

    def _own(self, model: _Model, written: list[bytes]) -> list[Any] | None:
        """The strings of an object's own, empty for lists; None if they are not as they should be."""
        if model.shape.lists:
            written = [b"" if number in model.shape.lists else each for number, each in enumerate(written)]
        joined = b'"'.join(written)
        if len(joined) > _LONGEST or not joined.isascii() or b"\\" in joined:
            return None
        text = joined.decode()
        if not text.isprintable():
            return None
        own = text.split('"')
        for one, other in model.shape.equal:
            if own[one] != own[other]:
                return None
        for rule, those in model.shape.checks:
            values, known = those(own), self._known[rule]
            if not known.issuperset(values):
                if not all(map(RULES[rule][0], values)):
                    return None
                if rule not in UNIQUE:
                    known.update(values)
        return own

    def _one(self, document: Mapping[str, Any]) -> Admission:
        return admit(document, namespace=self.namespace, ip_families=self.ip_families)

    def _learn(self, text: bytes, document: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
        """Make a model of an object that was admitted, if it can be one."""
        own = own_of(document) if type(document) is dict and self._is_worth_it(document["kind"]) else []
        if not own or any(value_at(stored, each.path) != each.value for each in own):
            return
        parts = cut(text, own)
        if parts is None:
            return
        shape = self._shape(own)
        tried = put_together(parts, shape.invented)
        admission = self._one(tried)
        if not _is_clean(admission) or admission.document != shape.part.filled(stored, shape.invented):
            return
        if is_stored(tried) == is_stored(admission.document):
            self._models.keep(parts, _Model(kind=document["kind"], document=stored, shape=shape))

    def _shape(self, own: Sequence[Own]) -> _Shape:
        """The shape of objects with such strings of their own where these are."""
        first: dict[tuple[str, str], int] = {}
        numbers = [
            first.setdefault((each.rule, each.value), number) if each.rule in REPEATED else number
            for number, each in enumerate(own)
        ]
        which = tuple((each.path, each.rule, number) for each, number in zip(own, numbers, strict=True))
        if which not in self._shapes:
            by_rule: dict[str, list[int]] = {}
            for number in sorted(set(numbers)):
                if (rule := own[number].rule) not in UNCHECKED:
                    by_rule.setdefault(rule, []).append(number)
            self._shapes[which] = _Shape(
                part=_Part(own, numbers),
                invented=tuple(RULES[own[number].rule][1].format(number % _INVENTED) for number in numbers),
                checks=tuple((rule, _several(those)) for rule, those in by_rule.items()),
                equal=tuple((number, other) for number, other in enumerate(numbers) if number != other),
                lists=tuple(number for number, each in enumerate(own) if each.rule == "list"),
            )
        return self._shapes[which]

    def _is_worth_it(self, kind: str) -> bool:
        """Whether to make another model of a kind: whether those that there are were of use."""
        self._made[kind] += 1
        return self._made[kind] <= _TRIED + self._used[kind]

    def _listing(self, document: Mapping[str, Any], text: bytes | None) -> Admission:
        """The admission of a list of endpoints, of which those that are alike are checked once."""
        kind = str(document["kind"])
        run, alike = self._entries.setdefault((kind, document.get("addressType")), (Run(), Alike()))
        few, fresh = document, []
        lists = []
        for path, entries in _lists_of(document):
            kept = []
            for entry in () if run.holds(msgspec.json.encode(entries)) else entries:
                written = msgspec.json.encode(entry)
                found = alike.find(written, 0, len(written))
                if found is None or self._own(*found) is None:
                    fresh.append((written, entry))
                    kept.append(entry)
            kept = kept or entries[:1]
            lists.append((path, entries, kept))
            self._used[kind] += len(entries) - len(kept)
            if len(kept) < len(entries):
                few = _with(few, path, kept)
        admission = self._one(few)
        stored = admission.document
        if not _is_clean(admission) or any(value_at(stored, path) != kept for path, _, kept in lists):
            return admission if few is document else self._one(document)
        for written, entry in fresh:
            own = own_of_entry(entry)
            if own and alike.find(written, 0, len(written)) is None and self._is_worth_it(kind):
                self._learn_entry(run, written, entry, alike)
        whole = stored
        for path, entries, _ in lists:
            whole = _with(whole, path, entries)
        if text is not None and self._is_worth_it(f"around {kind}"):
            self._learn_listing(run, text, stored, [path for path, entries, _ in lists if entries])
        return Admission(document=whole, problems=(), warnings=())

    def _learn_entry(self, run: Run, text: bytes, entry: Mapping[str, Any], alike: Alike[_Model] | None = None) -> None:
        """Know an entry of a list, as it was written, for those that are equal to it but for strings of their own."""
        own = own_of_entry(entry)
        parts = cut(text, own)
        if not own or parts is None:
            return
        shape = self._shape(own)
        if put_together(parts, shape.invented) == shape.part.filled(entry, shape.invented):
            run.keep(parts, (FORMS[each.rule] for each in own))
            if alike is not None:
                alike.keep(parts, _Model(kind="", document=entry, shape=shape))

    def _learn_listing(self, run: Run, text: bytes, stored: Mapping[str, Any], paths: Sequence[Path]) -> None:
        """Make a model of an object around its lists of endpoints, if it can be one. There, each list is a string."""
        around, kept = text, stored
        for number, path in enumerate(paths):
            raw = raw_at(text, path)
            for each in () if run.holds(raw) or run.is_full else raw_entries(raw):
                if not run.holds(b"[%b]" % each):
                    self._learn_entry(run, each, msgspec.json.decode(each))
            if not run.holds(raw):
                return
            name = LIST.format(number)
            around, kept = around.replace(raw, b'"%b"' % name.encode(), 1), _with(kept, path, name)
        own = own_of(msgspec.json.decode(around))
        parts = cut(around, own)
        if parts is None or any(value_at(kept, each.path) != each.value for each in own):
            return
        shape = self._shape(own)
        if len(shape.lists) != len(paths) or not paths:
            return
        tried, expected = put_together(parts, shape.invented), shape.part.filled(kept, shape.invented)
        for path in paths:
            first = value_at(stored, path)[:1]
            tried, expected = _with(tried, path, first), _with(expected, path, first)
        admission = self._one(tried)
        if not _is_clean(admission) or admission.document != expected or is_stored(tried) != is_stored(expected):
            return
        for number in shape.lists:  # the quotes of the strings that stand for lists
            parts[number], parts[number + 1] = parts[number][:-1], parts[number + 1][1:]
        model = _Model(kind=f"around {stored['kind']}", document=kept, shape=shape)
        self._models.keep(parts, model, dict.fromkeys(shape.lists, run))


def _several(numbers: Sequence[int]) -> Callable[[Sequence[str]], Sequence[str]]:
    """Gives the values of some numbers, also of a single one, as a sequence."""
    return itemgetter(*numbers) if len(numbers) > 1 else itemgetter(slice(numbers[0], numbers[0] + 1))


def _is_clean(admission: Admission) -> bool:
    """Whether there is nothing to say of a document."""
    return not admission.problems and not admission.warnings


def _lists_of(document: Mapping[str, Any]) -> list[tuple[Path, list[Any]]]:
    """The lists of endpoints in a document; none if one of them is not as it should be."""
    subsets = document.get("subsets") or []
    paths: list[Path] = [("endpoints",)] if document["kind"] == "EndpointSlice" else []
    if type(subsets) is list:
        paths += [("subsets", index, each) for index in range(len(subsets)) for each in _ADDRESSES]
    found = [(path, value) for path in paths if (value := value_at(document, path)) is not None]
    fits = all(
        type(value) is list and len(value) <= _MOST and all(type(each) is dict for each in value) for _, value in found
    )
    return found if fits else []


def _with(tree: Any, path: Path, value: Any) -> Any:
    """A tree with another value at a path; it shares the rest."""
    if not path:
        return value
    copy = tree.copy()
    copy[path[0]] = _with(tree[path[0]], path[1:], value)
    return copy
