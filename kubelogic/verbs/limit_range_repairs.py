"""What keeps pods within the limit ranges of their namespace: other amounts in the workload, or other bounds.

Source: plugin/pkg/admission/limitranger/admission.go, PodValidateLimitFunc.
"""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from typing import Any, Literal

import jsonpatch

from kubelogic.apiserver.admission.limit_ranger import defaulted, limits_in, ranges_of
from kubelogic.cluster import Cluster, Object
from kubelogic.explain.proposals.case import Change, Operation, Owner, Patch
from kubelogic.explain.proposals.patches import dig, setting
from kubelogic.explain.proposals.workloads import template_path
from kubelogic.facts.quota_costs import pod_total
from kubelogic.kinds.quantity import canonical, parse, written

_NANO = 10**9
_STORAGE = ("spec", "resources", "requests", "storage")
_LISTS = ("containers", "initContainers")

Row = tuple[Owner, int, str, tuple[Change, ...]]
"""Who can do it, how much is asked, what to do, and the changes."""

_Field = Literal["requests", "limits"]


def within_limits(cluster: Cluster, top: Object) -> Iterator[Row]:
    """Amounts that no limit range of the namespace refuses, and bounds that take the amounts as they are.

    Args:
        cluster: with the limit ranges.
        top: the workload, or a pod.
    """
    path = template_path(top)
    ranges = ranges_of(cluster, top.namespace)
    spec: Mapping[str, Any] = dig(top.document, (*path, "spec")) or {}
    asked = defaulted(ranges, spec)
    told: set[str] = set()
    for field in ("requests", "limits"):
        operations, words = _edits(top, (*path, "spec"), asked, _kept(ranges, asked, by=field))
        if operations and words not in told:
            told.add(words)
            yield "app", 2 + len(told), words, (Patch(target=top, operations=operations),)
    changes, names = [], []
    for each in ranges:
        found = list(_wider(each, spec, asked))
        if found:
            names.append(f"{', '.join(words for words, _ in found)} in LimitRange {each.key}")
            changes.append(Patch(target=each, operations=tuple(operation for _, operation in found)))
    if changes:
        yield "platform", 5, f"change {' and '.join(names)}", tuple(changes)


def claims_within_limits(cluster: Cluster, top: Object) -> Iterator[Row]:
    """Sizes of claim templates that no limit range refuses, and bounds that take the sizes as they are.

    Args:
        cluster: with the limit ranges.
        top: the StatefulSet.
    """
    mine: list[Operation] = []
    words: list[str] = []
    wider: dict[str, list[Operation]] = {}
    named: list[str] = []
    templates = dig(top.document, ("spec", "volumeClaimTemplates")) or ()
    asked = [parse(dig(each, _STORAGE)) for each in templates if dig(each, _STORAGE) is not None]
    ranges = ranges_of(cluster, top.namespace)
    for each in ranges:
        for number, item in enumerate(limits_in(each)):
            for bound, beyond, hardest in (("min", operator.lt, min), ("max", operator.gt, max)):
                value = dig(item, (bound, "storage")) if item.get("type") == "PersistentVolumeClaim" else None
                if value is None or not any(beyond(amount, parse(value)) for amount in asked):
                    continue
                for index, template in enumerate(templates):
                    size = dig(template, _STORAGE)
                    if size is not None and beyond(parse(size), parse(value)):
                        mine += setting(top.document, ("spec", "volumeClaimTemplates", index, *_STORAGE), value)
                        words.append(f"{value} instead of {size} for {dig(template, ('metadata', 'name'))}")
                text = written(int(hardest(asked) * _NANO), like=str(value))
                made = setting(each.document, ("spec", "limits", number, bound, "storage"), text)
                wider.setdefault(each.key, []).extend(made)
                named.append(f"{bound} storage to {text} from {value} in LimitRange {each.key}")
    if mine:
        yield "app", 3, f"ask for {', '.join(words)}", (Patch(target=top, operations=tuple(mine)),)
        patches = (Patch(target=each, operations=tuple(wider.get(each.key, ()))) for each in ranges)
        yield "platform", 5, f"change {' and '.join(named)}", tuple(each for each in patches if each.operations)


