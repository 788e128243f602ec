"""A small cluster to try things on: requests, the world outside, time, and short answers to what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubelogic.apiserver import requests, rollback
from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.requests import Outcome
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.cluster.state import State
from kubelogic.logic import Row
from kubelogic.reconcile.settle import Step, Ticker, settle

START = 1_000_000_020_000
"""The moment at which a lab opens, on the simulated clock: a whole minute, so that schedules are easy to follow."""


class Lab:
    """A cluster, its clock and the controllers; keys without a namespace are in ``default``."""

    def __init__(self, ticker: Ticker, *, nodes: Sequence[str] = ("n1", "n2", "n3"), cpu: str = "8") -> None:
        """Open a lab.

        Args:
            ticker: decides what happens: a ``Reconciler``.
            nodes: names of nodes that work and take pods.
            cpu: how much each of them has.
        """
        self.ticker = ticker
        self.state = State(cluster=Cluster(), now=START - 60_000)
        self.steps: list[tuple[Step, State]] = []
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
        for name in nodes:
            self.add_node(name, cpu=cpu)
        self.until(START)

    # -- requests ------------------------------------------------------------------------------------------

    def create(self, document: Mapping[str, Any]) -> Status:
        """POST an object."""
        return self._take(requests.create(self.state, document))

    def add_node(self, name: str, *, cpu: str = "8", labels: Mapping[str, str] | None = None) -> Status:
        """Register a node that works."""
        room = {"cpu": cpu, "memory": "32Gi", "pods": "110"}
        meta = {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}}
        status = {"allocatable": room, "capacity": room, "conditions": [{"type": "Ready", "status": "True"}]}
        return self.create({"apiVersion": "v1", "kind": "Node", "metadata": meta, "status": status})

    def patch(self, kind: str, name: str, change: Mapping[str, Any], *, subresource: str = "") -> Status:
        """PATCH an object with a JSON merge patch."""
        return self._take(requests.patch(self.state, kind, self.key(kind, name), change, subresource=subresource))

    def scale(self, kind: str, name: str, replicas: int) -> Status:
        """Set the number of replicas."""
        return self._take(requests.scale(self.state, kind, self.key(kind, name), replicas))

    def delete(self, kind: str, name: str, *, propagation: str = "", grace: int | None = None) -> Status:
        """DELETE an object."""
        key = self.key(kind, name)
        return self._take(requests.delete(self.state, kind, key, propagation=propagation, grace=grace))

    def evict(self, pod: str) -> Status:
        """POST an eviction."""
        return self._take(requests.evict(self.state, self.key("Pod", pod)))

    def undo(self, deployment: str, revision: int = 0) -> Status:
        """What ``kubectl rollout undo`` does."""
        return self._take(rollback.undo(self.state, self.key("Deployment", deployment), revision))

    def image(self, kind: str, name: str, image: str) -> Status:
        """Give the first container of a workload's template another image."""
        spec = self.document(kind, name)["spec"]["template"]["spec"]
        first, *rest = spec["containers"]
        containers = [{**first, "image": image}, *rest]
        return self.patch(kind, name, {"spec": {"template": {"spec": {"containers": containers}}}})

    # -- the world -----------------------------------------------------------------------------------------

    def world(self, *facts: tuple[str, Row]) -> None:
        """Add facts of ``rules/facts/world.dl``."""
        self.state = self.state.with_world(add=facts)

    def no_more(self, *facts: tuple[str, Row]) -> None:
        """Take such facts away."""
        self.state = self.state.with_world(remove=facts)

    def silence(self, node: str) -> None:
        """The kubelet of a node falls silent."""
        self.world(("node_silent_since", (node, self.state.now)))

    def heal(self, node: str) -> None:
        """It is back."""
        rows = [row for row in self.state.world.get("node_silent_since", ()) if row[0] == node]
        self.no_more(*(("node_silent_since", row) for row in rows))

    def ready(self, *pods: str, is_ready: bool = True) -> None:
        """The containers of pods whose image needs to be told become ready, or not ready."""
        for name in pods:
            uid = uid_of(self.object("Pod", name))
            self.no_more(("pod_said_ready", (uid, int(not is_ready))))
            self.world(("pod_said_ready", (uid, int(is_ready))))

    def finish(self, *pods: str, code: int = 0) -> None:
        """The containers of pods end with a code."""
        self.world(*(("pod_told_to_end", (uid_of(self.object("Pod", name)), code)) for name in pods))

    # -- time ----------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Let so much time pass."""
        self.until(self.state.now + round(1000 * seconds))

    def until(self, moment: int) -> None:
        """Let time pass until a moment of the simulated clock."""
        run = settle(self.ticker, self.state, until=moment, progress=self._watch, max_ticks=20_000, fold=False)
        if not run.settled:
            raise RuntimeError(f"never settles: {[action for step in run.steps[-5:] for action in step.actions]}")
        self.state = run.state

    def _watch(self, step: Step, state: State) -> None:
        self.steps.append((step, state))

    # -- what came of it -----------------------------------------------------------------------------------

    @property
    def time(self) -> float:
        """Seconds since the lab opened."""
        return (self.state.now - START) / 1000

    def key(self, kind: str, name: str) -> str:
        """The key of an object."""
        whole = ("ClusterRole", "Node", "PersistentVolume", "Namespace", "PriorityClass", "StorageClass")
        return name if "/" in name or kind in whole else f"default/{name}"

    def object(self, kind: str, name: str) -> Object:
        """An object that is there."""
        return self.state.cluster.objects(kind)[self.key(kind, name)]

    def document(self, kind: str, name: str) -> dict[str, Any]:
        """Its document."""
        return dict(self.object(kind, name).document)

    def status(self, kind: str, name: str) -> dict[str, Any]:
        """Its status, without counters that are 0."""
        found = self.document(kind, name).get("status") or {}
        return {field: value for field, value in found.items() if value not in (0, None, [])}

    def conditions(self, kind: str, name: str) -> dict[str, str]:
        """Its conditions as ``status/reason``, by type."""
        return {
            each["type"]: f"{each['status']}/{each.get('reason') or ''}"
            for each in self.status(kind, name).get("conditions") or ()
        }

    def names(self, kind: str, owner: str = "", *, state: State | None = None) -> list[str]:
        """The names of the objects of a kind, of one owner (``Kind/name``) or all, sorted."""
        return [each.name for each in self.of(kind, owner, state=state)]

    def of(self, kind: str, owner: str = "", *, state: State | None = None) -> list[Object]:
        """The objects of a kind, of one owner (``Kind/name``) or all, by key."""
        found = (state or self.state).cluster.objects(kind)
        return [found[key] for key in sorted(found) if not owner or owner in _owners(found[key])]

    def sizes(self, deployment: str, *, state: State | None = None) -> dict[str, int]:
        """The wanted size of each ReplicaSet of a Deployment that is not 0, by image."""
        found: Counter[str] = Counter()
        for each in self.of("ReplicaSet", f"Deployment/{deployment}", state=state):
            spec = each.document["spec"]
            found[spec["template"]["spec"]["containers"][0]["image"]] += int(spec.get("replicas", 1))
        return {image: size for image, size in sorted(found.items()) if size}

    def pods(self, *owners: str, state: State | None = None) -> list[str]:
        """Living pods as ``image phase`` with ``ready`` or ``terminating``, sorted."""
        return sorted(_described(pod) for pod in self._pods(owners, state))

    def nodes_of(self, *owners: str) -> dict[str, int]:
        """How many living pods are on each node."""
        nodes = Counter(str((pod.document["spec"]).get("nodeName") or "-") for pod in self._pods(owners, None))
        return dict(sorted(nodes.items()))

    def _pods(self, owners: Iterable[str], state: State | None) -> list[Object]:
        wanted = set(owners)
        return [pod for pod in self.of("Pod", state=state) if not wanted or wanted & set(_owners(pod))]

    def _take(self, outcome: Outcome) -> Status:
        self.state = outcome.state
        return outcome.answer


