"""Small random clusters as API objects, in which every scheduling feature occurs; equal for equal seeds."""

from __future__ import annotations

from random import Random
from typing import Any

Document = dict[str, Any]

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
_APPS, _TIERS, _TEAMS = ("cart", "mail", "ads"), ("front", "back"), ("red", "blue")
_NAMESPACES = ("one", "two")
_IMAGES = (("cart:1", 300), ("mail:1", 900), ("ads:latest", 40))
_KEYS = (HOST, ZONE, "rack")
_MIB = 1024**2


def random_cluster(seed: int, *, nodes: int = 6, running: int = 10, waiting: int = 4) -> list[Document]:
    """A cluster that the API server could have stored, apart from metadata that nothing reads.

    Args:
        seed: decides everything.
        nodes: at most this many, at least one.
        running: at most this many pods with a node.
        waiting: at most this many pods without, at least one.
    """
    random = Random(seed)
    hosts = [_node(random, i) for i in range(random.randint(1, nodes))]
    names = [host["metadata"]["name"] for host in hosts]
    objects = [_namespace(random, name) for name in _NAMESPACES]
    objects += hosts
    objects += [_service(random, i) for i in range(random.randint(0, 2))]
    objects += [_controller(random, kind) for kind in ("ReplicaSet", "StatefulSet") if random.random() < 0.4]
    objects += [_budget(random, i) for i in range(random.randint(0, 2))]
    owners = [o for o in objects if o["kind"] in ("ReplicaSet", "StatefulSet")]
    claims = _storage(random, names, objects) if random.random() < 0.5 else []
    for i in range(random.randint(0, running)):
        pod = _pod(random, f"running-{i:02}", names, owners)
        _mount(random, pod, [claim for claim in claims if "volumeName" in claim["spec"]])
        pod["spec"]["nodeName"] = random.choice(names)
        pod["status"] = {"phase": "Running", "startTime": f"2026-01-01T00:00:{random.randrange(60):02}Z"}
        if random.random() < 0.1:
            pod["metadata"]["deletionTimestamp"] = "2026-01-02T00:00:00Z"
        if random.random() < 0.05:
            pod["status"]["phase"] = "Succeeded"
        objects.append(pod)
    for i in range(random.randint(1, waiting)):
        pod = _pod(random, f"waiting-{i:02}", names, owners)
        _mount(random, pod, claims)
        pod["status"] = {"phase": "Pending"}
        if random.random() < 0.07:
            pod["status"]["nominatedNodeName"] = random.choice(names)
        objects.append(pod)
    return objects


def _object(kind: str, name: str, *, version: str = "v1", namespace: str = "", **parts: Any) -> Document:
    metadata: Document = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if "labels" in parts:
        metadata["labels"] = parts.pop("labels")
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **parts}


def _namespace(random: Random, name: str) -> Document:
    labels = {"kubernetes.io/metadata.name": name}
    if random.random() < 0.7:
        labels["team"] = random.choice(_TEAMS)
    return _object("Namespace", name, labels=labels)


def _node(random: Random, i: int) -> Document:
    labels = {"disk": random.choice(("ssd", "hdd")), "cores": random.choice(("4", "8", "many"))}
    if random.random() < 0.95:
        labels[HOST] = f"node-{i}"
    if random.random() < 0.85:
        labels[ZONE] = random.choice("abc")
    if random.random() < 0.4:
        labels["rack"] = random.choice("xy")
    taints = []
    for key, effect in (("dedicated", "NoSchedule"), ("old", "PreferNoSchedule"), ("broken", "NoExecute")):
        if random.random() < 0.12:
            taints.append({"key": key, "value": random.choice(("yes", "no")), "effect": effect})
    allocatable = {
        "cpu": random.choice(("1500m", "2", "4")),
        "memory": random.choice(("1Gi", "2Gi", "3Gi")),
        "pods": str(random.randint(3, 12)),
    }
    if random.random() < 0.3:
        allocatable["example.com/gpu"] = str(random.randint(1, 2))
    images = [{"names": [name], "sizeBytes": size * _MIB} for name, size in _IMAGES if random.random() < 0.3]
    spec: Document = {"taints": taints}
    if random.random() < 0.07:
        spec["unschedulable"] = True
    return _object("Node", f"node-{i}", labels=labels, spec=spec, status={"allocatable": allocatable, "images": images})


