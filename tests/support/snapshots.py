"""What a trace shows of a cluster: the meaningful fields of each kind, under stable names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata
from tests.support import batch, descriptions
from tests.support.names import Names, controller

Described = dict[str, Any]
Describe = Callable[[Object, Names], Described]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """``raw``: kind to our key to the fields that a trace shows; ``named``: kind to the trace's name or None."""

    raw: Mapping[str, Mapping[str, Described]]
    named: Mapping[str, Mapping[str, str]]


def snapshot(cluster: Cluster, names: Names) -> Snapshot:
    """Describe all objects of the kinds that traces show."""
    raw: dict[str, dict[str, Described]] = {"Pod": {}}
    named: dict[str, dict[str, str]] = {}
    for kind, describe in DESCRIBE.items():
        for key, obj in sorted(cluster.objects(kind).items()):
            described = {**_deletion(obj), **describe(obj, names)}
            raw.setdefault(kind, {})[key] = described
            prefix = f"{obj.namespace}/" if obj.namespace not in ("", "default") else ""
            named.setdefault(kind, {})[key] = prefix + names.name(obj)
    return Snapshot(raw=raw, named=named)


def _deletion(obj: Object) -> Described:
    found: Described = {}
    meta = metadata(obj)
    if meta.get("deletionTimestamp"):
        found["terminating"] = True
    finalizers = [f for f in meta.get("finalizers") or () if not f.startswith("kubernetes.io/p")]
    if finalizers:
        found["finalizers"] = finalizers
    return found


def _conditions(obj: Object, wanted: tuple[str, ...] = ()) -> dict[str, str]:
    conditions = (obj.document.get("status") or {}).get("conditions") or ()
    return {
        c["type"]: f"{c['status']}/{c.get('reason') or ''}" for c in conditions if not wanted or c["type"] in wanted
    }


def _observed(obj: Object) -> bool:
    seen = (obj.document.get("status") or {}).get("observedGeneration")
    return bool(seen == (metadata(obj).get("generation") or 1))


def _image(obj: Object) -> str:
    spec = obj.document.get("spec") or {}
    template = spec.get("template") or {}
    containers = (template.get("spec") or spec).get("containers") or [{}]
    return str(containers[0].get("image") or "")


def _counters(obj: Object, *, leave_out: tuple[str, ...] = ("conditions", "observedGeneration")) -> Described:
    status = obj.document.get("status") or {}
    return {name: value for name, value in status.items() if name not in leave_out and value not in (0, None)}


_RANDOM = frozenset({"controller-uid", "batch.kubernetes.io/controller-uid"})
"""Labels whose values are random."""


def _pod(obj: Object, names: Names) -> Described:
    spec, status = obj.document.get("spec") or {}, obj.document.get("status") or {}
    conditions = _conditions(obj)
    meta = metadata(obj)
    labels = meta.get("labels") or {}
    found: Described = {
        "owner": names.owner(obj) or None,
        "phase": status.get("phase"),
        "ready": conditions.get("Ready", "").startswith("True"),
        "node": spec.get("nodeName"),
        "labels": {name: names.label(name, value) for name, value in labels.items() if name not in _RANDOM},
        "image": _image(obj),
    }
    waiting = [
        (c.get("state") or {}).get("waiting", {}).get("reason")
        for c in status.get("containerStatuses") or ()
        if "waiting" in (c.get("state") or {})
    ]
    if waiting:
        found["waiting"] = waiting[0]
    if not meta.get("generateName"):
        found["incarnation"] = names.incarnation(obj)
    if conditions.get("PodScheduled", "").startswith("False") and not spec.get("nodeName"):
        found["scheduled"] = conditions["PodScheduled"]
    if "DisruptionTarget" in conditions:
        found["DisruptionTarget"] = conditions["DisruptionTarget"]
    restarts = sum(int(c.get("restartCount") or 0) for c in status.get("containerStatuses") or ())
    if restarts and status.get("phase") not in ("Succeeded", "Failed"):
        found["restarts"] = restarts  # the recording's stand-in for the kubelet starts a new count when a pod ends
    found["tolerations"] = sorted(map(_toleration, spec.get("tolerations") or ()))
    if spec.get("affinity"):
        found["affinity"] = spec["affinity"]
    found["hostname"] = spec.get("hostname")
    found["subdomain"] = spec.get("subdomain")
    used = [volume.get("persistentVolumeClaim") for volume in spec.get("volumes") or ()]
    claims = [claim["claimName"] for claim in used if claim]
    if claims:
        found["pvcs"] = sorted(claims)
    index = (meta.get("annotations") or {}).get("batch.kubernetes.io/job-completion-index")
    if index is not None:
        found["index"] = int(index)
    found["resources"] = [c.get("resources") or {} for c in spec.get("containers") or ()]
    return found


