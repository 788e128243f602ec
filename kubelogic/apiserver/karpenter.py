"""What a NodePool of Karpenter makes of types of nodes: those that it takes, with its labels, taints and limits.

Source: Karpenter's API v1 (karpenter.sh): requirements as node selectors, limits over all nodes of a pool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

import msgspec

from kubelogic.kinds import quantity
from kubelogic.text.documents import Item
from kubelogic.text.location import Fault
from kubelogic.text.numbers import whole

_CAPACITY_TYPE = "karpenter.sh/capacity-type"
_MOST = 64
"""Nodes of one type that differ only in labels which the pool chooses, at most."""


def karpenter_nodes(item: Item, types: Sequence[Item], limit: str, faults: list[Fault]) -> Iterator[Item]:
    """The types of nodes of a pool: each type that meets its requirements, once for each choice that they leave open.

    Args:
        item: the NodePool.
        types: Nodes, one of each type of machine that there is.
        limit: the annotation that says how many of a node can be had.
        faults: where what is wrong goes.
    """
    spec = item.document.get("spec") or {}
    template = spec.get("template") or {}
    inner = template.get("spec") or {}
    name = str((item.document.get("metadata") or {}).get("name", ""))
    added = {"karpenter.sh/nodepool": name, **((template.get("metadata") or {}).get("labels") or {})}
    requirements = list(inner.get("requirements") or ())
    if not any(each.get("key") == _CAPACITY_TYPE for each in requirements):
        added.setdefault(_CAPACITY_TYPE, "on-demand")
    wrong = [each for each in requirements if each.get("operator") not in _MEETS]
    for each in wrong:
        path = ("spec", "template", "spec", "requirements", requirements.index(each), "operator")
        faults.append(item.fault(path, "KL135", f"is one of {', '.join(sorted(_MEETS))}"))
    if not types:
        message = "which machines it can choose from is not in the input: name a Node of each type with --pools, too"
        faults.append(item.fault((), "KL118", message))
    if wrong:
        return
    limits: Mapping[str, Any] = spec.get("limits") or {}
    for machine in types:
        labels = {**((machine.document.get("metadata") or {}).get("labels") or {}), **added}
        for number, chosen in enumerate(islice(_choices(requirements, labels), _MOST)):
            kind = (machine.document.get("metadata") or {}).get("name", "")
            own = f"{name}-{kind}" + (f"-{number + 1}" if number else "")
            annotations = _annotations(machine.document, limits, limit)
            metadata = {"name": own, "labels": {**labels, **chosen, "kubernetes.io/hostname": own}}
            taints = [*((machine.document.get("spec") or {}).get("taints") or ()), *(inner.get("taints") or ())]
            document = {
                **machine.document,
                "metadata": {**metadata, "annotations": annotations},
                "spec": {"taints": taints} if taints else {},
            }
            yield msgspec.structs.replace(item, document=document)


def _choices(requirements: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Labels that the pool gives a node beside those that it has, in each way that the requirements allow."""
    open_ones: list[list[tuple[str, str]]] = []
    for each in requirements:
        key, operator, values = each.get("key", ""), each.get("operator"), [str(v) for v in each.get("values") or ()]
        if key not in labels and operator == "In":
            open_ones.append([(key, value) for value in sorted(set(values))])
        elif not _MEETS[str(operator)](labels.get(key), values):
            return
    for combination in product(*open_ones):
        chosen = dict(combination)
        if all(chosen[key] == value for key, value in combination):
            yield chosen


def _number(text: str | None) -> int | None:
    return whole(text)


def _greater(value: str | None, values: Sequence[str]) -> bool:
    number, least = _number(value), _number(values[0] if values else None)
    return number is not None and least is not None and number > least


def _less(value: str | None, values: Sequence[str]) -> bool:
    number, most = _number(value), _number(values[0] if values else None)
    return number is not None and most is not None and number < most


def _there(_value: str | None, _values: Sequence[str]) -> bool:
    return True


def _absent(value: str | None, _values: Sequence[str]) -> bool:
    return value is None


_MEETS: Mapping[str, Callable[[str | None, Sequence[str]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": _there,
    "DoesNotExist": _absent,
    "Gt": _greater,
    "Lt": _less,
}


def _annotations(machine: Mapping[str, Any], limits: Mapping[str, Any], limit: str) -> dict[str, str]:
    """Those of the type, with how many nodes of it the limits of the pool allow."""
    status = machine.get("status") or {}
    offers = status.get("allocatable") or status.get("capacity") or {}
    annotations: dict[str, str] = dict((machine.get("metadata") or {}).get("annotations") or {})
    most = [n for resource, asked in limits.items() if (n := _share(asked, offers.get(resource))) is not None]
    if (told := whole(annotations.get(limit))) is not None:
        most.append(told)
    return {**annotations, limit: str(min(most))} if most else annotations


def _share(limit: Any, offer: Any) -> int | None:
    """How many nodes of an offer a limit of the pool allows, if it is about something that they offer."""
    if offer is None:
        return None
    each = quantity.parse(offer)
    return int(quantity.parse(limit) // each) if each > 0 else None
