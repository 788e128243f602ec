"""Recorded traces of a real control plane: their steps replayed on a simulated one.

The format is that of ``fixtures/conformance/controllers/README.md``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from kubelogic.apiserver import requests, rollback
from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.requests import Outcome
from kubelogic.cluster import Cluster
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.cluster.state import State
from kubelogic.logic import Row
from kubelogic.reconcile.settle import Step, Ticker, settle
from tests.support.bounds import Bounds, Moment, bounds, member_changes, ordered_sets, owner_moments
from tests.support.names import Names
from tests.support.phases import last_heard, start_of
from tests.support.recorded import Recorded
from tests.support.snapshots import Snapshot, snapshot

_WARM_UP = 60_000
"""Milliseconds that the initial objects have to come up before time 0."""

_DEFAULT_NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}

_RULES = (
    ("bad_image", "image_cannot_be_pulled"),
    ("ready", "image_stays_unready"),
    ("termination", "image_ignores_stop"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One step of a trace as the simulation played it."""

    number: int
    answer: Status | None
    snapshot: Snapshot
    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    order: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Which pods of each ordered StatefulSet came and went, as in ``db-0 added``, in order."""


@dataclass(slots=True)
class Replay:
    """Plays the steps of one trace."""

    case: Mapping[str, Any]
    ticker: Ticker
    recorded: Recorded | None = None
    """What the scheduler of the ticker asks, if it does."""
    state: State = field(init=False)
    names: Names = field(init=False)
    start: int = field(init=False)
    moments: list[dict[str, Moment]] = field(default_factory=list)
    order: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = Names()
        self.start = start_of(self.case)
        self.state = replace(State(cluster=Cluster()), now=self.start - _WARM_UP)

    def play(self) -> Iterator[Played]:
        """The state before the first step (number 0), then after each step."""
        case = self.case
        self._turn_to(0)
        self.state = self.state.with_world(add=_world(case.get("kubelet_rules") or {}))
        self._take(requests.create(self.state, _DEFAULT_NAMESPACE))
        for document in case.get("initial_objects") or ():
            full = _registered(document) if document["kind"] == "Node" else document
            self._take(requests.create(self.state, full))
        self._settle(self.start)
        snapshots = case["settled"]
        yield Played(number=0, answer=None, snapshot=snapshot(self.state.cluster, self.names))
        for position, step in enumerate(case["steps"]):
            start = self.start + round(1000 * step["at"])
            self._settle(start)
            shown = snapshots[position]["state"]
            self.moments, self.order = [], {}
            self._turn_to(step["step"])
            self._note()
            answer = self._do(step["do"], shown)
            self._note()
            self._settle(self.start + round(1000 * snapshots[position + 1]["t"]))
            yield Played(
                number=step["step"],
                answer=answer,
                snapshot=snapshot(self.state.cluster, self.names),
                bounds=bounds(self.moments),
                order={owner: tuple(changes) for owner, changes in sorted(self._ordered().items())},
            )

    def _turn_to(self, step: int) -> None:
        if self.recorded is not None:
            self.recorded.begin(step, self._whose)

    def _whose(self, pod: str) -> tuple[str, str]:
        """What the trace calls the owner of a pod, and the pod."""
        found = self.state.cluster.get("Pod", pod)
        return (self.names.owner(found), found.name) if found is not None else ("", "")

    def _settle(self, until: int) -> None:
        run = settle(self.ticker, self.state, until=until, progress=self._watch, max_ticks=20_000, fold=False)
        if not run.settled:
            raise RuntimeError(
                f"{self.case['name']} never settles: {[a.type for s in run.steps[-5:] for a in s.actions]}"
            )
        self.state = run.state

    def _watch(self, _step: Step, state: State) -> None:
        for owner, change in member_changes(self.state.cluster, state.cluster):
            self.order.setdefault(owner, []).append(change)
        self.state = state
        self._note()

    def _ordered(self) -> dict[str, list[str]]:
        nothing: dict[str, list[str]] = {f"StatefulSet/{name}": [] for name in ordered_sets(self.state.cluster)}
        return {**nothing, **self.order}

    def _note(self) -> None:
        self.names.learn(self.state.cluster)
        self.moments.append(owner_moments(self.state.cluster, self.names))

    def _take(self, outcome: Outcome) -> Status:
        self.state = outcome.state
        self.names.learn(self.state.cluster)
        return outcome.answer

    # -- operations ----------------------------------------------------------------------------------------

    def _do(self, do: Mapping[str, Any], shown: Mapping[str, Any]) -> Status | None:
        match do["op"]:
            case "create":
                if do.get("silent"):  # a node whose kubelet never reports
                    self._change_node({"op": "kill_node", "node": do["object"]["metadata"]["name"]})
                return self._take(requests.create(self.state, self._resolved(do["object"], "default", shown)))
            case "patch":
                change = requests.strategic_patch if do.get("patchType") == "strategic" else requests.patch
                key = self._key(do["kind"], do["name"], do.get("namespace", "default"), shown)
                patch = self._resolved(do["patch"], do.get("namespace", "default"), shown)
                outcome = change(self.state, do["kind"], key, patch, subresource=do.get("subresource") or "")
                return self._take(outcome)
            case "scale":
                key = self._key(do["kind"], do["name"], do.get("namespace", "default"), shown)
                return self._take(requests.scale(self.state, do["kind"], key, do["replicas"]))
            case "delete":
                key = self._key(do["kind"], do["name"], do.get("namespace", "default"), shown)
                outcome = requests.delete(
                    self.state,
                    do["kind"],
                    key,
                    propagation=do.get("propagation") or "",
                    grace=do.get("grace"),
                )
                return self._take(outcome)
            case "evict":
                key = self._key("Pod", do["name"], do.get("namespace", "default"), shown)
                return self._take(requests.evict(self.state, key, grace=do.get("grace")))
            case "rollout_undo":
                revision = int(do.get("to_revision") or 0)
                key = f"{do.get('namespace', 'default')}/{do['name']}"
                return self._take(rollback.undo(self.state, key, revision))
            case "wait":
                return None
            case "kubelet_rule":
                self._change_rule(do)
                return None
            case "silent" | "kill_node" | "heal_node" | "node_reports":
                self._change_node(do)
                return None
            case "set_ready" | "finish" | "finish_termination":
                return self._tell_pods(do, shown)
        raise ValueError(f"unknown operation {do['op']}")

    def _change_rule(self, do: Mapping[str, Any]) -> None:
        """Rules come as ``rules`` by image, or as ``image`` with a ``rule`` or its fields; null takes one away."""
        rules = do.get("rules")
        if rules is None:
            inline = {name: value for name, value in do.items() if name not in ("op", "image", "rule")}
            rules = {do["image"]: do.get("rule", inline)}
        for image, rule in sorted(rules.items()):
            old = [
                (name, row)
                for name, rows in self.state.world.items()
                if name.startswith("image_")
                for row in rows
                if row[0] == image
            ]
            self.state = self.state.with_world(remove=old, add=_world({image: rule} if rule else {}))

    def _change_node(self, do: Mapping[str, Any]) -> None:
        node = do["node"]
        old = [
            (name, row)
            for name in ("node_silent_since", "node_reports")
            for row in self.state.world.get(name, ())
            if row[0] == node
        ]
        new: list[tuple[str, Row]] = []
        if do["op"] in ("kill_node", "silent"):
            new = [("node_silent_since", (node, last_heard(self.case, node, self.state.now, self.start)))]
        elif do["op"] == "node_reports":
            new = [("node_reports", (node, do["ready"]))]
        self.state = self.state.with_world(remove=old, add=new)

    def _resolved(self, value: Any, namespace: str, shown: Mapping[str, Any]) -> Any:
        """A document in which references by name (``$ref``) have the uid and the name of the object that is meant."""
        if isinstance(value, list):
            return [self._resolved(each, namespace, shown) for each in value]
        if not isinstance(value, Mapping):
            return value
        if value.get("uid") == "$ref":
            key = self._key(str(value["kind"]), str(value["name"]), namespace, shown)
            owner = self.state.cluster.get(str(value["kind"]), key)
            return {**value, "name": key.rpartition("/")[2], "uid": uid_of(owner) if owner is not None else "absent"}
        return {name: self._resolved(each, namespace, shown) for name, each in value.items()}

    def _tell_pods(self, do: Mapping[str, Any], shown: Mapping[str, Any]) -> Status:
        keys = [key for key in self._selected(do, shown) if self.state.cluster.get("Pod", key) is not None]
        if not keys:
            return Status(status=0, message="no pod selected")
        told: list[tuple[str, Row]] = []
        for key in keys:
            uid = uid_of(self.state.cluster.objects("Pod")[key])
            match do["op"]:
                case "set_ready":
                    ready = 1 if do.get("ready", True) else 0
                    self.state = self.state.with_world(remove=[("pod_said_ready", (uid, 1 - ready))])
                    told.append(("pod_said_ready", (uid, ready)))
                case "finish":
                    told.append(("pod_told_to_end", (uid, int(do.get("exitCode") or 0))))
                case "finish_termination":
                    told.append(("pod_let_go", (uid,)))
        self.state = self.state.with_world(add=told)
        return Status(status=200)

    # -- which pod a step means ------------------------------------------------------------------------------

    def _selected(self, do: Mapping[str, Any], shown: Mapping[str, Any]) -> Iterable[str]:
        wanted = do["pods"]
        if isinstance(wanted, list):
            return [self._key("Pod", name, do.get("namespace", "default"), shown) for name in wanted]
        where = dict(wanted.get("where") or {})
        if do["op"] != "finish_termination":
            where.setdefault("terminating", None)
        else:
            where.setdefault("terminating", True)
        described = snapshot(self.state.cluster, self.names).raw["Pod"]
        found = [
            key
            for key, pod in sorted(described.items(), key=lambda item: self._creation(item[0]))
            if all(_field(pod, name) == value for name, value in where.items())
            and all((pod.get("labels") or {}).get(k) == v for k, v in (wanted.get("labels") or {}).items())
        ]
        return found[: wanted.get("count")]

    def _creation(self, key: str) -> tuple[str, int, str]:
        """Pods of one owner in the order in which they got their letters."""
        pod = self.state.cluster.get("Pod", key)
        assert pod is not None
        return self.names.owner(pod), self.names.order(pod), key

    def _key(self, kind: str, name: str, namespace: str, shown: Mapping[str, Any]) -> str:
        """The key of the object that a trace calls ``name``."""
        if kind in _CLUSTER_SCOPED:
            return name
        direct = f"{namespace}/{name}"
        if self.state.cluster.get(kind, direct) is not None:
            return direct
        if kind == "EndpointSlice":
            return self._slice(name, namespace, shown) or direct
        if kind != "Pod":
            return self.names.key(kind, name) or direct
        entry = (shown.get("Pod") or {}).get(name)
        if entry is None:
            return direct
        described = snapshot(self.state.cluster, self.names).raw["Pod"]
        for fields in _LIKENESS:
            likes = sorted(n for n, pod in shown["Pod"].items() if _like(pod, entry, fields))
            ours = [
                key
                for key in sorted(described, key=self._creation)
                if _like(described[key], entry, fields) and _is_generated(key, name)
            ]
            if ours:
                return ours[min(likes.index(name), len(ours) - 1)]
        return direct

    def _slice(self, name: str, namespace: str, shown: Mapping[str, Any]) -> str:
        """The key of the EndpointSlice that a trace calls by its Service and a letter; empty if there is none.

        Letters are given in the order in which slices were made. Of several, that with as many addresses is meant.
        """
        service, _, letter = name.partition("~")
        ours = sorted(
            (
                obj
                for obj in self.state.cluster.objects("EndpointSlice").values()
                if obj.namespace == namespace
                and (metadata(obj).get("labels") or {}).get("kubernetes.io/service-name") == service
            ),
            key=self.names.order,
        )
        entry = (shown.get("EndpointSlice") or {}).get(name) or {}
        size = len(entry.get("endpoints") or ())
        alike = [obj for obj in ours if len(obj.document.get("endpoints") or ()) == size]
        if len(alike) == 1:
            return alike[0].key
        place = ord(letter) - ord("a") if len(letter) == 1 else 0
        return ours[min(place, len(ours) - 1)].key if ours else ""


_CLUSTER_SCOPED = frozenset(
    {
        "CSIDriver",
        "CSINode",
        "ClusterRole",
        "ClusterRoleBinding",
        "IngressClass",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "VolumeAttachment",
    }
)
"""Kinds whose objects are in no namespace."""

_LIKENESS: Sequence[Sequence[str]] = (
    ("owner", "node", "phase", "ready", "labels", "image", "terminating", "waiting", "index"),
    ("owner", "phase", "ready", "labels", "image", "terminating", "waiting", "index"),
)
"""What tells pods apart that a trace names, best first: placement may differ."""


def _is_generated(key: str, name: str) -> bool:
    return key.rpartition("/")[2] != name


def _like(one: Mapping[str, Any], other: Mapping[str, Any], fields: Iterable[str]) -> bool:
    return all(one.get(name) == other.get(name) for name in fields)


def _field(pod: Mapping[str, Any], name: str) -> Any:
    if name == "ready":
        return bool(pod.get("ready"))
    found = pod.get(name)
    return None if found == "" or found is False else found


def _registered(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A node as it is once its kubelet has reported for a while."""
    status = dict(document.get("status") or {})
    since = "2001-09-09T01:00:00Z"
    status["conditions"] = [
        {"type": kind, "status": value, "reason": reason, "lastTransitionTime": since, "lastHeartbeatTime": since}
        for kind, value, reason in (
            ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
            ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
            ("PIDPressure", "False", "KubeletHasSufficientPID"),
            ("Ready", "True", "KubeletReady"),
        )
    ]
    return {**document, "status": status}