def _toleration(toleration: Mapping[str, Any]) -> str:
    seconds = toleration.get("tolerationSeconds")
    value = f" {toleration['value']}" if toleration.get("value") else ""
    until = f" for {seconds}s" if seconds is not None else ""
    operator = toleration.get("operator") or "Equal"
    return f"{toleration.get('key') or ''} {operator}{value}:{toleration.get('effect') or ''}{until}"


def _workload(obj: Object, names: Names) -> Described:
    spec = obj.document.get("spec") or {}
    found: Described = {"spec": {"image": _image(obj)}, "status": _counters(obj)}
    if "replicas" in spec or obj.kind != "DaemonSet":
        found["spec"]["replicas"] = spec.get("replicas", 1)
    if spec.get("paused"):
        found["spec"]["paused"] = True
    conditions = _conditions(obj)
    match obj.kind:
        case "Deployment":
            annotations = metadata(obj).get("annotations") or {}
            found["revision"] = annotations.get("deployment.kubernetes.io/revision")
            found["conditions"] = conditions
            found["observed"] = _observed(obj)
        case "ReplicaSet":
            found["owner"] = names.owner(obj) or None
            prefix = "deployment.kubernetes.io/"
            annotations = {
                name.removeprefix(prefix): value
                for name, value in (metadata(obj).get("annotations") or {}).items()
                if name.startswith(prefix)
            }
            if annotations:
                found["annotations"] = annotations
            if conditions:
                found["conditions"] = conditions
        case "StatefulSet":
            found["observed"] = _observed(obj)
            for field in ("currentRevision", "updateRevision"):
                if found["status"].get(field):
                    found["status"][field] = names.revision(found["status"][field])
            found["status"].pop("collisionCount", None)
        case "DaemonSet":
            found["observed"] = _observed(obj)
        case _:
            if conditions:
                found["conditions"] = conditions
    return found


def _revision(obj: Object, names: Names) -> Described:
    return {"owner": names.owner(obj) or None, "revision": obj.document.get("revision")}


def _node(obj: Object, _names: Names) -> Described:
    spec = obj.document.get("spec") or {}
    conditions = _conditions(obj)
    others = {
        name: value.partition("/")[0]
        for name, value in conditions.items()
        if name != "Ready" and not value.startswith("False")
    }
    found: Described = {
        "ready": conditions.get("Ready"),
        "taints": sorted(_taint(t) for t in spec.get("taints") or ()),
        "unschedulable": bool(spec.get("unschedulable")),
    }
    if others:
        found["otherConditions"] = others
    return found


def _taint(taint: Mapping[str, Any]) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"


def _claim(obj: Object, _names: Names) -> Described:
    spec, status = obj.document.get("spec") or {}, obj.document.get("status") or {}
    found: Described = {
        "phase": status.get("phase"),
        "storageClassName": spec.get("storageClassName"),
        "accessModes": spec.get("accessModes"),
        "volume": spec.get("volumeName"),
        "capacity": (status.get("capacity") or {}).get("storage"),
        "request": ((spec.get("resources") or {}).get("requests") or {}).get("storage"),
    }
    owner = controller(obj) or next(iter(metadata(obj).get("ownerReferences") or ()), None)
    if owner:
        found["owner"] = f"{owner['kind']}/{owner['name']}"
    return found


DESCRIBE: Mapping[str, Describe] = {
    "Pod": _pod,
    "Deployment": _workload,
    "ReplicaSet": _workload,
    "ReplicationController": _workload,
    "StatefulSet": _workload,
    "DaemonSet": _workload,
    "ControllerRevision": _revision,
    "Node": _node,
    "PersistentVolumeClaim": _claim,
    **descriptions.DESCRIBE,
    **batch.DESCRIBE,
}
"""How each kind is described."""

NOT_COMPARED = frozenset({"StorageClass", "PriorityClass", "pods_by_owner_state_node"})
"""What else traces show."""

