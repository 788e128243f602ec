"""Hypothesis strategies for small clusters: nodes, running pods and one pod that waits, as documents.

Values come from few choices, so that constraints of different pods and nodes meet often. Every document is as the
API server stores it, defaults included.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Document = dict[str, Any]

ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"
APPS = ("web", "db", "cache")
NAMESPACES = ("shop", "ops")
EFFECTS = ("NoSchedule", "NoExecute", "PreferNoSchedule")

TOPOLOGY_KEYS = st.sampled_from([ZONE, HOST])
POD_LABELS = st.fixed_dictionaries({"app": st.sampled_from(APPS)}, optional={"tier": st.sampled_from(["a", "b"])})
TAINTS = st.fixed_dictionaries(
    {
        "key": st.sampled_from(["dedicated", "spot"]),
        "value": st.sampled_from(["", "x"]),
        "effect": st.sampled_from(EFFECTS),
    }
)
TOLERATIONS = st.one_of(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(["dedicated", "spot", "node.kubernetes.io/unschedulable"]),
            "operator": st.just("Equal"),
            "value": st.sampled_from(["", "x"]),
        },
        optional={"effect": st.sampled_from(EFFECTS)},
    ),
    st.fixed_dictionaries(
        {"operator": st.just("Exists")},
        optional={"key": st.sampled_from(["dedicated", "spot"]), "effect": st.sampled_from(EFFECTS)},
    ).filter(lambda t: "key" in t or "effect" in t),
)
POD_SELECTORS = st.one_of(
    st.none(),
    st.just({}),
    st.builds(lambda app: {"matchLabels": {"app": app}}, st.sampled_from(APPS)),
    st.builds(
        lambda operator, apps: {"matchExpressions": [{"key": "app", "operator": operator, "values": sorted(apps)}]},
        st.sampled_from(["In", "NotIn"]),
        st.frozensets(st.sampled_from(APPS), min_size=1, max_size=2),
    ),
    st.builds(
        lambda operator: {"matchExpressions": [{"key": "tier", "operator": operator}]},
        st.sampled_from(["Exists", "DoesNotExist"]),
    ),
)
NODE_REQUIREMENTS = st.one_of(
    st.builds(
        lambda key, operator, values: {"key": key, "operator": operator, "values": sorted(values)},
        st.sampled_from([ZONE, "disk"]),
        st.sampled_from(["In", "NotIn"]),
        st.frozensets(st.sampled_from(["a", "b", "ssd", "hdd"]), min_size=1, max_size=2),
    ),
    st.builds(
        lambda key, operator: {"key": key, "operator": operator},
        st.sampled_from([ZONE, "disk"]),
        st.sampled_from(["Exists", "DoesNotExist"]),
    ),
    st.builds(
        lambda operator, value: {"key": "cores", "operator": operator, "values": [str(value)]},
        st.sampled_from(["Gt", "Lt"]),
        st.integers(3, 9),
    ),
)
NODE_TERMS = st.builds(
    lambda expressions: {"matchExpressions": expressions} if expressions else {},
    st.lists(NODE_REQUIREMENTS, max_size=2),
)
POD_TERMS = st.builds(
    lambda selector, key, more: {
        "topologyKey": key,
        **({} if selector is None else {"labelSelector": selector}),
        **more,
    },
    POD_SELECTORS,
    TOPOLOGY_KEYS,
    st.one_of(
        st.just({}),
        st.builds(lambda names: {"namespaces": sorted(names)}, st.frozensets(st.sampled_from(NAMESPACES), min_size=1)),
        st.sampled_from([{"namespaceSelector": {}}, {"namespaceSelector": {"matchLabels": {"team": "one"}}}]),
    ),
)
SPREADS = st.fixed_dictionaries(
    {
        "topologyKey": TOPOLOGY_KEYS,
        "maxSkew": st.integers(1, 2),
        "whenUnsatisfiable": st.just("DoNotSchedule"),
        "labelSelector": POD_SELECTORS.filter(lambda selector: selector is not None),
    },
    optional={
        "minDomains": st.integers(1, 3),
        "nodeTaintsPolicy": st.sampled_from(["Honor", "Ignore"]),
        "nodeAffinityPolicy": st.sampled_from(["Honor", "Ignore"]),
    },
)


@st.composite
def nodes(draw: st.DrawFn, name: str) -> Document:
    """A node of that name."""
    labels = draw(
        st.fixed_dictionaries(
            {},
            optional={
                ZONE: st.sampled_from(["a", "b"]),
                "disk": st.sampled_from(["ssd", "hdd"]),
                "cores": st.sampled_from(["4", "8", "many"]),
                HOST: st.just(name),
            },
        )
    )
    spec: Document = {}
    if taints := draw(st.lists(TAINTS, max_size=1)):
        spec["taints"] = taints
    if draw(st.integers(0, 7)) == 0:
        spec["unschedulable"] = True
    allocatable = {
        "cpu": draw(st.sampled_from(["1", "2"])),
        "memory": draw(st.sampled_from(["1Gi", "4Gi"])),
        "pods": draw(st.sampled_from(["1", "2", "110"])),
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
        "status": {"allocatable": allocatable},
    }


@st.composite
def pod_specs(draw: st.DrawFn) -> Document:
    """What a pod asks for."""
    resources = draw(
        st.fixed_dictionaries(
            {},
            optional={"cpu": st.sampled_from(["0", "300m", "1"]), "memory": st.sampled_from(["200Mi", "1Gi"])},
        )
    )
    container: Document = {"name": "main", "image": "app:1", "resources": {"requests": resources}}
    if draw(st.integers(0, 3)) == 0:
        host = draw(st.sampled_from([{}, {"hostIP": "10.0.0.1"}, {"hostIP": "10.0.0.2"}]))
        container["ports"] = [{"containerPort": 80, "hostPort": 80, "protocol": "TCP", **host}]
    spec: Document = {
        "containers": [container],
        "priority": draw(st.sampled_from([0, 0, 5, 10])),
        "preemptionPolicy": draw(st.sampled_from(["PreemptLowerPriority", "PreemptLowerPriority", "Never"])),
    }
    if draw(st.integers(0, 5)) == 0:
        spec["initContainers"] = [{"name": "init", "image": "i:1", "resources": {"requests": {"cpu": "700m"}}}]
    if tolerations := draw(st.lists(TOLERATIONS, max_size=2)):
        spec["tolerations"] = tolerations
    if draw(st.integers(0, 5)) == 0:
        spec["nodeSelector"] = {"disk": draw(st.sampled_from(["ssd", "hdd"]))}
    affinity = draw(_affinities())
    if affinity:
        spec["affinity"] = affinity
    if spreads := draw(st.lists(SPREADS, max_size=2, unique_by=lambda spread: spread["topologyKey"])):
        spec["topologySpreadConstraints"] = spreads
    return spec


@st.composite
def _affinities(draw: st.DrawFn) -> Document:
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    affinity: Document = {}
    if draw(st.integers(0, 3)) == 0:
        terms = draw(st.lists(NODE_TERMS, min_size=1, max_size=2))
        affinity["nodeAffinity"] = {required: {"nodeSelectorTerms": terms}}
    for name in ("podAffinity", "podAntiAffinity"):
        if draw(st.integers(0, 3)) == 0:
            affinity[name] = {required: draw(st.lists(POD_TERMS, min_size=1, max_size=2))}
    return affinity


@st.composite
def pods(draw: st.DrawFn, name: str, *, node: str = "") -> Document:
    """A pod of that name, running on ``node`` or waiting."""
    spec = draw(pod_specs())
    metadata: Document = {
        "name": name,
        "namespace": draw(st.sampled_from(NAMESPACES)),
        "labels": draw(POD_LABELS),
    }
    status: Document = {"phase": "Pending"}
    if node:
        spec = {**spec, "nodeName": node}
        status = {"phase": "Running", "startTime": f"2026-01-01T00:00:{draw(st.integers(0, 59)):02}Z"}
        if draw(st.integers(0, 9)) == 0:
            metadata["deletionTimestamp"] = "2026-01-01T01:00:00Z"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


@st.composite
def clusters(draw: st.DrawFn) -> list[Document]:
    """One to four nodes, up to six running pods, and ``waiting``, a pod without a node, as the last document."""
    names = [f"n{number}" for number in range(1, draw(st.integers(1, 4)) + 1)]
    documents: list[Document] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"team": team}}}
        for name, team in zip(NAMESPACES, ("one", "two"), strict=True)
    ]
    documents += [draw(nodes(name)) for name in names]
    for number in range(draw(st.integers(0, 6))):
        documents.append(draw(pods(f"p{number}", node=draw(st.sampled_from(names)))))
    documents.append(draw(pods("waiting")))
    return documents
