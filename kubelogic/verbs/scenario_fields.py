"""The fields of a step of a scenario: read with their type, or refused at their place."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from kubelogic.cluster.clock import milliseconds as moment_of
from kubelogic.cluster.clock import timestamp
from kubelogic.facts.selectors import Requirement, selector_of
from kubelogic.kinds.table import served
from kubelogic.patterns import regex
from kubelogic.text.location import Path as FieldPath
from kubelogic.verbs.targets import KINDS

_SHORT: Mapping[str, str] = {
    "cm": "ConfigMap",
    "crd": "CustomResourceDefinition",
    "csr": "CertificateSigningRequest",
    "ep": "Endpoints",
    "hpa": "HorizontalPodAutoscaler",
    "ing": "Ingress",
    "limits": "LimitRange",
    "netpol": "NetworkPolicy",
    "ns": "Namespace",
    "pc": "PriorityClass",
    "pdb": "PodDisruptionBudget",
    "pv": "PersistentVolume",
    "pvc": "PersistentVolumeClaim",
    "quota": "ResourceQuota",
    "sa": "ServiceAccount",
    "sc": "StorageClass",
}
"""kubectl's short names of kinds that ``KINDS`` does not have."""


def kind_named(text: str) -> str:
    """The kind that a person means by a name, as kubectl takes it; the text itself if it is none of Kubernetes' own.

    >>> kind_named("sts"), kind_named("hpa"), kind_named("configmaps"), kind_named("Widget")
    ('StatefulSet', 'HorizontalPodAutoscaler', 'ConfigMap', 'Widget')
    """
    name = text.lower()
    if found := KINDS.get(name) or _SHORT.get(name):
        return found
    plain = {kind.lower(): kind for _, kind in served()}
    singular = f"{name[:-3]}y" if name.endswith("ies") else name.removesuffix("s")
    return plain.get(name) or plain.get(singular) or plain.get(name.removesuffix("es")) or text


_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_UNITS = (("d", 86_400.0), ("h", 3_600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001))
"""Units of a duration in their order, with their seconds."""
_DURATION = regex("".join(rf"(?:({_NUMBER}){unit}(?![a-z]))?" for unit, _ in _UNITS))
_SECONDS = regex(_NUMBER)
LONGEST = 10**9
"""Seconds that a duration may have: about 31 years."""


def milliseconds(value: Any) -> int | None:
    """A duration in milliseconds: a number of seconds, or text such as ``1m30s``. None if it is neither, or too long.

    >>> milliseconds("1m30s"), milliseconds(2.5), milliseconds("1.5h"), milliseconds("500ms"), milliseconds("7d")
    (90000, 2500, 5400000, 500, 604800000)
    >>> milliseconds("soon"), milliseconds("1m30"), milliseconds("9999999h")
    (None, None, None)
    """
    seconds = _seconds(value)
    return None if seconds is None or not 0 <= seconds < LONGEST else round(1000 * seconds)


_MOMENT = regex(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)")


def from_start(value: Any, start: int) -> int | None:
    """When something happens, in milliseconds from the start: a duration, or a moment such as 2026-11-02T08:00Z.

    None if the value is neither; below 0 if the moment is before the start.

    Args:
        value: as it was written.
        start: when the clock starts, in milliseconds since 1970.
    """
    if not isinstance(value, str) or not (match := _MOMENT.fullmatch(value)):
        return milliseconds(value)
    try:
        return moment_of(f"{match[1]}{match[2] or ':00'}{match[3]}") - start
    except (ValueError, OverflowError):
        return None


def no_time(value: Any, start: int) -> str:
    """Why a value is no time of a step."""
    found = from_start(value, start)
    if found is not None and found < 0:
        return f"{value} is before the clock starts, at {timestamp(start)}; --start changes that"
    if _seconds(value) is not None:
        return no_duration(value)
    return f"must be seconds, a duration such as 1m30s or a moment such as 2026-11-02T08:00Z, is {_short(value)}"


def no_duration(value: Any) -> str:
    """Why a value is no duration."""
    if _seconds(value) is not None:
        return f"this time is out of range, is {_short(value)}: at least 0 and less than {LONGEST:,} seconds"
    return f"must be seconds or a duration such as 1m30s, is {_short(value)}"


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < LONGEST else f"{float(min(value, 10**300)):g}"
    return text if len(text) <= 60 else f"{text[:40]}...{text[-10:]}"