def _containers(spec: Mapping[str, Any]) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    for name in _LISTS:
        for index, container in enumerate(spec.get(name) or ()):
            yield name, index, container


def _get(container: Mapping[str, Any], field: str, resource: str) -> Any:
    return dig(container, ("resources", field, resource))


def _kept(ranges: Sequence[Object], spec: Mapping[str, Any], *, by: _Field) -> Mapping[str, Any]:
    """A pod's spec with amounts within all bounds.

    Args:
        ranges: the limit ranges.
        spec: with the defaults.
        by: what gives way where limits are too many times the requests.
    """
    kept = copy.deepcopy(dict(spec))
    items = [item for each in ranges for item in limits_in(each)]
    for container in chain.from_iterable(kept.get(name) or () for name in _LISTS):
        resources = container.setdefault("resources", {})
        asks = {field: dict(resources.get(field) or {}) for field in ("requests", "limits")}
        for item in items:
            if item.get("type") == "Container":
                _hold(item, asks, by)
        resources.update({field: amounts for field, amounts in asks.items() if amounts})
    for item in items:
        if item.get("type") == "Pod":
            _share(item, kept, by)
    return kept


def _hold(item: Mapping[str, Any], asks: dict[str, dict[str, Any]], by: _Field) -> None:
    """Bring the amounts of one container, or of a whole pod, within the bounds of one limit."""
    requests, limits = asks["requests"], asks["limits"]
    for name, most in (item.get("max") or {}).items():
        if name not in limits or parse(limits[name]) > parse(most):
            limits[name] = most
        if name in requests and parse(requests[name]) > parse(most):
            requests[name] = most
    for name, least in (item.get("min") or {}).items():
        if name not in requests or parse(requests[name]) < parse(least):
            requests[name] = least
        if name in limits and parse(limits[name]) < parse(least):
            limits[name] = least
    for name in limits.keys() & requests.keys():
        if parse(requests[name]) > parse(limits[name]):
            limits[name] = requests[name]
    for name, ratio in (item.get("maxLimitRequestRatio") or {}).items():
        if name not in limits and name not in requests:
            continue
        limit = parse(limits.setdefault(name, requests.get(name, "0")))
        request = parse(requests.setdefault(name, limits[name]))
        if request and limit <= request * parse(ratio):
            continue
        if by == "requests" or not request:
            requests[name] = _text(name, limit / parse(ratio), like=limits[name], up=True)
        else:
            limits[name] = _text(name, request * parse(ratio), like=requests[name], up=False)


def _share(item: Mapping[str, Any], spec: dict[str, Any], by: _Field) -> None:
    """Bring what a pod's containers ask for together within the bounds of one limit, each in proportion."""
    bare = {name: value for name, value in spec.items() if name != "overhead"}
    totals = {field: pod_total(bare, field) for field in ("requests", "limits")}
    asks = {
        field: {name: _text(name, total, like="1", up=True) for name, total in totals[field].items()}
        for field in totals
    }
    _hold(item, asks, by)
    running = list(spec.get("containers") or ())
    for field, wanted in asks.items():
        for name, amount in wanted.items():
            total = totals[field].get(name, Fraction(0))
            if parse(amount) == total:
                continue
            whole = _get(spec, field, name) is not None
            for part in [spec] if whole else running if total else running[:1]:
                old = _get(part, field, name)
                if old is not None or not total:
                    new = parse(amount) * (parse(old) / total if total and not whole else 1)
                    text = _text(name, new, like=amount if old is None else old, up=parse(amount) > total)
                    part.setdefault("resources", {}).setdefault(field, {})[name] = text


