"""Admission of many documents: those that are equal but for what is their own are checked once.

What was admitted without a word is a model for documents whose text is equal but for the strings that are an object's
own: its name, uid, version and times, its node, the addresses, ids and times of its status. Before it is one, it is
tried on invented strings: what comes of it has to be what admission makes of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from operator import itemgetter
from types import MappingProxyType
from typing import Any

import msgspec

from kubelogic.kinds.evidence import is_stored
from kubelogic.kinds.validation import names
from kubelogic.kinds.validation.admission import Admission, admit
from kubelogic.patterns import regex
from kubelogic.text.alike import Alike, cut
from kubelogic.text.location import Path, Step, value_at

_SECOND = r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
_TIME = regex(_SECOND + "Z", re.ASCII)
_MICRO_TIME = regex(_SECOND + r"\.\d{6}Z", re.ASCII)
_TOKEN = regex(r"kube-api-access-[a-z0-9]{5}")
_LABEL = regex(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NODE_LIMIT = 63
"""Characters that a node's name may have to be the value of a label, too."""

_MANY = frozenset({("v1", "Node"), ("v1", "Pod"), ("coordination.k8s.io/v1", "Lease")})
_OWN_STATUS = frozenset(
    {"podIP", "hostIP", "ip", "containerID", "imageID", "address", "machineID", "systemUUID", "bootID"}
)
_TIMES = frozenset(
    {
        "finishedAt",
        "lastHeartbeatTime",
        "lastProbeTime",
        "lastTransitionTime",
        "lastUpdateTime",
        "startTime",
        "startedAt",
    }
)
_NETWORK = "cni.projectcalico.org/"
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_LONGEST = 4096
"""Bytes that all strings of an object's own may have together."""

_TRIED = 50
"""So many models of a kind are made before it matters whether any was of use."""


def _is_node(value: str) -> bool:
    return len(value) <= _NODE_LIMIT and not names.dns_subdomain(value)


_RULES: Mapping[str, tuple[Callable[[str], object], str]] = MappingProxyType(
    {
        "name": (_LABEL.fullmatch, "own-{}"),
        "node": (_is_node, "node-{}"),
        "token": (_TOKEN.fullmatch, "kube-api-access-{:05}"),
        "time": (_TIME.fullmatch, "2001-01-01T00:00:{:02}Z"),
        "micro time": (_MICRO_TIME.fullmatch, "2001-01-01T00:00:00.{:06}Z"),
        "text": (str.isascii, "10.0.0.{}"),
    }
)
"""What strings of an object's own have to be, and how one is invented."""

_REPEATED = frozenset({"name", "node", "token"})
"""Rules by which equal strings of one object are equal in all objects."""


_UNIQUE = frozenset({"name", "micro time"})
"""Rules of which hardly any string is seen twice."""


class _Part:
    """A mapping or list of a model's document, in which strings of an object's own are put."""

    __slots__ = ("all_of", "fields", "inner", "made", "own", "tree")

    def __init__(self, tree: Any, places: Sequence[tuple[Path, int]]) -> None:
        self.tree = tree
        self.fields = [(path[0], number) for path, number in places if len(path) == 1]
        below: dict[Step, list[tuple[Path, int]]] = {}
        for path, number in places:
            if len(path) > 1:
                below.setdefault(path[0], []).append((path[1:], number))
        self.inner = [(step, _Part(tree[step], inner)) for step, inner in below.items()]
        self.all_of = itemgetter(*(number for _, number in places))
        self.own: Any = None
        self.made: Any = None

    def filled(self, own: Sequence[str]) -> Any:
        """The part with other strings; the one before, if they are equal to its."""
        mine = self.all_of(own)
        if mine != self.own:
            made = self.tree.copy()
            for step, number in self.fields:
                made[step] = own[number]
            for step, part in self.inner:
                made[step] = part.filled(own)
            self.own, self.made = mine, made
        return self.made


