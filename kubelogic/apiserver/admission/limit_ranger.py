"""Limit ranges: defaults for containers, and bounds for containers, pods and claims.

Source: plugin/pkg/admission/limitranger/admission.go of Kubernetes 1.36. Limits of pods do not count the overhead of
their runtime.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.answers import Obstacle, Status, forbidden, invalid
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import edited, with_fields
from kubelogic.facts.quota_costs import pod_total
from kubelogic.kinds.quantity import canonical, parse

Amounts = Mapping[str, Any]


READS = frozenset({"LimitRange"})
"""The kinds of objects that the plugin reads."""


def admit(tx: Transaction, pod: Object, old: Object | None) -> Status | None:
    """Fill in what limit ranges say by default."""
    if pod.kind != "Pod" or old is not None:
        return None
    ranges = ranges_of(tx.state.cluster, pod.namespace)
    if not ranges:
        return None
    tx.put(edited(pod, ["spec"], defaulted(ranges, pod.document.get("spec") or {})))
    return None


def defaulted(ranges: Iterable[Object], spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec of a pod with what limit ranges say by default."""
    found: dict[str, Any] = dict(spec)
    for limit_range in ranges:
        defaults, default_requests = _defaults(limit_range)
        for field in ("initContainers", "containers"):
            if found.get(field):
                found[field] = [_with_defaults(c, defaults, default_requests) for c in found[field]]
    return found


def validate(tx: Transaction, obj: Object, old: Object | None) -> Status | None:
    """Refuse a new pod, or a new or changed claim, outside of the bounds of its namespace's limit ranges."""
    match obj.kind:
        case "Pod" if old is None:
            return _refused_pod(ranges_of(tx.state.cluster, obj.namespace), obj)
        case "PersistentVolumeClaim":
            return _refused_claim(ranges_of(tx.state.cluster, obj.namespace), obj, old)
        case _:
            return None


def _refused_pod(ranges: Sequence[Object], pod: Object) -> Status | None:
    spec = pod.document.get("spec") or {}
    above = list(_requests_above_limits(spec)) if ranges else []
    if above:
        faults = [(each.field, each.words) for each in above]
        return replace(invalid(pod, faults), obstacles=tuple(dict.fromkeys(_sources_of_limits(ranges, above))))
    for limit_range in ranges:
        by_limit = [list(_pod_errors(limit, spec)) for limit in limits_in(limit_range)]
        if any(by_limit):
            return _outside(pod, limit_range, by_limit)
    return None


def _refused_claim(ranges: Sequence[Object], claim: Object, old: Object | None) -> Status | None:
    """What a claim asked for before is not looked at again."""
    requests, before = _requests(claim), _requests(old) if old is not None else {}
    for limit_range in ranges:
        by_limit: list[list[str]] = []
        for limit in limits_in(limit_range):
            errors: list[str] = []
            if limit.get("type") == "PersistentVolumeClaim":
                fresh = {
                    field: {
                        name: bound
                        for name, bound in (limit.get(field) or {}).items()
                        if not (name in requests and name in before and parse(requests[name]) == parse(before[name]))
                    }
                    for field in ("min", "max")
                }
                errors.extend(_bounds(fresh, "min", lambda k, v: _minimum("PersistentVolumeClaim", k, v, requests, {})))
                errors.extend(_bounds(fresh, "max", lambda k, v: _maximum_request(k, v, requests)))
            by_limit.append(errors)
        if any(by_limit):
            return _outside(claim, limit_range, by_limit)
    return None


def _requests(claim: Object) -> Amounts:
    found: Amounts = ((claim.document.get("spec") or {}).get("resources") or {}).get("requests") or {}
    return found


def _outside(obj: Object, limit_range: Object, by_limit: Sequence[list[str]]) -> Status:
    """The refusal of an object, from what each limit of a range says against it."""
    obstacles = tuple(
        Obstacle(
            kind=limit_range.kind,
            key=limit_range.key,
            path=("spec", "limits", number),
            remedy="ask for resources within this limit, or change it",
        )
        for number, errors in enumerate(by_limit)
        if errors
    )
    why = _aggregate([error for errors in by_limit for error in errors])
    return forbidden(obj, why, obstacles=obstacles)


def ranges_of(cluster: Cluster, namespace: str) -> list[Object]:
    """The limit ranges of a namespace, by name."""
    found = cluster.objects("LimitRange")
    return [found[key] for key in sorted(found) if found[key].namespace == namespace] if found else []


def limits_in(limit_range: Object) -> list[Mapping[str, Any]]:
    """The limits of a range."""
    return list((limit_range.document.get("spec") or {}).get("limits") or ())


def _defaults(limit_range: Object) -> tuple[Amounts, Amounts]:
    """Default limits and requests of containers, as stored: the API server derives requests from limits."""
    limits: dict[str, Any] = {}
    requests: dict[str, Any] = {}
    for limit in limits_in(limit_range):
        if limit.get("type") == "Container":
            limits.update(limit.get("default") or {})
            requests.update(limit.get("defaultRequest") or {})
    return limits, requests


def _with_defaults(container: Mapping[str, Any], limits: Amounts, requests: Amounts) -> Mapping[str, Any]:
    """A container with default limits and requests; a request that is missing equals the container's own limit."""
    resources = container.get("resources") or {}
    own = resources.get("limits") or {}
    stated = {**own, **(resources.get("requests") or {})}
    merged = {"limits": {**limits, **own}, "requests": {**requests, **stated}}
    return with_fields(container, [], {"resources": {**resources, **{k: v for k, v in merged.items() if v}}})


