"""What a NodePool of Karpenter makes of types of nodes: those that it takes, with its labels, taints and limits.

Source: Karpenter's API v1 (karpenter.sh): requirements as node selectors, limits over all nodes of a pool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import islice, product
from typing import Any, TypeAlias

import msgspec

from kubelogic.apiserver.item_parts import part
from kubelogic.kinds import quantity
from kubelogic.text.documents import Item
from kubelogic.text.location import Fault, Path
from kubelogic.text.numbers import whole

_CAPACITY_TYPE = "karpenter.sh/capacity-type"
POOL = "karpenter.sh/nodepool"
"""The label of nodes that belong to a pool."""

Requirement: TypeAlias = tuple[str, str, tuple[str, ...]]
"""Key of a label, operator, values."""

Wrong: TypeAlias = Callable[[Path, str, str], None]
"""Takes what is wrong: path, code and message."""

_MOST_WEIGHT, _MOST_REQUIREMENTS = 100, 100
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
    weight, limits = part(item, ("spec",), dict, faults).get("weight"), dict[str, Fraction]()
    if weight is not None and (
        isinstance(weight, bool) or not isinstance(weight, int) or not 0 < weight <= _MOST_WEIGHT
    ):
        faults.append(item.fault(("spec", "weight"), "KL122", f"is a whole number from 1 to {_MOST_WEIGHT}"))
        weight = None
    for resource, text in part(item, ("spec", "limits"), dict, faults).items():
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
    before = len(faults)
    name = str((item.document.get("metadata") or {}).get("name", ""))
    pool = node_pool(item, faults)
    inner: Path = ("spec", "template", "spec")
    own_labels = part(item, ("spec", "template", "metadata", "labels"), dict, faults)
    pool_taints = part(item, (*inner, "taints"), list, faults)
    given = part(item, (*inner, "requirements"), list, faults)
    requirements = read_requirements(
        given, lambda path, code, message: faults.append(item.fault((*inner, *path), code, message))
    )
    added = {POOL: name, **own_labels}
    if not any(key == _CAPACITY_TYPE for key, _, _ in requirements):
        added.setdefault(_CAPACITY_TYPE, "on-demand")
    if not types:
        message = "which machines it can choose from is not in the input: name a Node of each type beside it, too"
        faults.append(item.fault((), "KL118", message))
    if len(faults) > before:
        return
    for machine in types:
        labels = {**((machine.document.get("metadata") or {}).get("labels") or {}), **added}
        for number, chosen in enumerate(islice(_choices(requirements, labels), _MOST)):
            kind = (machine.document.get("metadata") or {}).get("name", "")
            own = f"{name}-{kind}" + (f"-{number + 1}" if number else "")
            annotations = _annotations(machine.document, pool, limit)
            metadata = {"name": own, "labels": {**labels, **chosen, "kubernetes.io/hostname": own}}
            taints = [*((machine.document.get("spec") or {}).get("taints") or ()), *pool_taints]
            document = {
                **machine.document,
                "metadata": {**metadata, "annotations": annotations},
                "spec": {"taints": taints} if taints else {},
            }
            yield kind, msgspec.structs.replace(item, document=document)


def unmet(requirements: Sequence[Requirement], labels: Mapping[str, str]) -> str:
    """A key for which no value meets all requirements of a pool on a machine with such labels; empty if there is none.

    Args:
        requirements: as ``read_requirements`` has them.
        labels: of the machine.
    """
    return next((key for key, values in _values(requirements, labels) if not values), "")


def _values(
    requirements: Sequence[Requirement], labels: Mapping[str, str]
) -> Iterator[tuple[str, tuple[str | None, ...]]]:
    """By key that requirements name, the values that meet all of them; None stands for having no such label.

    A label that the machine has is as it is. Else the pool chooses among what its requirements list.
    """
    for key in sorted({key for key, _, _ in requirements}):
        own = [(operator, values) for each, operator, values in requirements if each == key]
        listed = sorted({value for operator, values in own if operator == "In" for value in values})
        among: Sequence[str | None] = [labels[key]] if key in labels else listed or [None]
        yield key, tuple(value for value in among if all(MEETS[operator](value, values) for operator, values in own))


def _choices(requirements: Sequence[Requirement], labels: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Labels that the pool gives a node beside those that it has, in each way that the requirements allow."""
    found = list(_values(requirements, labels))
    for combination in product(*(values for _, values in found)):
        chosen = zip((key for key, _ in found), combination, strict=True)
        yield {key: value for key, value in chosen if value is not None}


def read_requirements(given: Any, wrong: Wrong) -> tuple[Requirement, ...]:
    """Requirements as Karpenter has them: key, operator and values each.

    Args:
        given: what stands at ``requirements``.
        wrong: takes what is wrong: path from what holds the requirements, code and message.
    """
    if not isinstance(given, list):
        wrong(("requirements",), "KL120" if given is None else "KL110", "is a list of requirements, perhaps empty")
        return ()
    if len(given) > _MOST_REQUIREMENTS:
        wrong(("requirements",), "KL129", f"has {len(given)} entries, {_MOST_REQUIREMENTS} at most")
    found: list[Requirement] = []
    for number, each in enumerate(given):
        path: Path = ("requirements", number)
        if not isinstance(each, Mapping) or not isinstance(each.get("key"), str):
            wrong(path, "KL110", "has a key, an operator and values")
            continue
        operator, values = each.get("operator"), each.get("values") or []
        if operator not in MEETS:
            wrong((*path, "operator"), "KL135", f"is one of {', '.join(sorted(MEETS))}")
        elif not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            wrong((*path, "values"), "KL110", "is a list of texts")
        elif operator in ("In", "NotIn") and not values:
            wrong((*path, "values"), "KL135", f"has at least one value for {operator}")
        elif operator in ("Gt", "Lt", "Gte", "Lte") and (len(values) != 1 or whole(values[0]) is None):
            wrong((*path, "values"), "KL135", f"is one whole number for {operator}")
        else:
            found.append((each["key"], str(operator), tuple(values)))
    return tuple(found)


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
