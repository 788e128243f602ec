"""How objects travel: the fields that JSON of the API server always or never has, and the numbers of protobuf fields.

``wire.json`` holds, for the types of ``fields.json``, what the Go structs say: ``always`` the fields that are written
even when nobody has set them (``*`` marks those that are null then), ``omits`` the plain fields that are left out when
they are zero, ``packages`` where types
belong, and ``numbers`` the protobuf field numbers (a mapping where a struct is inlined).

Source: the struct tags of k8s.io/api, k8s.io/apimachinery and k8s.io/apiextensions-apiserver, types.go of each group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from kubelogic.kinds.merging import code_of, element_type
from kubelogic.kinds.table import fields_of

Numbers = Mapping[str, Any]
"""Field by its number as text; a mapping of the same form for an inlined struct."""


class _Table(msgspec.Struct, frozen=True):
    always: dict[str, str]
    omits: dict[str, str]
    packages: dict[str, str]
    numbers: dict[str, dict[str, Any]]


@cache
def _table() -> _Table:
    raw: Any = Path(__file__).with_name("wire.json").read_bytes()
    return msgspec.json.decode(raw, type=_Table)


_PACKAGES = {
    "meta.v1": "io.k8s.apimachinery.pkg.apis.meta.v1",
    "apiregistration.v1": "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1",
    "apiextensions.v1": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
}


@cache
def _packages() -> Mapping[str, str]:
    return {name: package for package, names in _table().packages.items() for name in names.split()}


def package_of(type_name: str) -> str:
    """The package of a type, as OpenAPI documents write it.

    >>> package_of("PodSpec"), package_of("ObjectMeta")
    ('io.k8s.api.core.v1', 'io.k8s.apimachinery.pkg.apis.meta.v1')
    """
    package = _packages().get(type_name, "core.v1")
    return _PACKAGES.get(package, f"io.k8s.api.{package}")


def numbers_of(type_name: str) -> Numbers | None:
    """The protobuf fields of a type; None if it has none."""
    return _table().numbers.get(type_name)


@cache
def always(type_name: str) -> tuple[tuple[str, Any], ...]:
    """The fields that are always written, with the code of what stands there when they are not set."""
    names = _table().always.get(type_name, "").split()
    return tuple(
        (name.lstrip("*"), None if name.startswith("*") else code_of(type_name, name)) for name in names if name
    )


@cache
def omits(type_name: str) -> frozenset[str]:
    """The plain fields of a type that are left out when they are zero."""
    return frozenset(_table().omits.get(type_name, "").split())


_ZERO: Mapping[str, Any] = {"s": "", "i": 0, "l": 0, "f": 0, "b": False, "q": "0", "x": 0}


def zero(code: str | None) -> Any:
    """What stands in a field of a code that nobody has set."""
    if code is None:
        return None
    return completed({}, code) if code.startswith("@") else _ZERO.get(code)


def completed(value: Any, code: str) -> Any:
    """A value as the API server writes it: with what is always there, without what is empty, times in their form.

    Args:
        value: as it is stored.
        code: what it holds (see ``table.fields_of``); ``*`` where no type says.

    >>> completed({"data": {"a": "b"}, "binaryData": {}}, "@ConfigMap")
    {'data': {'a': 'b'}}
    """
    return _finish(code)(value)


_Finish = Callable[[Any], Any]


def _plain(value: Any) -> Any:
    return value


def _moment(value: Any) -> Any:
    return whole_second(value) if isinstance(value, str) and "." in value else value


def _fine_moment(value: Any) -> Any:
    return microseconds(value) if isinstance(value, str) else value


@cache
def _finish(code: str) -> _Finish:
    """What makes a value of a code complete; ``_plain`` if nothing has to be done."""
    if code.startswith("@"):
        name = element_type(code)
        return lambda value: _struct(value, name) if isinstance(value, dict) else value
    if code.startswith("["):
        item = _finish(code[1:])
        if item is _plain:
            return _plain
        return lambda value: [item(each) for each in value] if isinstance(value, list) else value
    if code.startswith("{"):
        entry = _finish(code[1:])
        if entry is _plain:
            return _plain
        return lambda value: {key: entry(each) for key, each in value.items()} if isinstance(value, dict) else value
    return {"t": _moment, "T": _fine_moment}.get(code, _plain)


class _Plan(msgspec.Struct, frozen=True):
    """How the structs of a type are completed: field by field."""

    fields: dict[str, tuple[_Finish, bool]]
    omits: frozenset[str]
    always: tuple[tuple[str, Any], ...]


@cache
def _plan(type_name: str) -> _Plan:
    fields = {name: (_finish(code), code[:1] in "[{") for name, code in fields_of(type_name).items()}
    if "metadata" not in fields:
        fields["metadata"] = (_finish(code_of(type_name, "metadata")), False)
    return _Plan(fields, omits(type_name), always(type_name))


_UNKNOWN: tuple[_Finish, bool] = (_plain, False)


def _struct(value: Mapping[str, Any], type_name: str) -> dict[str, Any]:
    if not type_name:
        return {key: each for key, each in value.items() if each is not None}
    plan = _plan(type_name)
    found: dict[str, Any] = {}
    for key, each in value.items():
        if each is None or (key in plan.omits and not each):
            continue
        finish, holds_many = plan.fields.get(key, _UNKNOWN)
        if holds_many and not each and isinstance(each, dict | list):
            continue
        found[key] = each if finish is _plain else finish(each)
    for key, code in plan.always:
        if key not in found:
            found[key] = zero(code)
    return found


def whole_second(text: str) -> str:
    """A moment as ``metav1.Time`` writes it: in whole seconds.

    >>> whole_second("2026-11-02T00:00:00.250Z")
    '2026-11-02T00:00:00Z'
    """
    head, point, _ = text.partition(".")
    return f"{head}Z" if point else text


def microseconds(text: str) -> str:
    """A moment as ``metav1.MicroTime`` writes it.

    >>> microseconds("2026-11-02T00:00:00.25Z"), microseconds("2026-11-02T00:00:00Z")
    ('2026-11-02T00:00:00.250000Z', '2026-11-02T00:00:00.000000Z')
    """
    head, _, rest = text.rstrip("Z").partition(".")
    return f"{head}.{rest[:6].ljust(6, '0')}Z"
