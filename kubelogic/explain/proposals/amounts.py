"""Proposals to ask for less: where the request is written, for as much as is free.

What a pod asks for comes from several places: containers, sidecars, init containers, the pod as a whole, the overhead
of its RuntimeClass, the defaults of a LimitRange. A smaller request is written where the largest part comes from.
Source: component-helpers/resource/helpers.go, PodRequests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import msgspec

from kubelogic.cluster.pods import node_of
from kubelogic.explain.blockers import Blocker
from kubelogic.explain.proposals.case import (
    Candidate,
    Case,
    Document,
    Edit,
    Operation,
    Patch,
    allocatable_of,
    by_app,
    by_platform,
    pinned_to,
)
from kubelogic.explain.proposals.patches import add, dig, remove, setting
from kubelogic.explain.units import amount, in_bytes
from kubelogic.kinds import quantity

_OF_PODS = ("cpu", "memory")
"""Resources that can be asked for by a pod as a whole, beside huge pages."""

_LEAST = 10
"""A request is not made smaller than its tenth: that would be another program."""

_HALVINGS = 40
"""Steps in which the largest part is looked for: it is then known to the last millicore and Mi."""

Path = tuple[str | int, ...]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a pod spec at which an amount is asked for; ``name`` is empty for the only container."""

    path: Path
    name: str
    amount: int


def shrink(case: Case) -> Iterator[Candidate]:
    """Ask for as much as the roomiest node has: of those that nothing else bars, and of all."""
    found = case.about("rejects_fit")
    barred = case.barred("rejects_fit")
    open_ones = sorted({blocker.node for blocker in found} - barred)
    every = sorted({blocker.node for blocker in found})
    if case.workload.kind == "DaemonSet":  # of whose waiting pods each is for a node of its own
        own = [name for name in map(pinned_to, case.waiting) if name in every]
        worst = _roomiest(found, own, most=len(own))[-1:]
        yield from filter(None, (_smaller(case, name, _short(found, name)) for name in worst))
        return
    seen: set[str] = set()
    for nodes in (open_ones, every):
        tried = [_smaller(case, name, _short(found, name)) for name in _roomiest(found, nodes)]
        if case.missing > 1:
            tried += [_for_all(case, found, nodes, again=again) for again in (False, True)]
        for candidate in filter(None, tried):
            amounts = candidate.summary.rpartition(", ")[0]
            if amounts not in seen:
                seen.add(amounts)
                yield candidate


def _short(found: list[Blocker], node: str) -> list[Blocker]:
    """What a node is short of."""
    return [blocker for blocker in found if blocker.node == node]


def _roomiest(found: list[Blocker], nodes: list[str], *, most: int = 2) -> list[str]:
    """The nodes on which the pod has to give up the smallest part of what it asks for, so many at most."""
    worst: dict[str, float] = {}
    for blocker in found:
        share = int(blocker.witness["Free"]) / max(int(blocker.witness["Requested"]), 1)
        worst[blocker.node] = min(share, worst.get(blocker.node, share))
    return sorted(nodes, key=lambda name: (-worst[name], name))[:most]


def _smaller(case: Case, node: str, short: list[Blocker]) -> Candidate | None:
    """Ask for what a node has free, of each resource that it is short of."""
    free = {str(each.witness["Resource"]): max(int(each.witness["Free"]), 0) for each in short}
    return _asking(case, short, free, f"what {node} has free")