def _service(random: Random, i: int) -> Document:
    selector = {"app": random.choice(_APPS)}
    if random.random() < 0.3:
        selector["tier"] = random.choice(_TIERS)
    return _object("Service", f"service-{i}", namespace=random.choice(_NAMESPACES), spec={"selector": selector})


def _controller(random: Random, kind: str) -> Document:
    spec = {"selector": {"matchLabels": {"app": random.choice(_APPS)}}}
    return _object(kind, kind.lower(), version="apps/v1", namespace=random.choice(_NAMESPACES), spec=spec)


def _budget(random: Random, i: int) -> Document:
    return _object(
        "PodDisruptionBudget",
        f"budget-{i}",
        version="policy/v1",
        namespace=random.choice(_NAMESPACES),
        spec={"selector": {"matchLabels": {"app": random.choice(_APPS)}}},
        status={"disruptionsAllowed": random.randint(0, 2)},
    )


def _storage(random: Random, nodes: list[str], objects: list[Document]) -> list[Document]:
    """Add classes, volumes, drivers' limits and claims: bound, waiting for their first pod, or badly off."""
    for name, mode in (("late", "WaitForFirstConsumer"), ("manual", "WaitForFirstConsumer"), ("soon", "Immediate")):
        provisioner = "kubernetes.io/no-provisioner" if name == "manual" else "disk.example.com"
        storage = _object("StorageClass", name, version="storage.k8s.io/v1")
        objects.append({**storage, "provisioner": provisioner, "volumeBindingMode": mode})
    for node in nodes:
        if random.random() < 0.6:
            driver = {"name": "disk.example.com", "nodeID": node, "allocatable": {"count": random.randint(0, 2)}}
            objects.append(_object("CSINode", node, version="storage.k8s.io/v1", spec={"drivers": [driver]}))
    claims = []
    for i in range(random.randint(1, 5)):
        namespace, kind = random.choice(_NAMESPACES), random.choice(("bound", "bound", "late", "manual", "soon"))
        claim = _object("PersistentVolumeClaim", f"claim-{i}", namespace=namespace)
        modes = [random.choice(("ReadWriteOnce", "ReadWriteOnce", "ReadWriteOncePod"))]
        storage_class = "late" if kind == "bound" else kind
        requests = {"storage": random.choice(("1Gi", "5Gi"))}
        claim["spec"] = {"accessModes": modes, "storageClassName": storage_class, "resources": {"requests": requests}}
        claim["status"] = {"phase": "Pending"}
        if kind == "bound":
            volume = _volume(random, f"volume-{i}", storage_class, modes, nodes)
            reference = {"kind": "PersistentVolumeClaim", "namespace": namespace, "name": claim["metadata"]["name"]}
            volume["spec"]["claimRef"] = reference
            volume["status"] = {"phase": "Bound"}
            claim["spec"]["volumeName"] = volume["metadata"]["name"]
            claim["metadata"]["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
            claim["status"] = {"phase": "Bound"}
            objects.append(volume)
        claims.append(claim)
    for i in range(random.randint(0, 3)):
        modes = ["ReadWriteOnce", "ReadWriteOncePod"]
        volume = _volume(random, f"free-{i}", "manual", modes, nodes)
        volume["status"] = {"phase": "Available"}
        objects.append(volume)
    objects += claims
    return claims


def _volume(random: Random, name: str, storage_class: str, modes: list[str], nodes: list[str]) -> Document:
    volume = _object("PersistentVolume", name)
    if random.random() < 0.3:
        volume["metadata"]["labels"] = {ZONE: random.choice("abc")}
    spec: Document = {"accessModes": modes, "capacity": {"storage": "5Gi"}, "storageClassName": storage_class}
    if random.random() < 0.7:
        spec["csi"] = {"driver": "disk.example.com", "volumeHandle": name}
    if random.random() < 0.4:
        row = {"key": HOST, "operator": "In", "values": random.sample(nodes, random.randint(1, len(nodes)))}
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [row]}]}}
    return {**volume, "spec": spec}


