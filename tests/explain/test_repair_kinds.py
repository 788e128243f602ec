"""Each kind of repair: what is offered, what is not, and that what is offered passes the API server and works.

Rows are (objects, pod or workload, summaries that are there, words that are in no summary).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from kubelogic.api import explain, load, plan
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.explain.proposals.marks import is_passing, states_a_fact
from kubelogic.explain.repairs import Create, Delete, Patch, Repair
from kubelogic.verbs.reconciled import Options
from kubelogic.verbs.repairs import applied
from tests.explain.small import (
    HOST,
    ZONE,
    apart,
    claim,
    cordoned,
    csi_node,
    node,
    pod,
    spec,
    spread,
    storage_class,
    uses,
    volume,
    workload,
)

Document = dict[str, Any]
OAK = node("oak")
ZONES = [node("a1", labels={ZONE: "a"}), node("b1", labels={ZONE: "b"})]
GOING = [{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}]
REMOVED = [{"key": "ToBeDeletedByClusterAutoscaler", "value": "1760000000", "effect": "NoSchedule"}]
MASTER = [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]
GPU = [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]
TEAM = [{"key": "team", "value": "a", "effect": "NoSchedule"}]
URGENT: Document = {
    "apiVersion": "scheduling.k8s.io/v1",
    "kind": "PriorityClass",
    "metadata": {"name": "urgent"},
    "value": 5000,
}
POLITE: Document = {**URGENT, "metadata": {"name": "polite"}, "value": 4000, "preemptionPolicy": "Never"}
CAGE: Document = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "cage"},
    "handler": "cage",
    "overhead": {"podFixed": {"cpu": "1"}},
}


def limits(**item: Any) -> Document:
    own = {"limits": [{"type": "Container", **item}]}
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "usual", "namespace": "default"},
        "spec": own,
    }


def job(name: str, what: Document) -> Document:
    own = {"template": {"spec": {"restartPolicy": "Never", **what}}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": own}


def daemons(what: Document) -> Document:
    labels = {"app": "agent"}
    template = {"metadata": {"labels": labels}, "spec": what}
    own = {"selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"}, "spec": own}


def on_linux() -> Document:
    """A node affinity of two terms, which are alternatives."""
    terms = [
        {"matchExpressions": [{"key": HOST, "operator": "Exists"}]},
        {"matchExpressions": [{"key": ZONE, "operator": "Exists"}]},
    ]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def elsewhere(*names: str) -> Document:
    """A node affinity to other nodes than some."""
    terms = [{"matchExpressions": [{"key": HOST, "operator": "NotIn", "values": list(names)}]}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def rollout(strategy: Document | None = None) -> list[Document]:
    """A Deployment on one node whose old pod has the port that its new one needs."""
    ports = [{"containerPort": 80, "hostPort": 80}]
    old = {"containers": [{"name": "app", "image": "gate:1", "ports": ports}]}
    new = {"containers": [{"name": "app", "image": "gate:2", "ports": ports}]}
    top = workload("Deployment", "gate", new, **({"strategy": strategy} if strategy else {}))
    revision = "deployment.kubernetes.io/revision"
    top["metadata"] |= {"uid": "dep-1", "generation": 2, "annotations": {revision: "1"}}
    labels = {"app": "gate", "pod-template-hash": "old"}
    owned = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gate", "uid": "dep-1", "controller": True}
    mine = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "gate-old", "uid": "rs-old", "controller": True}
    revised = workload("ReplicaSet", "gate-old", old)
    revised["metadata"] |= {
        "uid": "rs-old",
        "labels": labels,
        "annotations": {revision: "1"},
        "ownerReferences": [owned],
    }
    revised["spec"]["selector"] = {"matchLabels": labels}
    revised["spec"]["template"]["metadata"] = {"labels": labels}
    revised["status"] = {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    return [top, revised, pod("gate-old-0", old, on="solo", labels=labels, ownerReferences=[mine])]


def surging() -> list[Document]:
    """A DaemonSet whose new pod comes before the old one goes, and that has a host port."""
    ports = [{"containerPort": 80, "hostPort": 80}]
    top = daemons({"containers": [{"name": "app", "image": "gate:2", "ports": ports}]})
    top["metadata"] |= {"uid": "ds-1", "generation": 2}
    top["metadata"]["annotations"] = {"deprecated.daemonset.template.generation": "2"}
    top["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    labels = {"app": "agent", "controller-revision-hash": "old", "pod-template-generation": "1"}
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "ds-1", "controller": True}
    old = {"containers": [{"name": "app", "image": "gate:1", "ports": ports}]}
    return [top, pod("agent-old", old, on="oak", labels=labels, ownerReferences=[owner])]


STATIC: Document = {
    **storage_class(provisioner="kubernetes.io/no-provisioner"),
    "volumeBindingMode": "Immediate",
}
RELEASED = volume("d2", claim="data")
RELEASED["spec"]["claimRef"]["uid"] = "uid-before"
RELEASED["status"]["phase"] = "Released"
LOST = {**claim("data", bound="d1"), "status": {"phase": "Lost"}}
GONE = volume("d1", claim="data-db-0")
GONE["spec"]["nodeAffinity"] = {
    "required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": HOST, "operator": "In", "values": ["ash"]}]}]}
}
TEMPLATE = {"accessModes": ["ReadWriteOnce"], "storageClassName": "disk", "resources": {"requests": {"storage": "1Gi"}}}
KEEPER = workload(
    "StatefulSet", "db", spec("1"), volumeClaimTemplates=[{"metadata": {"name": "data"}, "spec": TEMPLATE}]
)
SCRATCH = [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": TEMPLATE}}}]
ZONED = {
    **storage_class(),
    "allowedTopologies": [{"matchLabelExpressions": [{"key": ZONE, "values": ["c"]}]}],
}
SCALER: Document = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 3,
        "maxReplicas": 5,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 9}},
            }
        ],
    },
}
WEB = workload("Deployment", "web", spec("3"))
HEAVY = spec("6")
INIT = spec("1", initContainers=[{"name": "warm", "image": "w:1", "resources": {"requests": {"cpu": "6"}}}])
SIDE = spec(
    "1",
    initContainers=[
        {"name": "mesh", "image": "m:1", "restartPolicy": "Always", "resources": {"requests": {"cpu": "5"}}}
    ],
)
WHOLE = {**spec(), "resources": {"requests": {"cpu": "7"}}}
SHARDS = workload(
    "StatefulSet",
    "shard",
    spec("100m"),
    replicas=8,
    podManagementPolicy="Parallel",
    volumeClaimTemplates=[
        {
            "metadata": {"name": "d"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "disk",
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
    ],
)
SHARDS["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "d", "mountPath": "/d"}]
TRIO = workload("Deployment", "trio", spec("100m", affinity=apart({"app": "trio"}, ZONE)), replicas=3)
QUORUM = workload(
    "Deployment", "quorum", spec("100m", topologySpreadConstraints=spread("quorum", ZONE, minDomains=3)), replicas=3
)
HONEST = workload(
    "Deployment",
    "quorum",
    spec("100m", topologySpreadConstraints=spread("quorum", ZONE, minDomains=3, nodeTaintsPolicy="Honor")),
    replicas=4,
)
LOOSE = workload(
    "Deployment",
    "web",
    spec(
        "100m",
        nodeSelector={ZONE: "a"},
        topologySpreadConstraints=spread("web", ZONE, nodeAffinityPolicy="Ignore"),
    ),
    replicas=3,
)
LISTENS = spec(
    initContainers=[
        {
            "name": "mesh",
            "image": "m:1",
            "restartPolicy": "Always",
            "ports": [{"containerPort": 80, "hostPort": 80}],
        }
    ]
)
EVEN = workload("Deployment", "web", spec("100m", topologySpreadConstraints=spread("web", HOST)), replicas=4)
SOLO = ["ReadWriteOncePod"]
HERMIT = pod("hermit", spec(affinity=apart({"kind": "noisy"}, ZONE)), on="a1", labels={"app": "hermit"})
NEAR = {
    "podAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {"app": "cache"}}, "topologyKey": HOST}
        ]
    }
}
WANTS = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["nvme"]}]}]
        }
    }
}
SPACE: Document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "data"}}

CASES: dict[str, tuple[list[Document], str, list[str], list[str]]] = {
    # requests: where they are written
    "an init container": ([OAK, pod("p", INIT)], "p", ["request 4 of cpu instead of 6 for init container warm"], []),
    "a sidecar": ([OAK, pod("p", SIDE)], "p", ["request 3 of cpu instead of 5 for sidecar mesh"], []),
    "the whole pod": ([OAK, pod("p", WHOLE)], "p", ["request 4 of cpu instead of 7 for the whole pod"], []),
    "overhead of a runtime class": (
        [OAK, CAGE, pod("p", spec("4", runtimeClassName="cage"))],
        "p",
        ["request 3 of cpu instead of 4"],
        ["instead of 5"],
    ),
    "defaults of a limit range": (
        [OAK, limits(defaultRequest={"cpu": "5"}, default={"cpu": "6"}), workload("Deployment", "web", spec())],
        "web",
        ["request 4 of cpu instead of 5", "lower the default request of LimitRange default/usual to 4 of cpu"],
        [],
    ),
    "below the minimum of a limit range": (
        [node("oak", cpu="1"), limits(min={"cpu": "2"}), WEB],
        "web",
        ["add a node like oak with 3 of cpu"],
        ["request"],
    ),
    "above the minimum of a limit range": (
        [node("oak", cpu="2"), limits(min={"cpu": "2"}), WEB],
        "web",
        ["request 2 of cpu instead of 3"],
        [],
    ),
    "the ratio of a limit range": (
        [
            OAK,
            limits(maxLimitRequestRatio={"cpu": "1"}),
            pod("p", {"containers": [{"name": "a", "image": "a", "resources": {"limits": {"cpu": "6"}}}]}),
        ],
        "p",
        ["request 4 of cpu instead of 6 (and limit it to 4)"],
        [],
    ),
    "a device that no node has": (
        [
            OAK,
            pod("p", {"containers": [{"name": "a", "image": "a", "resources": {"limits": {"example.com/tpu": "2"}}}]}),
        ],
        "p",
        ["do not ask for example.com/tpu", "add a node like oak with 2 of example.com/tpu"],
        [],
    ),
    # what the API server refuses is made anew
    "a Job": ([node("oak", cpu="2"), job("report", spec("3"))], "report", ["request 2 of cpu instead of 3"], []),
    "an ordered set that waits for its first pod": (
        [OAK, node("elm"), workload("StatefulSet", "db", HEAVY, replicas=2)],
        "db",
        ["request 4 of cpu instead of 6, what", ", then delete pod db-0"],
        [],
    ),
    "the largest request with which all find room": (
        [OAK, node("elm"), workload("Deployment", "web", spec("3"), replicas=5)],
        "web",
        ["request 1.333 of cpu instead of 3, so that all 5 find room"],
        ["request 1 of"],
    ),
    "a replica set without a deployment": (
        [OAK, workload("ReplicaSet", "bare", HEAVY)],
        "bare",
        ["request 4 of cpu instead of 6, what oak has free, then delete pod bare-"],
        [],
    ),
    # taints and labels
    "nodes that are going": (
        [
            node("n1", cpu="1"),
            node("n2", taints=GOING),
            node("n3", taints=REMOVED),
            pod("full", spec("1"), on="n1"),
            pod("p", spec("500m")),
        ],
        "p",
        ["add a node like n1"],
        ["tolerate", "remove the taint", "like n2", "like n3"],
    ),
    "a node like the only one, which is going": (
        [node("oak", taints=GOING), pod("p", spec("2"))],
        "p",
        ["add a node like oak"],
        ["tolerate", "remove the taint"],
    ),
    "a pool of somebody": (
        [node("n1", cpu="1"), node("n2", taints=TEAM), pod("p", spec("2"))],
        "p",
        ["tolerate the taint team=a:NoSchedule"],
        [],
    ),
    "labels that state facts": (
        [
            node("oak", labels={"kubernetes.io/arch": "amd64"}),
            pod("p", spec("1", nodeSelector={"kubernetes.io/arch": "arm64"})),
        ],
        "p",
        ["add a node like oak with kubernetes.io/arch=arm64"],
        ["label oak"],
    ),
    "labels that people give": (
        [OAK, pod("p", spec("1", nodeSelector={"disk": "nvme"}))],
        "p",
        ["label oak with disk=nvme", "do not ask for nodes with disk=nvme", "add a node like oak with disk=nvme"],
        [],
    ),
    "a node affinity": (
        [OAK, pod("p", spec("1", affinity=WANTS))],
        "p",
        ["label oak with disk=nvme", "do not require a node affinity"],
        [],
    ),
    "an instance type": (
        [OAK, pod("p", spec("1", nodeSelector={"node.kubernetes.io/instance-type": "m5.large"}))],
        "p",
        ["add a node like oak with node.kubernetes.io/instance-type=m5.large"],
        ["label oak"],
    ),
    # nodes that are added
    "a node like a cordoned one": (
        [cordoned(OAK), pod("old", spec("3"), on="oak"), pod("p", spec("2"))],
        "p",
        ["add a node like oak"],
        [],
    ),
    "a node of another pool": (
        [
            node("oak", labels={"pool": "red"}),
            pod("old", spec("3"), on="oak"),
            pod("p", spec("2", nodeSelector={"pool": "blue"})),
        ],
        "p",
        ["add a node like oak with pool=blue"],
        [],
    ),
    "nodes that attach three volumes": (
        [OAK, csi_node("oak", 3), storage_class(), SHARDS],
        "shard",
        ["add 2 nodes like oak", "3 replicas instead of 8"],
        ["add a node"],
    ),
    "a node in the zone of the volume": (
        [
            ZONES[0],
            storage_class(),
            volume("d7", claim="books", zone="f"),
            claim("books", bound="d7"),
            pod("p", spec(volumes=uses("books"))),
        ],
        "p",
        ["add a node like a1 in zone f"],
        [],
    ),
    # other pods
    "more pods than zones": (
        [*ZONES, TRIO],
        "trio",
        ["2 replicas instead of 3", "add a node like a1 in another zone", "prefer to be apart"],
        [],
    ),
    "fewer zones than asked for": (
        [*ZONES, QUORUM],
        "quorum",
        [
            "let spread constraint 0 (topology.kubernetes.io/zone) ask for 2 domains instead of 3 (minDomains)",
            "(ScheduleAnyway)",
            "in another zone",
        ],
        [],
    ),
    "fewer zones than asked for, of those that count": (
        [*ZONES, node("c1", labels={ZONE: "c"}, taints=TEAM), HONEST],
        "quorum",
        ["ask for 2 domains instead of 3 (minDomains)", "tolerate the taint team=a:NoSchedule"],
        ["nodeTaintsPolicy"],
    ),
    "a spread over nodes that the pod does not ask for": (
        [*ZONES, LOOSE],
        "web",
        ["count only nodes that the pod asks for (nodeAffinityPolicy: Honor)", "(ScheduleAnyway)"],
        ["minDomains"],
    ),
    "as many nodes as have room": (
        [OAK, workload("Deployment", "web", spec("1900m"), replicas=13)],
        "web",
        ["add 6 nodes like oak", "2 replicas instead of 13"],
        ["add 11 nodes", "add 4 nodes"],
    ),
    "others wait for what is added, too": (
        [OAK, pod("alone", spec("5")), pod("first", spec("5")), pod("second", spec("5"))],
        "second",
        ["add 3 nodes like oak with 5 of cpu", "request 4 of cpu"],
        [],
    ),
    "a port that a sidecar has": (
        [OAK, pod("there", LISTENS, on="oak"), pod("p", LISTENS)],
        "p",
        ["do not ask for port 80 of the node", "delete pod default/there", "add a node like oak"],
        [],
    ),
    "a spread over a node with a taint": (
        [node("master", taints=MASTER), node("w1"), node("w2"), EVEN],
        "web",
        ["(nodeTaintsPolicy: Honor)", "(ScheduleAnyway)", "allow a skew of 2 instead of 1"],
        [],
    ),
    "a pod that wants no neighbours": (
        [ZONES[0], HERMIT, pod("p", spec(), labels={"kind": "noisy"})],
        "p",
        ["take the label kind off p", "delete pod default/hermit", "in another zone"],
        [],
    ),
    "company in another namespace": (
        [
            OAK,
            SPACE,
            pod("cache", spec(), on="oak", namespace="data", labels={"app": "cache"}),
            pod("p", spec(affinity=NEAR)),
        ],
        "p",
        ["look for its company in the namespace data"],
        [],
    ),
    "a node named like its zone": (
        [
            node("a", labels={ZONE: "a"}),
            node("b", labels={ZONE: "b"}, cpu="50m"),
            workload("Deployment", "web", spec("100m", topologySpreadConstraints=spread("web", ZONE)), replicas=3),
        ],
        "web",
        ["add a node like b with 0.1 of cpu"],
        ["add 2 nodes"],
    ),
    "a rollout in the way of itself": (
        [node("solo"), *rollout()],
        "gate",
        ["let old pods go first (maxSurge 0, maxUnavailable 1)"],
        ["do not ask for port"],
    ),
    "a rollout that cannot surge": ([node("solo"), *rollout({"type": "Recreate"})], "gate", [], []),
    "a port that another has": (
        [
            OAK,
            *(
                pod(
                    n,
                    {"containers": [{"name": "a", "image": "a", "ports": [{"containerPort": 80, "hostPort": 80}]}]},
                    on=o,
                )
                for n, o in (("q", "oak"), ("p", ""))
            ),
        ],
        "p",
        ["add a node like oak", "do not ask for port 80 of the node", "delete pod default/q"],
        [],
    ),
    "a claim for one pod": (
        [
            OAK,
            storage_class(),
            volume("d1", claim="ledger", modes=SOLO),
            claim("ledger", bound="d1", modes=SOLO),
            pod("first", spec(volumes=uses("ledger")), on="oak"),
            pod("p", spec(volumes=uses("ledger"))),
        ],
        "p",
        ["delete pod default/first"],
        [],
    ),
    "a gate, and then preemption": (
        [
            OAK,
            URGENT,
            pod("batch", spec("4"), on="oak"),
            pod("p", spec("3", priorityClassName="urgent", schedulingGates=[{"name": "a/b"}])),
        ],
        "p",
        ["remove the scheduling gate a/b; it then preempts default/batch"],
        [],
    ),
    "a class that never preempts, and others that do": (
        [OAK, URGENT, POLITE, pod("batch", spec("4"), on="oak"), pod("p", spec("3", priorityClassName="polite"))],
        "p",
        ["name the PriorityClass urgent, whose pods preempt others; it then preempts default/batch"],
        ["make a PriorityClass"],
    ),
    "no class preempts": (
        [
            OAK,
            POLITE,
            pod("batch", spec("4"), on="oak"),
            workload("Deployment", "p", spec("3", priorityClassName="polite")),
        ],
        "p",
        [
            "make a PriorityClass of the value 4000 that preempts (polite-preempting), and name it; it then preempts "
            "default/batch"
        ],
        [],
    ),
    "the class that preempts is worth too little": (
        [
            *(OAK, {**URGENT, "metadata": {"name": "spare"}, "value": -1}, POLITE),
            pod("batch", spec("4", priorityClassName="spare"), on="oak"),
            pod("p", spec("3", priorityClassName="polite")),
        ],
        "p",
        [
            "make a PriorityClass of the value 4000 that preempts (polite-preempting), and name it; it then preempts "
            "default/batch"
        ],
        ["name the PriorityClass spare"],
    ),
    "nobody is less important": (
        [OAK, URGENT, POLITE, pod("p", spec("5", priorityClassName="polite"))],
        "p",
        [],
        ["PriorityClass"],
    ),
    "a node for the pod and the daemons": (
        [OAK, daemons(spec("1")), pod("p", spec("9"))],
        "p",
        ["add a node like oak with 10 of cpu"],
        [],
    ),
    "a gate, and room": (
        [OAK, pod("p", spec("3", schedulingGates=[{"name": "a/b"}]))],
        "p",
        ["remove the scheduling gate a/b"],
        ["preempts"],
    ),
    # storage
    "a claim of a class that is not given": (
        [OAK, claim("data", of="gp3"), pod("p", spec(volumes=uses("data")))],
        "p",
        ["give the input the StorageClass gp3", "create a volume of 1Gi for the claim default/data"],
        [],
    ),
    "a claim that means the default": (
        [OAK, claim("data", of=None), pod("p", spec(volumes=uses("data")))],
        "p",
        ["give the input the cluster's StorageClasses"],
        [],
    ),
    "a claim with other access modes": (
        [
            OAK,
            {**storage_class(provisioner="kubernetes.io/no-provisioner"), "volumeBindingMode": "Immediate"},
            volume("d2"),
            claim("data", modes=["ReadWriteMany"]),
            pod("p", spec(volumes=uses("data"))),
        ],
        "p",
        ["delete the claim default/data and make it anew with access modes ReadWriteOnce"],
        [],
    ),
    "a claim of another class": (
        [OAK, volume("d2"), claim("data", of=""), pod("p", spec(volumes=uses("data")))],
        "p",
        ['delete the claim default/data and make it anew with storageClassName "disk", which volume d2 has'],
        [],
    ),
    "a volume that is kept for the claim before": (
        [OAK, STATIC, RELEASED, claim("data"), pod("p", spec(volumes=uses("data")))],
        "p",
        ["let d2 go from the claim that it had; what is on it stays, for default/data (kubectl patch pv d2"],
        ["which volume d2 has"],
    ),
    "a volume of another claim, and one that goes with its claim": (
        [
            OAK,
            STATIC,
            volume("d1", claim="mine"),
            claim("mine", bound="d1"),
            {**RELEASED, "spec": {**RELEASED["spec"], "persistentVolumeReclaimPolicy": "Delete"}},
            claim("data"),
            pod("p", spec(volumes=uses("data"))),
        ],
        "p",
        ["create a volume of"],
        ["let d1 go", "let d2 go"],
    ),
    "a DaemonSet that makes its new pod first, with a host port": (
        [OAK, *surging()],
        "agent",
        ["let old pods go first (maxSurge 0, maxUnavailable 1)"],
        ["strategy Recreate"],
    ),
    "three things at once, of which each bars the only node": (
        [node("oak", taints=TEAM, labels={"pool": "red"}), pod("p", spec("9", nodeSelector={"pool": "blue"}))],
        "p",
        ["add a node like oak with pool=blue and 9 of cpu without the taint team:NoSchedule"],
        [],
    ),
    "a gate, and no node that fits but a new one": (
        [OAK, pod("p", spec("9", nodeSelector={"pool": "blue"}, schedulingGates=[{"name": "example.com/wait"}]))],
        "p",
        ["remove the scheduling gate example.com/wait and add a node like oak with pool=blue and 9 of cpu"],
        [],
    ),
    "a zone that others keep free is no place for a new node": (
        [
            *ZONES,
            *(
                pod(f"hermit-{z}", spec(affinity=apart({"app": "web"}, ZONE)), on=f"{z}1", labels={"app": "hermit"})
                for z in "ab"
            ),
            workload("Deployment", "web", spec("1")),
        ],
        "web",
        ["add a node like a1 in another zone"],
        ["take the label app off web"],
    ),
    "a DaemonSet that is too large for one of its nodes": (
        [OAK, node("elm", cpu="1"), daemons(spec("2"))],
        "agent",
        ["request 1 of cpu instead of 2, what elm has free", "leave out elm (node affinity"],
        ["add a node"],
    ),
    "a DaemonSet none of whose nodes reaches its volume": (
        [
            OAK,
            volume("d1", claim="data", zone="f"),
            claim("data", bound="d1"),
            daemons(spec("1", volumes=uses("data"))),
        ],
        "agent",
        ["add a node like oak in zone f, and keep the DaemonSet to such nodes"],
        [],
    ),
    "nodes that a pod does not want": (
        [OAK, pod("web", spec(affinity=elsewhere("oak")))],
        "web",
        ["add a node like oak"],
        [],
    ),
    "a claim that has lost its volume": (
        [OAK, storage_class(), LOST, pod("p", spec("1", volumes=uses("data")))],
        "p",
        ["delete the claim default/data and make it anew: what was on d1 is lost"],
        [],
    ),
    "a claim of a template whose volume is on a node that is gone": (
        [OAK, storage_class(), GONE, claim("data-db-0", bound="d1"), KEEPER],
        "db",
        ["delete the claim default/data-db-0, so that it is made anew: what is on d1, on ash, is lost"],
        [],
    ),
    "a claim that was not made for the pod that has its name": (
        [OAK, storage_class(), claim("p-scratch"), pod("p", spec("1", volumes=SCRATCH), uid="uid-p")],
        "p",
        ["delete the claim default/p-scratch, so that it is made anew: what is on its volume is lost"],
        [],
    ),
    "a class that makes volumes in another zone": (
        [*ZONES, ZONED, claim("data"), pod("p", spec("1", volumes=uses("data")))],
        "p",
        ["add a node like a1 in zone c"],
        [],
    ),
    "an autoscaler that wants more than there is room for": (
        [node("oak", cpu="2"), workload("Deployment", "web", spec("1")), SCALER],
        "web",
        ["2 replicas at most (maxReplicas and minReplicas of HorizontalPodAutoscaler default/web)"],
        ["instead of 3"],
    ),
    "a DaemonSet with other terms": (
        [OAK, node("elm", cpu="1"), daemons(spec("2", affinity=on_linux()))],
        "agent",
        ["leave out elm (node affinity"],
        [],
    ),
}


def repairs_of(objects: Sequence[Document], name: str, **more: Any) -> tuple[Cluster, tuple[Repair, ...]]:
    cluster = load(objects)
    return cluster, explain(cluster, f"default/{name}", **more).repairs


@pytest.mark.parametrize("case", CASES)
def test_what_is_offered_and_that_it_works(case: str) -> None:
    objects, name, there, absent = CASES[case]
    cluster, found = repairs_of(objects, name)
    summaries = [repair.summary for repair in found]
    for words in there:
        assert any(words in summary for summary in summaries), summaries
    for words in absent:
        assert not any(words in summary for summary in summaries), summaries
    assert [repair.cost for repair in found] == sorted(repair.cost for repair in found)
    for repair in found:
        _works(cluster, name, repair)


def _works(cluster: Cluster, name: str, repair: Repair) -> None:
    """Made by requests, and planned with kube-scheduler, a repair leaves nothing of the workload pending."""
    changed = applied(State.of(cluster), repair.changes, strict=False)
    assert isinstance(changed, State), (repair.summary, changed)
    after = plan(changed.cluster, replace(Options(), scheduler="kube"))
    owners = {each.owner.partition(" ")[2] for each in after.pending}
    assert f"default/{name}" not in owners, repair.summary


def test_pods_are_named_and_not_shapes() -> None:
    found = explain(load([node("solo"), *rollout()]), "default/gate")
    said = [*(each.detail for each in found.blockers), *(each.text for each in found.conflict)]
    assert any("default/gate-old-0" in each for each in said), said
    assert not any("#" in each for each in said), said


def test_one_of_each_kind_and_owner_and_more_if_asked() -> None:
    objects = [node("n1", cpu="1"), node("n2", taints=TEAM), node("n3", taints=GPU), pod("p", spec("2"))]
    _, few = repairs_of(objects, "p")
    _, many = repairs_of(objects, "p", most_repairs=9)
    tolerations = [[r.summary for r in found if "tolerate" in r.summary] for found in (few, many)]
    assert tolerations[0] == ["tolerate the taint team=a:NoSchedule"]
    assert tolerations[1] == ["tolerate the taint team=a:NoSchedule", "tolerate the taint nvidia.com/gpu:NoSchedule"]
    assert len(repairs_of(objects, "p", most_repairs=1)[1]) == 1


def test_dear_pools_come_last() -> None:
    objects = [node("n1", cpu="1"), node("n3", taints=GPU), pod("p", spec("2"))]
    summaries = [repair.summary for repair in repairs_of(objects, "p")[1]]
    assert summaries[-1] == "tolerate the taint nvidia.com/gpu:NoSchedule"


def test_a_job_is_deleted_and_made_anew() -> None:
    _, found = repairs_of([node("oak", cpu="2"), job("report", spec("3"))], "report")
    (repair,) = (each for each in found if each.owner == "app")
    assert [type(change) for change in repair.changes] == [Delete, Create]
    assert repair.how == "delete Job default/report and make it anew"


def test_a_new_node_is_well_and_has_its_drivers() -> None:
    _, found = repairs_of([cordoned(OAK), csi_node("oak", 3), pod("p", spec("2"))], "p")
    (repair,) = (each for each in found if each.summary.startswith("add a node"))
    made = [change.document for change in repair.changes if isinstance(change, Create)]
    assert [(document["kind"], document["metadata"]["name"]) for document in made] == [
        ("Node", "oak-more"),
        ("CSINode", "oak-more"),
    ]
    assert "unschedulable" not in made[0]["spec"]
    assert not made[0]["spec"].get("taints")
    assert made[1]["spec"]["drivers"][0]["allocatable"] == {"count": 3}


def test_labels_are_added_to_nodes_without_any() -> None:
    bare = {**OAK, "metadata": {"name": "oak"}}
    _, found = repairs_of([bare, pod("p", spec(nodeSelector={"disk": "nvme"}))], "p")
    patches = [change for repair in found for change in repair.changes if isinstance(change, Patch)]
    assert any(operation["path"].startswith("/metadata/labels") for patch in patches for operation in patch.operations)


@pytest.mark.parametrize("key", ["kubernetes.io/os", "topology.kubernetes.io/region", "nvidia.com/gpu.product"])
def test_facts(key: str) -> None:
    assert states_a_fact(key)


@pytest.mark.parametrize(
    "key", ["node.kubernetes.io/not-ready", "karpenter.sh/unregistered", "ToBeDeletedByClusterAutoscaler"]
)
def test_passing_taints(key: str) -> None:
    assert is_passing(key)
