"""Pools of nodes in short form: ``3:4cpu:16Gi:zone=a:gpu=true!NoSchedule`` are three nodes of 4 CPUs and 16Gi.

A pool is parts between colons: first how many nodes, then in any order

- amounts of what they offer: ``4cpu``, ``500mcpu``, ``16Gi`` (memory), ``100Gidisk``, ``50pods``, ``2nvidia.com/gpu``;
- labels ``KEY=VALUE``, where ``zone``, ``region``, ``type``, ``arch`` and ``os`` stand for the labels that clouds set;
- taints ``KEY=VALUE!EFFECT`` or ``KEY!EFFECT``.

What a pool does not say is as in ``DEFAULTS``.

Docs: reference/labels-annotations-taints; concepts/scheduling-eviction/taint-and-toleration.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count, islice
from typing import Any

import msgspec

from kubelogic.kinds import quantity
from kubelogic.kinds.validation import names
from kubelogic.patterns import regex
from kubelogic.text.location import Fault, Location

DEFAULTS: Mapping[str, str] = {"cpu": "4", "memory": "16Gi", "pods": "110", "ephemeral-storage": "100Gi"}
"""What a node offers of a resource that its pool does not name."""

MOST = 10_000
"""Nodes of all pools together, at most: twice what Kubernetes supports."""

NODES = "--nodes"
"""The option that adds pools to a cluster."""

_POOL = regex(r"[0-9]+(:|$)")
_AMOUNT = regex(
    r"(?P<amount>[0-9]+(?:\.[0-9]+)?(?:m|[kMGTPE]i?)?)"
    r"(?P<name>cpu|memory|pods|disk|ephemeral-storage|hugepages-[0-9]+[KMG]i|[a-z0-9][a-z0-9.-]*/[A-Za-z0-9._-]+)?"
)
_NAMES = {"disk": "ephemeral-storage"}
_SHORT: Mapping[str, tuple[str, ...]] = {
    "zone": ("topology.kubernetes.io/zone",),
    "region": ("topology.kubernetes.io/region",),
    "type": ("node.kubernetes.io/instance-type",),
    "arch": ("kubernetes.io/arch",),
    "os": ("kubernetes.io/os",),
}
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_WHOLE = frozenset({"pods"})
_LARGEST = 2**53
_UNITS = {"cpus": "cpu", "core": "cpu", "cores": "cpu", "vcpu": "cpu", "c": "cpu", "gb": "Gi", "gib": "Gi", "g": "Gi"}
_UNITS |= {"mb": "Mi", "mib": "Mi", "tb": "Ti", "tib": "Ti", "pod": "pods", "gpu": "nvidia.com/gpu"}
_UNITS |= {"ki": "Ki", "mi": "Mi", "gi": "Gi", "ti": "Ti"}
_OFFERED = regex(r"cpu|memory|pods|disk|ephemeral-storage|hugepages-[0-9]+[KMG]i|[a-z0-9.-]+/gpu")
"""Keys that name what a node offers: with a number behind them no label is meant."""


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """Some nodes that are alike.

    Attributes:
        text: as it was typed.
        count: how many.
        offers: by resource, what each has for pods; what ``DEFAULTS`` has beside it included.
        assumed: what of CPU and memory the text does not say.
        labels: of each node, beside those of every node.
        taints: key, value and effect.
    """

    text: str
    count: int
    offers: Mapping[str, str]
    assumed: Sequence[str] = ()
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    taints: Sequence[tuple[str, str, str]] = ()


def is_pool(text: str) -> bool:
    """Whether a text is a pool and not the name of a file.

    >>> is_pool("3"), is_pool("3:4cpu"), is_pool("nodes.yaml"), is_pool("./3")
    (True, True, False, False)
    """
    return _POOL.match(text) is not None


def parse(text: str, option: str = NODES) -> tuple[Pool | None, tuple[Fault, ...]]:
    """The pool of a text, or all that is wrong with it, each with its column.

    Args:
        text: as typed.
        option: behind which it was typed: the file of its faults.

    >>> pool, _ = parse("2:8cpu:zone=a:gpu!NoSchedule")
    >>> pool.count, pool.offers["cpu"], dict(pool.labels), pool.taints
    (2, '8', {'topology.kubernetes.io/zone': 'a'}, (('gpu', '', 'NoSchedule'),))
    """
    number_of, offers, labels, taints = 0, dict[str, str](), dict[str, str](), list[tuple[str, str, str]]()
    faults: list[Fault] = []
    column = 1
    for number, part in enumerate(text.split(":")):
        try:
            if number == 0:
                number_of = _count(part)
            elif "!" in part:
                taint = _taint(part)
                if any((key, effect) == (taint[0], taint[2]) for key, _, effect in taints):
                    raise _WrongError(f"the taint {taint[0]}!{taint[2]} is there twice")
                taints.append(taint)
            elif "=" in part:
                key, value = _label(part)
                if key in labels:
                    raise _WrongError(f"the label {key} is there twice")
                labels[key] = value
            else:
                name, amount = _amount(part)
                if name in offers:
                    raise _WrongError(f"{name} is there twice")
                offers[name] = amount
        except _WrongError as error:
            faults.append(_fault(text, option, column + error.column, str(error)))
        column += len(part) + 1
    if faults:
        return None, tuple(faults)
    return Pool(
        text=text,
        count=number_of,
        offers={**DEFAULTS, **offers},
        assumed=tuple(name for name in ("cpu", "memory") if name not in offers),
        labels=labels,
        taints=tuple(taints),
    ), ()


class _WrongError(ValueError):
    """What is wrong with a part, and how many characters into it."""

    def __init__(self, message: str, column: int = 0) -> None:
        self.column = column
        super().__init__(message)


def _fault(text: str, option: str, column: int, message: str) -> Fault:
    place = Location(file=option, line=1, column=column)
    return Fault(location=place, code="KL118", message=message, excerpt=text, caret=column)


def _count(part: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", part) or not 0 < int(part) <= MOST:
        raise _WrongError(f"a pool starts with its number of nodes, from 1 to {MOST:,}")
    return int(part)


def _amount(part: str) -> tuple[str, str]:
    if not part:
        raise _WrongError("nothing stands between two colons, or behind the last one")
    match = _AMOUNT.fullmatch(part)
    if match is None:
        raise _WrongError(f"{part!r} is no amount, no label KEY=VALUE and no taint KEY!EFFECT{_meant(part)}")
    amount, name = match["amount"], match["name"]
    if name is None:
        if amount[-1] not in "kMGTPEi":
            raise _WrongError(f"{amount} of what? Such as {amount}cpu or {amount.removesuffix('m')}Gi")
        name = "memory"
    name = _NAMES.get(name, name)
    if (name in _WHOLE or "/" in name) and not amount.isdecimal():
        raise _WrongError(f"{name} is counted in whole numbers")
    wrong = names.qualified_name(name)
    if wrong:
        raise _WrongError(f"{name!r} is no name of a resource: it {wrong}", len(amount))
    if not 0 < quantity.parse(amount) < _LARGEST:
        raise _WrongError(f"{amount} of {name} is out of bounds")
    return name, amount


def _meant(part: str) -> str:
    """What was meant perhaps: usual other names of units, or a word that is nearly one."""
    match = re.fullmatch(r"([0-9.]+)([A-Za-z][A-Za-z-]*)", part)
    if match is None:
        return ""
    unit = match[2].lower()
    near = difflib.get_close_matches(unit, ("cpu", "memory", "pods", "disk"), n=1)
    meant = _UNITS.get(unit) or (near[0] if near else "")
    return f"; did you mean {match[1]}{meant}?" if meant else ""


def _label(part: str) -> tuple[str, str]:
    key, _, value = part.partition("=")
    wrong = names.qualified_name(key)
    if wrong:
        raise _WrongError(f"{key!r} is no key of a label: it {wrong}")
    wrong = names.label_value(value)
    if wrong:
        raise _WrongError(f"{value!r} is no value of a label: it {wrong}", len(key) + 1)
    if _OFFERED.fullmatch(key) and (amount := value.removesuffix(key)) and _AMOUNT.fullmatch(amount):
        raise _WrongError(f"{part} would be a label; an amount is written {amount}{'' if key == 'memory' else key}")
    return _SHORT.get(key, (key,))[0], value


def _taint(part: str) -> tuple[str, str, str]:
    text, _, effect = part.rpartition("!")
    key, _, value = text.partition("=")
    wrong = names.qualified_name(key)
    if wrong:
        raise _WrongError(f"{key!r} is no key of a taint: it {wrong}")
    wrong = names.label_value(value)
    if wrong:
        raise _WrongError(f"{value!r} is no value of a taint: it {wrong}", len(key) + 1)
    if effect not in _EFFECTS:
        near = difflib.get_close_matches(effect, _EFFECTS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise _WrongError(f"the effect of a taint is one of {', '.join(_EFFECTS)}{hint}", len(text) + 1)
    return key, value, effect


def node_documents(pools: Sequence[Pool], taken: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """The Node objects of pools: ``node-1`` and on, numbered through all pools in the order in which they stand.

    Args:
        pools: in this order.
        taken: names of nodes that are there already.
    """
    total = sum(pool.count for pool in pools)
    width = len(str(total))
    free = (name for number in count(1) if (name := f"node-{number:0{width}}") not in taken)
    for pool in pools:
        taints = [
            {"key": key, **({"value": value} if value else {}), "effect": effect} for key, value, effect in pool.taints
        ]
        for name in islice(free, pool.count):
            standard = {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}
            labels = {**standard, **pool.labels, "kubernetes.io/hostname": name}
            yield {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": labels},
                "spec": {"taints": taints} if taints else {},
                "status": {"capacity": dict(pool.offers), "allocatable": dict(pool.offers)},
            }