class _Above(msgspec.Struct, frozen=True, kw_only=True):
    """A request of a container that is larger than its limit."""

    field: str
    name: str
    request: Any
    limit: Any

    @property
    def words(self) -> str:
        """What the API server says."""
        limit = canonical(self.limit)
        return f'Invalid value: "{canonical(self.request)}": must be less than or equal to {self.name} limit of {limit}'


def _sources_of_limits(ranges: Iterable[Object], above: Iterable[_Above]) -> Iterator[Obstacle]:
    """The limits that can be where a limit below a request comes from, each with what helps there.

    A default can be overruled by limits of the container's own; a maximum, which is the default where there is no
    other, cannot.
    """
    for each, limit_range in itertools.product(above, ranges):
        for number, limit in enumerate(limits_in(limit_range)):
            default = (limit.get("default") or {}).get(each.name) if limit.get("type") == "Container" else None
            if default is None or parse(default) != parse(each.limit):
                continue
            most = (limit.get("max") or {}).get(each.name)
            if most is not None and parse(most) < parse(each.request):
                part, remedy = "max", f"request at most {canonical(most)} of {each.name}, or raise the maximum"
            else:
                part = "default"
                remedy = "give the container limits of its own, not below its requests, or raise the default limit"
            path = ("spec", "limits", number, part, each.name)
            yield Obstacle(kind=limit_range.kind, key=limit_range.key, path=path, remedy=remedy)


def _requests_above_limits(spec: Mapping[str, Any]) -> Iterator[_Above]:
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            resources = container.get("resources") or {}
            limits = resources.get("limits") or {}
            for name, value in sorted((resources.get("requests") or {}).items()):
                if name in limits and parse(value) > parse(limits[name]):
                    where = f"spec.{field}[{index}].resources.requests"
                    yield _Above(field=where, name=name, request=value, limit=limits[name])


def _pod_errors(limit: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[str]:
    kind = str(limit.get("type"))
    if kind == "Container":
        for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
            resources = container.get("resources") or {}
            yield from _errors(limit, kind, resources.get("requests") or {}, resources.get("limits") or {})
    elif kind == "Pod":
        bare = {name: value for name, value in spec.items() if name != "overhead"}
        yield from _errors(limit, kind, _written(pod_total(bare, "requests")), _written(pod_total(bare, "limits")))


def _written(totals: Mapping[str, Fraction]) -> dict[str, str]:
    """Sums as quantities: thousandths for parts of one, Ki where it comes out even."""
    found = {}
    for name, total in totals.items():
        if total.denominator != 1:
            found[name] = canonical(f"{math.ceil(total * 1000)}m")
        elif total and total % 1024 == 0:
            found[name] = canonical(f"{total // 1024}Ki")
        else:
            found[name] = canonical(str(total))
    return found


def _errors(limit: Mapping[str, Any], kind: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    yield from _bounds(limit, "min", lambda k, v: _minimum(kind, k, v, requests, limits))
    yield from _bounds(limit, "max", lambda k, v: _maximum(kind, k, v, requests, limits))
    yield from _bounds(limit, "maxLimitRequestRatio", lambda k, v: _ratio(kind, k, v, requests, limits))


def _bounds(limit: Mapping[str, Any], field: str, check: Callable[[str, Any], str]) -> Iterator[str]:
    for name, value in sorted((limit.get(field) or {}).items()):
        error = check(name, value)
        if error:
            yield error


def _minimum(kind: str, name: str, bound: Any, requests: Amounts, limits: Amounts) -> str:
    start = f"minimum {name} usage per {kind} is {canonical(bound)}"
    if name not in requests:
        return f"{start}.  No request is specified"
    if parse(requests[name]) < parse(bound):
        return f"{start}, but request is {canonical(requests[name])}"
    if name in limits and parse(limits[name]) < parse(bound):
        return f"{start}, but limit is {canonical(limits[name])}"
    return ""


def _maximum(kind: str, name: str, bound: Any, requests: Amounts, limits: Amounts) -> str:
    start = f"maximum {name} usage per {kind} is {canonical(bound)}"
    if name not in limits:
        return f"{start}.  No limit is specified"
    if parse(limits[name]) > parse(bound):
        return f"{start}, but limit is {canonical(limits[name])}"
    if name in requests and parse(requests[name]) > parse(bound):
        return f"{start}, but request is {canonical(requests[name])}"
    return ""


def _maximum_request(name: str, bound: Any, requests: Amounts) -> str:
    start = f"maximum {name} usage per PersistentVolumeClaim is {canonical(bound)}"
    if name not in requests:
        return f"{start}.  No request is specified"
    return f"{start}, but request is {canonical(requests[name])}" if parse(requests[name]) > parse(bound) else ""


def _ratio(kind: str, name: str, bound: Any, requests: Amounts, limits: Amounts) -> str:
    start = f"{name} max limit to request ratio per {kind} is {canonical(bound)}"
    if name not in requests or not parse(requests[name]):
        return f"{start}, but no request is specified or request is 0"
    if name not in limits or not parse(limits[name]):
        return f"{start}, but no limit is specified or limit is 0"
    ratio = parse(limits[name]) / parse(requests[name])
    return f"{start}, but provided ratio is {float(ratio):.6f}" if ratio > parse(bound) else ""


def _aggregate(errors: list[str]) -> str:
    unique = list(dict.fromkeys(errors))
    return unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]"