def _world(rules: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Row]]:
    """The kubelet rules of a trace as facts about images."""
    facts: list[tuple[str, Row]] = []
    for image, rule in sorted(rules.items()):
        facts.extend((predicate, (image,)) for name, predicate in _RULES if rule.get(name) in (True, "manual"))
        if "ready_delay" in rule:
            facts.append(("image_ready_after", (image, round(1000 * rule["ready_delay"]))))
        if "exit" in rule:
            facts.extend(_exits(image, rule["exit"]))
    return facts


def _exits(image: str, rule: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    after = round(1000 * float(rule.get("after") or 0))
    if "by_restart" in rule:
        for restart, code in enumerate(rule["by_restart"]):
            yield "image_exits_at", (image, restart, after, int(code))
    elif "by_pod" in rule:
        for position, code in enumerate(rule["by_pod"]):
            yield "image_exits_by_pod", (image, position, after, int(code))
    elif "by_index" in rule:
        yield "image_exits", (image, after, int(rule.get("code") or 0))
        for index, codes in rule["by_index"].items():
            for attempt, code in enumerate(codes if isinstance(codes, list) else [codes]):
                yield "image_exits_by_index", (image, int(index), attempt, after, int(code))
    else:
        yield "image_exits", (image, after, int(rule.get("code") or 0))


def recorded_order(case: Mapping[str, Any], step: int, owner: str) -> tuple[str, ...]:
    """What a trace says of the pods of a StatefulSet in one step, in order; see ``Played.order``."""
    members = re.compile(rf"{re.escape(owner.partition('/')[2])}-\d+$")
    return tuple(
        f"{event['name']} {event['change']}"
        for event in case["events"]
        if event["kind"] == "Pod" and event["step"] == step and members.match(event["name"])
        if event["change"] in ("added", "deleted")
    )


def read_case(path: Path) -> dict[str, Any]:
    """One recorded trace."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
