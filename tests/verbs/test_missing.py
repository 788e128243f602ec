"""Dumps that lack kinds: nothing that runs is rolled, collected, refused or lost, and what is missing is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from kubelogic.api import explain, load, plan, simulate
from kubelogic.verbs.results import Plan
from kubelogic.verbs.unresolved import unresolved

Document = dict[str, Any]


def node(name: str, *, cpu: str = "4", **labels: str) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "status": {
            "allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def pod(
    name: str, host: str = "oak", *, owner: Sequence[str] = (), labels: Document | None = None, **spec: Any
) -> Document:
    metadata: Document = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "labels": labels or {}}
    if owner:
        kind, of, uid = owner
        api = "v1" if kind == "ReplicationController" else "batch/v1" if kind == "Job" else "apps/v1"
        metadata["ownerReferences"] = [{"apiVersion": api, "kind": kind, "name": of, "uid": uid, "controller": True}]
    containers = [{"name": "app", "image": "app:1", "resources": {"requests": {"cpu": "100m"}}}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"nodeName": host, "containers": containers, **spec},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def owner(kind: str, name: str, uid: str, template: Document, status: Document, **spec: Any) -> Document:
    labels = template["metadata"]["labels"]
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": uid,
            "generation": 4,
            "annotations": {"deprecated.daemonset.template.generation": "4", "deployment.kubernetes.io/revision": "3"},
        },
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
        "status": {"observedGeneration": 4, **status},
    }


def template(app: str, image: str = "app:1") -> Document:
    containers = [{"name": "app", "image": image, "resources": {"requests": {"cpu": "100m"}}}]
    return {"metadata": {"labels": {"app": app}}, "spec": {"containers": containers}}


def made(result: Plan) -> list[str]:
    return [type(each.action).__name__ for each in result.actions if type(each.action).__name__ == "CreatePod"]


def codes(result: Plan) -> list[str]:
    return [each.code for each in result.notices]


DAEMON = owner("DaemonSet", "relay", "d", template("relay"), {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2})
MEMBERS = {"app": "relay", "controller-revision-hash": "7d4f", "pod-template-generation": "4"}
STATEFUL = owner(
    "StatefulSet",
    "db",
    "s",
    template("db"),
    {"replicas": 2, "currentRevision": "db-6c9f", "updateRevision": "db-6c9f"},
    replicas=2,
    serviceName="db",
)
DEPLOYMENT = owner("Deployment", "web", "w", template("web"), {"replicas": 2, "updatedReplicas": 2}, replicas=2)
HASHED = {"app": "web", "pod-template-hash": "5c9f"}


@pytest.mark.parametrize(
    ("objects", "told"),
    [
        pytest.param(
            [
                DAEMON,
                pod("relay-a", "oak", owner=("DaemonSet", "relay", "d"), labels=MEMBERS),
                pod("relay-b", "elm", owner=("DaemonSet", "relay", "d"), labels=MEMBERS),
            ],
            "controllerrevisions",
            id="a DaemonSet without its revisions",
        ),
        pytest.param(
            [
                STATEFUL,
                *(
                    pod(
                        f"db-{number}",
                        owner=("StatefulSet", "db", "s"),
                        labels={"app": "db", "controller-revision-hash": "db-6c9f"},
                    )
                    for number in (0, 1)
                ),
            ],
            "controllerrevisions",
            id="a StatefulSet without its revisions",
        ),
        pytest.param(
            [DEPLOYMENT, *(pod(f"web-5c9f-{n}", owner=("ReplicaSet", "web-5c9f", "r"), labels=HASHED) for n in "ab")],
            "replicasets",
            id="a Deployment without its ReplicaSets",
        ),
        pytest.param(
            [pod(f"web-5c9f-{n}", owner=("ReplicaSet", "web-5c9f", "r"), labels=HASHED) for n in "ab"],
            "replicasets",
            id="nodes and pods only",
        ),
        pytest.param(
            [pod("old-x", owner=("ReplicationController", "old", "c"), labels={"app": "old"})],
            "replicationcontrollers",
            id="a pod of a ReplicationController",
        ),
        pytest.param([pod("once-x", owner=("Job", "once", "j"))], "Job shop/once", id="a pod of a Job"),
        pytest.param([pod("far", "ash")], "nodes ash, on which 1 pod runs", id="a pod on a node that was not printed"),
        pytest.param([pod("a", priorityClassName="steady", priority=5)], "PriorityClass steady", id="a class"),
        pytest.param(
            [pod("a", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}])],
            "PersistentVolumeClaim shop/data",
            id="a claim",
        ),
    ],
)
def test_what_runs_stays_and_what_is_missing_is_said(objects: list[Document], told: str) -> None:
    result = plan(load([node("oak"), node("elm"), *objects]))
    assert result.gone == ()
    assert made(result) == []
    assert len(result.placements) == sum(each["kind"] == "Pod" for each in objects)
    (notice,) = (each for each in result.notices if each.code == "KL195")
    assert told in notice.message
    assert "kubectl get" in notice.message


def test_pods_without_any_node_are_left_alone_and_the_answer_is_none() -> None:
    result = plan(load([pod("a"), pod("b", "elm")]))
    assert (result.gone, len(result.placements)) == ((), 2)
    assert result.remarks[0].startswith("There is no node in the input")
    assert "kubectl get nodes" in result.remarks[0]
    assert result.unknown


def test_a_pod_that_a_manifest_binds_to_no_node_is_still_stranded() -> None:
    given = pod("a", "nowhere")
    del given["metadata"]["uid"], given["status"]
    result = plan(load([node("oak"), given]))
    assert [each.pod for each in result.pending] + [each.pod for each in result.gone] == ["shop/a"]


def test_a_changed_daemon_set_is_rolled_though_its_revisions_were_not_printed() -> None:
    objects = [DAEMON, pod("relay-a", "oak", owner=("DaemonSet", "relay", "d"), labels=MEMBERS)]
    change = owner("DaemonSet", "relay", "", template("relay", "app:2"), {})
    change["metadata"] = {"name": "relay", "namespace": "shop"}
    del change["status"]
    result = plan(load([node("oak"), *objects, change]))
    assert [each.pod for each in result.gone] == ["shop/relay-a"]
    assert len(result.placements) == 1


def test_a_whole_dump_has_nothing_missing() -> None:
    result = plan(load([node("oak"), pod("a")]))
    assert "KL195" not in codes(result)
    assert result.unknown == ()


def refer(**spec: Any) -> Document:
    container = {"name": "app", "image": "app:1", **spec.pop("container", {})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "shop"},
        "spec": {"containers": [container], **spec},
    }


def settings(kind: str, name: str, **data: str) -> Document:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "data": data}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (refer(container={"envFrom": [{"configMapRef": {"name": "c"}}]}), "ConfigMap shop/c is not in the input"),
        (
            refer(container={"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}),
            "CreateContainerConfigError",
        ),
        (refer(volumes=[{"name": "v", "secret": {"secretName": "s"}}]), "ContainerCreating"),
        (
            refer(volumes=[{"name": "v", "projected": {"sources": [{"configMap": {"name": "c"}}]}}]),
            "ConfigMap shop/c is not in the input",
        ),
        (refer(imagePullSecrets=[{"name": "s"}]), "Secret shop/s is not in the input"),
        (
            refer(
                container={"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "there", "key": "none"}}}]}
            ),
            'ConfigMap shop/there has no key "none"',
        ),
        (refer(container={"envFrom": [{"configMapRef": {"name": "c", "optional": True}}]}), ""),
        (refer(volumes=[{"name": "v", "secret": {"secretName": "s", "optional": True}}]), ""),
        (refer(volumes=[{"name": "v", "configMap": {"name": "kube-root-ca.crt"}}]), ""),
        (refer(container={"envFrom": [{"configMapRef": {"name": "there"}}]}), ""),
    ],
)
def test_references_to_what_is_not_there_are_told(given: Document, told: str) -> None:
    result = plan(load([node("oak"), settings("ConfigMap", "there", key="1"), given]))
    found = [each for each in result.notices if each.code == "KL196"]
    assert len(found) == bool(told)
    assert all(told in each.message and each.location is not None for each in found)


def stateful(**spec: str) -> Document:
    given = owner("StatefulSet", "db", "", template("db"), {}, **spec)
    return {**given, "metadata": {"name": "db", "namespace": "shop"}, "status": {}}


PORTS = [{"name": "http", "containerPort": 80}]


def probed(probe: str, action: str, port: str | int, **extra: Any) -> Document:
    return refer(container={"ports": PORTS, probe: {action: {"port": port}}, **extra})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (probed("readinessProbe", "httpGet", "web"), "it has http: its pods never become ready"),
        (probed("startupProbe", "tcpSocket", "web"), "never counts as started"),
        (probed("livenessProbe", "httpGet", "web"), "nothing is restarted"),
        (probed("readinessProbe", "httpGet", "web", ports=[]), "it names no port"),
        (probed("readinessProbe", "httpGet", "http"), ""),
        (probed("readinessProbe", "httpGet", 81), ""),
        (stateful(serviceName="db"), "Service shop/db is not in the input"),
        (stateful(serviceName="there"), ""),
        (stateful(), ""),
    ],
)
def test_names_that_lead_nowhere_are_told(given: Document, told: str) -> None:
    there = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "there", "namespace": "shop"}}
    found = list(unresolved(load([there | {"spec": {"clusterIP": "None", "ports": [{"port": 80}]}}, given])))
    assert len(found) == bool(told)
    assert all(told in each.message and each.location is not None for each in found)


def test_the_places_of_missing_references_are_those_of_the_manifest(tmp_path: Any) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: app\n    image: app:1\n"
        "    envFrom:\n    - secretRef: {name: keys}\n"
    )
    (found,) = (each for each in plan(load([path])).notices if each.code == "KL196")
    assert found.location is not None
    assert (found.location.line, found.location.path) == (9, "spec.containers[0].envFrom[0].secretRef.name")


def claim(**spec: Any) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "shop"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec},
    }


def storage_class(name: str, *, default: bool) -> Document:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    metadata = {"name": name, "annotations": annotations}
    return {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": metadata, "provisioner": "x/y"}


BETA_DEFAULT = {
    **storage_class("fast", default=False),
    "metadata": {"name": "fast", "annotations": {"storageclass.beta.kubernetes.io/is-default-class": "true"}},
}
BETA_CLAIM = {
    "name": "data",
    "namespace": "shop",
    "annotations": {"volume.beta.kubernetes.io/storage-class": "gold"},
}


@pytest.mark.parametrize(
    ("objects", "told"),
    [
        ([claim()], "names no class, and no StorageClass in the input is the default one"),
        ([claim(storageClassName="fast")], "no StorageClass fast is in the input"),
        ([claim(), storage_class("fast", default=False)], "names no class"),
        ([claim(), storage_class("fast", default=True)], ""),
        ([claim(storageClassName="fast"), storage_class("fast", default=False)], ""),
        ([claim(storageClassName="")], ""),
        ([claim(), BETA_DEFAULT], ""),
        ([{**claim(), "metadata": BETA_CLAIM}], "no StorageClass gold is in the input"),
        ([{**claim(), "metadata": BETA_CLAIM}, storage_class("gold", default=False)], ""),
    ],
)
def test_claims_say_which_class_is_missing(objects: list[Document], told: str) -> None:
    result = plan(load([node("oak"), *objects]))
    found = [each.message for each in result.notices if each.code == "KL195"]
    assert len(found) == bool(told)
    assert all(told in each for each in found)


@pytest.mark.parametrize(
    ("label", "wanted", "placed"),
    [
        ("kubernetes.io/os", "beta.kubernetes.io/os", 1),
        ("kubernetes.io/arch", "beta.kubernetes.io/arch", 1),
        ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone", 0),
        ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type", 0),
    ],
)
def test_old_labels_of_system_and_architecture_follow_the_new_ones(label: str, wanted: str, placed: int) -> None:
    result = plan(load([node("oak", **{label: "x"}), refer(nodeSelector={wanted: "x"})]))
    assert len(result.placements) == placed


def quota(used: int) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "cap", "namespace": "shop", "uid": "q"},
        "spec": {"hard": {"pods": "2"}},
        "status": {"hard": {"pods": "2"}, "used": {"pods": str(used)}},
    }


@pytest.mark.parametrize(("used", "placed"), [(2, 0), (1, 1), (0, 1)])
def test_what_a_quota_counts_and_nobody_printed_is_used_all_the_same(used: int, placed: int) -> None:
    result = plan(load([node("oak"), quota(used), refer()]))
    assert len(result.placements) == placed
    told = [each.message for each in result.notices if each.code == "KL195"]
    assert bool(told) == bool(used)
    assert all(f"{used} of pods under ResourceQuota shop/cap" in each for each in told)


def test_what_a_quota_counts_goes_down_as_pods_go() -> None:
    gone = pod("old", "oak")
    gone["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:30Z", "deletionGracePeriodSeconds": 30}
    waiting = owner("ReplicaSet", "web", "w", template("web"), {}, replicas=1)
    result = plan(load([node("oak"), quota(2), pod("other"), gone, waiting]))
    assert "shop/other" in {each.pod for each in result.placements}
    assert len(result.placements) == 2


VOLUMES = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]


def bound(**spec: Any) -> Document:
    given = claim(volumeName="pv-1", storageClassName="fast", **spec)
    given["metadata"]["uid"] = "c"
    return {**given, "status": {"phase": "Bound"}}


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param([bound(), refer(volumes=VOLUMES)], id="a new pod, the volume was not printed"),
        pytest.param(
            [pod("b", volumes=VOLUMES), refer(volumes=VOLUMES)], id="a new pod, neither claim nor volume was printed"
        ),
    ],
)
def test_claims_without_their_volumes_can_be_used_but_nobody_knows_where(objects: list[Document]) -> None:
    cluster = load([node("oak"), node("elm"), *objects])
    result = plan(cluster)
    assert [each for each in result.placements if each.pod == "shop/a"]
    assert "PersistentVolumes are not in the input" in result.unknown[0]
    assert explain(cluster, "shop/a").verdict == "unknown"


def test_a_lost_claim_is_lost_where_volumes_were_printed() -> None:
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "other", "uid": "v"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "csi": {"driver": "d", "volumeHandle": "h"},
        },
        "status": {"phase": "Available"},
    }
    result = plan(load([node("oak"), bound(), volume, refer(volumes=VOLUMES)]))
    assert [each.verdict for each in result.pending] == ["waiting"]


def test_a_drain_leaves_pods_of_a_daemon_set_that_was_not_printed_alone() -> None:
    objects = [
        node("oak"),
        node("elm"),
        pod("relay-a", owner=("DaemonSet", "relay", "d")),
        pod("b", owner=("Job", "j", "j")),
    ]
    run = simulate(load(objects), [{"at": "1m", "drain": "oak"}])
    assert [each.pod for each in run.final.placements] == ["shop/relay-a"]


def test_an_explanation_tells_what_is_not_well_and_what_is_referred_to_in_vain() -> None:
    given = refer(container={"envFrom": [{"configMapRef": {"name": "c"}}]})
    cluster = load([node("oak"), given, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}])
    found = explain(cluster, "shop/a")
    assert [each.reason for each in found.unwell] == ["CreateContainerConfigError"]
    assert "ConfigMap shop/c is not in the input" in found.lacking.notices[0].message


def test_the_account_of_a_cron_job_is_told_as_no_pod_of_it_is_there_yet() -> None:
    job = {"template": {"spec": {**template("a")["spec"], "restartPolicy": "Never", "serviceAccountName": "clerk"}}}
    given = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly", "namespace": "shop"},
        "spec": {"schedule": "0 0 * * *", "jobTemplate": {"spec": job}},
    }
    result = plan(load([node("oak"), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, given]))
    (told,) = (each.message for each in result.notices if each.code == "KL196")
    assert told.startswith("ServiceAccount shop/clerk is not in the input: CronJob shop/nightly refers to it")


def test_tokens_need_no_account_by_name_as_admission_gives_one() -> None:
    volumes = [{"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]
    assert len(plan(load([node("oak"), refer(volumes=volumes)])).placements) == 1


def test_labels_of_namespaces_that_an_affinity_asks_for_are_said_to_be_unknown() -> None:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}
    asks = {**term, "namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "Exists"}]}}
    every = {**term, "namespaceSelector": {}}
    weighted = [{"weight": 1, "podAffinityTerm": asks}]
    for affinity, number in (
        ({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [asks]}}, 1),
        ({"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": weighted}}, 1),
        ({"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}, 0),
        ({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [every]}}, 0),
    ):
        found = plan(load([node("oak"), pod("web", affinity=affinity)])).notices
        assert [each.message for each in found if "Namespace" in each.message] == [
            "not in the input: Namespace shop; Pod shop/web asks for labels of namespaces (team), and it is taken to "
            "have none of its own; kubectl get namespaces -o yaml brings it"
        ][:number]


@pytest.mark.parametrize(("phase", "unknown"), [("Succeeded", 0), ("Failed", 1), ("Running", 1)])
def test_nobody_has_to_make_a_pod_anew_that_has_succeeded(phase: str, unknown: int) -> None:
    ended = pod("once", owner=("Job", "once", "j1"), restartPolicy="Never")
    ended["status"] = {"phase": phase}
    found = simulate(load([node("oak"), ended]), [{"at": "1m", "drain": "oak"}])
    assert len(found.final.unknown) == unknown


def test_an_owner_by_the_uid_of_an_object_elsewhere_is_none() -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own", "namespace": "other", "uid": "c1"}}
    owned = pod("web")
    owned["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "own", "uid": "c1"}]
    found = plan(load([node("oak"), owner, owned]))
    assert [(each.pod, each.reason) for each in found.gone] == [("shop/web", "garbage: it has no owner any more")]
    (said,) = [each.message for each in found.notices if "own" in each.message]
    assert said.startswith("Pod shop/web names ConfigMap shop/own as its owner by the uid of ConfigMap other/own")


def test_what_is_there_instead_of_a_reference_is_told() -> None:
    def config(name: str, namespace: str = "shop") -> Document:
        about = {"name": name, "namespace": namespace}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": {"level": "1"}}

    def told(key: str, *there: Document, name: str = "settings") -> list[str]:
        source = {"configMapKeyRef": {"name": name, "key": key}}
        given = refer(container={"env": [{"name": "A", "valueFrom": source}]})
        found = plan(load([node("oak"), given, *there])).notices
        return [each.message.partition(":")[0] for each in found if each.code == "KL196"]

    assert told("level", config("setting")) == ["ConfigMap shop/settings is not in the input (did you mean setting?)"]
    assert told("levle", config("settings")) == ['ConfigMap shop/settings has no key "levle" (did you mean "level"?)']
    assert told("level", config("settings", "till")) == [
        "ConfigMap shop/settings is not in the input "
        "(there is one in till, and it has to be in the namespace of its pods)"
    ]
    assert told("level", config("other")) == ["ConfigMap shop/settings is not in the input"]
    assert told("level", config("settings")) == []