def _mount(random: Random, pod: Document, claims: list[Document]) -> None:
    near = [claim for claim in claims if claim["metadata"]["namespace"] == pod["metadata"]["namespace"]]
    used = [claim["metadata"]["name"] for claim in near if random.random() < 0.3]
    if used:
        rows = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in used]
        pod["spec"]["volumes"] = rows


def _pod(random: Random, name: str, nodes: list[str], owners: list[Document]) -> Document:
    namespace = random.choice(_NAMESPACES)
    labels = {"app": random.choice(_APPS)}
    if random.random() < 0.5:
        labels["tier"] = random.choice(_TIERS)
    pod = _object("Pod", name, namespace=namespace, labels=labels)
    for owner in owners:
        wanted = owner["spec"]["selector"]["matchLabels"]["app"] == labels["app"]
        if wanted and owner["metadata"]["namespace"] == namespace and random.random() < 0.6:
            reference = {"apiVersion": "apps/v1", "kind": owner["kind"], "name": owner["metadata"]["name"]}
            pod["metadata"]["ownerReferences"] = [{**reference, "controller": True, "uid": "0"}]
    spec: Document = {"priority": random.choice((0, 0, 100, 1000)), "schedulerName": "default-scheduler"}
    _containers(random, spec)
    if random.random() < 0.1:
        spec["preemptionPolicy"] = "Never"
    if random.random() < 0.15:
        spec["nodeSelector"] = {"disk": "ssd"}
    if random.random() < 0.4:
        spec["tolerations"] = _tolerations(random)
    affinity = _affinity(random, nodes)
    if affinity:
        spec["affinity"] = affinity
    if random.random() < 0.35:
        spec["topologySpreadConstraints"] = _spread(random, labels)
    pod["spec"] = spec
    return pod


def _containers(random: Random, spec: Document) -> None:
    def container(name: str) -> Document:
        found: Document = {"name": name, "image": random.choice(("cart:1", "mail:1", "ads", "unknown:2"))}
        requests = {}
        if random.random() < 0.7:
            requests["cpu"] = random.choice(("100m", "300m", "700m", "1"))
        if random.random() < 0.6:
            requests["memory"] = random.choice(("64Mi", "200Mi", "700M", "1Gi"))
        if random.random() < 0.05:
            requests["example.com/gpu"] = "1"
        if requests:
            found["resources"] = {"requests": requests}
        if random.random() < 0.1:
            port = {"containerPort": 80, "hostPort": random.choice((80, 81)), "protocol": "TCP"}
            found["ports"] = [{**port, **random.choice(({}, {"hostIP": "10.0.0.1"}, {"hostIP": "10.0.0.2"}))}]
        return found

    spec["containers"] = [container(f"c{i}") for i in range(random.choice((1, 1, 2)))]
    if random.random() < 0.2:
        before = [container(f"i{i}") for i in range(random.choice((1, 2)))]
        for one in before:
            if random.random() < 0.4:
                one["restartPolicy"] = "Always"
        spec["initContainers"] = before
    if random.random() < 0.08:
        spec["resources"] = {"requests": {random.choice(("cpu", "memory")): "1"}}
        spec["resources"]["requests"] = {"cpu": "1"} if "cpu" in spec["resources"]["requests"] else {"memory": "900Mi"}
    if random.random() < 0.08:
        spec["overhead"] = {"cpu": "50m", "memory": "32Mi"}


