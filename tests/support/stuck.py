"""Random clusters in which a workload may be stuck, in many ways at once; equal for equal seeds.

Each has nodes of several kinds, what runs there already (with owners and uids, as a dump has it, or bare), rules of the
namespace (limits, quotas, budgets), storage, and one workload that is to be placed besides: new, or half rolled out.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

Document = dict[str, Any]

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
REQUIRED, PREFERRED = (f"{word}DuringSchedulingIgnoredDuringExecution" for word in ("required", "preferred"))
_BORN = "2026-03-01T00:00:00Z"
_TAINTS = (
    ("team", "a", "NoSchedule"),
    ("team", "b", "NoExecute"),
    ("nvidia.com/gpu", "", "NoSchedule"),
    ("soft", "x", "PreferNoSchedule"),
    ("node-role.kubernetes.io/control-plane", "", "NoSchedule"),
    ("karpenter.sh/disrupted", "", "NoSchedule"),
)


@dataclass(slots=True, kw_only=True)
class _Made:
    """A cluster as it takes shape."""

    random: Random
    dump: bool
    objects: list[Document] = field(default_factory=list)
    free: dict[str, int] = field(default_factory=dict)
    """Millicores that a node has left, about."""

    def add(self, kind: str, name: str, *, version: str = "v1", space: str = "default", **parts: Any) -> Document:
        meta: Document = {"name": name}
        if space:
            meta["namespace"] = space
        if self.dump:
            meta |= {"uid": f"uid-{kind.lower()}-{name}", "creationTimestamp": _BORN}
        meta |= parts.pop("meta", {})
        document = {"apiVersion": version, "kind": kind, "metadata": meta, **parts}
        self.objects.append(document)
        return document

    def chance(self, often: float) -> bool:
        return self.random.random() < often


def stuck_cluster(seed: int) -> tuple[list[Document], tuple[str, str]]:
    """A cluster, and the kind and name of the workload in its namespace ``default`` that may be stuck.

    Args:
        seed: decides everything.
    """
    random = Random(f"stuck {seed}")
    made = _Made(random=random, dump=random.random() < 0.5)
    if made.dump or made.chance(0.5):
        made.add("Namespace", "default", space="", meta={"labels": {"kubernetes.io/metadata.name": "default"}})
    for number in range(random.randint(2, 6)):
        _node(made, number)
    _classes(made)
    for number in range(random.randint(0, 4)):
        _neighbour(made, number)
    if made.chance(0.3):
        _agent(made)
    if made.chance(0.3):
        _rules_of_the_namespace(made)
    return made.objects, _workload(made)


def _node(made: _Made, number: int) -> None:
    random, name = made.random, f"n{number}"
    labels = {HOST: name, ZONE: random.choice("abc"), "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    if made.chance(0.5):
        labels["disk"] = random.choice(("ssd", "hdd"))
    if made.chance(0.3):
        labels["pool"] = random.choice(("red", "blue"))
    cpu = random.choice((2, 4, 4, 8))
    amounts = {"cpu": str(cpu), "memory": random.choice(("4Gi", "8Gi")), "pods": random.choice(("5", "20", "110"))}
    if made.chance(0.2):
        amounts["example.com/gpu"] = str(random.randint(1, 2))
    spec: Document = {}
    taints = [{"key": k, "value": v, "effect": e} for k, v, e in _TAINTS if made.chance(0.1)]
    ready = "True"
    if made.chance(0.1):
        spec["unschedulable"] = True
        taints.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    elif made.chance(0.07):
        ready = "False"
        taints.append({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"})
        taints.append({"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"})
    if taints:
        spec["taints"] = taints
    conditions = [{"type": "Ready", "status": ready}]
    status = {"capacity": amounts, "allocatable": amounts, "conditions": conditions}
    made.add("Node", name, space="", meta={"labels": labels}, spec=spec, status=status)
    made.free[name] = 1000 * cpu if not taints else 0
    if made.chance(0.4):
        drivers = [{"name": "disk.example.com", "nodeID": name, "topologyKeys": [ZONE]}]
        if made.chance(0.7):
            drivers[0]["allocatable"] = {"count": random.randint(1, 3)}  # type: ignore[assignment]
        made.add("CSINode", name, version="storage.k8s.io/v1", space="", spec={"drivers": drivers})


def _classes(made: _Made) -> None:
    random = made.random
    if made.chance(0.7):
        storage: Document = {"provisioner": "disk.example.com", "volumeBindingMode": "WaitForFirstConsumer"}
        if made.chance(0.2):
            storage["volumeBindingMode"] = "Immediate"
        if made.chance(0.3):
            row = {"key": ZONE, "values": random.sample("abc", random.randint(1, 2))}
            storage["allowedTopologies"] = [{"matchLabelExpressions": [row]}]
        made.add("StorageClass", "disk", version="storage.k8s.io/v1", space="", **storage)
    for name, value in (("urgent", 5000), ("cheap", -10)):
        made.add("PriorityClass", name, version="scheduling.k8s.io/v1", space="", value=value)
    if made.chance(0.6):
        own: Document = {"handler": "cage", "overhead": {"podFixed": {"cpu": "500m"}}}
        if made.chance(0.3):
            own["scheduling"] = {"nodeSelector": {"pool": "red"}}
        made.add("RuntimeClass", "cage", version="node.k8s.io/v1", space="", **own)


def _rules_of_the_namespace(made: _Made) -> None:
    random = made.random
    if made.chance(0.6):
        row: Document = {"type": "Container"}
        for name, value in (("default", "1"), ("defaultRequest", "500m"), ("min", "100m"), ("max", "5")):
            if made.chance(0.5):
                row[name] = {"cpu": value}
        if "default" in row and "defaultRequest" not in row and "min" in row and made.chance(0.5):
            row["defaultRequest"] = {"cpu": "200m"}
        made.add("LimitRange", "usual", spec={"limits": [row]})
    if made.chance(0.4):
        hard = {"requests.cpu": random.choice(("6", "12", "30"))} if made.chance(0.6) else {}
        made.add("ResourceQuota", "cap", spec={"hard": {**hard, "pods": random.choice(("10", "30"))}})


def _container(made: _Made, cpu: int, **more: Any) -> Document:
    requests = {"cpu": f"{cpu}m"}
    if made.chance(0.4):
        requests["memory"] = made.random.choice(("128Mi", "1Gi", "3Gi"))
    resources: Document = {"requests": requests}
    if made.chance(0.15):
        resources["limits"] = dict(requests)
    return {"name": "app", "image": "app:1", "resources": resources, **more}


def _neighbour(made: _Made, number: int) -> None:
    """Something that runs: bare pods, or pods of a ReplicaSet, a Deployment or a StatefulSet."""
    random, name = made.random, f"old{number}"
    kind = random.choice(("Pod", "ReplicaSet", "Deployment", "Deployment", "StatefulSet"))
    cpu = random.choice((200, 500, 1000, 2000, 3000))
    spec: Document = {"containers": [_container(made, cpu)]}
    if made.chance(0.15):
        spec["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": 80}]
    if made.chance(0.15):
        spec["priorityClassName"], spec["priority"] = "cheap", -10
    if made.chance(0.15):
        spec["nodeSelector"] = {"disk": "ssd"}
    if made.chance(0.15):
        spec["affinity"] = _apart({"app": random.choice(("web", name))}, random.choice((HOST, ZONE)))
    if made.chance(0.1):
        spec["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    rooms = [node for node, left in made.free.items() if left >= cpu]
    if not rooms:
        return
    count = random.randint(1, min(3, len(rooms)))
    labels = {"app": name, **({"kind": "noisy"} if made.chance(0.2) else {})}
    owner = _owner(made, kind, name, spec, labels, count)
    for index, node in enumerate(random.sample(rooms, count)):
        made.free[node] -= cpu
        pod = f"{name}-{index}" if kind == "StatefulSet" else f"{name}-abc{index}"
        _running(made, pod, spec, node, {**labels, **owner[1]}, owner[0])
    if made.chance(0.3):
        least = random.randint(0, count)
        budget = {"minAvailable": least, "selector": {"matchLabels": {"app": name}}}
        allowed = {"disruptionsAllowed": count - least, "currentHealthy": count, "desiredHealthy": least}
        status = {**allowed, "expectedPods": count, "observedGeneration": 1}
        made.add("PodDisruptionBudget", name, version="policy/v1", spec=budget, status=status)


def _owner(  # noqa: PLR0917 - what an owner is made of
    made: _Made, kind: str, name: str, spec: Document, labels: Document, count: int, *, revision: str = "1"
) -> tuple[Document | None, Document]:
    """The owner of running pods as a reference, and the labels that it gives them."""
    if kind == "Pod":
        return None, {}
    more: Document = {}
    own = {
        "replicas": count,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": labels}, "spec": copy.deepcopy(_plain(spec))},
    }
    done: Document = {"replicas": count, "readyReplicas": count, "availableReplicas": count, "observedGeneration": 1}
    meta: Document = {"uid": f"uid-{kind.lower()}-{name}", "generation": 1, "creationTimestamp": _BORN}
    if kind == "StatefulSet":
        own["serviceName"] = name
        hashed = f"{name}-77d9"
        done |= {
            "currentReplicas": count,
            "updatedReplicas": count,
            "currentRevision": hashed,
            "updateRevision": hashed,
        }
        more = {"controller-revision-hash": hashed}
    noted = {"deployment.kubernetes.io/revision": revision}
    if kind == "Deployment":
        conditions = [{"type": "Available", "status": "True", "lastTransitionTime": _BORN, "lastUpdateTime": _BORN}]
        status = {**done, "updatedReplicas": count, "conditions": conditions}
        top = made.add(
            "Deployment", name, version="apps/v1", meta={**meta, "annotations": noted}, spec=own, status=status
        )
        return _replica_set(made, top, own, labels, done, noted)
    made.add(kind, name, version="apps/v1", meta=meta, spec=own, status=done)
    return _reference("apps/v1", kind, name, meta["uid"]), more


def _replica_set(  # noqa: PLR0917 - what an owner is made of
    made: _Made, top: Document, own: Document, labels: Document, done: Document, noted: Document
) -> tuple[Document, Document]:
    hashed, name = "6f5b", f"{top['metadata']['name']}-6f5b"
    more = {"pod-template-hash": hashed}
    inner = copy.deepcopy(own)
    inner["template"]["metadata"] = {"labels": {**labels, **more}}
    inner["selector"] = {"matchLabels": {**own["selector"]["matchLabels"], **more}}
    meta: Document = {
        "uid": f"uid-replicaset-{name}",
        "labels": {**labels, **more},
        "generation": 1,
        "creationTimestamp": _BORN,
        "annotations": {**noted, "deployment.kubernetes.io/desired-replicas": str(own["replicas"])},
        "ownerReferences": [_reference("apps/v1", "Deployment", top["metadata"]["name"], top["metadata"]["uid"])],
    }
    made.add("ReplicaSet", name, version="apps/v1", meta=meta, spec=inner, status=done)
    return _reference("apps/v1", "ReplicaSet", name, meta["uid"]), more


def _reference(version: str, kind: str, name: str, uid: str) -> Document:
    return {
        "apiVersion": version,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _plain(spec: Document) -> Document:
    return {key: value for key, value in spec.items() if key != "priority"}


def _running(  # noqa: PLR0917 - what a pod is made of
    made: _Made, name: str, spec: Document, node: str, labels: Document, owner: Document | None
) -> None:
    meta: Document = {"labels": labels, "uid": f"uid-pod-{name}", "creationTimestamp": _BORN}
    if owner is not None:
        meta["ownerReferences"] = [owner]
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": _BORN} for kind in ("PodScheduled", "Ready")]
    state = {"running": {"startedAt": _BORN}}
    containers = [{"name": "app", "ready": True, "restartCount": 0, "image": "app:1", "imageID": "", "state": state}]
    status = {"phase": "Running", "conditions": conditions, "startTime": _BORN, "containerStatuses": containers}
    made.add("Pod", name, meta=meta, spec={**copy.deepcopy(spec), "nodeName": node}, status=status)


def _agent(made: _Made) -> None:
    spec: Document = {"containers": [_container(made, 100)]}
    if made.chance(0.5):
        spec["tolerations"] = [{"operator": "Exists"}]
    own = {
        "selector": {"matchLabels": {"app": "agent"}},
        "template": {"metadata": {"labels": {"app": "agent"}}, "spec": spec},
    }
    made.add("DaemonSet", "agent", version="apps/v1", meta={"uid": ""} if not made.dump else {}, spec=own)
    if not made.dump:
        del made.objects[-1]["metadata"]["uid"]


def _apart(labels: Document, key: str) -> Document:
    return {"podAntiAffinity": {REQUIRED: [{"labelSelector": {"matchLabels": labels}, "topologyKey": key}]}}


def _wishes(made: _Made, space: Document, claims: list[str]) -> Document:
    """The pod spec of the workload that is to be placed, with what may keep it out."""
    random = made.random
    spec: Document = {"containers": [_container(made, random.choice((100, 500, 1000, 2000, 3500, 6000)))]}
    first = spec["containers"][0]
    if made.chance(0.12):
        first["ports"] = [{"containerPort": 80, "hostPort": random.choice((80, 81))}]
    if made.chance(0.06):
        first["resources"].setdefault("limits", {})["example.com/gpu"] = "1"
    if made.chance(0.15):
        inner = {"name": "warm", "image": "w:1", "resources": {"requests": {"cpu": random.choice(("1", "5"))}}}
        spec["initContainers"] = [{**inner, **({"restartPolicy": "Always"} if made.chance(0.4) else {})}]
    if made.chance(0.1):
        del first["resources"]
    elif made.chance(0.06) and "initContainers" not in spec:
        spec["resources"] = {"requests": {"cpu": "7"}}
    if made.chance(0.2):
        spec["nodeSelector"] = random.choice(
            ({"disk": "ssd"}, {"pool": "blue"}, {"kubernetes.io/arch": "arm64"}, {ZONE: "a"})
        )
    if made.chance(0.2):
        spec["tolerations"] = [random.choice(({"key": "team", "operator": "Exists"}, {"operator": "Exists"}))]
    spec |= _neighbourly(made, space)
    for name, often in (("urgent", 0.15), ("cheap", 0.1)):
        if made.chance(often):
            spec["priorityClassName"] = name
    if made.chance(0.08):
        spec["schedulingGates"] = [{"name": "example.com/wait"}]
    if made.chance(0.08) and any(each["kind"] == "RuntimeClass" for each in made.objects):
        spec["runtimeClassName"] = "cage"
    if made.chance(0.03):
        spec["schedulerName"] = "other"
    if claims:
        spec["volumes"] = [
            {"name": f"v{n}", "persistentVolumeClaim": {"claimName": name}} for n, name in enumerate(claims)
        ]
    return spec


def _neighbourly(made: _Made, labels: Document) -> Document:
    random = made.random
    affinity: Document = {}
    if made.chance(0.2):
        affinity |= _apart(random.choice((labels, {"kind": "noisy"})), random.choice((HOST, ZONE)))
    if made.chance(0.08):
        term = {
            "labelSelector": {"matchLabels": {"app": random.choice(("old0", "web"))}},
            "topologyKey": random.choice((HOST, ZONE)),
        }
        affinity["podAffinity"] = {REQUIRED: [term]}
    if made.chance(0.12):
        rows = random.choice(
            (
                [{"key": "disk", "operator": "In", "values": ["nvme", "ssd"]}],
                [{"key": ZONE, "operator": "NotIn", "values": ["a"]}],
                [{"key": "pool", "operator": "Exists"}],
            )
        )
        affinity["nodeAffinity"] = {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": rows}]}}
    found: Document = {"affinity": affinity} if affinity else {}
    if made.chance(0.25):
        row: Document = {
            "maxSkew": random.randint(1, 2),
            "topologyKey": random.choice((HOST, ZONE)),
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": labels},
        }
        if made.chance(0.3):
            row["minDomains"] = random.randint(2, 4)
        if made.chance(0.2):
            row["nodeTaintsPolicy"] = "Honor"
        found["topologySpreadConstraints"] = [row]
    return found


def _claims(made: _Made) -> Iterator[str]:
    """Claims of the workload's pods: bound in a zone, waiting, of a class that is not there, or missing."""
    random = made.random
    for number in range(random.choice((1, 1, 2))):
        name, mode = f"data{number}", random.choice(("ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"))
        own: Document = {
            "accessModes": [mode],
            "storageClassName": random.choice(("disk", "disk", "disk", "gone")),
            "resources": {"requests": {"storage": "1Gi"}},
        }
        yield name
        match random.randrange(4):
            case 0 | 1:
                volume: Document = {
                    "capacity": {"storage": "1Gi"},
                    "accessModes": [mode],
                    "storageClassName": own["storageClassName"],
                    "persistentVolumeReclaimPolicy": "Retain",
                    "csi": {"driver": "disk.example.com", "volumeHandle": f"pv{number}"},
                    "claimRef": {
                        "kind": "PersistentVolumeClaim",
                        "apiVersion": "v1",
                        "name": name,
                        "namespace": "default",
                    },
                }
                if made.chance(0.7):
                    row = {"key": ZONE, "operator": "In", "values": [random.choice("abcf")]}
                    volume["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [row]}]}}
                uid = f"uid-claim-{name}"
                volume["claimRef"]["uid"] = uid
                made.add("PersistentVolume", f"pv{number}", space="", spec=volume, status={"phase": "Bound"})
                noted = {"pv.kubernetes.io/bind-completed": "yes"}
                status = {"phase": "Bound", "accessModes": [mode], "capacity": {"storage": "1Gi"}}
                own["volumeName"] = f"pv{number}"
                made.add(
                    "PersistentVolumeClaim", name, meta={"uid": uid, "annotations": noted}, spec=own, status=status
                )
            case 2:
                if made.chance(0.2):
                    del own["storageClassName"]
                made.add("PersistentVolumeClaim", name, spec=own, status={"phase": "Pending"})


def _workload(made: _Made) -> tuple[str, str]:
    random = made.random
    kind = random.choice(
        ("Deployment", "Deployment", "Deployment", "StatefulSet", "ReplicaSet", "Job", "Pod", "CronJob", "DaemonSet")
    )
    labels = {"app": "web"}
    claims = list(_claims(made)) if made.chance(0.2) else []
    spec = _wishes(made, labels, claims)
    if kind == "Pod":
        made.add("Pod", "web", meta={"labels": labels}, spec=spec, status={"phase": "Pending"})
        if made.dump:
            made.objects[-1]["spec"] |= {"tolerations": spec.get("tolerations", [])}
        return kind, "web"
    own: Document = {"template": {"metadata": {"labels": labels}, "spec": spec}}
    if kind in ("Job", "CronJob"):
        spec["restartPolicy"] = "Never"
        number = random.randint(1, 3)
        own |= {"parallelism": number, "completions": number + random.randint(0, 1)}
        if kind == "Job":
            made.add("Job", "web", version="batch/v1", spec=own)
            if made.dump:
                _stored_job(made.objects[-1])
        else:
            made.add("CronJob", "web", version="batch/v1", spec={"schedule": "0 3 * * *", "jobTemplate": {"spec": own}})
        return kind, "web"
    own["selector"] = {"matchLabels": labels}
    if kind == "DaemonSet":
        made.add("DaemonSet", "web", version="apps/v1", spec=own)
        return kind, "web"
    own["replicas"] = random.randint(1, 4)
    if kind == "StatefulSet":
        own["serviceName"] = "web"
        if made.chance(0.4):
            own["podManagementPolicy"] = "Parallel"
        if made.chance(0.4):
            claim = {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "disk",
                "resources": {"requests": {"storage": "1Gi"}},
            }
            own["volumeClaimTemplates"] = [{"metadata": {"name": "d"}, "spec": claim}]
            spec["containers"][0]["volumeMounts"] = [{"name": "d", "mountPath": "/d"}]
    if kind == "Deployment" and made.chance(0.4):
        _half_done(made, own, spec, labels)
        return kind, "web"
    if kind == "Deployment" and made.chance(0.2):
        own["strategy"] = {"type": "Recreate"}
    made.add(kind, "web", version="apps/v1", meta={"generation": 1} if made.dump else {}, spec=own)
    return kind, "web"


def _stored_job(job: Document) -> None:
    """What the API server adds to a Job that it stores."""
    uid = job["metadata"]["uid"]
    more = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "web",
        "controller-uid": uid,
        "job-name": "web",
    }
    job["spec"]["template"]["metadata"]["labels"] = {"app": "web", **more}
    job["spec"]["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}


def _half_done(made: _Made, own: Document, spec: Document, labels: Document) -> None:
    """A rollout: pods of an old template run, and the template is another now."""
    cpu = 500
    old: Document = {"containers": [{"name": "app", "image": "app:0", "resources": {"requests": {"cpu": f"{cpu}m"}}}]}
    if "ports" in spec["containers"][0]:
        old["containers"][0]["ports"] = spec["containers"][0]["ports"]
    if "affinity" in spec and made.chance(0.5):
        old["affinity"] = spec["affinity"]
    rooms = [node for node, left in made.free.items() if left >= cpu]
    count = min(own["replicas"], len(rooms))
    dump, made.dump = made.dump, True
    before = {**own, "replicas": own["replicas"], "template": {"metadata": {"labels": labels}, "spec": old}}
    done = {"replicas": count, "readyReplicas": count, "availableReplicas": count, "observedGeneration": 1}
    noted = {"deployment.kubernetes.io/revision": "1"}
    meta = {"generation": 2, "annotations": noted}
    if made.chance(0.3):
        own["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    status = {**done, "updatedReplicas": 0}
    top = made.add("Deployment", "web", version="apps/v1", meta=meta, spec=own, status=status)
    owner, more = _replica_set(made, top, before, labels, done, noted)
    for index, node in enumerate(made.random.sample(rooms, count)):
        made.free[node] -= cpu
        _running(made, f"web-6f5b-abc{index}", old, node, {**labels, **more}, owner)
    made.dump = dump


def crowded_cluster(seed: int) -> tuple[list[Document], tuple[str, str]]:
    """A cluster whose free room is spread over its nodes, and the workload that would fit if running pods moved.

    Args:
        seed: decides everything.
    """
    random = Random(f"crowded {seed}")
    made = _Made(random=random, dump=True)
    made.add("Namespace", "default", space="", meta={"labels": {"kubernetes.io/metadata.name": "default"}})
    for number in range(random.randint(2, 5)):
        _node(made, number)
    _classes(made)
    for number in range(random.randint(2, 6)):
        _neighbour(made, number)
    room = max(made.free.values(), default=0)
    ask = min(room + random.choice((300, 700, 1200)), max(sum(made.free.values()), 100))
    spec: Document = {"containers": [_container(made, ask)]}
    if made.chance(0.2):
        spec |= _neighbourly(made, {"app": "web"})
    kind = random.choice(("Deployment", "StatefulSet", "Pod"))
    if kind == "Pod":
        made.add("Pod", "web", meta={"labels": {"app": "web"}}, spec=spec, status={"phase": "Pending"})
        return made.objects, (kind, "web")
    own: Document = {
        "replicas": random.choice((1, 1, 2)),
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec},
    }
    if kind == "StatefulSet":
        own["serviceName"] = "web"
    made.add(kind, "web", version="apps/v1", meta={"generation": 1}, spec=own)
    return made.objects, (kind, "web")