def _for_all(case: Case, found: list[Blocker], nodes: list[str], *, again: bool) -> Candidate | None:
    """Ask for the most with which all pods that still have to get a node find room together, on some nodes.

    Args:
        case: what is known of the pods.
        found: what the nodes are short of.
        nodes: the nodes that count.
        again: whether the pods that run are placed anew, too, so that what they use counts as free.
    """
    running = Counter(map(node_of, case.pods)) if again else Counter[str]()
    running.pop("", None)
    if again and not running:
        return None
    number = case.missing + running.total()
    short = [each for each in found if each.node in nodes]
    free: dict[str, Fraction] = {}  # of each node, in pods as they are now
    for each in short:
        requested = max(int(each.witness["Requested"]), 1)
        left = Fraction(max(int(each.witness["Free"]), 0) + running[each.node] * requested, requested)
        free[each.node] = min(left, free.get(each.node, left))
    part = _part(list(free.values()), number)
    if not 0 < part < 1:
        return None
    most = {str(each.witness["Resource"]): int(int(each.witness["Requested"]) * part) for each in short}
    return _asking(case, short, most, f"so that all {number} find room")


def _part(free: Sequence[Fraction], number: int) -> Fraction:
    """The largest part of itself to which a pod can shrink so that so many find room; 0 if there is no room at all.

    >>> _part([Fraction(4, 3)] * 6, 20), _part([Fraction(1), Fraction(2)], 7), _part([], 2)
    (Fraction(1, 3), Fraction(2, 5), Fraction(0, 1))
    """
    rooms = [float(each) for each in free]
    low, high = 0.0, max(rooms, default=0.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle and sum(int(room / middle) for room in rooms) >= number:
            low = middle
        else:
            high = middle
    held = [int(room / low) for room in rooms] if low else []
    # what was found is a little too small: so many pods a node are as many up to the first node that is full
    return min((each / pods for each, pods in zip(free, held, strict=bool(held)) if pods), default=Fraction(0))


def _asking(case: Case, short: list[Blocker], most: Mapping[str, int], why: str) -> Candidate | None:
    """Ask for so much of each resource at most, written where the largest part comes from."""
    edits: list[tuple[Part, str, int]] = []
    limits: list[tuple[Part, str, int]] = []
    texts, cost = [], 4
    asked = {str(each.witness["Resource"]): int(each.witness["Requested"]) for each in short}
    for resource, requested in asked.items():
        # What comes on top of the containers: overhead that admission wrote, or that a RuntimeClass will add.
        extra = max(requested - _of_containers(case.spec, resource), 0)
        parts = _parts_to_shrink(case.spec, resource, most[resource] - extra)
        if not parts:
            return None
        for part, amount_left in parts:
            left = _rounded(resource, amount_left)
            if left <= 0 or left * _LEAST < part.amount:
                return None
            cost += left * 2 < part.amount
            edits.append((part, resource, left))
            where = f" for {part.name}" if part.name else ""
            texts.append(f"{amount(resource, left)} of {resource} instead of {amount(resource, part.amount)}{where}")
            limit = _limit_to_lower(case, part, resource, left)
            if limit is not None:
                limits.append((part, resource, limit))
                texts[-1] += f" (and limit it to {amount(resource, limit)})"

    def edit(document: Document) -> list[Operation]:
        operations: list[Operation] = []
        for part, resource, left in edits:
            operations += _written(document, part, resource, left, operations)
        for part, resource, limit in limits:
            operations += setting(document, (*part.path, "limits", resource), as_written(resource, limit))
        return operations

    return by_app(
        "request",
        cost,
        f"request {' and '.join(texts)}, {why}",
        edit,
        gives_up=1000 - min(1000 * most[resource] // max(requested, 1) for resource, requested in asked.items()),
    )


def _limit_to_lower(case: Case, part: Part, resource: str, left: int) -> int | None:
    """The limit that a smaller request has to come with, where a LimitRange bounds the ratio of the two.

    Source: plugin/pkg/admission/limitranger/admission.go, limitRequestRatioConstraint.

    Args:
        case: with the LimitRanges of the namespace.
        part: where the request is written.
        resource: what is asked for.
        left: the new request, in the unit of the resource.

    Returns:
        None if the limit may stay, or if there is none.
    """
    limit = (dig(case.spec, (*part.path[1:], "limits")) or {}).get(resource)
    ratios = [
        quantity.parse(item["maxLimitRequestRatio"][resource])
        for key, limits in sorted(case.cluster.objects("LimitRange").items())
        if limits.namespace == case.pod.namespace
        for item in (limits.document.get("spec") or {}).get("limits") or ()
        if resource in (item.get("maxLimitRequestRatio") or {}) and item.get("type") in ("Container", "Pod")
    ]
    if limit is None or not ratios:
        return None
    most = _rounded(resource, int(left * min(ratios)))
    return most if most < quantity.amount(resource, limit) else None


def _rounded(resource: str, left: int) -> int:
    return left // 1024**2 * 1024**2 if in_bytes(resource) else left


def requested(spec: Document, resource: str) -> int:
    """What a pod asks for in all, its overhead with it, in the units of quantities."""
    return _of_containers(spec, resource) + quantity.amount(resource, (spec.get("overhead") or {}).get(resource, 0))


def _of_containers(spec: Document, resource: str) -> int:
    """What a pod asks for beside its overhead, as far as its spec says.

    >>> pod = {"containers": [{"resources": {"requests": {"cpu": "1"}}}], "overhead": {"cpu": "250m"},
    ...        "initContainers": [{"resources": {"requests": {"cpu": "3"}}}]}
    >>> _of_containers(pod, "cpu")
    3000
    """
    whole = _whole(spec, resource)
    return max(_sum(spec, resource), _peak(spec, resource)) if whole is None else whole


def _whole(spec: Document, resource: str) -> int | None:
    """What the pod asks for as a whole; None if it does not."""
    if resource not in _OF_PODS and not resource.startswith("hugepages-"):
        return None
    resources = spec.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return quantity.amount(resource, asked[resource]) if resource in asked else None


def _asks(container: Mapping[str, Any], resource: str) -> int:
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return quantity.amount(resource, asked.get(resource, 0))


def _sidecars(spec: Document) -> list[tuple[int, Mapping[str, Any]]]:
    listed = enumerate(spec.get("initContainers") or ())
    return [(i, each) for i, each in listed if each.get("restartPolicy") == "Always"]


def _sum(spec: Document, resource: str) -> int:
    """What runs at the same time asks for: containers and sidecars."""
    running = [*(spec.get("containers") or ()), *(each for _, each in _sidecars(spec))]
    return sum(_asks(each, resource) for each in running)


def _peak(spec: Document, resource: str) -> int:
    """What the start asks for at most: each init container with the sidecars before it."""
    beside = peak = 0
    for each in spec.get("initContainers") or ():
        asked = _asks(each, resource)
        if each.get("restartPolicy") == "Always":
            beside += asked
        peak = max(peak, beside + (0 if each.get("restartPolicy") == "Always" else asked))
    return peak


def _parts_to_shrink(spec: Document, resource: str, limit: int) -> list[tuple[Part, int]]:
    """The places to write less in, and how much, so that a pod asks for ``limit`` at most."""
    found: list[tuple[Part, int]] = []
    whole = _whole(spec, resource)
    if whole is not None and whole > limit:
        found.append((Part(path=("spec", "resources"), name="the whole pod", amount=whole), limit))
    parts = [
        Part(path=("spec", "containers", i, "resources"), name=str(each.get("name")), amount=_asks(each, resource))
        for i, each in enumerate(spec.get("containers") or ())
    ]
    parts += [
        Part(path=("spec", "initContainers", i, "resources"), name=f"sidecar {each.get('name')}", amount=asked)
        for i, each in _sidecars(spec)
        if (asked := _asks(each, resource))
    ]
    excess = _sum(spec, resource) - limit
    if excess > 0:
        largest = max(parts, key=lambda part: part.amount)
        name = "" if len([part for part in parts if part.amount]) == 1 else largest.name
        part = Part(path=largest.path, name=name, amount=largest.amount)
        found.append((part, largest.amount - excess))
    beside = 0
    for i, each in enumerate(spec.get("initContainers") or ()):
        asked = _asks(each, resource)
        if each.get("restartPolicy") == "Always":
            beside += asked
        elif beside + asked > limit:
            path = ("spec", "initContainers", i, "resources")
            found.append((Part(path=path, name=f"init container {each.get('name')}", amount=asked), limit - beside))
    return found


def _written(document: Document, part: Part, resource: str, left: int, before: list[Operation]) -> Iterator[Operation]:
    """Operations that write an amount at a place, after some others."""
    value = as_written(resource, left)
    resources = dig(document, part.path) or {}
    made = {operation["path"] for operation in before}
    if "/" in resource or resource.startswith("hugepages-"):
        fields = [name for name in ("limits", "requests") if resource in (resources.get(name) or {})]
    else:
        fields = ["requests"]
    for field in fields:
        path = (*part.path, field, resource)
        operations = setting(document, path, value)
        if operations[0]["path"] in made:  # an operation before this one has made the mapping
            operations = [add(path, value)]
        yield from operations


def as_written(resource: str, value: int) -> str:
    """An amount as manifests have it.

    >>> as_written("cpu", 1500), as_written("cpu", 4000), as_written("memory", 3 * 1024**3), as_written("pods", 3)
    ('1500m', '4', '3Gi', '3')
    """
    if resource == "cpu":
        return f"{value}m" if value % 1000 else str(value // 1000)
    if in_bytes(resource):
        for unit, suffix in ((1024**3, "Gi"), (1024**2, "Mi"), (1024, "Ki")):
            if value % unit == 0:
                return f"{value // unit}{suffix}"
    return str(value)


def do_without(case: Case) -> Iterator[Candidate]:
    """Do not ask for a device that no node has."""
    have = {
        resource
        for _, node in case.nodes()
        for resource, value in allocatable_of(node).items()
        if quantity.amount(resource, value) > 0
    }
    for resource in sorted({str(blocker.witness["Resource"]) for blocker in case.about("rejects_fit")}):
        if "/" in resource and resource not in have:
            yield by_app("device", 5, f"do not ask for {resource}", _asking_without(resource))


def _asking_without(resource: str) -> Edit:
    def edit(document: Document) -> list[Operation]:
        return [
            remove(path)
            for kind in ("containers", "initContainers")
            for i in range(len(dig(document, ("spec", kind)) or ()))
            for field in ("limits", "requests")
            if dig(document, path := ("spec", kind, i, "resources", field, resource)) is not None
        ]

    return edit


def lower_defaults(case: Case) -> Iterator[Candidate]:
    """Make the default request of a LimitRange smaller, where the workload itself writes none."""
    if case.workload.key == case.pod.key and case.workload.kind == "Pod":
        return
    template = dig(case.workload.document, ("spec", "template", "spec", "containers")) or ()
    found = case.about("rejects_fit")
    for key, limits in sorted(case.cluster.objects("LimitRange").items()):
        if limits.namespace != case.pod.namespace:
            continue
        for i, item in enumerate((limits.document.get("spec") or {}).get("limits") or ()):
            for resource in sorted({str(blocker.witness["Resource"]) for blocker in found}):
                given = quantity.amount(resource, (item.get("defaultRequest") or {}).get(resource, 0))
                silent = [each for each in template if not _asks(each, resource)]
                if item.get("type") != "Container" or not given or not silent:
                    continue
                room = max(int(b.witness["Free"]) for b in found if b.witness["Resource"] == resource)
                others = sum(_asks(each, resource) for each in template)
                left = _rounded(resource, (room - others) // len(silent))
                if 0 < left < given:
                    shown = f"{amount(resource, left)} of {resource} instead of {amount(resource, given)}"
                    path: Path = ("spec", "limits", i, "defaultRequest", resource)
                    change = Patch(target=limits, operations=(add(path, as_written(resource, left)),))
                    what = f"lower the default request of LimitRange {key} to {shown}"
                    yield by_platform("default request", 6, what, changes=(change,), renews=True)
