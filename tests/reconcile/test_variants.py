"""Variants of recorded scenarios, with what the source of the Kubernetes 1.36 controllers says must come of them."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.engine import reconciler
from tests.support.lab import Lab, workload

TICKER = reconciler(load_rulebook(), scheduler="kube")
STAYS_UNREADY = ("image_stays_unready", ("app:2",))


def rolling(surge: int | str, unavailable: int | str) -> dict[str, Any]:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


# -- Deployments -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "old", "new"),
    [
        (1, "25%", "25%", 1, 1),
        (3, "50%", "50%", 2, 3),
        (5, "25%", "25%", 4, 3),
        (5, 0, "100%", 0, 5),
        (5, "100%", 0, 5, 5),
        (7, "33%", "33%", 5, 5),
        (7, "1%", "1%", 7, 1),
    ],
)
def test_a_rollout_that_gets_nothing_ready_stops_at_its_bounds(
    replicas: int, surge: int | str, unavailable: int | str, old: int, new: int
) -> None:
    lab = Lab(TICKER)
    lab.world(STAYS_UNREADY)
    lab.create(workload("Deployment", "web", replicas=replicas, strategy=rolling(surge, unavailable)))
    lab.wait(6)
    lab.image("Deployment", "web", "app:2")
    lab.wait(40)
    assert lab.sizes("web") == {image: size for image, size in (("app:1", old), ("app:2", new)) if size}


def test_three_revisions_in_flight_are_scaled_in_proportion() -> None:
    lab = Lab(TICKER)
    lab.world(STAYS_UNREADY, ("image_stays_unready", ("app:3",)))
    lab.create(workload("Deployment", "web", replicas=10))
    lab.wait(8)
    lab.image("Deployment", "web", "app:2")
    lab.wait(5)
    second = [pod.name for pod in lab.of("Pod") if pod.document["spec"]["containers"][0]["image"] == "app:2"]
    lab.ready(*second[:2])
    lab.wait(40)
    assert lab.sizes("web") == {"app:1": 6, "app:2": 7}
    lab.image("Deployment", "web", "app:3")
    lab.wait(40)
    assert lab.sizes("web") == {"app:1": 6, "app:2": 2, "app:3": 5}
    lab.scale("Deployment", "web", 20)
    lab.wait(10)
    assert lab.sizes("web") == {"app:1": 12, "app:2": 3, "app:3": 10}
    lab.scale("Deployment", "web", 6)
    lab.wait(40)
    assert lab.sizes("web") == {"app:1": 4, "app:2": 1, "app:3": 3}


def test_a_paused_deployment_that_is_resumed_gets_its_deadline_anew() -> None:
    lab = Lab(TICKER)
    lab.world(("image_cannot_be_pulled", ("bad",)))
    lab.create(workload("Deployment", "web", replicas=3, progressDeadlineSeconds=10))
    lab.wait(20)
    lab.image("Deployment", "web", "bad")
    lab.wait(5)
    lab.patch("Deployment", "web", {"spec": {"paused": True}})
    lab.wait(30)
    assert lab.conditions("Deployment", "web")["Progressing"] == "Unknown/DeploymentPaused"
    lab.patch("Deployment", "web", {"spec": {"paused": None}})
    lab.wait(5)
    assert lab.conditions("Deployment", "web")["Progressing"] == "Unknown/DeploymentResumed"
    lab.wait(10)
    assert lab.conditions("Deployment", "web")["Progressing"] == "False/ProgressDeadlineExceeded"


def test_history_limit_zero_leaves_nothing_to_undo() -> None:
    lab = Lab(TICKER)
    lab.create(workload("Deployment", "web", replicas=2, revisionHistoryLimit=0))
    lab.wait(10)
    lab.image("Deployment", "web", "app:2")
    lab.wait(60)
    assert len(lab.names("ReplicaSet")) == 1
    assert lab.undo("web").message == 'no rollout history found for deployment "web"'


def test_pods_of_a_bare_replica_set_are_not_ranked_by_crowded_nodes() -> None:
    lab = Lab(TICKER)
    for name, node in (("a", "n1"), ("b", "n2"), ("c", "n2")):
        meta = {"name": name, "labels": {"app": "web"}}
        spec = {"nodeName": node, "containers": [{"name": "c", "image": "app:1"}]}
        lab.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    lab.wait(5)
    lab.create(workload("ReplicaSet", "web", replicas=2))
    lab.wait(40)
    assert lab.names("Pod") == ["b", "c"]


# -- StatefulSets, DaemonSets ----------------------------------------------------------------------------------


def test_a_partition_holds_while_a_set_is_scaled_in_the_middle_of_its_update() -> None:
    lab = Lab(TICKER)
    lab.world(STAYS_UNREADY)
    pace = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    lab.create(workload("StatefulSet", "db", replicas=3, updateStrategy=pace))
    lab.wait(30)
    lab.image("StatefulSet", "db", "app:2")
    lab.wait(40)
    lab.ready("db-2")
    lab.wait(40)
    lab.scale("StatefulSet", "db", 5)
    lab.wait(20)
    assert lab.names("Pod") == ["db-0", "db-1", "db-2"], "an ordered set waits for db-1"
    lab.ready("db-1")
    lab.wait(5)
    lab.ready("db-3")
    lab.wait(5)
    lab.ready("db-4")
    lab.wait(5)
    images = [pod.document["spec"]["containers"][0]["image"] for pod in lab.of("Pod")]
    assert images == ["app:1", "app:2", "app:2", "app:2", "app:2"]


@pytest.mark.parametrize("deleted", ["Retain", "Delete"])
@pytest.mark.parametrize("scaled", ["Retain", "Delete"])
def test_claims_go_as_the_retention_policy_says(deleted: str, scaled: str) -> None:
    lab = Lab(TICKER)
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    meta = {"name": "std", "annotations": annotations}
    lab.create({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": meta, "provisioner": "csi.x"})
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    templates = [{"metadata": {"name": "d"}, "spec": claim}]
    policy = {"whenDeleted": deleted, "whenScaled": scaled}
    lab.create(
        workload(
            "StatefulSet",
            "db",
            replicas=2,
            volumeClaimTemplates=templates,
            persistentVolumeClaimRetentionPolicy=policy,
        )
    )
    lab.wait(40)
    lab.scale("StatefulSet", "db", 1)
    lab.wait(60)
    assert lab.names("PersistentVolumeClaim") == (["d-db-0"] if scaled == "Delete" else ["d-db-0", "d-db-1"])
    lab.scale("StatefulSet", "db", 2)
    lab.wait(40)
    lab.delete("StatefulSet", "db")
    lab.wait(60)
    assert lab.names("PersistentVolumeClaim") == ([] if deleted == "Delete" else ["d-db-0", "d-db-1"])


def test_a_daemon_set_surges_on_as_many_nodes_as_the_share_allows() -> None:
    lab = Lab(TICKER, nodes=("n1", "n2", "n3", "n4", "n5"))
    lab.world(STAYS_UNREADY)
    lab.create(workload("DaemonSet", "agent", updateStrategy=rolling("40%", 0)))
    lab.wait(20)
    lab.image("DaemonSet", "agent", "app:2")
    lab.wait(20)
    assert lab.pods() == ["app:1 Running ready"] * 5 + ["app:2 Running"] * 2


def test_a_terminating_pod_on_a_dead_node_uses_up_what_a_daemon_set_may_lack() -> None:
    lab = Lab(TICKER, nodes=("n1", "n2", "n3"))
    lab.create(workload("DaemonSet", "agent"))
    lab.wait(20)
    lab.silence("n1")
    lab.wait(60)
    lab.image("DaemonSet", "agent", "app:2")
    lab.wait(100)
    assert lab.pods().count("app:1 Running ready") == 2, "the update stalls: the pod on n1 never goes"
    lab.heal("n1")
    lab.wait(60)
    assert lab.pods() == ["app:2 Running ready"] * 3


# -- Jobs, CronJobs --------------------------------------------------------------------------------------------


def job_lab(after: int = 2000, code: int = 0) -> Lab:
    lab = Lab(TICKER)
    lab.world(("image_exits", ("task", after, code)))
    return lab


def test_an_index_fails_at_once_or_is_not_counted_as_the_failure_policy_says() -> None:
    lab = job_lab()
    first = (("image_exits_by_index", ("task", 0, 0, 2000, 42)), ("image_exits_by_index", ("task", 1, 0, 2000, 7)))
    lab.world(*first, ("image_exits_by_index", ("task", 1, 1, 2000, 0)))
    rules = [
        {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [42]}},
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [7]}},
    ]
    spec = {"completionMode": "Indexed", "completions": 3, "parallelism": 3, "backoffLimitPerIndex": 1}
    lab.create(workload("Job", "j", image="task", podFailurePolicy={"rules": rules}, **spec))
    lab.wait(65)
    status = lab.status("Job", "j")
    assert (status["failedIndexes"], status["completedIndexes"], status["failed"]) == ("0", "1,2", 1)
    assert lab.conditions("Job", "j")["Failed"] == "True/FailedIndexes"


def test_more_failed_indexes_than_allowed_end_the_job() -> None:
    lab = job_lab()
    lab.world(*(("image_exits_by_index", ("task", index, 0, 2000, 1)) for index in (1, 2)))
    spec = {"completionMode": "Indexed", "completions": 6, "parallelism": 3, "backoffLimitPerIndex": 0}
    lab.create(workload("Job", "j", image="task", maxFailedIndexes=1, **spec))
    lab.wait(20)
    assert lab.conditions("Job", "j")["Failed"] == "True/MaxFailedIndexesExceeded"
    assert len(lab.names("Pod")) == 3


def test_a_suspended_job_counts_its_deadline_anew_when_it_is_resumed() -> None:
    lab = job_lab(after=60_000)
    lab.create(workload("Job", "j", image="task", activeDeadlineSeconds=10))
    lab.wait(5)
    lab.patch("Job", "j", {"spec": {"suspend": True}})
    lab.wait(20)
    lab.patch("Job", "j", {"spec": {"suspend": False}})
    lab.wait(8)
    assert "Failed" not in lab.conditions("Job", "j")
    lab.wait(10)
    assert lab.conditions("Job", "j")["Failed"] == "True/DeadlineExceeded"


@pytest.mark.parametrize(("policy", "running"), [("Allow", 3), ("Forbid", 1), ("Replace", 1)])
def test_runs_overlap_as_the_concurrency_policy_says(policy: str, running: int) -> None:
    lab = job_lab(after=600_000)
    lab.create(workload("CronJob", "c", image="task", schedule="* * * * *", concurrencyPolicy=policy))
    lab.wait(190)
    assert len(lab.status("CronJob", "c")["active"]) == running
    assert len(lab.names("Job")) == running


# -- nodes, quotas, services -----------------------------------------------------------------------------------


def test_of_several_tolerations_of_a_taint_the_first_one_counts() -> None:
    lab = Lab(TICKER)
    first = {"key": "k", "operator": "Equal", "value": "v", "effect": "NoExecute", "tolerationSeconds": 10}
    second = {"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
    spec = {"nodeName": "n1", "containers": [{"name": "c", "image": "app:1"}], "tolerations": [first, second]}
    lab.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
    lab.wait(5)
    lab.patch("Node", "n1", {"spec": {"taints": [{"key": "k", "value": "v", "effect": "NoExecute"}]}})
    lab.wait(8)
    assert lab.pods() == ["app:1 Running ready"]
    lab.wait(8)
    assert lab.pods() == []


def test_a_whole_zone_that_is_down_is_evicted_while_another_one_works() -> None:
    lab = Lab(TICKER, nodes=())
    for name in ("a1", "a2", "a3", "b1", "b2", "b3"):
        lab.add_node(name, labels={"topology.kubernetes.io/zone": name[0], "topology.kubernetes.io/region": "r"})
    lab.wait(10)
    for name in ("a1", "a2", "a3"):
        lab.silence(name)
    lab.wait(80)

    def unreachable(name: str) -> set[str]:
        taints = lab.document("Node", name)["spec"].get("taints") or ()
        return {taint["effect"] for taint in taints if taint["key"] == "node.kubernetes.io/unreachable"}

    assert [unreachable(name) for name in ("a1", "a2", "a3", "b1")] == [{"NoSchedule", "NoExecute"}] * 3 + [set()]
    for name in ("b1", "b2", "b3"):
        lab.silence(name)
    lab.wait(80)
    assert [unreachable(name) for name in ("a1", "b1")] == [{"NoSchedule"}] * 2, "nothing is evicted when all is down"


def test_slices_are_filled_where_the_rest_fits_before_new_ones_are_made() -> None:
    lab = Lab(TICKER, nodes=("n1", "n2", "n3", "n4"))
    spec = {"ports": [{"port": 80}], "selector": {"app": "web"}}
    lab.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec})
    lab.create(workload("Deployment", "web", replicas=250))
    lab.wait(15)

    def sizes() -> list[int]:
        return sorted(len(each.document["endpoints"]) for each in lab.of("EndpointSlice"))

    assert sizes() == [50, 100, 100]
    lab.scale("Deployment", "web", 260)
    lab.wait(10)
    assert sizes() == [60, 100, 100]


# -- what kubelets report of pods ------------------------------------------------------------------------------


def test_a_pod_goes_through_its_conditions() -> None:
    lab = Lab(TICKER, nodes=("n1",))
    lab.world(("image_ready_after", ("app:1", 10_000)), ("image_exits", ("init:1", 5_000, 0)))
    first = {"name": "first", "image": "init:1"}
    lab.create(workload("Deployment", "web", replicas=1, template_spec={"initContainers": [first]}))
    seen = {}
    for at in (2, 8, 20):
        lab.until(lab.state.now - lab.state.now % 1000 + 1000 * (at - round(lab.time)))
        (pod,) = lab.names("Pod")
        conditions = lab.conditions("Pod", pod)
        seen[at] = {name: conditions[name].partition("/")[0] for name in ("Initialized", "ContainersReady")}
        seen[at]["Ready"] = conditions.get("Ready", "False/").partition("/")[0]
        assert conditions["PodReadyToStartContainers"] == "True/"
    assert seen == {
        2: {"Initialized": "False", "ContainersReady": "False", "Ready": "False"},
        8: {"Initialized": "True", "ContainersReady": "False", "Ready": "False"},
        20: {"Initialized": "True", "ContainersReady": "True", "Ready": "True"},
    }
    (status,) = lab.status("Pod", pod)["initContainerStatuses"]
    assert status["ready"] is True, "an init container that has done its work is ready"


@pytest.mark.parametrize(("resists", "code"), [(False, 143), (True, 137)])
def test_a_container_that_has_to_be_killed_ends_with_137(resists: bool, code: int) -> None:
    lab = Lab(TICKER, nodes=("n1",))
    if resists:
        lab.world(("image_ignores_stop", ("app:1",)))
    spec = {"terminationGracePeriodSeconds": 3, "containers": [{"name": "c", "image": "app:1"}]}
    meta = {"name": "held", "finalizers": ["example.com/keep"]}
    lab.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    lab.wait(5)
    lab.delete("Pod", "held")
    lab.wait(10)
    ends = {
        action.exit_code for step, _ in lab.steps for action in step.actions if type(action).__name__ == "EndContainer"
    }
    assert ends == {code}
