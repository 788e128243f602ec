"""metrics.k8s.io: what pods use, as somebody has said it (``metric`` of scenarios), for ``kubectl top``.

As without a metrics-server, the group is not served until something is said. Of pods about which nothing is said there
are no metrics; a node uses what its pods are said to use.

Source: staging/src/k8s.io/metrics, pkg/apis/metrics/v1beta1/types.go of Kubernetes 1.36.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.cluster.pods import is_running, node_of
from kubelogic.cluster.state import State
from kubelogic.serve.messages import Reply, Request
from kubelogic.serve.paths import Target
from kubelogic.serve.resources import Resource
from kubelogic.serve.selectors import matcher
from kubelogic.serve.statuses import failure, method_not_allowed

GROUP = "metrics.k8s.io"
_VERSION = f"{GROUP}/v1beta1"
_SAID = ("pod_uses", "workload_carries", "workload_uses")
_VERBS = ("get", "list")


def _served(plural: str, kind: str, *, namespaced: bool) -> Resource:
    return Resource(
        group=GROUP,
        version="v1beta1",
        plural=plural,
        singular="",
        kind=kind,
        namespaced=namespaced,
        verbs=_VERBS,
        stored_kind=kind,
        custom={},
    )


_NODES = _served("nodes", "NodeMetrics", namespaced=False)
_PODS = _served("pods", "PodMetrics", namespaced=True)

Usage = dict[str, dict[str, int]]
"""By container, by metric: thousandths, or bytes of memory."""


def served_metrics(state: State) -> tuple[Resource, ...]:
    """The resources of metrics; none as long as nothing is said."""
    return (_NODES, _PODS) if any(state.world.get(each) for each in _SAID) else ()


def answer(state: State, request: Request, where: Target) -> Reply:
    """The reply to a question about metrics.

    Raises:
        RequestError: there is no such object, or more is wanted than to read.
    """
    if request.method not in ("GET", "HEAD"):
        raise method_not_allowed(where.resource, request.method.lower())
    used = usage(state)
    if where.resource is _NODES:
        found = [_of_node(state, node, used) for _, node in sorted(state.cluster.objects("Node").items())]
    else:
        found = [
            _of_pod(state, pod, used[key]) for key, pod in sorted(state.cluster.objects("Pod").items()) if key in used
        ]
    if where.name:
        mine = [each for each in found if _key(each) == where.key]
        if not mine:
            words = f'{where.resource.kind.lower()}s.{GROUP} "{where.key}" not found'
            raise failure(
                404, "NotFound", words, details={"name": where.name, "group": GROUP, "kind": where.resource.plural}
            )
        return Reply(body=mine[0])
    selects = matcher(request.query.get("labelSelector", ""), "", where.resource)
    items = [
        each
        for each in found
        if (not where.namespace or each["metadata"]["namespace"] == where.namespace)
        and (selects is None or selects(each))
    ]
    return Reply(body={"kind": f"{where.resource.kind}List", "apiVersion": _VERSION, "metadata": {}, "items": items})


def usage(state: State) -> dict[str, Usage]:
    """What running pods use, by key, of those about which something is said."""
    pods = {key: pod for key, pod in state.cluster.objects("Pod").items() if is_running(pod)}
    by_uid = {uid_of(pod): key for key, pod in pods.items()}
    made: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key, pod in pods.items():
        for owner in _owners(state.cluster, pod):
            made[owner].append(key)
    found: dict[str, Usage] = defaultdict(lambda: defaultdict(dict))
    for kind, name, container, metric, total in sorted(state.world.get("workload_carries", ())):
        sharing = made[str(kind), str(name)]
        for key in sharing:
            found[key][str(container)][str(metric)] = int(total) // len(sharing)
    for kind, name, container, metric, amount in sorted(state.world.get("workload_uses", ())):
        for key in made[str(kind), str(name)]:
            found[key][str(container)][str(metric)] = int(amount)
    for uid, container, metric, amount in sorted(state.world.get("pod_uses", ())):
        if uid in by_uid:
            found[by_uid[str(uid)]][str(container)][str(metric)] = int(amount)
    return found


def _owners(cluster: Cluster, obj: Object) -> Iterable[tuple[str, str]]:
    """The object, its controller, and the controller of that one, as kind and key."""
    yield obj.kind, obj.key
    for each in metadata(obj).get("ownerReferences") or ():
        if each.get("controller"):
            key = f"{obj.namespace}/{each.get('name')}"
            owner = cluster.get(str(each.get("kind")), key)
            yield from _owners(cluster, owner) if owner is not None else ((str(each.get("kind")), key),)


def _of_pod(state: State, pod: Object, used: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """What is said of the pod as a whole is told of its first container, if nothing is said of containers."""
    names = [str(each.get("name")) for each in (pod.document.get("spec") or {}).get("containers") or ()]
    containers = []
    for number, name in enumerate(names):
        amounts = {**(used.get("", {}) if number == 0 and not used.keys() & set(names) else {}), **used.get(name, {})}
        containers.append({"name": name, "usage": _amounts(amounts)})
    return {**_header("PodMetrics", state, pod), "containers": containers}


def _of_node(state: State, node: Object, used: Mapping[str, Usage]) -> dict[str, Any]:
    total: dict[str, int] = {"cpu": 0, "memory": 0}
    for key, containers in used.items():
        pod = state.cluster.get("Pod", key)
        if pod is None or node_of(pod) != node.name:
            continue
        named = [amounts for name, amounts in containers.items() if name] or list(containers.values())
        for amounts in named:
            for metric in total:
                total[metric] += amounts.get(metric, 0)
    return {**_header("NodeMetrics", state, node), "usage": _amounts(total)}


def _header(kind: str, state: State, obj: Object) -> dict[str, Any]:
    about = {"name": obj.name, "creationTimestamp": timestamp(state.now)}
    if obj.namespace:
        about["namespace"] = obj.namespace
    labels = metadata(obj).get("labels")
    named = {**about, "labels": labels} if labels else about
    return {"kind": kind, "apiVersion": _VERSION, "metadata": named, "timestamp": timestamp(state.now), "window": "30s"}


def _key(document: Mapping[str, Any]) -> str:
    about = document["metadata"]
    return f"{about['namespace']}/{about['name']}" if "namespace" in about else str(about["name"])


def _amounts(amounts: Mapping[str, int]) -> dict[str, str]:
    """Quantities of cpu and memory; what is not said is 0, as kubectl expects both."""
    return {"cpu": f"{amounts.get('cpu', 0)}m", "memory": f"{amounts.get('memory', 0) // 1024}Ki"}