class _Model(msgspec.Struct, frozen=True, kw_only=True):
    """An object that was admitted without a word, for others that are equal to it but for what is their own.

    Attributes:
        kind: of the object.
        whole: its document.
        checks: the rules that its own strings have to keep, and which of them each is for.
        equal: pairs of strings that are equal.
    """

    kind: str
    whole: _Part
    checks: tuple[tuple[str, Callable[[Sequence[str]], tuple[str, ...]]], ...]
    equal: tuple[tuple[int, int], ...]


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
    _known: dict[str, set[str]] = msgspec.field(default_factory=lambda: {rule: set() for rule in _RULES})
    _made: Counter[str] = msgspec.field(default_factory=Counter)
    _used: Counter[str] = msgspec.field(default_factory=Counter)

    def admit(self, document: Mapping[str, Any], text: bytes | None = None) -> Admission:
        """The stored document, or all problems at once.

        Args:
            document: as it was written.
            text: the JSON text that says just this, if ``recall`` was asked about it already.
        """
        kind = str(document.get("kind"))
        if (document.get("apiVersion"), kind) not in _MANY:
            return self._one(document)
        if text is None:
            try:
                text = msgspec.json.encode(document)
            except (TypeError, ValueError, RecursionError):
                return self._one(document)
            stored = self.recall(text, 0, len(text))
            if stored is not None:
                return Admission(document=stored, problems=(), warnings=())
        admission = self._one(document)
        if not admission.problems and not admission.warnings:
            self._learn(text, document, admission.document)
        return admission

    def recall(self, data: bytes, start: int, end: int) -> dict[str, Any] | None:
        """What is stored of an object whose JSON text stands from ``start`` to ``end``, if one like it was admitted."""
        found = self._models.find(data, start, end)
        if found is None:
            return None
        model, written = found
        joined = b'"'.join(written)
        if len(joined) > _LONGEST or not joined.isascii() or b"\\" in joined:
            return None
        text = joined.decode()
        if not text.isprintable():
            return None
        own = text.split('"')
        for one, other in model.equal:
            if own[one] != own[other]:
                return None
        for rule, those in model.checks:
            values = those(own)
            known = self._known[rule]
            if not known.issuperset(values):
                if not all(map(_RULES[rule][0], values)):
                    return None
                if rule not in _UNIQUE:
                    known.update(values)
        self._used[model.kind] += 1
        stored: dict[str, Any] = model.whole.filled(own)
        return stored

    def _one(self, document: Mapping[str, Any]) -> Admission:
        return admit(document, namespace=self.namespace, ip_families=self.ip_families)

    def _learn(self, text: bytes, document: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
        """Make a model of an object that was admitted, if it can be one."""
        kind = document["kind"]
        if self._made[kind] > _TRIED + self._used[kind] or type(document) is not dict:
            return
        self._made[kind] += 1
        parts, own = cut(text, document, _rule_of(document))
        if not own or any(value_at(stored, each.path) != each.value for each in own):
            return
        first: dict[tuple[str, str], int] = {}
        numbers = [
            first.setdefault((each.rule, each.value), number) if each.rule in _REPEATED else number
            for number, each in enumerate(own)
        ]
        places = [(each.path, number) for each, number in zip(own, numbers, strict=True)]
        whole = _Part(dict(stored), places)
        invented = [_RULES[own[number].rule][1].format(number) for number in numbers]
        tried = _Part(document, places).filled(invented)
        admission = self._one(tried)
        if admission.problems or admission.warnings or admission.document != whole.filled(invented):
            return
        if is_stored(tried) != is_stored(admission.document):
            return
        by_rule: dict[str, list[int]] = {}
        for number in set(numbers):
            if (rule := own[number].rule) != "text":
                by_rule.setdefault(rule, []).append(number)
        checks = tuple((rule, itemgetter(those[0], *those)) for rule, those in by_rule.items())
        equal = tuple((number, other) for number, other in enumerate(numbers) if number != other)
        self._models.keep(parts, _Model(kind=kind, whole=whole, checks=checks, equal=equal))


def _rule_of(document: Mapping[str, Any]) -> Callable[[Path, str], str]:
    """By which rule strings of a document are its own."""
    kind, name = document["kind"], document["metadata"].get("name")
    spec = document.get("spec") or _NOTHING
    node = spec.get("nodeName") if kind == "Pod" else None
    tokens = {volume["name"] for volume in spec.get("volumes") or () if _TOKEN.fullmatch(volume["name"])}
    token = tokens.pop() if len(tokens) == 1 else None

    def rule_of(path: Path, value: str) -> str:
        rule = ""
        match path:
            case ("metadata", "name") | ("metadata", "labels", "kubernetes.io/hostname") | ("spec", "holderIdentity"):
                rule = ("name" if kind == "Pod" else "node") if value == name else ""
            case ("spec", "nodeName") | ("spec", "affinity", *_, "matchFields", _, "values", _):
                rule = "node" if value == node else ""
            case ("spec", *_, "volumes" | "volumeMounts", _, "name"):
                rule = "token" if value == token else ""
            case ("spec", "acquireTime" | "renewTime"):
                rule = "micro time"
            case ("metadata", "creationTimestamp") | ("metadata", "managedFields", _, "time"):
                rule = "time"
            case ("metadata", "uid" | "resourceVersion"):
                rule = "text"
            case ("metadata", "annotations", str(key)):
                rule = "text" if key.startswith(_NETWORK) else ""
            case ("status", *_, str(key)):
                rule = "time" if key in _TIMES else "text" if key in _OWN_STATUS else ""
        return rule if rule and _RULES[rule][0](value) else ""

    return rule_of
