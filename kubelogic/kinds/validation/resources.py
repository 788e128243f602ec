"""Resource names and amounts: requests, limits, quotas.

Source: Kubernetes, "Resource Management for Pods and Containers", "Resource Quotas".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from kubelogic.kinds import quantity
from kubelogic.kinds.validation import api_words, names
from kubelogic.kinds.validation.problems import Report, Tree, quoted
from kubelogic.text.location import Path, dotted

NameRule = Callable[[str], str]

CONTAINER = ("cpu", "memory", "ephemeral-storage")
POD = ("cpu", "memory")
_COUNTED = (
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
)
_SUMS = (
    *CONTAINER,
    *(f"{which}.{name}" for which in ("requests", "limits") for name in CONTAINER),
    "requests.storage",
)
QUOTA = (*_SUMS, *_COUNTED)
_STANDARD = (*QUOTA, "storage")
_HUGE_ALONE = "Forbidden: HugePages require cpu or memory"
_MILLI = 10**6
_UNIT = 10**9


def _huge(name: str) -> bool:
    return name.startswith("hugepages-")


def _huge_for_quota(name: str) -> bool:
    return name.startswith(("hugepages-", "requests.hugepages-"))


def is_native(name: str) -> bool:
    """Whether Kubernetes itself knows the resource.

    >>> is_native("cpu"), is_native("nvidia.com/gpu")
    (True, False)
    """
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """Whether the resource is a countable one of somebody else's, such as nvidia.com/gpu."""
    return not is_native(name) and not name.startswith("requests.") and not names.qualified_name(f"requests.{name}")


def can_overcommit(name: str) -> bool:
    """Whether limits may be above requests."""
    return is_native(name) and not _huge(name)


def resource_name(name: str) -> str:
    """Any resource's name."""
    if wrong := names.qualified_name(name):
        return wrong
    if "/" not in name and name not in _STANDARD and not _huge_for_quota(name):
        return "is no resource; use cpu, memory, ephemeral-storage, or a name with a domain such as example.com/gpu"
    return ""


def container_resource(name: str) -> str:
    """A resource that a container can ask for."""
    if wrong := resource_name(name):
        return wrong
    if "/" not in name and name not in CONTAINER and not _huge(name):
        return f"cannot be asked for by containers; use {', '.join(CONTAINER)}, or a name with a domain"
    if not is_native(name) and not is_extended(name):
        return "is no extended resource: it must not start with 'requests.' and must be short enough"
    return ""


def pod_resource(name: str) -> str:
    """A resource that can be asked for a whole pod."""
    if wrong := resource_name(name):
        return wrong
    if name in POD or _huge(name):
        return ""
    return "cannot be set for a whole pod; only cpu, memory and hugepages-* can"


def quota_resource(name: str) -> str:
    """A resource that a quota can limit."""
    if wrong := resource_name(name):
        return wrong
    if "/" not in name and name not in QUOTA and not _huge_for_quota(name):
        return "cannot be limited by a quota"
    return ""


def check_name(report: Report, path: Path, name: str, rule: NameRule) -> None:
    """Note what is wrong with a resource's name, at its key."""
    if wrong := rule(name):
        words = _told_of(name, rule)
        report.wrong(path, "KL137", f"the resource {quoted(name)} {wrong}", name, *words, on_key=True, at=keyed(path))


def keyed(path: Path) -> str:
    """The path of an entry of a mapping, as the API server writes it.

    >>> keyed(("spec", "hard", "cpu"))
    'spec.hard[cpu]'
    """
    return f"{dotted(path[:-1])}[{path[-1]}]"


def _told_of(name: str, rule: NameRule) -> list[str]:
    """All that the API server says of a resource's name.

    Source: pkg/apis/core/validation/validation.go, validateResourceName and the functions that call it.
    """
    found = api_words.qualified_name(name)
    if found:
        return found
    plain = "/" not in name
    if plain and name not in _STANDARD and not _huge_for_quota(name):
        found.append("must be a standard resource type or fully qualified")
    if rule is container_resource:
        if plain and name not in CONTAINER and not _huge(name):
            found.append("must be a standard resource for containers")
        elif not is_native(name) and not is_extended(name):
            found.append("doesn't follow extended resource name standard")
    elif rule is quota_resource and plain and name not in QUOTA and not _huge_for_quota(name):
        found.append("must be a standard resource for quota")
    elif rule is pod_resource and name not in POD and not _huge(name):
        found.append("must be a standard resource for pods")
    return found


