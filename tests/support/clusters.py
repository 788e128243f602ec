"""Hypothesis strategies for small clusters: nodes, running pods and one pod that waits, as documents.

Values come from few choices, so that constraints of different pods and nodes meet often. Every document is as the
API server stores it, defaults included.
"""

from __future__ import annotations

from hypothesis import strategies as st

from kubelogic.testing.parts import (
    HOST,
    NAMESPACES,
    POD_LABELS,
    SPREADS,
    TAINTS,
    TOLERATIONS,
    ZONE,
    Document,
    affinities,
)

__all__ = ["HOST", "POD_LABELS", "TAINTS", "TOLERATIONS", "ZONE", "clusters", "nodes", "pod_specs", "pods"]


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
    affinity = draw(affinities())
    if affinity:
        spec["affinity"] = affinity
    if spreads := draw(st.lists(SPREADS, max_size=2, unique_by=lambda spread: spread["topologyKey"])):
        spec["topologySpreadConstraints"] = spreads
    return spec


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
