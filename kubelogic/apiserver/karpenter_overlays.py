"""What NodeOverlays of Karpenter change of the types of nodes that its NodePools take: their price, and more resources.

The gate NodeOverlay is off in Karpenter unless switched on; who writes one is taken to mean it.

Source: karpenter, pkg/controllers/nodeoverlay/{controller,store}.go, pkg/apis/v1alpha1/nodeoverlay.go (with
OrderByWeight), pkg/cloudprovider/types.go (AdjustedPrice).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import msgspec

from kubelogic.apiserver.karpenter import MEETS, POOL, Requirement, read_requirements
from kubelogic.kinds import quantity
from kubelogic.patterns import regex
from kubelogic.text.documents import Item
from kubelogic.text.location import Fault, Path
from kubelogic.text.notices import Notice

_PRICE = regex(r"\d+(\.\d+)?", re.ASCII)
_ADJUSTMENT = regex(r"[+-]\d*\.?\d+|\+\d*\.?\d+%|-\d{1,2}(\.\d+)?%|-100%", re.ASCII)
_FIXED = ("cpu", "memory", "ephemeral-storage", "pods")
_MOST_WEIGHT = 10_000
_DEAREST = 10**9
_DIGITS = 6
"""Decimals of a price."""


class NodeOverlay(msgspec.Struct, frozen=True, kw_only=True):
    """An overlay that can be applied.

    Attributes:
        item: where it is written.
        name: its name.
        weight: overlays of a higher weight come first.
        requirements: which types of nodes it is for.
        price: what becomes of their price: another one, or with a sign by how much it changes; empty: it stays.
        capacity: resources that they have as well.
    """

    item: Item
    name: str
    weight: int
    requirements: tuple[Requirement, ...]
    price: str
    capacity: Mapping[str, str]

    def is_for(self, node: Mapping[str, Any]) -> bool:
        """Whether a node, by its labels, is of a type that it is for."""
        labels = node["metadata"].get("labels") or {}
        return all(MEETS[operator](labels.get(key), values) for key, operator, values in self.requirements)


def node_overlay(item: Item, faults: list[Fault]) -> NodeOverlay | None:
    """Read a NodeOverlay; None if something is wrong about it.

    Args:
        item: the NodeOverlay.
        faults: where what is wrong goes.
    """
    before = len(faults)
    spec = item.document.get("spec") or {}
    if not isinstance(spec, Mapping):
        faults.append(item.fault(("spec",), "KL110", "is a mapping"))
        return None

    def wrong(path: Path, code: str, message: str) -> None:
        faults.append(item.fault(("spec", *path), code, message))

    requirements = read_requirements(spec.get("requirements"), wrong)
    price, adjustment = spec.get("price"), spec.get("priceAdjustment")
    if price is not None and adjustment is not None:
        wrong(("priceAdjustment",), "KL142", "cannot be set together with price")
    for field, value, form, example in (
        ("price", price, _PRICE, "0.25"),
        ("priceAdjustment", adjustment, _ADJUSTMENT, "-10% or +0.05"),
    ):
        if value is not None and (not isinstance(value, str) or not form.fullmatch(value)):
            wrong((field,), "KL143", f"is text such as {example}, not {value!r}")
        elif value is not None and abs(Fraction(value.rstrip("%"))) >= _DEAREST:
            wrong((field,), "KL122", f"is below {_DEAREST:,}")
    weight = spec.get("weight")
    if weight is not None and not (type(weight) is int and 0 < weight <= _MOST_WEIGHT):
        wrong(("weight",), "KL122", f"is a whole number from 1 to {_MOST_WEIGHT:,}")
    capacity = spec.get("capacity") or {}
    if not isinstance(capacity, Mapping):
        wrong(("capacity",), "KL110", "is a mapping of resources to amounts")
        capacity = {}
    for resource, amount in capacity.items():
        if resource in _FIXED:
            wrong(("capacity", resource), "KL127", "an overlay adds extended resources only")
        try:
            quantity.parse(amount)
        except (TypeError, ValueError):
            wrong(("capacity", resource), "KL113", f"{amount!r} is no quantity")
    if len(faults) > before:
        return None
    name = str((item.document.get("metadata") or {}).get("name", ""))
    amounts = {str(resource): str(amount) for resource, amount in capacity.items()}
    return NodeOverlay(
        item=item,
        name=name,
        weight=weight or 0,
        requirements=requirements,
        price=price or adjustment or "",
        capacity=amounts,
    )


class _Store:
    """What was changed of one machine type in one pool, overlay by overlay, those of a higher weight first."""

    def __init__(self) -> None:
        self.prices: dict[int, NodeOverlay] = {}
        self.last_price: dict[int, NodeOverlay] = {}
        self.capacity: dict[str, str] = {}
        self.last_capacity: NodeOverlay | None = None

    def clash(self, overlay: NodeOverlay, offerings: Sequence[int]) -> NodeOverlay | None:
        """The overlay of the same weight that has changed the same."""
        for each in offerings if overlay.price else ():
            last = self.last_price.get(each)
            if last is not None and last.weight == overlay.weight:
                return last
        other = self.last_capacity
        same = (
            other is not None
            and other.weight == overlay.weight
            and not overlay.capacity.keys().isdisjoint(other.capacity)
        )
        return other if same else None

    def apply(self, overlay: NodeOverlay, offerings: Sequence[int]) -> None:
        for each in offerings if overlay.price else ():
            self.prices.setdefault(each, overlay)
            self.last_price[each] = overlay
        if overlay.capacity:
            self.capacity = {**overlay.capacity, **self.capacity}
            self.last_capacity = overlay


def overlaid(
    made: Sequence[tuple[str, Item]], overlays: Iterable[NodeOverlay], price: str
) -> tuple[list[Item], list[Notice]]:
    """Types of nodes as overlays have them, and what there is to say about overlays that do nothing.

    Args:
        made: the nodes that NodePools take, each with the machine type that it is of.
        overlays: in any order.
        price: the annotation that has the price of a node.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for number, (machine, item) in enumerate(made):
        pool = str((item.document["metadata"].get("labels") or {}).get(POOL) or "")
        groups.setdefault((pool, machine), []).append(number)
    stores = {group: _Store() for group in groups}
    notices: list[Notice] = []
    by_name = sorted(overlays, key=lambda each: each.name, reverse=True)
    for overlay in sorted(by_name, key=lambda each: -each.weight):
        chosen = {
            group: offerings
            for group, numbers in groups.items()
            if (offerings := [number for number in numbers if overlay.is_for(made[number][1].document)])
        }
        clashes = [stores[group].clash(overlay, offerings) for group, offerings in chosen.items()]
        other = next((each for each in clashes if each is not None), None)
        if other is not None:
            said = f"is not applied: it is in conflict with NodeOverlay {other.name}, which has the same weight"
        elif not chosen:
            said = "is for none of the types of nodes that NodePools take"
        else:
            for group, offerings in chosen.items():
                stores[group].apply(overlay, offerings)
            continue
        location = overlay.item.origin.locate(("metadata", "name"))
        notices.append(Notice(code="KL191", message=f"NodeOverlay {overlay.name} {said}", location=location))
    found: dict[int, Item] = {}
    for group, numbers in groups.items():
        store = stores[group]
        for number in numbers:
            found[number] = _changed(made[number][1], store.prices.get(number), store.capacity, price)
    return [found[number] for number in range(len(made))], notices