OPTIONAL = frozenset({"tolerations", "affinity", "resources", "pvcs", "hostname", "subdomain", "index", "podCIDR"})
"""Fields that a trace shows only where its area has to do with them."""


_BY_AREA = frozenset({"Node", *descriptions.SHOWN_BY_AREA})


def differences(expected: Mapping[str, Any], got: Snapshot) -> list[str]:
    """How a recorded snapshot and ours differ, one line each; empty if they agree.

    Names and nodes of pods with generated names are not compared: they are arbitrary, the node among equals. The
    nodes of a DaemonSet are.
    """
    lines: list[str] = []
    our_pods = {key.rpartition("/")[2]: pod for key, pod in got.raw["Pod"].items()}
    their_pods = {name.rpartition("/")[2]: pod for name, pod in (expected.get("Pod") or {}).items()}
    for kind in sorted(set(expected) | set(got.raw)):
        if kind in NOT_COMPARED or (kind in _BY_AREA and kind not in expected):
            continue
        if kind not in DESCRIBE:
            lines.append(f"{kind}: cannot be compared")
            continue
        theirs = expected.get(kind) or {}
        shown = {name for entry in theirs.values() for name in entry}
        ignored = OPTIONAL - shown if kind == "Pod" else frozenset({"podCIDR"})
        ours = got.raw.get(kind) or {}
        recorded = {n: descriptions.comparable(kind, e, their_pods) for n, e in theirs.items()}
        simulated = {got.named[kind][k]: descriptions.comparable(kind, e, our_pods) for k, e in ours.items()}
        if kind == "EndpointSlice":
            recorded, simulated = descriptions.merged_slices(recorded), descriptions.merged_slices(simulated)
        if kind == "Node":
            recorded, simulated = _same_nodes(recorded, simulated)
        want = Counter(_text(kind, name, entry, ignored) for name, entry in recorded.items())
        have = Counter(_text(kind, name, entry, ignored) for name, entry in simulated.items())
        if kind == "Pod":
            want.update(_daemon_nodes(theirs.values()))
            have.update(_daemon_nodes(ours.values()))
        lines.extend(f"{kind}: missing {n} x {text}" for text, n in sorted((want - have).items()))
        lines.extend(f"{kind}: surplus {n} x {text}" for text, n in sorted((have - want).items()))
    return lines


def _daemon_nodes(pods: Iterable[Mapping[str, Any]]) -> set[str]:
    """The nodes of each DaemonSet: which of them has the new pod first, or two for a while, is arbitrary."""
    found = {(str(pod.get("owner") or ""), str(pod.get("node"))) for pod in pods}
    return {f"pod of {owner} on {node}" for owner, node in found if owner.startswith("DaemonSet")}


def _same_nodes(
    recorded: dict[str, Mapping[str, Any]], simulated: dict[str, Mapping[str, Any]]
) -> tuple[dict[str, Mapping[str, Any]], dict[str, Mapping[str, Any]]]:
    """Nodes by name, but by number those that are down together: which of them is tainted first is arbitrary."""
    if recorded.keys() != simulated.keys():
        return recorded, simulated
    down = sorted(
        name
        for name in recorded
        if not any(str(side[name].get("ready")).startswith("True") for side in (recorded, simulated))
    )

    def numbered(side: dict[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        ordered = sorted((side[name] for name in down), key=lambda e: json.dumps(e, sort_keys=True))
        return {**side, **{f"down {number}": entry for number, entry in enumerate(ordered)}} if down else side

    return (
        {name: entry for name, entry in numbered(recorded).items() if name not in down},
        {name: entry for name, entry in numbered(simulated).items() if name not in down},
    )


def _text(kind: str, name: str, entry: Mapping[str, Any], ignored: frozenset[str]) -> str:
    shown = {field: value for field, value in entry.items() if field not in ignored}
    if isinstance(shown.get("status"), dict):
        shown["status"] = {field: value for field, value in shown["status"].items() if value not in (0, None)}
    shown = {field: value for field, value in shown.items() if value not in (None, {}, [])}
    if kind == "EndpointSlice":
        name = "*"
    if kind == "Pod":
        owner = str(shown.get("owner") or "")
        if shown.get("node"):
            shown["node"] = "bound"
        shown.pop("affinity", None)
        if "incarnation" not in shown or owner.startswith("Repl"):
            name = "*"
            shown.pop("incarnation", None)
    return f"{name} {json.dumps(shown, sort_keys=True)}"
