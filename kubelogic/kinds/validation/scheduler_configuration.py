"""KubeSchedulerConfiguration: what kube-scheduler refuses to start with.

Source: pkg/scheduler/apis/config/validation, ValidateKubeSchedulerConfiguration and the checks of each plugin's
arguments, Kubernetes 1.36.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from kubelogic.kinds.validation.common import label_key
from kubelogic.kinds.validation.names import qualified_name
from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.kinds.validation.resources import is_extended
from kubelogic.kinds.validation.scheduling import affinity
from kubelogic.kinds.validation.structure import MISSING, decoder
from kubelogic.text.location import Path

PLUGINS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "DefaultBinder": ("bind",),
        "DefaultPreemption": ("preEnqueue", "postFilter"),
        "DynamicResources": ("preEnqueue", "preFilter", "filter", "postFilter", "score", "reserve", "preBind"),
        "GangScheduling": ("preEnqueue", "permit"),
        "ImageLocality": ("score",),
        "InterPodAffinity": ("preFilter", "filter", "preScore", "score"),
        "NodeAffinity": ("preFilter", "filter", "preScore", "score"),
        "NodeDeclaredFeatures": ("preFilter", "filter"),
        "NodeName": ("filter",),
        "NodePorts": ("preFilter", "filter"),
        "NodeResourcesBalancedAllocation": ("preScore", "score"),
        "NodeResourcesFit": ("preFilter", "filter", "preScore", "score", "placementScore"),
        "NodeUnschedulable": ("filter",),
        "NodeVolumeLimits": ("preFilter", "filter"),
        "PodGroupPodsCount": ("placementScore",),
        "PodTopologySpread": ("preFilter", "filter", "preScore", "score"),
        "PrioritySort": ("queueSort",),
        "SchedulingGates": ("preEnqueue",),
        "TaintToleration": ("filter", "preScore", "score"),
        "TopologyPlacementGenerator": ("placementGenerate",),
        "VolumeBinding": ("preFilter", "filter", "reserve", "preScore", "score", "preBind"),
        "VolumeRestrictions": ("preFilter", "filter"),
        "VolumeZone": ("preFilter", "filter"),
    }
)
"""The plugins that kube-scheduler is built with, each with the points at which it acts. Source: its registry, and what
the plugins implement."""

_GONE = frozenset({"AzureDiskLimits", "CinderLimits", "EBSLimits", "GCEPDLimits"})
"""Plugins that it had once. Source: invalidPluginsByVersion."""

STRATEGIES = ("LeastAllocated", "MostAllocated", "RequestedToCapacityRatio")
_MODELLED_SCORES = 10
_LARGEST = 100
_VERSION = "kubescheduler.config.k8s.io/v1"
_NEARLY = 0.85
"""How alike two names are, of 1, for one to be the other with a slip."""

_SHARE_OF_CANDIDATES, _LEAST_CANDIDATES = 10, 100


def configuration(report: Report, tree: Tree) -> None:
    """Check one KubeSchedulerConfiguration."""
    if tree.get("parallelism", 1) <= 0:
        report.add(("parallelism",), "KL122", f"must be greater than 0, is {tree['parallelism']}")
    _percentage(report, (), tree)
    first, longest = tree.get("podInitialBackoffSeconds", 1), tree.get("podMaxBackoffSeconds", 10)
    if first <= 0:
        report.add(("podInitialBackoffSeconds",), "KL122", f"must be greater than 0, is {first}")
    elif longest < first:
        report.add(
            ("podMaxBackoffSeconds",), "KL122", f"must be at least podInitialBackoffSeconds, {first}, is {longest}"
        )
    lock = tree.get("leaderElection", {})
    if lock.get("leaderElect", True) and (lock.get("resourceLock") or "leases") != "leases":
        report.one_of(("leaderElection", "resourceLock"), lock["resourceLock"], ("leases",))
    if tree.get("extenders"):
        report.warn(
            ("extenders",), "KL193", "extenders are asked by a cluster, but not here: what they filter is not known"
        )
        _extenders(report, tree["extenders"])
    profiles = tree.get("profiles", [])
    seen: set[str] = set()
    for index, profile in enumerate(profiles):
        path: Path = ("profiles", index)
        name = profile.get("schedulerName", "")
        if not name:
            if len(profiles) > 1 or "schedulerName" in profile:
                report.required((*path, "schedulerName"), "pods choose a profile by it")
        elif name in seen:
            report.duplicate((*path, "schedulerName"), name)
        seen.add(name)
        _percentage(report, path, profile)
        _plugins(report, (*path, "plugins"), profile.get("plugins", {}))
        _arguments(report, (*path, "pluginConfig"), profile.get("pluginConfig", ()))
    _one_queue(report, profiles)


def _extenders(report: Report, extenders: Iterable[Tree]) -> None:
    """Source: validateExtenders."""
    seen: set[str] = set()
    binders = 0
    for index, extender in enumerate(extenders):
        here = ("extenders", index)
        weight = extender.get("weight", 0)
        if extender.get("prioritizeVerb") and weight <= 0:
            report.add((*here, "weight"), "KL122", f"must be greater than 0 with a prioritizeVerb, is {weight}")
        binders += bool(extender.get("bindVerb"))
        for at, resource in enumerate(extender.get("managedResources", ())):
            name, where = resource.get("name", ""), (*here, "managedResources", at, "name")
            if qualified_name(name) or not is_extended(name):
                report.invalid(
                    where, "KL143", name, "must be the name of an extended resource, such as example.com/gpu"
                )
            elif name in seen:
                report.duplicate(where, name)
            seen.add(name)
    if binders > 1:
        report.add(("extenders",), "KL129", f"only one extender can bind pods, {binders} do")


def _one_queue(report: Report, profiles: Sequence[Tree]) -> None:
    """There is one queue for all profiles. Source: validateCommonQueueSort."""

    def sorts(profile: Tree) -> tuple[tuple[tuple[str, int], ...], ...]:
        chosen = profile.get("plugins", {}).get("queueSort", {})
        return tuple(
            tuple((plugin.get("name", ""), plugin.get("weight", 0)) for plugin in chosen.get(part, ()))
            for part in ("enabled", "disabled")
        )

    for index, profile in enumerate(profiles):
        if sorts(profile) != sorts(profiles[0]):
            where: Path = ("profiles", index, "plugins")
            chosen = (*where, "queueSort") if "queueSort" in profile.get("plugins", {}) else where[:2]
            report.add(chosen, "KL142", "queueSort must be the same for all profiles: they share one queue")


def _percentage(report: Report, path: Path, node: Tree) -> None:
    report.between(node.get("percentageOfNodesToScore", 0), (*path, "percentageOfNodesToScore"), 0, _LARGEST)


def _plugins(report: Report, path: Path, sets: Tree) -> None:
    for point, chosen in sets.items():
        here = (*path, point)
        enabled: set[str] = set()
        for index, plugin in enumerate(chosen.get("enabled", ())):
            where = (*here, "enabled", index, "name")
            name = plugin.get("name", "")
            if not name:
                report.required(where)
            elif name in enabled:
                report.duplicate(where, name)
            elif name in _GONE:
                report.add(where, "KL121", f"{name} is no plugin of this version any more")
            elif near := _misspelt(name):
                report.add(where, "KL121", f'plugin "{name}" does not exist: did you mean {near}?')
            elif name not in PLUGINS:
                report.warn(where, "KL193", f"{name} is no plugin of kube-scheduler itself: what it does is not known")
            elif point != "multiPoint" and point not in PLUGINS[name]:
                acts = ", ".join(PLUGINS[name])
                report.add(where, "KL142", f'plugin "{name}" does not extend {point}: it acts at {acts}')
            enabled.add(name)
        for index, plugin in enumerate(chosen.get("disabled", ())):
            where = (*here, "disabled", index, "name")
            name = plugin.get("name", "")
            if not name:
                report.required(where)
            elif name != "*" and name not in PLUGINS:
                near = _misspelt(name)
                hint = f"; did you mean {near}?" if near else ""
                report.warn(
                    where, "KL190", f"{name} is no plugin of kube-scheduler itself, so nothing is switched off{hint}"
                )
    multi, sort = sets.get("multiPoint", {}), sets.get("queueSort", {})
    for plugin, point in (("PrioritySort", "queueSort"), ("DefaultBinder", "bind")):
        own = sets.get(point, {})
        off = [entry.get("name") for entry in (*multi.get("disabled", ()), *own.get("disabled", ()))]
        on = [entry.get("name") for entry in (*multi.get("enabled", ()), *own.get("enabled", ()))]
        others = [entry for entry in own.get("enabled", ()) if entry.get("name") not in PLUGINS]
        if ("*" in off or plugin in off) and plugin not in on and not others:
            report.add((*path, point), "KL120", f"is required: without {plugin} the profile has no plugin for {point}")
    if len(sort.get("enabled", ())) > 1:
        report.add((*path, "queueSort", "enabled"), "KL129", "only one plugin can sort the queue")


def _misspelt(name: str) -> str:
    """The plugin that is meant by a name which is nearly its own; empty if there is none.

    Other names may be those of plugins that a scheduler was built with besides its own.
    """
    if name in PLUGINS:
        return ""
    near = difflib.get_close_matches(name.lower(), [each.lower() for each in PLUGINS], n=1, cutoff=_NEARLY)
    return next((each for each in PLUGINS if each.lower() in near), "")


def _arguments(report: Report, path: Path, entries: Iterable[Tree]) -> None:
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        here = (*path, index)
        name, args = entry.get("name", ""), entry.get("args")
        if not name:
            report.required((*here, "name"))
        elif name in seen:
            report.duplicate((*here, "name"), name)
        elif name in _GONE:
            report.add((*here, "name"), "KL121", f"{name} is no plugin of this version any more")
        seen.add(name)
        if args is None or name not in _CHECKS:
            if args and name not in _CHECKS:
                near = "" if name in PLUGINS else _misspelt(name)
                hint = f"; did you mean {near}?" if near else ""
                report.warn((*here, "args"), "KL193", f"the arguments of {name or 'the plugin'} are not modelled{hint}")
            continue
        if _of_other_type(report, (*here, "args"), name, args):
            continue
        tree = decoder(f"@{name}Args")(args, (*here, "args"), report)
        if tree is not MISSING:
            entry["args"] = tree
            _CHECKS[name](report, (*here, "args"), tree)


def _of_other_type(report: Report, path: Path, name: str, args: object) -> bool:
    """Whether arguments say that they are of another type than the plugin takes. Source: decodeNestedObjects."""
    if not isinstance(args, Mapping):
        return False
    right = {"apiVersion": _VERSION, "kind": f"{name}Args"}
    wrong = [(field, args[field]) for field in right if args.get(field) and args[field] != right[field]]
    for field, value in wrong:
        report.add((*path, field), "KL121", f"args for plugin {name} are of {field} {right[field]}, not {value}")
    return bool(wrong)


def _resources(report: Report, path: Path, resources: Iterable[Tree]) -> None:
    """Weights of resources; names are looked at by nobody. Source: validateResources."""
    for index, resource in enumerate(resources):
        report.between(resource.get("weight", 0) or 1, (*path, index, "weight"), 1, _LARGEST)


def _shape(report: Report, path: Path, points: Iterable[Tree]) -> None:
    """A function from utilization to score: rising utilizations, scores up to 10."""
    last = -1
    for index, point in enumerate(points):
        used, here = point.get("utilization", 0), (*path, index)
        report.between(used, (*here, "utilization"), 0, _LARGEST)
        report.between(point.get("score", 0), (*here, "score"), 0, _MODELLED_SCORES)
        if used <= last:
            report.add(
                (*here, "utilization"), "KL122", f"must be more than that of the point before, {last}, is {used}"
            )
        last = used
    if last < 0:
        report.required(path, "give at least one point")


def _fit(report: Report, path: Path, args: Tree) -> None:
    for index, name in enumerate(args.get("ignoredResources", ())):
        label_key(report, (*path, "ignoredResources", index), name)
    for index, group in enumerate(args.get("ignoredResourceGroups", ())):
        here = (*path, "ignoredResourceGroups", index)
        if "/" in group:
            report.invalid(here, "KL143", group, "must be the part of resource names before '/'")
        else:
            label_key(report, here, group)
    strategy = args.get("scoringStrategy")
    if strategy is None:
        return
    here = (*path, "scoringStrategy")
    report.one_of((*here, "type"), strategy.get("type", ""), STRATEGIES)
    _resources(report, (*here, "resources"), strategy.get("resources", ()))
    ratio = strategy.get("requestedToCapacityRatio")
    if strategy.get("type") == "RequestedToCapacityRatio":
        if ratio is None:
            report.required((*here, "requestedToCapacityRatio"), "the type RequestedToCapacityRatio needs it")
        else:
            _shape(report, (*here, "requestedToCapacityRatio", "shape"), ratio.get("shape", ()))
    elif ratio is not None:
        report.forbidden((*here, "requestedToCapacityRatio"), "is for the type RequestedToCapacityRatio alone")


def _balanced(report: Report, path: Path, args: Tree) -> None:
    """Source: ValidateNodeResourcesBalancedAllocationArgs."""
    seen: set[str] = set()
    for index, resource in enumerate(args.get("resources", ())):
        name, here = resource.get("name", ""), (*path, "resources", index)
        report.once((*here, "name"), name, seen)
        report.between(resource.get("weight", 0) or 1, (*here, "weight"), 1, 1)


def _spread(report: Report, path: Path, args: Tree) -> None:
    kind = args.get("defaultingType") or "System"
    report.one_of((*path, "defaultingType"), kind, ("List", "System"))
    constraints = args.get("defaultConstraints", ())
    if kind == "System" and constraints:
        report.forbidden((*path, "defaultConstraints"), "may only be given with defaultingType: List")
    seen: set[tuple[str, str]] = set()
    for index, constraint in enumerate(constraints):
        here = (*path, "defaultConstraints", index)
        skew, key = constraint.get("maxSkew", 0), constraint.get("topologyKey", "")
        if skew <= 0:
            report.add((*here, "maxSkew"), "KL122", f"must be greater than 0, is {skew}")
        if not key:
            report.required((*here, "topologyKey"))
        else:
            label_key(report, (*here, "topologyKey"), key)
        action = constraint.get("whenUnsatisfiable", "")
        report.one_of((*here, "whenUnsatisfiable"), action, ("DoNotSchedule", "ScheduleAnyway"))
        if "labelSelector" in constraint:
            report.forbidden(
                (*here, "labelSelector"), "may not be set: the selectors are those of Services and controllers"
            )
        if (key, action) in seen:
            report.duplicate(here, f"{key}, {action}")
        seen.add((key, action))


def _node_affinity(report: Report, path: Path, args: Tree) -> None:
    if "addedAffinity" in args:
        inner = Report()
        affinity(inner, ("",), {"nodeAffinity": args["addedAffinity"]})
        for problem in inner.problems:
            report.add(
                (*path, "addedAffinity", *problem.path[2:]), problem.code, problem.message, on_key=problem.on_key
            )


def _pod_affinity(report: Report, path: Path, args: Tree) -> None:
    report.between(args.get("hardPodAffinityWeight", 1), (*path, "hardPodAffinityWeight"), 0, _LARGEST)


def _preemption(report: Report, path: Path, args: Tree) -> None:
    share, count = (
        args.get("minCandidateNodesPercentage", _SHARE_OF_CANDIDATES),
        args.get("minCandidateNodesAbsolute", _LEAST_CANDIDATES),
    )
    report.between(share, (*path, "minCandidateNodesPercentage"), 0, _LARGEST)
    if count < 0:
        report.add((*path, "minCandidateNodesAbsolute"), "KL122", f"must be at least 0, is {count}")
    if not share and not count:
        report.add(path, "KL142", "minCandidateNodesPercentage and minCandidateNodesAbsolute cannot both be 0")
    elif (share, count) != (_SHARE_OF_CANDIDATES, _LEAST_CANDIDATES):
        report.warn(
            path,
            "KL193",
            "in how many nodes preemption looks for room is not read from here; say it with "
            f"--set preemption_candidates_percent={share} --set preemption_candidates_least={count}",
        )


def _volume_binding(report: Report, path: Path, args: Tree) -> None:
    if args.get("bindTimeoutSeconds", 0) < 0:
        report.add((*path, "bindTimeoutSeconds"), "KL122", f"must be at least 0, is {args['bindTimeoutSeconds']}")
    if "shape" in args:  # StorageCapacityScoring is off by default
        report.forbidden((*path, "shape"), "needs the feature StorageCapacityScoring, which is off")


def _devices(report: Report, path: Path, args: Tree) -> None:
    """Time limits of the search for devices have no effect here: every search is brought to its end."""
    for name in sorted(args.keys() - {"apiVersion", "kind"}):
        report.warn((*path, name), "KL193", "time limits of the search for devices are not modelled")


_CHECKS: Mapping[str, Callable[[Report, Path, Tree], None]] = MappingProxyType(
    {
        "DefaultPreemption": _preemption,
        "DynamicResources": _devices,
        "InterPodAffinity": _pod_affinity,
        "NodeAffinity": _node_affinity,
        "NodeResourcesBalancedAllocation": _balanced,
        "NodeResourcesFit": _fit,
        "PodTopologySpread": _spread,
        "VolumeBinding": _volume_binding,
    }
)
"""The checks of each plugin's arguments."""
