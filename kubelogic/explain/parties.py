"""The parties of a conflict that a solver's core does not name: replicas, nodes and domains, who holds the room.

A rule alone contradicts nothing: it takes so many pods, so few places, or somebody who is there already.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import owner_objects, owner_with_origin, pods_under, workload
from kubelogic.cluster.pods import has_ended, node_of
from kubelogic.explain.blockers import Blocker
from kubelogic.explain.units import amount, count, some
from kubelogic.facts.objects import scaled
from kubelogic.kinds import quantity
from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Problem
from kubelogic.text.location import Path

Party = tuple[str, Object | None, Path]
"""What is said, of which object, at which field of it."""

_PER_NODE = frozenset({"port", "exclusive", "attach", "node_names"})
_HELD = frozenset(
    {
        "rejects_port",
        "rejects_disk",
        "rejects_exclusive_claim",
        "rejects_existing_anti_affinity",
        "rejects_anti_affinity",
    }
)
"""What keeps a pod out because another is there."""

_LISTED = 4


def replicas(cluster: Cluster, pod: Object) -> Iterator[Party]:
    """How many pods the workload of a pod wants, if it has some already: fewer would all be there."""
    owner = workload(cluster, pod)
    mates = pods_under(cluster, owner)
    if not any(node_of(each) for each in mates):
        return
    mine = len(mates)
    source = _maker(cluster, pod)
    wanted = (source.document.get("spec") or {}).get("replicas")
    number = int(wanted) if isinstance(wanted, int) else mine
    if number > 1 and not owner.startswith("DaemonSet "):
        path: Path = ("spec", "replicas") if "replicas" in (source.document.get("spec") or {}) else ("metadata", "name")
        yield f"{owner} wants {count(number, 'pod')}", source, path


def _maker(cluster: Cluster, pod: Object) -> Object:
    """The topmost controller of a pod that stands in a file, which has the number of pods; else the pod itself."""
    return next((each for each in reversed([*owner_objects(cluster, pod)]) if each.origin is not None), pod)


def surge(cluster: Cluster, pod: Object) -> Iterator[Party]:
    """That the rollout of a pod's Deployment has more pods at a time than the Deployment wants: old ones stay.

    Source: pkg/controller/deployment/util/deployment_util.go, ResolveFenceposts and NewRSNewReplicas.
    """
    owner = workload(cluster, pod)
    source = _maker(cluster, pod)
    spec = source.document.get("spec") or {}
    number = 1 if spec.get("replicas") is None else int(spec["replicas"])
    mates = pods_under(cluster, owner)
    there = sum(bool(node_of(each)) and not has_ended(each) for each in mates)
    strategy = spec.get("strategy") or {}
    if source.kind != "Deployment" or strategy.get("type") == "Recreate" or len(mates) <= number:
        return
    rolling = strategy.get("rollingUpdate") or {}
    up = scaled(rolling.get("maxSurge", "25%"), number, up=True) or 0
    down = scaled(rolling.get("maxUnavailable", "25%"), number, up=False) or 0
    if up and there:
        runs = f"{count(there, 'pod')} that {'runs' if there == 1 else 'run'} already"
        text = f"its rollout starts a new pod beside {runs} (maxSurge {up}, maxUnavailable {down})"
        yield text, source, ("spec", "strategy")


def places(cluster: Cluster, problem: Problem, core: Sequence[Assumption]) -> Iterator[Party]:
    """How few domains there are for each rule of a core about domains, or how few nodes."""
    said: set[str] = set()
    pinned = len(core) > 1 and any(each.kind == "node_names" for each in core)
    anywhere = {use.token for shape in problem.shapes for use in shape.exclusive if use.scope == "cluster"}
    for each in core:
        if (pinned and each.kind in _PER_NODE) or each.subjects[0] in anywhere:
            continue  # more nodes would be no better
        key = each.subjects[1] if each.kind in ("anti_affinity", "spread", "affinity") else ""
        if not key and each.kind not in _PER_NODE:
            continue
        if not key or key == "kubernetes.io/hostname":
            names, what = sorted(node.name for node in problem.nodes), "node"
        else:
            names = sorted({node.topology[key] for node in problem.nodes if key in node.topology})
            what = f"value of {key}"
        text = _too_few(problem, each) or _only(names, what)
        if text not in said:
            said.add(text)
            yield text, _first_node(cluster, problem, key, names), ("metadata", "labels")


def _too_few(problem: Problem, each: Assumption) -> str:
    """That a spread counts fewer domains than it asks for, so that the fewest pods of a domain count as 0."""
    spreads = problem.spreads if each.kind == "spread" else ()
    for spread in (one for one in spreads if (one.owner, one.key) == tuple(each.subjects[:2])):
        known = sorted(spread.domains(problem.nodes))
        if not known and spread.min_domains == 1:
            has_it = any(spread.key in node.topology for node in problem.nodes)
            return f"no node {'that counts ' if has_it else ''}has the label {spread.key}"
        if len(known) < spread.min_domains:
            there = "is 1 value" if len(known) == 1 else f"are {len(known) or 'no'} values"
            listed = f": {some(known, _LISTED)}" if known else ""
            counts = "counts" if len(known) == 1 else "count"
            return f"there {there} of {spread.key} that {counts}, and minDomains asks for {spread.min_domains}{listed}"
    return ""


def _only(names: Sequence[str], what: str) -> str:
    plural = what.replace("value", "values", 1) if what.startswith("value") else f"{what}s"
    if not names:
        return f"there is no {what}"
    listed = some(names, _LISTED)
    are = "is" if len(names) == 1 else "are"
    return f"there {are} {len(names)} {what if len(names) == 1 else plural}: {listed}"


def _first_node(cluster: Cluster, problem: Problem, key: str, names: Sequence[str]) -> Object | None:
    for node in sorted(problem.nodes, key=lambda each: each.name):
        if names and (not key or node.name in names or node.topology.get(key) in names):
            return cluster.get("Node", node.name)
    return None


def holders(cluster: Cluster, blockers: Sequence[Blocker], pinned: str = "") -> Iterator[Party]:
    """A pod of each node or domain that is there already and stands in the way, as the blockers name them.

    ``pinned`` is the only node that is asked, if there is one.
    """
    said: set[str] = set()
    for each in blockers:
        if each.predicate in _HELD and pinned in ("", each.node):
            domain = str(each.witness.get("Node", each.node))
            if "Key" in each.witness:
                domain = f"{each.witness['Key']}={each.witness['Domain']}"
            name = each.other or str(each.witness["Other"])
            pod = cluster.get("Pod", name)
            if domain in said or (pod is None and "Claim" in each.witness):  # of a claim, one more of the same workload
                continue  # one is enough: without the others it would be no better
            said.add(domain)
            yield f"{name} runs on {domain}", pod, ("metadata", "name")


def attaching(cluster: Cluster, pod: Object, blockers: Sequence[Blocker]) -> Iterator[Party]:
    """How many more volumes of each driver a pod needs on the node that has the most room, and how many are there."""
    found = sorted((each for each in blockers if each.predicate == "rejects_attach"), key=_left)
    for driver in sorted({str(each.witness["Driver"]) for each in found}):
        last = [each for each in found if each.witness["Driver"] == driver][-1]
        asked, there = int(last.witness["More"]), int(last.witness["Attached"])
        subject = workload(cluster, pod).partition(" ")[2] or pod.key
        text = f"{subject} needs {count(asked, 'more volume')} of {driver} on {last.node}, which has {there} already"
        yield text, owner_with_origin(cluster, pod), _volumes(owner_with_origin(cluster, pod))


def _left(blocker: Blocker) -> tuple[int, str]:
    return int(blocker.witness["Limit"]) - int(blocker.witness["Attached"]), blocker.node


def _volumes(obj: Object) -> Path:
    """Where an object says what volumes its pods have, or claims for them."""
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    inside = (spec.get("template") or {}).get("spec") or {}
    if obj.kind == "StatefulSet" and not inside.get("volumes"):
        return ("spec", "volumeClaimTemplates")
    return ("spec", "volumes") if "template" not in spec else ("spec", "template", "spec", "volumes")


def no_template(cluster: Cluster, pod: Object, index: int) -> str:
    """That there is no template to make one of a pod's claims on devices of, in words, and which may be meant."""
    claim = (pod.document["spec"].get("resourceClaims") or ())[index]
    name = claim.get("resourceClaimTemplateName")
    names = sorted(
        each.name for each in cluster.objects("ResourceClaimTemplate").values() if each.namespace == pod.namespace
    )
    if not name or name in names:
        return ""
    near = difflib.get_close_matches(name, names, n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    return f"; no ResourceClaimTemplate {pod.namespace}/{name} is in the input{meant}"


def elsewhere(cluster: Cluster, pod: Object) -> str:
    """Pods that an affinity term's labels fit but whose namespace it does not look at, in words."""
    affinity = ((pod.document.get("spec") or {}).get("affinity") or {}).get("podAffinity") or {}
    found: set[str] = set()
    for term in affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or ():
        looked_at = set(term.get("namespaces") or ())
        if term.get("namespaceSelector") is None and not looked_at:
            looked_at = {pod.namespace}
        wanted = (term.get("labelSelector") or {}).get("matchLabels") or {}
        if not wanted or (term.get("labelSelector") or {}).get("matchExpressions"):
            continue
        for key, other in cluster.objects("Pod").items():
            labels = (other.document.get("metadata") or {}).get("labels") or {}
            if other.namespace not in looked_at and all(labels.get(k) == v for k, v in wanted.items()):
                found.add(key)
    if not found:
        return ""
    verb = "matches" if len(found) == 1 else "match"
    return f"; {some(sorted(found))} {verb} the labels but not the namespace that the term looks at"


def nodes_there(cluster: Cluster, problem: Problem) -> Iterator[Party]:
    """Which nodes there are."""
    names = sorted(node.name for node in problem.nodes)
    yield _only(names, "node"), _first_node(cluster, problem, "", names), ("metadata", "labels")


def marks(cluster: Cluster, blockers: Sequence[Blocker]) -> Iterator[Party]:
    """The taints because of which nodes turn a pod away, those that are on several nodes once."""
    found: dict[str, list[str]] = {}
    for each in blockers:
        if each.predicate == "rejects_taint":
            value = f"={each.witness['Value']}" if each.witness["Value"] else ""
            found.setdefault(f"{each.witness['Key']}{value}:{each.witness['Effect']}", []).append(each.node)
    for taint, names in sorted(found.items()):
        where = some(names, _LISTED)
        yield (
            f"{where} {'has' if len(names) == 1 else 'have'} the taint {taint}",
            cluster.get("Node", names[0]),
            (
                "spec",
                "taints",
            ),
        )


def sources_of(cluster: Cluster, pod: Object, resource: str) -> str:
    """What an amount that a pod asks for is made of, where nobody wrote it as it stands; else empty.

    Source: k8s.io/component-helpers/resource, PodRequests; admission plugins RuntimeClass and LimitRanger.
    """
    spec: Mapping[str, Any] = pod.document.get("spec") or {}
    overhead = _overhead(cluster, spec, resource)
    parts: list[str] = []
    whole = ((spec.get("resources") or {}).get("requests") or {}).get(resource)
    if whole is not None:
        parts.append(f"{_shown(resource, whole)} of the pod as a whole (spec.resources)")
    else:
        written = _written(cluster, pod, resource)
        steps, peak = _runs(spec, resource)
        told = [
            f"{_shown(resource, value)} of {name}{'' if each['name'] in written else _default(cluster, pod)}"
            for name, each, value in peak or steps
        ]
        if peak:
            than = "which is more than all others" if len(peak) == 1 else "together more than what runs after it"
            told = [f"{' and '.join(told)}, {than}"]
        parts += told
    if overhead is not None:
        parts.append(f"{_shown(resource, overhead)} overhead of RuntimeClass {spec.get('runtimeClassName')}")
    plain = len(parts) == 1 and " of container " in parts[0] and " by the default" not in parts[0]
    return "" if plain or not parts else ": " + " and ".join(parts)


_Parts = list[tuple[str, Mapping[str, Any], Any]]
"""What containers ask for: what each is called, itself, and its amount as it is written."""


def _runs(spec: Mapping[str, Any], resource: str) -> tuple[_Parts, _Parts]:
    """What runs together at last, and, if it asks for more, an init container with the sidecars that run before it.

    Source: k8s.io/component-helpers/resource, AggregateContainerRequests.
    """
    last = _asking([(f"container {each['name']}", each) for each in spec.get("containers") or ()], resource)
    sidecars: _Parts = []
    peak: _Parts = []
    for each in spec.get("initContainers") or ():
        if each.get("restartPolicy") == "Always":
            sidecars += _asking([(f"sidecar {each['name']}", each)], resource)
            continue
        own = _asking([(f"init container {each['name']}", each)], resource)
        beside = [(f"{name} beside it", sidecar, value) for name, sidecar, value in sidecars]
        if own and _sum(resource, [*own, *beside]) > _sum(resource, peak):
            peak = [*own, *beside]
    last += sidecars
    return last, peak if _sum(resource, peak) > _sum(resource, last) else []


def _asking(containers: Sequence[tuple[str, Mapping[str, Any]]], resource: str) -> _Parts:
    return [(name, each, value) for name, each in containers if (value := _request(each, resource)) is not None]


def _sum(resource: str, parts: _Parts) -> int:
    return sum(quantity.amount(resource, value) for _, _, value in parts)


def _shown(resource: str, value: Any) -> str:
    return amount(resource, quantity.amount(resource, value))


def _request(container: Mapping[str, Any], resource: str) -> Any:
    resources = container.get("resources") or {}
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    return requests.get(resource, limits.get(resource))


def _overhead(cluster: Cluster, spec: Mapping[str, Any], resource: str) -> Any:
    if spec.get("overhead"):
        return spec["overhead"].get(resource)
    found = cluster.get("RuntimeClass", str(spec.get("runtimeClassName") or ""))
    fixed = ((found.document.get("overhead") or {}).get("podFixed") or {}) if found is not None else {}
    return fixed.get(resource)


def _written(cluster: Cluster, pod: Object, resource: str) -> set[str]:
    """The containers for which a person wrote the amount; all, where the pod itself is what was written."""
    source = owner_with_origin(cluster, pod)
    spec = source.document.get("spec") or {}
    if source.kind == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    inner = spec if source.kind == "Pod" else (spec.get("template") or {}).get("spec") or {}
    containers = [*(inner.get("containers") or ()), *(inner.get("initContainers") or ())]
    given = {str(each["name"]) for each in containers if _request(each, resource) is not None}
    told = str(((pod.document.get("metadata") or {}).get("annotations") or {}).get("kubernetes.io/limit-ranger") or "")
    return {name for name in given if f"{resource} request for container {name}" not in told}


def _default(cluster: Cluster, pod: Object) -> str:
    names = sorted(each.name for each in cluster.objects("LimitRange").values() if each.namespace == pod.namespace)
    return f" by the default of LimitRange {', '.join(names)}" if names else " by default"