def _text(resource: str, value: Fraction, *, like: Any, up: bool) -> str:
    """An amount in whole units of its resource: thousandths of cpu, one of everything else."""
    unit = Fraction(1, 1000) if resource == "cpu" else Fraction(1)
    number = math.ceil(value / unit) if up else math.floor(value / unit)
    return written(int(number * unit * _NANO), like=str(like))


def _edits(
    top: Object, path: Sequence[str], asked: Mapping[str, Any], kept: Mapping[str, Any]
) -> tuple[tuple[Operation, ...], str]:
    """The operations that write other amounts into a template, and what they are in words."""
    document: Any = top.document
    operations: list[Operation] = []
    told: list[str] = []
    places = [((name, index), container) for name, index, container in _containers(kept)]
    for where, part in [*places, ((), kept)]:
        words = []
        for field in ("limits", "requests"):
            for resource, amount in sorted((dig(part, ("resources", field)) or {}).items()):
                old = dig(asked, (*where, "resources", field, resource))
                if old is not None and parse(old) == parse(amount):
                    continue
                made = setting(document, (*path, *where, "resources", field, resource), canonical(amount))
                document = jsonpatch.apply_patch(document, made)
                operations += made
                instead = f" instead of {canonical(old)}" if old is not None else ""
                words.append(f"{field[:-1]} {canonical(amount)} of {resource}{instead}")
        if words:
            told.append(f"{', '.join(words)} in {part.get('name') if where else 'the pod'}")
    return tuple(operations), "; ".join(told)


def _wider(limit_range: Object, spec: Mapping[str, Any], asked: Mapping[str, Any]) -> Iterator[tuple[str, Operation]]:
    """The bounds of a limit range that refuse amounts, as wide as these need them.

    Args:
        limit_range: it.
        spec: of the pod, as it is written.
        asked: the same with the defaults.
    """
    bare = {name: value for name, value in asked.items() if name != "overhead"}
    whole = {field: pod_total(bare, field) for field in ("requests", "limits")}
    own, filled = ([_amounts(each) for _, _, each in _containers(part)] for part in (spec, asked))
    without = [{"requests": {k: v for k, v in each["requests"].items() if k not in each["limits"]}} for each in own]
    for number, item in enumerate(limits_in(limit_range)):
        asks = {"Container": filled, "Pod": [whole]}.get(str(item.get("type")), [])
        for bound in ("default", "max", "min", "maxLimitRequestRatio"):
            for name, value in sorted((item.get(bound) or {}).items()):
                needed = _needed(bound, name, without if bound == "default" else asks)
                inside = needed is None or (parse(value) <= needed if bound == "min" else parse(value) >= needed)
                if needed is not None and not inside:
                    resource = "cpu" if bound == "maxLimitRequestRatio" else name
                    text = _text(resource, needed, like=value, up=bound != "min")
                    words = f"{bound} {name} to {text} from {canonical(value)}"
                    (operation,) = setting(limit_range.document, ("spec", "limits", number, bound, name), text)
                    yield words, operation


def _amounts(container: Mapping[str, Any]) -> dict[str, dict[str, Fraction]]:
    resources = container.get("resources") or {}
    return {
        field: {name: parse(amount) for name, amount in (resources.get(field) or {}).items()}
        for field in ("requests", "limits")
    }


def _needed(bound: str, name: str, asks: Sequence[Mapping[str, Mapping[str, Fraction]]]) -> Fraction | None:
    """How wide a bound has to be for amounts; None if they say nothing."""
    pairs = [(each["requests"].get(name), each.get("limits", {}).get(name)) for each in asks]
    if bound == "maxLimitRequestRatio":
        return max((limit / request for request, limit in pairs if request and limit), default=None)
    amounts = [value for pair in pairs for value in pair if value is not None]
    return (min if bound == "min" else max)(amounts, default=None)
