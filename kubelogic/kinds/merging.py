"""How fields of the built-in types merge: in a strategic merge patch, and when a manifest is applied.

``merging.json`` holds, for the types of ``fields.json``, what Kubernetes 1.36 says of single fields: the tags
``patchStrategy`` and ``patchMergeKey`` (``strategic``), and the markers ``listType``, ``listMapKey``, ``mapType`` and
``structType`` (``topology``, ``atomicTypes``). Fields that are not named there take the default of their shape.

Source: k8s.io/api, types.go of each group; k8s.io/apimachinery, pkg/apis/meta/v1/types.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from kubelogic.kinds.table import fields_of, lookup


class PatchRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategic merge patch does with a field.

    Attributes:
        strategy: ``merge`` joins lists by key; ``replace`` takes the new value; empty is the default of the shape:
            mappings are joined, lists are replaced.
        retain_keys: the patch may say which fields of the mapping stay; the others go.
        merge_key: the field by which items of a list are told apart; empty for lists of plain values.
    """

    strategy: str = ""
    retain_keys: bool = False
    merge_key: str = ""


class Topology(msgspec.Struct, frozen=True, kw_only=True):
    """How a value is owned and merged when manifests are applied.

    Attributes:
        shape: ``atomic`` values have one owner and are replaced as a whole; each entry of a ``map`` (list of mappings,
            told apart by ``keys``), of a ``set`` (list of plain values) and of a ``granular`` mapping has its own.
        keys: the fields by which items of a ``map`` are told apart.
    """

    shape: Literal["atomic", "map", "set", "granular"]
    keys: tuple[str, ...] = ()


class _Table(msgspec.Struct, frozen=True, rename="camel"):
    strategic: dict[str, dict[str, str]]
    topology: dict[str, dict[str, str]]
    atomic_types: frozenset[str]
    key_defaults: dict[str, dict[str, str]]


_ATOMIC = Topology(shape="atomic")
_GRANULAR = Topology(shape="granular")
_SET = Topology(shape="set")
_DEFAULT_RULE = PatchRule()


@cache
def _table() -> _Table:
    raw: Any = Path(__file__).with_name("merging.json").read_bytes()
    return msgspec.json.decode(raw, type=_Table)


def type_of(document: Mapping[str, Any]) -> str:
    """The name of the type of a whole object; empty for kinds that a plain API server does not serve.

    >>> type_of({"apiVersion": "v1", "kind": "Pod"})
    'Pod'
    """
    found = lookup(str(document.get("apiVersion") or ""), str(document.get("kind") or ""))
    return found.type if found is not None else ""


def code_of(type_name: str, field: str) -> str:
    """The code of what a field holds (see ``fields_of``); ``*`` where the type does not say.

    >>> code_of("PodSpec", "containers")
    '[@Container'
    """
    if not type_name:
        return "*"
    if field == "metadata" and field not in fields_of(type_name):
        return "@ObjectMeta"
    return fields_of(type_name).get(field, "*")


def element_type(code: str) -> str:
    """The type of the items of a list or mapping, or of the mapping itself; empty for plain values.

    >>> element_type("[@Container"), element_type("@PodSpec"), element_type("{s")
    ('Container', 'PodSpec', '')
    """
    inner = code.lstrip("[{")
    return inner[1:] if inner.startswith("@") else ""


@cache
def patch_rule(type_name: str, field: str) -> PatchRule:
    """What a strategic merge patch does with a field of a type.

    >>> patch_rule("PodSpec", "volumes")
    PatchRule(strategy='merge', retain_keys=True, merge_key='name')
    """
    text = _table().strategic.get(type_name, {}).get(field)
    if text is None:
        return _DEFAULT_RULE
    strategies, _, key = text.partition(" ")
    names = strategies.split(",")
    strategy = next((name for name in names if name != "retainKeys"), "")
    return PatchRule(strategy=strategy, retain_keys="retainKeys" in names, merge_key=key)


@cache
def topology(type_name: str, field: str) -> Topology:
    """How a field of a type is owned and merged when manifests are applied.

    >>> topology("ServiceSpec", "ports").keys
    ('port', 'protocol')
    >>> topology("PodSpec", "tolerations").shape
    'atomic'
    """
    text = _table().topology.get(type_name, {}).get(field, "")
    shape, *keys = text.split() or [""]
    if shape == "map":
        return Topology(shape="map", keys=tuple(keys))
    if shape:
        return _SET if shape == "set" else _ATOMIC
    code = code_of(type_name, field)
    if code.startswith("[") or element_type(code) in _table().atomic_types:
        return _ATOMIC
    return _GRANULAR if code[:1] in ("{", "@") else _ATOMIC


def is_atomic(type_name: str) -> bool:
    """Whether values of a type are replaced as a whole wherever they stand."""
    return type_name in _table().atomic_types


def key_default(type_name: str, field: str) -> str | None:
    """What a key of a list item is where the item does not say.

    >>> key_default("ContainerPort", "protocol")
    'TCP'
    """
    return _table().key_defaults.get(type_name, {}).get(field)
