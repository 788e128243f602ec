"""What a NodePool of Karpenter makes of types of nodes: those that it takes, with its labels, taints and limits.

Source: Karpenter's API v1 (karpenter.sh): requirements as node selectors, limits over all nodes of a pool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import islice, product
from typing import Any

import msgspec

from kubelogic.kinds import quantity
from kubelogic.text.documents import Item
from kubelogic.text.location import Fault
from kubelogic.text.numbers import whole

_CAPACITY_TYPE = "karpenter.sh/capacity-type"
POOL = "karpenter.sh/nodepool"
"""The label of nodes that belong to a pool."""

_MOST_WEIGHT = 100
_MOST = 64
"""Nodes of one type that differ only in labels which the pool chooses, at most."""


class NodePool(msgspec.Struct, frozen=True, kw_only=True):
    """What a NodePool says of all its nodes together.

    Attributes:
        name: its name.
        weight: pools of a higher weight are used first.
        limits: by resource, what the capacities of all its nodes come to at most; ``nodes`` counts them.
    """

    name: str
    weight: int = 0
    limits: Mapping[str, Fraction] = {}

    def use(self, node: Mapping[str, Any], resource: str) -> Fraction:
        """How much of a limit a node uses: of its capacity.

        Args:
            node: its document.
            resource: as in ``limits``.
        """
        if resource == "nodes":
            return Fraction(1)
        status = node.get("status") or {}
        try:
            return quantity.parse((status.get("capacity") or status.get("allocatable") or {}).get(resource) or 0)
        except (TypeError, ValueError):
            return Fraction(0)  # the API server refuses such a node, with its place


def node_pool(item: Item, faults: list[Fault]) -> NodePool:
    """The weight and the limits of a NodePool.

    Args:
        item: the NodePool.
        faults: where what is wrong goes.

    Source: karpenter, pkg/apis/v1/nodepool.go (Limits, Weight), scheduling/scheduler.go (filterByRemainingResources),
    pkg/utils/nodepool (OrderByWeight).
    """
    spec = item.document.get("spec") or {}
    weight, limits = spec.get("weight"), dict[str, Fraction]()
    if weight is not None and (
        isinstance(weight, bool) or not isinstance(weight, int) or not 0 < weight <= _MOST_WEIGHT
    ):
        faults.append(item.fault(("spec", "weight"), "KL122", f"is a whole number from 1 to {_MOST_WEIGHT}"))
        weight = None
    given = spec.get("limits") or {}
    for resource, text in given.items() if isinstance(given, Mapping) else ():
        try:
            limits[resource] = quantity.parse(text)
        except (TypeError, ValueError):
            faults.append(item.fault(("spec", "limits", resource), "KL113", f"{text!r} is no quantity"))
    name = str((item.document.get("metadata") or {}).get("name", ""))
    return NodePool(name=name, weight=weight or 0, limits=limits)


def karpenter_nodes(item: Item, types: Sequence[Item], limit: str, faults: list[Fault]) -> Iterator[tuple[str, Item]]:
    """The types of nodes of a pool: each type that meets its requirements, once for each choice that they leave open.

    Each comes with the name of the type of machine that it is of.

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
    added = {POOL: name, **((template.get("metadata") or {}).get("labels") or {})}
    requirements = list(inner.get("requirements") or ())
    if not any(each.get("key") == _CAPACITY_TYPE for each in requirements):
        added.setdefault(_CAPACITY_TYPE, "on-demand")
    wrong = [each for each in requirements if each.get("operator") not in MEETS]
    for each in wrong:
        path = ("spec", "template", "spec", "requirements", requirements.index(each), "operator")
        faults.append(item.fault(path, "KL135", f"is one of {', '.join(sorted(MEETS))}"))
    if not types:
        message = "which machines it can choose from is not in the input: name a Node of each type with --pools, too"
        faults.append(item.fault((), "KL118", message))
    if wrong:
        return
    pool = node_pool(item, faults)
    for machine in types:
        labels = {**((machine.document.get("metadata") or {}).get("labels") or {}), **added}
        for number, chosen in enumerate(islice(_choices(requirements, labels), _MOST)):
            kind = (machine.document.get("metadata") or {}).get("name", "")
            own = f"{name}-{kind}" + (f"-{number + 1}" if number else "")
            annotations = _annotations(machine.document, pool, limit)
            metadata = {"name": own, "labels": {**labels, **chosen, "kubernetes.io/hostname": own}}
            taints = [*((machine.document.get("spec") or {}).get("taints") or ()), *(inner.get("taints") or ())]
            document = {
                **machine.document,
                "metadata": {**metadata, "annotations": annotations},
                "spec": {"taints": taints} if taints else {},
            }
            yield kind, msgspec.structs.replace(item, document=document)


def _choices(requirements: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Labels that the pool gives a node beside those that it has, in each way that the requirements allow."""
    open_ones: list[list[tuple[str, str]]] = []
    for each in requirements:
        key, operator, values = each.get("key", ""), each.get("operator"), [str(v) for v in each.get("values") or ()]
        if key not in labels and operator == "In":
            open_ones.append([(key, value) for value in sorted(set(values))])
        elif not MEETS[str(operator)](labels.get(key), values):
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


MEETS: Mapping[str, Callable[[str | None, Sequence[str]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": _there,
    "DoesNotExist": _absent,
    "Gt": _greater,
    "Lt": _less,
    "Gte": lambda value, values: _number(value) is not None and not _less(value, values),
    "Lte": lambda value, values: _number(value) is not None and not _greater(value, values),
}
"""Whether a label, or None, meets a requirement, by its operator."""


def _annotations(machine: Mapping[str, Any], pool: NodePool, limit: str) -> dict[str, str]:
    """Those of the type, with how many nodes of it alone the limits of the pool allow."""
    annotations: dict[str, str] = dict((machine.get("metadata") or {}).get("annotations") or {})
    uses = [(asked, pool.use(machine, resource)) for resource, asked in pool.limits.items()]
    most = [int(asked // each) for asked, each in uses if each > 0]
    if (told := whole(annotations.get(limit))) is not None:
        most.append(told)
    return {**annotations, limit: str(min(most))} if most else annotations