def _changed(item: Item, by: NodeOverlay | None, capacity: Mapping[str, str], price: str) -> Item:
    document = dict(item.document)
    if by is not None:
        annotations = dict(document["metadata"].get("annotations") or {})
        annotations[price] = _text(adjusted(_fraction(annotations.get(price, "1")), by.price))
        document["metadata"] = {**document["metadata"], "annotations": annotations}
    if capacity:
        status = document.get("status") or {}
        more = {
            name: {**(status.get(name) or {}), **capacity} for name in ("capacity", "allocatable") if status.get(name)
        }
        document["status"] = {**status, **more}
    return msgspec.structs.replace(item, document=document)


def adjusted(price: Fraction, change: str) -> Fraction:
    """A price after a change: another price, or by how much it goes up or down, never below 0.

    >>> [str(adjusted(Fraction(2), change)) for change in ("0.5", "-25%", "+.5", "-3")]
    ['1/2', '3/2', '5/2', '0']
    """
    if change[0] not in "+-":
        return Fraction(change)
    amount = Fraction(change.rstrip("%"))
    return max(Fraction(0), price * (1 + amount / 100) if change.endswith("%") else price + amount)


def _fraction(text: str) -> Fraction:
    try:
        return Fraction(text)
    except ValueError:
        return Fraction(1)  # what is wrong about it is told where the price is read


def _text(price: Fraction) -> str:
    """The price as an annotation has it."""
    whole_part, rest = divmod(round(price * 10**_DIGITS), 10**_DIGITS)
    return f"{whole_part}.{rest:0{_DIGITS}}".rstrip("0").rstrip(".")
