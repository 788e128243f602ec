"""Admission of many documents: those that are equal but for what is their own are checked once.

What was admitted without a word is a model for documents whose text is equal but for the strings that are an object's
own: its name, uid, version and times, its node, the addresses, ids and times of its status. Before it is one, it is
tried on invented strings: what comes of it has to be what admission makes of them.

Of workloads, Services and pods there are models for other applications, too, which have labels, owners, images and
texts of their own. The first pod of an application that is found by one becomes the model for the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.kinds.evidence import is_stored
from kubelogic.kinds.validation.admission import Admission, admit
from kubelogic.kinds.validation.own import (
    APPLIED,
    FORMS,
    LIST,
    LISTS,
    MANY,
    own_of,
    own_of_entry,
)
from kubelogic.kinds.validation.shapes import Shape, Shapes
from kubelogic.text.alike import LITERAL, Alike, Own, Run, cut, put_together, raw_at, raw_entries
from kubelogic.text.location import Path, value_at

_LONGEST = 4096
"""Bytes that all strings of an object's own may have together."""

_PLAIN = bytes(range(ord(" "), ord("~") + 1)).replace(b"\\", b"")
"""What strings of an object's own have to consist of: what is printed of ASCII, without escapes."""

_TRIED = 50
"""So many models of a kind are made before it matters whether any was of use."""

_FEW = 16
"""Objects of a kind before any is a model for other applications, and models before it matters whether one was of use.

Inputs of few objects gain less by a model than it costs.
"""

_APPLICATIONS = 1000
"""So many models of objects of one application are made of others before it matters whether any was of use."""

_MOST = 1000
"""Entries of a list that are looked at one by one at most, as many as an EndpointSlice may have."""

_ADDRESSES = ("addresses", "notReadyAddresses")


class _Within(msgspec.Struct, frozen=True, kw_only=True):
    """What an object has of its own within what its application has.

    Attributes:
        shape: where it has that.
        parts: what stands between all strings that are not the same in all applications.
        numbers: which of these strings are its own.
    """

    shape: Shape
    parts: Sequence[bytes]
    numbers: Collection[int]