def _owners(obj: Object) -> list[str]:
    return [f"{ref['kind']}/{ref['name']}" for ref in metadata(obj).get("ownerReferences") or ()]


def _described(pod: Object) -> str:
    status = pod.document.get("status") or {}
    conditions = {each["type"]: each["status"] for each in status.get("conditions") or ()}
    words = [pod.document["spec"]["containers"][0].get("image") or "", status.get("phase") or "Pending"]
    if metadata(pod).get("deletionTimestamp"):
        words.append("terminating")
    elif conditions.get("Ready") == "True":
        words.append("ready")
    return " ".join(words)


def workload(kind: str, name: str, *, image: str = "app:1", **spec: Any) -> dict[str, Any]:
    """A manifest of a workload of one container whose pods carry the label ``app``.

    Args:
        kind: kind.
        name: its name, and the value of the label.
        image: of the container.
        spec: fields of the spec; ``template_spec``, ``labels`` and ``container`` add to the template.
    """
    labels = {"app": name, **spec.pop("labels", {})}
    container = {"name": "c", "image": image, **spec.pop("container", {})}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], **spec.pop("template_spec", {})}}
    group = "v1" if kind == "ReplicationController" else "batch/v1" if kind in ("Job", "CronJob") else "apps/v1"
    if kind in ("Job", "CronJob"):
        template["spec"].setdefault("restartPolicy", "Never")
    if kind == "CronJob":
        spec = {"jobTemplate": {"spec": {"template": template, **spec.pop("job", {})}}, **spec}
    else:
        spec = {"template": template, **spec}
    if kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"):
        spec.setdefault("selector", {"matchLabels": {"app": name}})
    if kind == "StatefulSet":
        spec.setdefault("serviceName", name)
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec}