def _seconds(value: Any) -> float | None:
    """Seconds of a number or a text; None if it is no duration of whatever length."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return float(max(-1, min(value, LONGEST)))
    if isinstance(value, float):
        return value if value == value else None  # noqa: PLR0124 - NaN
    if not isinstance(value, str) or not value:
        return None
    if _SECONDS.fullmatch(value):
        return float(value)
    match = _DURATION.fullmatch(value)
    if not match:
        return None
    return sum(float(part or 0) * worth for part, (_, worth) in zip(match.groups(), _UNITS, strict=True))


class WrongFieldError(Exception):
    """Something is wrong at a field; ``on_key``: with the name of the field, not with its value."""

    def __init__(self, path: FieldPath, message: str, *, on_key: bool = False, code: str = "KL110") -> None:
        self.path = path
        self.message = message
        self.on_key = on_key
        self.code = code
        super().__init__(message)


_BESIDE = frozenset({"at", "for", "repeat", "by", "always", "once", "from", "until"})
"""What a step has beside the one thing that it does."""


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of one operation, with their place in the file. Every method raises ``WrongFieldError``."""

    value: Mapping[str, Any]
    path: FieldPath
    namespace: str
    directory: Path

    def wrong(self, message: str, *at: str, on_key: bool = False, code: str = "KL110") -> WrongFieldError:
        """What is wrong with these arguments; ``at``: the way to the one that is."""
        return WrongFieldError((*self.path, *at), message, on_key=on_key, code=code)

    def check(self, allowed: tuple[str, ...]) -> None:
        """Refuse fields that there are not."""
        for name in self.value:
            if name not in allowed and name in _BESIDE:
                raise self.wrong(f"stands beside {self.path[-1]}, not in it", name, on_key=True, code="KL112")
            if name not in allowed:
                near = difflib.get_close_matches(str(name), allowed, n=1)
                hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(allowed)}"
                raise self.wrong(f"unknown field{hint}", name, on_key=True, code="KL112")

    def text(self, name: str, default: str | None = None) -> str:
        """Text; needed if there is no default."""
        value = self.value.get(name, default)
        if value is None:
            raise self.wrong(f"{name} is needed", code="KL120")
        if not isinstance(value, str):
            raise self.wrong(f"must be text, is {value!r}", name)
        return value

    def number(self, name: str, default: int | None = None) -> int:
        """A whole number of at least 0; needed if there is no default."""
        value = self.value.get(name, default)
        if value is None:
            raise self.wrong(f"{name} is needed", code="KL120")
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.wrong(f"must be a whole number of at least 0, is {value!r}", name)
        return value

    def flag(self, name: str) -> bool | None:
        """True, false, or None if it is not there."""
        value = self.value.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(f"must be true or false, is {value!r}", name)
        return value

    def choice(self, name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """One of some texts."""
        value = self.text(name, default)
        if value not in allowed:
            raise self.wrong(f"must be one of {', '.join(allowed)}, is {value!r}", name, code="KL121")
        return value

    def one_of(self, *names: str) -> str:
        """The one of some fields that is there."""
        given = [name for name in names if name in self.value]
        if len(given) != 1:
            needed, said = f"{', '.join(names[:-1])} and {names[-1]}", " and ".join(given) or "none"
            raise self.wrong(f"needs one of {needed}, has {said}", code="KL142")
        return given[0]

    def duration(self, name: str) -> int:
        """A duration in milliseconds."""
        value = milliseconds(self.value.get(name))
        if value is None:
            raise self.wrong(no_duration(self.value.get(name)), name)
        return value

    def key(self) -> str:
        """The key of the namespaced object that ``namespace`` and ``name`` name."""
        return f"{self.text('namespace', self.namespace)}/{self.text('name').rpartition('/')[2]}"

    def reference(self, kinds: tuple[str, ...], default: str = "Deployment") -> tuple[str, str]:
        """Kind and key of the object that ``kind`` and ``name`` name; ``name`` may be ``sts/db``."""
        kind, slash, _ = self.text("name").partition("/")
        if not slash:
            return self.choice("kind", kinds, default), self.key()
        found = kind_named(kind)
        if found not in kinds:
            raise self.wrong(f"must be one of {', '.join(kinds)}, is {kind}", "name", code="KL121")
        return found, self.key()

    def selector(self, name: str) -> tuple[Requirement, ...]:
        """What labels have to meet: a mapping, or text as kubectl takes it."""
        value = self.value.get(name)
        try:
            return selector_of(value)
        except ValueError as error:
            raise self.wrong(str(error), name) from None