class _Model(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was admitted without a word, for others that are equal to it but for what is their own.

    Attributes:
        kind: of the object, or of that around lists of endpoints.
        document: as it is stored.
        shape: where it has strings of its own.
        within: what of it is not its application's, if there are many objects of each application.
    """

    kind: str
    document: Mapping[str, Any]
    shape: Shape
    within: _Within | None = None


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
    _applied: Alike[_Model] = msgspec.field(default_factory=Alike)
    _entries: dict[tuple[Any, Any], tuple[Run, Alike[_Model]]] = msgspec.field(default_factory=dict)
    _shapes: Shapes = msgspec.field(default_factory=Shapes)
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
            if which not in MANY and which not in APPLIED:
                return self._one(document)
            if text is None:
                text = msgspec.json.encode(document)
                stored = self.recall(text, 0, len(text))
                if stored is not None:
                    return Admission(document=stored, problems=(), warnings=())
        except (TypeError, ValueError, RecursionError):
            return self._one(document)
        admission = self._one(document)
        if _is_clean(admission) and type(document) is dict:
            if which in MANY:
                self._learn(text, document, admission.document)
            if which in APPLIED:
                self._learn_applied(text, document, admission.document)
        return admission

    def recall(self, data: bytes, start: int, end: int) -> dict[str, Any] | None:
        """What is stored of an object whose JSON text stands from ``start`` to ``end``, if one like it was admitted."""
        found = self._models.find(data, start, end)
        if found is None or (own := self._own(*found)) is None:
            found = self._applied.find(data, start, end)
            if found is None or (own := self._own(*found)) is None:
                return None
        model, written = found
        for number in model.shape.json:
            own[number] = msgspec.json.decode(written[number])
            if len(own[number]) > _MOST and type(own[number]) is list:
                return None
        self._used[model.kind] += 1
        stored: dict[str, Any] = model.shape.part.filled(model.document, own)
        if model.within is not None and self._is_worth_it(stored["kind"], _APPLICATIONS):
            self._learn_within(model.within, written, stored)
        return stored

    def _own(self, model: _Model, written: list[bytes]) -> list[Any] | None:
        """The strings of an object's own, empty for JSON; None if they are not as they should be."""
        if model.shape.json:
            written = [b"" if number in model.shape.json else each for number, each in enumerate(written)]
        joined = b'"'.join(written)
        if len(joined) > _LONGEST or joined.translate(None, _PLAIN):
            return None
        own: list[Any] = joined.decode().split('"')
        for one, other in model.shape.equal:
            if own[one] != own[other]:
                return None
        for test, those, passed in model.shape.checks:
            values = those(own)
            if passed is None or not passed.issuperset(values):
                if not all(map(test, values)):
                    return None
                if passed is not None:
                    passed.update(values)
        return own

    def _one(self, document: Mapping[str, Any]) -> Admission:
        return admit(document, namespace=self.namespace, ip_families=self.ip_families)

    def _learn(self, text: bytes, document: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
        """Make a model of an object that was admitted, if it can be one."""
        own = own_of(document) if self._is_worth_it(document["kind"]) else []
        parts = cut(text, own) if own else None
        if parts is not None and (shape := self._proved(parts, own, stored)) is not None:
            self._models.keep(parts, _Model(kind=document["kind"], document=stored, shape=shape))

    def _learn_applied(self, text: bytes, document: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
        """Make a model of an object for those of other applications, if it can be one."""
        kind = f"applied {document['kind']}"
        if not self._is_worth_it(kind, 2 * _FEW) or self._made[kind] <= _FEW:
            return
        own = own_of(document, applied=True)
        parts = cut(text, own) if own else None
        if parts is None or (shape := self._proved(parts, own, stored)) is None:
            return
        for number in shape.json:
            parts[number], parts[number + 1] = parts[number][:-1], parts[number + 1][1:]
        inner = own_of(document) if (document["apiVersion"], document["kind"]) in MANY else []
        paths = {each.path for each in inner}
        numbers = {number for number, each in enumerate(own) if each.path in paths}
        within = _Within(shape=self._shapes.of(inner), parts=parts, numbers=numbers) if inner else None
        model = _Model(kind=kind, document=stored, shape=shape, within=within)
        self._applied.keep(parts, model, dict.fromkeys(shape.json, LITERAL))

    def _learn_within(self, within: _Within, written: Sequence[bytes], stored: Mapping[str, Any]) -> None:
        """Make a model of an object for those of its application, of one that held for other applications."""
        parts, latest = [], [within.parts[0]]
        for number, (text, part) in enumerate(zip(written, within.parts[1:], strict=True)):
            if number in within.numbers:
                parts.append(b"".join(latest))
                latest = [part]
            else:
                latest += [text, part]
        parts.append(b"".join(latest))
        self._models.keep(parts, _Model(kind=stored["kind"], document=stored, shape=within.shape))

    def _proved(self, parts: Sequence[bytes], own: Sequence[Own], stored: Mapping[str, Any]) -> Shape | None:
        """The shape of an object, if invented strings of its own between the parts of its text are stored as it is."""
        if any(value_at(stored, each.path) != each.value for each in own):
            return None
        shape = self._shapes.of(own)
        tried = put_together(parts, shape.invented)
        if tried is None:
            return None
        admission = self._one(tried)
        if not _is_clean(admission) or admission.document != shape.part.filled(stored, shape.invented):
            return None
        return shape if is_stored(tried) == is_stored(admission.document) else None

    def _is_worth_it(self, kind: str, tried: int = _TRIED) -> bool:
        """Whether to make another model of a kind: whether those that there are were of use."""
        self._made[kind] += 1
        return self._made[kind] <= tried + self._used[kind]

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
        shape = self._shapes.of(own)
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
        shape = self._shapes.of(own)
        if len(shape.json) != len(paths) or not paths:
            return
        tried, expected = put_together(parts, shape.invented), shape.part.filled(kept, shape.invented)
        if tried is None:
            return
        for path in paths:
            first = value_at(stored, path)[:1]
            tried, expected = _with(tried, path, first), _with(expected, path, first)
        admission = self._one(tried)
        if not _is_clean(admission) or admission.document != expected or is_stored(tried) != is_stored(expected):
            return
        for number in shape.json:  # the quotes of the strings that stand for lists
            parts[number], parts[number + 1] = parts[number][:-1], parts[number + 1][1:]
        model = _Model(kind=f"around {stored['kind']}", document=kept, shape=shape)
        self._models.keep(parts, model, dict.fromkeys(shape.json, run))


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
