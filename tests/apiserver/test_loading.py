"""Manifests pass the API server before anything else happens: what it fills in, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubelogic.apiserver.loading import load_state
from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.verbs.load import load as given
from kubelogic.verbs.plan import plan

NODE = """
apiVersion: v1
kind: Node
metadata: {name: oak, labels: {kubernetes.io/hostname: oak}}
status:
  allocatable: {cpu: "8", memory: 8Gi, pods: "110"}
  conditions: [{type: Ready, status: "True"}]
"""
QUOTA = "{apiVersion: v1, kind: ResourceQuota, metadata: {name: cap}, spec: {hard: %s}}"
RANGE = "{apiVersion: v1, kind: LimitRange, metadata: {name: floor}, spec: {limits: [%s]}}"
RUNTIME = "{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: cage}, handler: cage, %s}"
PRIORITY = "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: %s}, value: %d%s}"
STORAGE = (
    "{apiVersion: storage.k8s.io/v1, kind: StorageClass, provisioner: example.com/disk, metadata: {name: usual, "
    "annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}}"
)
NAMESPACE = "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}"


def pod(name: str = "one", *, requests: str = "{cpu: 1}", more: str = "", meta: str = "") -> str:
    container = f"{{name: app, image: 'app:1', resources: {{requests: {requests}}}}}"
    return (
        f"{{apiVersion: v1, kind: Pod, metadata: {{name: {name}{meta}}}, spec: {{{more} containers: [{container}]}}}}"
    )


def bare(name: str = "one", *, resources: str = "", more: str = "") -> str:
    container = f"{{name: app, image: 'app:1', {resources}}}"
    return f"{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{{more} containers: [{container}]}}}}"


def claim(name: str, storage: str, *, more: str = "") -> str:
    spec = f"{{accessModes: [ReadWriteOnce], {more} resources: {{requests: {{storage: {storage}}}}}}}"
    return f"{{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: {name}}}, spec: {spec}}}"


def read(tmp_path: Path, *documents: str) -> Cluster:
    file = tmp_path / "all.yaml"
    file.write_text("\n---\n".join([NODE, *documents]))
    return Cluster.of(load([file]).objects)


def begun(tmp_path: Path, *documents: str) -> tuple[State, dict[str, str]]:
    loaded = load_state(read(tmp_path, *documents))
    return loaded.state, {str(obj): answer.message for obj, answer in loaded.refused}


def spec_of(state: State, name: str, kind: str = "Pod") -> dict[str, Any]:
    found: dict[str, Any] = state.cluster.objects(kind)[f"default/{name}"].document["spec"]
    return found


def forbidden(what: str, why: str) -> str:
    return f"{what} is forbidden: {why}"


REFUSED = [
    pytest.param(
        [QUOTA % "{pods: '1', requests.cpu: '1'}", pod("one", requests="{cpu: 2}"), pod("two", requests="{cpu: 2}")],
        {
            f"Pod default/{name}": forbidden(
                f'pods "{name}"',
                "exceeded quota: cap, requested: requests.cpu=2, used: requests.cpu=0, limited: requests.cpu=1",
            )
            for name in ("one", "two")
        },
        id="bare pods over a quota",
    ),
    pytest.param(
        [pod("late"), QUOTA % "{pods: '1'}", pod("later")],
        {
            "Pod default/later": forbidden(
                'pods "later"', "exceeded quota: cap, requested: pods=1, used: pods=1, limited: pods=1"
            )
        },
        id="in the order of writing, quotas first",
    ),
    pytest.param(
        [QUOTA % "{requests.cpu: '4'}", bare()],
        {"Pod default/one": forbidden('pods "one"', "failed quota: cap: must specify requests.cpu for: app")},
        id="a quota demands requests",
    ),
    pytest.param([QUOTA % "{requests.ephemeral-storage: 1Gi}", bare()], {}, id="but not of ephemeral storage"),
    pytest.param(
        [QUOTA % "{requests.cpu: '4'}", bare(more="resources: {requests: {cpu: 1}},")],
        {},
        id="nor of containers if the pod as a whole has them",
    ),
    pytest.param(
        [QUOTA % "{requests.cpu: '4'}", RANGE % "{type: Container, defaultRequest: {cpu: 3}}", bare("a"), bare("b")],
        {
            "Pod default/b": forbidden(
                'pods "b"',
                "exceeded quota: cap, requested: requests.cpu=3, used: requests.cpu=3, limited: requests.cpu=4",
            )
        },
        id="defaults of limit ranges count for quotas",
    ),
    pytest.param(
        [RANGE % "{type: Container, min: {cpu: 2}}", pod()],
        {"Pod default/one": forbidden('pods "one"', "minimum cpu usage per Container is 2, but request is 1")},
        id="below the minimum",
    ),
    pytest.param(
        [RANGE % "{type: Pod, max: {cpu: 2}}", bare(resources="resources: {limits: {cpu: 3}}")],
        {"Pod default/one": forbidden('pods "one"', "maximum cpu usage per Pod is 2, but limit is 3")},
        id="above the maximum of a pod",
    ),
    pytest.param(
        [
            RANGE % "{type: Pod, max: {cpu: 2}}",
            RUNTIME % "overhead: {podFixed: {cpu: 1}}",
            bare(more="runtimeClassName: cage,", resources="resources: {limits: {cpu: 2}}"),
        ],
        {},
        id="limits of pods do not count overhead",
    ),
    pytest.param(
        [
            RANGE % "{type: Container, maxLimitRequestRatio: {cpu: 2}}",
            bare(resources="resources: {requests: {cpu: 1}, limits: {cpu: 3}}"),
        ],
        {
            "Pod default/one": forbidden(
                'pods "one"', "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000"
            )
        },
        id="a ratio",
    ),
    pytest.param(
        [
            QUOTA % "{requests.cpu: '5'}",
            RUNTIME % "overhead: {podFixed: {cpu: 2}}",
            pod("a", more="runtimeClassName: cage,"),
            pod("b", more="runtimeClassName: cage,"),
        ],
        {
            "Pod default/b": forbidden(
                'pods "b"',
                "exceeded quota: cap, requested: requests.cpu=3, used: requests.cpu=3, limited: requests.cpu=5",
            )
        },
        id="overhead counts for quotas",
    ),
    pytest.param(
        [pod(more="runtimeClassName: vault,")],
        {"Pod default/one": forbidden('pods "one"', 'pod rejected: RuntimeClass "vault" not found')},
        id="no such runtime class",
    ),
    pytest.param(
        [RUNTIME % "overhead: {podFixed: {cpu: 2}}", pod(more="runtimeClassName: cage, overhead: {cpu: 1},")],
        {
            "Pod default/one": forbidden(
                'pods "one"', "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
            )
        },
        id="another overhead than the class",
    ),
    pytest.param(
        [RUNTIME % "overhead: {podFixed: {cpu: 2}}", pod(more="runtimeClassName: cage, overhead: {cpu: 2000m},")],
        {},
        id="the same overhead in other words",
    ),
    pytest.param(
        [pod(more="overhead: {cpu: 1},")],
        {
            "Pod default/one": forbidden(
                'pods "one"', "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
            )
        },
        id="overhead without a class",
    ),
    pytest.param(
        [
            RUNTIME % "scheduling: {nodeSelector: {pool: safe}}",
            pod(more="runtimeClassName: cage, nodeSelector: {pool: fast},"),
        ],
        {
            "Pod default/one": forbidden(
                'pods "one"',
                "conflict: runtimeClass.scheduling.nodeSelector[pool] = safe; pod.spec.nodeSelector[pool] = fast",
            )
        },
        id="another node than the runtime class",
    ),
    pytest.param(
        [pod(more="priorityClassName: high,")],
        {"Pod default/one": forbidden('pods "one"', "no PriorityClass with name high was found")},
        id="no such priority class",
    ),
    pytest.param(
        [PRIORITY % ("high", 100, ""), pod(more="priorityClassName: high, priority: 7,")],
        {
            "Pod default/one": forbidden(
                'pods "one"',
                "the integer value of priority (7) must not be provided in pod spec; priority admission controller "
                "computed 100 from the given PriorityClass name",
            )
        },
        id="another priority than the class",
    ),
    pytest.param(
        [pod(more="preemptionPolicy: Never,")],
        {
            "Pod default/one": forbidden(
                'pods "one"',
                "the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority admission "
                "controller computed PreemptLowerPriority from the given PriorityClass name",
            )
        },
        id="a policy without a class that says so",
    ),
    pytest.param(
        [PRIORITY % ("a", 5, ", globalDefault: true"), PRIORITY % ("b", 6, ", globalDefault: true"), pod()],
        {
            "PriorityClass b": forbidden(
                'priorityclasses.scheduling.k8s.io "b"',
                "PriorityClass a is already marked as default. Only one default can exist",
            )
        },
        id="two default classes",
    ),
    pytest.param(
        [QUOTA % "{requests.storage: 5Gi, persistentvolumeclaims: '9'}", claim("a", "3Gi"), claim("b", "3Gi")],
        {
            "PersistentVolumeClaim default/b": forbidden(
                'persistentvolumeclaims "b"',
                "exceeded quota: cap, requested: requests.storage=3Gi, used: requests.storage=3Gi, "
                "limited: requests.storage=5Gi",
            )
        },
        id="claims over a quota",
    ),
    pytest.param(
        [
            QUOTA % "{usual.storageclass.storage.k8s.io/persistentvolumeclaims: '1'}",
            STORAGE,
            claim("a", "3Gi"),
            claim("b", "3Gi", more="storageClassName: other,"),
            claim("c", "3Gi"),
        ],
        {
            "PersistentVolumeClaim default/c": forbidden(
                'persistentvolumeclaims "c"',
                "exceeded quota: cap, requested: usual.storageclass.storage.k8s.io/persistentvolumeclaims=1, used: "
                "usual.storageclass.storage.k8s.io/persistentvolumeclaims=1, limited: "
                "usual.storageclass.storage.k8s.io/persistentvolumeclaims=1",
            )
        },
        id="claims of the default class over a quota of that class",
    ),
    pytest.param(
        [RANGE % "{type: PersistentVolumeClaim, max: {storage: 2Gi}}", claim("a", "3Gi")],
        {
            "PersistentVolumeClaim default/a": forbidden(
                'persistentvolumeclaims "a"',
                "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi",
            )
        },
        id="a claim above the maximum",
    ),
    pytest.param(
        [
            QUOTA % "{services.nodeports: '1'}",
            "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: NodePort, ports: [{port: 80}]}}",
            "{apiVersion: v1, kind: Service, metadata: {name: b}, spec: {type: NodePort, ports: [{port: 80}]}}",
            "{apiVersion: v1, kind: Service, metadata: {name: c}, spec: {ports: [{port: 80}]}}",
        ],
        {
            "Service default/b": forbidden(
                'services "b"',
                "exceeded quota: cap, requested: services.nodeports=1, used: services.nodeports=1, "
                "limited: services.nodeports=1",
            )
        },
        id="services over a quota",
    ),
    pytest.param(
        [
            "{apiVersion: v1, kind: ResourceQuota, metadata: {name: cap}, spec: {hard: {pods: '0'}, "
            "scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [high]}]}}}",
            PRIORITY % ("high", 100, ", globalDefault: true"),
            PRIORITY % ("low", 1, ""),
            pod("a", more="priorityClassName: low,"),
            pod("b"),
        ],
        {
            "Pod default/b": forbidden(
                'pods "b"', "exceeded quota: cap, requested: pods=1, used: pods=0, limited: pods=0"
            )
        },
        id="a quota for a priority class covers pods that get it by default",
    ),
    pytest.param(
        [NAMESPACE, pod(more="serviceAccountName: clerk,", meta=", namespace: shop")],
        {
            "Pod shop/one": forbidden(
                'pods "one"', 'error looking up service account shop/clerk: serviceaccount "clerk" not found'
            )
        },
        id="no such account in a namespace that is only made now",
    ),
    pytest.param(
        [
            NAMESPACE,
            pod(more="serviceAccountName: clerk,", meta=", namespace: shop"),
            "{apiVersion: v1, kind: ServiceAccount, metadata: {name: clerk, namespace: shop}}",
            pod("two", meta=", namespace: shop"),
            pod("three", more="serviceAccountName: default,", meta=", namespace: shop"),
        ],
        {},
        id="an account that is written further below, and default",
    ),
    pytest.param([pod(more="serviceAccountName: clerk,")], {}, id="accounts that nobody has listed"),
    pytest.param(
        [
            "{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, uid: u1}}",
            pod(more="serviceAccountName: clerk,"),
        ],
        {
            "Pod default/one": forbidden(
                'pods "one"', 'error looking up service account default/clerk: serviceaccount "clerk" not found'
            )
        },
        id="no such account among those that were listed",
    ),
    pytest.param(
        [
            "{apiVersion: v1, kind: Namespace, metadata: {name: shop, uid: u1, "
            "deletionTimestamp: '2026-01-01T00:00:00Z'}, status: {phase: Terminating}}",
            pod(meta=", namespace: shop"),
        ],
        {
            "Pod shop/one": forbidden(
                'pods "one"', "unable to create new content in namespace shop because it is being terminated"
            )
        },
        id="a namespace on its way out",
    ),
    pytest.param(
        [
            QUOTA % "{pods: '1'}",
            pod("old", meta=", uid: u1", more="priorityClassName: gone, runtimeClassName: gone,"),
            pod("older", meta=", uid: u2"),
        ],
        {},
        id="what a cluster has taken",
    ),
    pytest.param(
        [QUOTA % "{pods: '1'}", pod("old", meta=", uid: u1"), pod("new")],
        {
            "Pod default/new": forbidden(
                'pods "new"', "exceeded quota: cap, requested: pods=1, used: pods=1, limited: pods=1"
            )
        },
        id="what a cluster has taken uses the quota",
    ),
]


@pytest.mark.parametrize(("documents", "expected"), REFUSED)
def test_what_is_refused_and_in_which_words(tmp_path: Path, documents: list[str], expected: dict[str, str]) -> None:
    state, refused = begun(tmp_path, *documents)
    assert refused == expected
    assert not {str(obj) for obj in state.cluster} & expected.keys()


def test_a_pod_is_completed(tmp_path: Path) -> None:
    state, refused = begun(
        tmp_path,
        PRIORITY % ("high", 100, ", globalDefault: true"),
        RUNTIME % "overhead: {podFixed: {cpu: 250m}}, scheduling: {nodeSelector: {safe: 'yes'}, "
        "tolerations: [{key: safe, operator: Exists}]}",
        RANGE % "{type: Container, default: {cpu: 3}, defaultRequest: {cpu: 2}}",
        bare(more="runtimeClassName: cage,"),
    )
    spec = spec_of(state, "one")
    assert refused == {}
    assert (spec["priority"], spec["priorityClassName"], spec["preemptionPolicy"]) == (
        100,
        "high",
        "PreemptLowerPriority",
    )
    assert spec["overhead"] == {"cpu": "250m"}
    assert spec["nodeSelector"] == {"safe": "yes"}
    assert spec["containers"][0]["resources"] == {"limits": {"cpu": "3"}, "requests": {"cpu": "2"}}
    assert spec["serviceAccountName"] == "default"
    waits = {each["key"]: each.get("tolerationSeconds") for each in spec["tolerations"]}
    assert waits == {"node.kubernetes.io/not-ready": 300, "node.kubernetes.io/unreachable": 300, "safe": None}


def test_what_pods_tolerate_themselves_stays(tmp_path: Path) -> None:
    waits = "{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 5}"
    short = f"tolerations: [{waits}],"
    state, _ = begun(tmp_path, pod("short", more=short), pod("all", more="tolerations: [{operator: Exists}],"))
    assert [t.get("tolerationSeconds") for t in spec_of(state, "short")["tolerations"]] == [5, 300]
    assert len(spec_of(state, "all")["tolerations"]) == 1


def test_the_seconds_are_a_parameter(tmp_path: Path) -> None:
    cluster = read(tmp_path, pod())
    state = load_state(cluster, rules=load_rulebook((), {"default_toleration_seconds": 10})).state
    assert [each["tolerationSeconds"] for each in spec_of(state, "one")["tolerations"]] == [10, 10]


def test_claims_and_volumes_are_completed(tmp_path: Path) -> None:
    state, _ = begun(tmp_path, STORAGE, claim("a", "1Gi"), claim("b", "1Gi", more="storageClassName: '',"))
    assert spec_of(state, "a", "PersistentVolumeClaim")["storageClassName"] == "usual"
    assert spec_of(state, "b", "PersistentVolumeClaim")["storageClassName"] == ""
    made = state.cluster.objects("PersistentVolumeClaim")["default/a"].document["metadata"]
    assert made["finalizers"] == ["kubernetes.io/pvc-protection"]


def test_pods_that_say_the_same_share_what_becomes_of_it(tmp_path: Path) -> None:
    state, _ = begun(tmp_path, pod("a"), pod("b"))
    assert spec_of(state, "a") is spec_of(state, "b")


def test_what_was_loaded_is_not_admitted_twice(tmp_path: Path) -> None:
    cluster = read(tmp_path, QUOTA % "{pods: '1'}", STORAGE, pod(more="priorityClassName: '',"), claim("a", "1Gi"))
    once = load_state(cluster)
    again = load_state(once.state.cluster)
    assert once.refused == again.refused == ()
    assert again.state.cluster is once.state.cluster


@pytest.mark.parametrize(
    "workload",
    [
        pytest.param({"apiVersion": "apps/v1", "kind": "StatefulSet", "more": {"serviceName": "s"}}, id="StatefulSet"),
        pytest.param({"apiVersion": "apps/v1", "kind": "DaemonSet"}, id="DaemonSet"),
        pytest.param({"apiVersion": "apps/v1", "kind": "ReplicaSet"}, id="ReplicaSet"),
        pytest.param({"apiVersion": "apps/v1", "kind": "Deployment"}, id="Deployment"),
        pytest.param({"apiVersion": "batch/v1", "kind": "Job"}, id="Job"),
    ],
)
def test_controllers_meet_the_same_api_server(tmp_path: Path, workload: dict[str, Any]) -> None:
    """The pods of every kind of workload get the defaults, and are refused in the same words."""
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"runtimeClassName": "cage", "containers": [{"name": "app", "image": "app:1"}]},
    }
    spec: dict[str, Any] = {"template": template, **workload.get("more", {})}
    if workload["kind"] == "Job":
        template["spec"]["restartPolicy"] = "Never"
    else:
        spec["selector"] = {"matchLabels": {"app": "web"}}
    made = {
        "apiVersion": workload["apiVersion"],
        "kind": workload["kind"],
        "metadata": {"name": "web"},
        "spec": spec,
    }
    ground = [
        RUNTIME % "overhead: {podFixed: {cpu: 1}}",
        RANGE % "{type: Container, default: {cpu: 3}, defaultRequest: {cpu: 2}}",
    ]
    found = plan(read(tmp_path, *ground, json.dumps(made)))
    (placed,) = found.placements
    assert found.cluster.objects("Pod")[placed.pod].document["spec"]["overhead"] == {"cpu": "1"}
    assert found.nodes[0].requested["cpu"] == 3000
    (refusal,) = plan(read(tmp_path, *ground, QUOTA % "{requests.cpu: '2'}", json.dumps(made))).refusals
    assert "exceeded quota: cap, requested: requests.cpu=3, used: requests.cpu=0" in refusal.message
    (refusal,) = plan(read(tmp_path, json.dumps(made))).refusals
    assert 'pod rejected: RuntimeClass "cage" not found' in refusal.message


def test_a_refused_manifest_is_told_with_its_place_and_what_would_help(tmp_path: Path) -> None:
    found = plan(read(tmp_path, RUNTIME % "", pod(more="runtimeClassName: cgae,")))
    (refusal,) = found.refusals
    assert refusal.owner == "Pod default/one"
    assert refusal.location is not None
    assert refusal.location.path == "spec.runtimeClassName"
    assert [remedy.text for remedy in refusal.remedies] == ["create it, or name cage"]
    assert found.gone == ()


def _pods_of_one_spec(*own: dict[str, Any]) -> list[dict[str, Any]]:
    spec = {"containers": [{"name": "a", "image": "app:1"}]}
    about = [{"name": f"p{number}", "namespace": "shop", **each} for number, each in enumerate(own)]
    return [{"apiVersion": "v1", "kind": "Pod", "metadata": each, "spec": spec} for each in about]


def _shop(**levels: str) -> dict[str, Any]:
    labels = {f"pod-security.kubernetes.io/{mode}": level for mode, level in levels.items()}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}


def test_pods_of_one_spec_are_each_warned_of() -> None:
    loaded = load_state(given([_shop(warn="restricted"), *_pods_of_one_spec({}, {}, {})]))
    assert sorted(each.key for each in loaded.state.warned) == ["shop/p0", "shop/p1", "shop/p2"]


def test_a_pod_of_nobody_is_warned_of_though_one_of_a_controller_with_its_spec_was_not() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "1", "controller": True}
    pods = _pods_of_one_spec({"ownerReferences": [owner]}, {}, {"ownerReferences": [owner]})
    loaded = load_state(given([_shop(warn="restricted"), *pods]))
    assert [each.key for each in loaded.state.warned] == ["shop/p1"]


def test_a_pod_is_refused_for_its_annotation_though_others_with_its_spec_were_taken() -> None:
    wrong = {"container.apparmor.security.beta.kubernetes.io/a": "unconfined"}
    pods = _pods_of_one_spec({}, {"annotations": wrong}, {})
    loaded = load_state(given([_shop(enforce="baseline"), *pods]))
    assert [obj.key for obj, _ in loaded.refused] == ["shop/p1"]


def test_a_quota_counts_each_pod_of_one_spec() -> None:
    meta = {"name": "q", "namespace": "shop"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": {"hard": {"pods": "2"}}}
    loaded = load_state(given([_shop(), quota, *_pods_of_one_spec({}, {}, {})]))
    assert [obj.key for obj, _ in loaded.refused] == ["shop/p2"]