def _tolerations(random: Random) -> list[Document]:
    rows: list[Document] = [
        {"key": "dedicated", "operator": "Equal", "value": "yes", "effect": "NoSchedule"},
        {"key": "old", "operator": "Exists"},
        {"key": "broken", "operator": "Exists", "effect": "NoExecute"},
        {"operator": "Exists"},
        {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"},
    ]
    return [row for row in rows if random.random() < 0.3]


def _selector(random: Random) -> Document | None:
    kind = random.random()
    if kind < 0.05:
        return None
    if kind < 0.1:
        return {}
    if kind < 0.7:
        return {"matchLabels": {"app": random.choice(_APPS)}}
    operator = random.choice(("In", "NotIn", "Exists", "DoesNotExist"))
    row: Document = {"key": "tier", "operator": operator}
    if operator in ("In", "NotIn"):
        row["values"] = [random.choice(_TIERS)]
    return {"matchExpressions": [row]}


def _node_term(random: Random, nodes: list[str]) -> Document:
    if random.random() < 0.1:
        return {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [random.choice(nodes)]}]}
    rows: list[Document] = [
        {"key": "disk", "operator": "In", "values": ["ssd"]},
        {"key": ZONE, "operator": "NotIn", "values": ["a"]},
        {"key": "cores", "operator": "Gt", "values": ["4"]},
        {"key": "rack", "operator": "Exists"},
        {"key": "rack", "operator": "DoesNotExist"},
    ]
    return {"matchExpressions": random.sample(rows, random.choice((1, 1, 2)))}


def _pod_term(random: Random) -> Document:
    term: Document = {"topologyKey": random.choice(_KEYS)}
    selector = _selector(random)
    if selector is not None:
        term["labelSelector"] = selector
    kind = random.random()
    if kind < 0.15:
        term["namespaces"] = [random.choice(_NAMESPACES)]
    elif kind < 0.3:
        term["namespaceSelector"] = random.choice(({}, {"matchLabels": {"team": "red"}}))
    return term


def _affinity(random: Random, nodes: list[str]) -> Document:
    required, preferred = (f"{word}DuringSchedulingIgnoredDuringExecution" for word in ("required", "preferred"))
    found: Document = {}
    if random.random() < 0.15:
        terms = [_node_term(random, nodes) for _ in range(random.choice((1, 2)))]
        found["nodeAffinity"] = {required: {"nodeSelectorTerms": terms}}
    if random.random() < 0.2:
        wishes = [{"weight": random.randint(1, 100), "preference": _node_term(random, nodes)} for _ in range(2)]
        found.setdefault("nodeAffinity", {})[preferred] = wishes
    for kind, often in (("podAffinity", 0.12), ("podAntiAffinity", 0.15)):
        if random.random() < often:
            found[kind] = {required: [_pod_term(random) for _ in range(random.choice((1, 1, 2)))]}
        if random.random() < 0.2:
            wishes = [{"weight": random.randint(1, 100), "podAffinityTerm": _pod_term(random)} for _ in range(2)]
            found.setdefault(kind, {})[preferred] = wishes
    return found


def _spread(random: Random, labels: dict[str, str]) -> list[Document]:
    found = []
    for key in random.sample(_KEYS, random.choice((1, 1, 2))):
        hard = random.random() < 0.5
        row: Document = {
            "maxSkew": random.randint(1, 3),
            "topologyKey": key,
            "whenUnsatisfiable": "DoNotSchedule" if hard else "ScheduleAnyway",
        }
        selector = {"matchLabels": {"app": labels["app"]}} if random.random() < 0.6 else _selector(random)
        if selector is not None:
            row["labelSelector"] = selector
        if hard and random.random() < 0.2:
            row["minDomains"] = random.randint(1, 4)
        if random.random() < 0.3:
            row["nodeAffinityPolicy"] = random.choice(("Honor", "Ignore"))
        if random.random() < 0.3:
            row["nodeTaintsPolicy"] = random.choice(("Honor", "Ignore"))
        found.append(row)
    return found