def amount(report: Report, path: Path, name: str, value: str) -> None:
    """Check an amount: not negative, and whole for what can only be counted."""
    nanos = quantity.read(value).nanos
    shown = quantity.canonical(value)
    if nanos < 0:
        words = "must be greater than or equal to 0"
        report.wrong(path, "KL138", f"must be at least 0, is {value}", shown, words, at=keyed(path))
    if (name in _COUNTED or is_extended(name)) and -(-nanos // _MILLI) % 1000:
        text = f"must be a whole number, is {value}: {name} cannot be divided"
        report.wrong(path, "KL138", text, shown, "must be an integer", at=keyed(path))


def _odd_amount(report: Report, path: Path, name: str, value: str) -> None:
    """Warn of amounts that the API server takes and nobody means: parts of bytes (it warns, too), CPUs by the thousand.

    Source: pkg/api/pod/warnings.go, warningsForPodSpecAndMeta, of Kubernetes 1.36.
    """
    if name in ("memory", "ephemeral-storage") and -(-quantity.read(value).nanos // _MILLI) % 1000:
        text = f'fractional byte value "{quantity.canonical(value)}" is invalid, must be an integer'
        report.warn(path, "KL191", f"{text} (m is the thousandth part of a byte, Mi are 1,048,576 of them)")
    if name == "cpu" and str(value).endswith(_BY_THE_THOUSAND):
        report.warn(path, "KL191", f"{value} are {quantity.whole(value):,} CPUs; m is the thousandth part of one")


_BY_THE_THOUSAND = ("k", "M", "G", "T", "P", "E", "i")
"""How amounts end that are a thousand and more."""


def positive(report: Report, path: Path, value: str, *, at: str = "") -> None:
    """Check an amount that must be above zero."""
    if quantity.read(value).nanos <= 0:
        words = api_words.invalid(quantity.canonical(value), "must be greater than zero")
        report.add(path, "KL138", f"must be greater than 0, is {value}", api=words, at=at or keyed(path))


def _whole_pages(name: str, value: str) -> bool:
    try:
        page = quantity.read(name.removeprefix("hugepages-")).nanos
    except quantity.QuantityError:
        return False
    return page > 0 and page % _UNIT == 0 and quantity.whole(value) % (page // _UNIT) == 0


def requirements(
    report: Report, path: Path, node: Tree | None, rule: NameRule, claims: Collection[str] | None = None
) -> None:
    """Check requests and limits, and how they fit together.

    Args:
        report: where problems go.
        path: of ``node``.
        node: the mapping with ``requests``, ``limits`` and ``claims``.
        rule: which resources are allowed.
        claims: the names of the pod's device claims.
    """
    if not node:
        return
    limits: Mapping[str, str] = node.get("limits", {})
    requests: Mapping[str, str] = node.get("requests", {})
    for which, amounts in (("limits", limits), ("requests", requests)):
        for name, value in amounts.items():
            where = (*path, which, name)
            check_name(report, where, name, rule)
            amount(report, where, name, value)
            _odd_amount(report, where, name, value)
            if which == "requests":
                _request_to_limit(report, where, name, value, limits.get(name))
            if _huge(name) and not _whole_pages(name, value):
                shown = quantity.canonical(value)
                words = f"{shown} is not positive integer multiple of {name}"
                text = f"must be a whole number of pages of the size in {name}, is {value}"
                report.wrong(where, "KL138", text, shown, words, at=keyed(where))
    asked = {*limits, *requests}
    if any(map(_huge, asked)) and not asked & {"cpu", "memory"}:
        report.add(path, "KL136", "huge pages need a request or limit of cpu or memory beside them", api=_HUGE_ALONE)
    _claims(report, (*path, "claims"), node.get("claims", ()), claims or ())


def _request_to_limit(report: Report, path: Path, name: str, value: str, limit: str | None) -> None:
    if limit is None:
        if not can_overcommit(name):
            words = "Required value: Limit must be set for non overcommitable resources"
            text = f"needs a limit of the same amount: {name} cannot be overcommitted"
            report.add(path, "KL136", text, api=words, at=f"{dotted(path[:-2])}.limits")
        return
    at, own, bound = dotted(path[:-1]), quantity.canonical(value), quantity.canonical(limit)
    requested, limited = quantity.read(value).nanos, quantity.read(limit).nanos
    if requested != limited and not can_overcommit(name):
        said = f"must be equal to {name} limit of {bound}"
        report.wrong(path, "KL136", f"is {value}, must be equal to the {name} limit of {limit}", own, said, at=at)
    elif requested > limited:
        said = f"must be less than or equal to {name} limit of {bound}"
        report.wrong(path, "KL136", f"is {value}, must not be above the {name} limit of {limit}", own, said, at=at)


def _claims(report: Report, path: Path, uses: Collection[Tree], claims: Collection[str]) -> None:
    seen: set[tuple[str, str]] = set()
    for index, use in enumerate(uses):
        name, request = use.get("name", ""), use.get("request", "")
        where = (*path, index)
        if not name:
            report.required((*where, "name"))
            continue
        if request:
            report.check((*where, "request"), "KL123", request, names.dns_label)
        clash = (name, request) in seen or (name, "") in seen
        if clash or (not request and any(other == name for other, _ in seen)):
            report.duplicate(where, f"{name}/{request}" if request else name)
        seen.add((name, request))
        if name not in claims:
            report.not_found((*where, "name"), name, "a name in the pod's resourceClaims")
