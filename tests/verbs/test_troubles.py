"""What is not well at the end is told by name and makes the exit code 1; what is well is not."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic import api
from kubelogic.reconcile.scenario import Behave, Delete, Event, Measure, Operation, Scenario
from kubelogic.report.plan import render_troubles
from kubelogic.verbs.results import Trouble
from tests.support.lab import workload

NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "n1", "labels": {"kubernetes.io/hostname": "n1"}},
    "status": {
        "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
        "conditions": [{"type": "Ready", "status": "True"}],
    },
}


def thing(kind: str, name: str, *, namespace: str = "", **metadata: Any) -> dict[str, Any]:
    meta = {"name": name, **({"namespace": namespace} if namespace else {}), **metadata}
    return {"apiVersion": "v1", "kind": kind, "metadata": meta}


def end(*objects: dict[str, Any], steps: tuple[tuple[int, Operation], ...] = (), minutes: int = 10) -> api.Simulation:
    events = tuple(Event(at=1000 * at, operation=operation) for at, operation in steps)
    scenario = Scenario(events=events, horizon=60_000 * minutes)
    how = api.SimulationOptions(options=api.Options(scheduler="kube"))
    return api.simulate(api.load([NODE, *objects]), scenario, how)


def told(done: api.Simulation) -> list[tuple[str, str, str, str]]:
    return [(each.kind, each.key, each.reason, each.message) for each in done.final.troubles]


def failing(image: str, code: int) -> Behave:
    return Behave(image=image, exit_after=2000, exit_code=code)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"backoffLimit": 1}, "BackoffLimitExceeded"),
        ({"activeDeadlineSeconds": 5, "backoffLimit": 9}, "DeadlineExceeded"),
        (
            {"completionMode": "Indexed", "completions": 2, "parallelism": 2, "backoffLimitPerIndex": 0},
            "FailedIndexes",
        ),
        (
            {
                "podFailurePolicy": {
                    "rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}],
                }
            },
            "PodFailurePolicy",
        ),
    ],
)
def test_a_failed_job_is_told_with_its_reason(spec: dict[str, Any], reason: str) -> None:
    done = end(workload("Job", "import", **spec), steps=((0, failing("app:1", 1)),))
    assert [each[:3] for each in told(done)] == [("Job", "default/import", reason)]
    assert f": {reason}: " in api.to_text(done).partition("NOT WELL")[2]


def test_a_job_that_completes_and_a_pod_that_succeeds_are_well() -> None:
    pod = {**thing("Pod", "once"), "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "app:1"}]}}
    done = end(workload("Job", "import"), pod, steps=((0, failing("app:1", 0)),))
    assert told(done) == []


def test_a_bare_pod_that_fails_is_told_with_its_exit_code() -> None:
    pod = {**thing("Pod", "once"), "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "app:1"}]}}
    done = end(pod, steps=((0, failing("app:1", 3)),))
    assert told(done) == [("Pod", "default/once", "Failed", "container c ended with exit code 3")]


# -- what cannot end ---------------------------------------------------------------------------------------------


def test_a_namespace_that_does_not_end_names_what_holds_it() -> None:
    held = thing("ConfigMap", "held", namespace="team", finalizers=["routes.example.com/keep"])
    done = end(
        thing("Namespace", "team"),
        held,
        steps=((60, Delete(kind="Namespace", key="team")),),
    )
    message = "ConfigMap team/held has the finalizer routes.example.com/keep, which nobody takes away"
    assert told(done) == [("Namespace", "team", "NamespaceFinalizersRemaining", message)]


def test_a_namespace_that_ends_is_no_trouble() -> None:
    done = end(
        thing("Namespace", "team"),
        thing("ConfigMap", "plain", namespace="team"),
        steps=((60, Delete(kind="Namespace", key="team")),),
    )
    assert told(done) == []
    assert "team" not in done.run.state.cluster.objects("Namespace")


def test_a_single_object_that_a_finalizer_holds_is_told() -> None:
    held = thing("ConfigMap", "held", finalizers=["example.com/keep"])
    done = end(held, steps=((60, Delete(kind="ConfigMap", key="default/held")),))
    assert [each[:3] for each in told(done)] == [("ConfigMap", "default/held", "Terminating")]


@pytest.mark.parametrize(
    ("owner_kind", "namespace", "goes"),
    [("ConfigMap", "team", False), ("Node", "", True)],
)
def test_only_owners_without_a_namespace_take_a_volume_with_them(owner_kind: str, namespace: str, goes: bool) -> None:
    reference = {"apiVersion": "v1", "kind": owner_kind, "name": "owner", "uid": "1111"}
    volume = {
        **thing("PersistentVolume", "disk", ownerReferences=[reference], uid="2222"),
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/d"}},
    }
    owner = thing(owner_kind, "owner", namespace=namespace, uid="1111")
    key = f"{namespace}/owner" if namespace else "owner"
    done = end(thing("Namespace", "team"), owner, volume, steps=((60, Delete(kind=owner_kind, key=key)),))
    assert ("disk" not in done.run.state.cluster.objects("PersistentVolume")) == goes


# -- autoscalers -------------------------------------------------------------------------------------------------


def autoscaler(target: str = "api", **metric: Any) -> dict[str, Any]:
    chosen = metric or {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}},
    }
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "api"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            "maxReplicas": 6,
            "metrics": [chosen],
        },
    }


def served(**container: Any) -> dict[str, Any]:
    return workload("Deployment", "api", replicas=2, container=container)


USED = Measure(kind="Deployment", key="default/api", metric="cpu", each=60)


def test_a_container_without_a_request_is_named_with_its_pod() -> None:
    done = end(served(), autoscaler(), steps=((0, USED),), minutes=2)
    ((kind, key, reason, message),) = told(done)
    assert (kind, key, reason) == ("HorizontalPodAutoscaler", "default/api", "FailedGetResourceMetric")
    assert "missing request for cpu in container c of Pod api-" in message


def test_an_autoscaler_that_works_or_of_whose_metric_nothing_is_known_is_no_trouble() -> None:
    asked = {"resources": {"requests": {"cpu": "100m"}}}
    assert told(end(served(**asked), autoscaler(), steps=((0, USED),), minutes=2)) == []
    assert told(end(served(**asked), autoscaler(), minutes=2)) == []


def test_an_autoscaler_without_its_target_is_told() -> None:
    done = end(autoscaler("gone"), minutes=2)
    assert [each[:3] for each in told(done)] == [("HorizontalPodAutoscaler", "default/api", "FailedGetScale")]


# -- kubelets that do not take a pod ------------------------------------------------------------------------------


def test_a_controller_that_makes_pods_for_a_full_node_goes_on_for_ever() -> None:
    asked = {"resources": {"requests": {"cpu": "6"}}}
    pinned = workload("Deployment", "pinned", replicas=1, container=asked, template_spec={"nodeName": "n1"})
    done = end(pinned, minutes=1)
    assert any(entry.type == "RejectPod" for entry in done.run.cycle)
    ((kind, _, reason, message),) = told(done)
    assert (kind, reason) == ("ReplicaSet", "OutOfcpu")
    assert message.endswith("requested: 6000, used: 0, capacity: 4000")


# -- plan ----------------------------------------------------------------------------------------------------------


def test_a_plan_tells_two_nodes_that_share_a_claim_of_one_node() -> None:
    storage = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "disk"},
        "provisioner": "disk.example.com",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    claim = {
        **thing("PersistentVolumeClaim", "data"),
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "disk",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    apart = {"labelSelector": {"matchLabels": {"app": "wiki"}}, "topologyKey": "kubernetes.io/hostname"}
    spec = {
        "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}],
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}},
    }
    other = {**NODE, "metadata": {"name": "n2", "labels": {"kubernetes.io/hostname": "n2"}}}
    wiki = workload("Deployment", "wiki", replicas=2, template_spec=spec)
    plan = api.plan(api.load([NODE, other, storage, claim, wiki]))
    (trouble,) = plan.troubles
    assert (trouble.kind, trouble.reason, trouble.new) == ("Pod", "FailedAttachVolume", True)
    assert "ReadWriteOnce claim default/data" in trouble.message


def test_a_trouble_that_the_input_had_is_not_new() -> None:
    job = {**workload("Job", "old"), "status": {"conditions": [_condition("Failed", "BackoffLimitExceeded")]}}
    (trouble,) = api.plan(api.load([NODE, job])).troubles
    assert trouble == Trouble(
        kind="Job", key="default/old", reason="BackoffLimitExceeded", message="m", new=False, location=trouble.location
    )


def _condition(kind: str, reason: str) -> dict[str, str]:
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": "m",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


@pytest.mark.parametrize(("printed", "new"), [({}, True), ({"uid": "n1"}, False)])
def test_a_trouble_that_a_manifest_brings_is_new(printed: dict[str, str], new: bool) -> None:
    """A node that somebody wrote has a status, too: what is wrong with it was not so in a cluster before."""
    first = {**NODE, "metadata": {"name": "n0", "uid": "n0"}, "spec": {"podCIDR": "10.9.0.0/24"}}
    second = {**NODE, "metadata": {**NODE["metadata"], **printed}}
    options = api.Options(parameters={"cluster_cidr": "10.9.0.0/24"})
    (found,) = api.plan(api.load([first, second]), options).troubles
    assert (found.reason, found.new) == ("CIDRNotAvailable", new)


def node(name: str, **metadata: Any) -> dict[str, Any]:
    return {**NODE, "metadata": {"name": name, **metadata}}


def test_nodes_of_a_dump_without_ranges_have_a_plugin_that_needs_none() -> None:
    dumped = [node(f"n{number}", uid=f"u{number}") for number in range(3)]
    narrow = api.Options(parameters={"cluster_cidr": "10.9.0.0/24"})
    pod = {**thing("Pod", "web", namespace="default"), "spec": {"containers": [{"name": "c", "image": "app:1"}]}}
    found = api.plan(api.load([*dumped, pod]), narrow)
    assert found.troubles == ()
    assert found.cluster.objects("Pod")["default/web"].document["status"]["podIP"].startswith("10.9.0.")
    written = api.plan(api.load([*(node(f"n{number}") for number in range(3)), pod]), narrow)
    assert [each.key for each in written.troubles] == ["n1", "n2"], "one range for three nodes that are to be made"
    dumped[0] = {**dumped[0], "spec": {"podCIDR": "10.9.0.0/24"}}
    some = api.plan(api.load([*dumped, pod]), narrow)
    assert [each.key for each in some.troubles] == ["n1", "n2"], "where one has a range, the others should have one"


def test_the_same_trouble_of_many_is_told_once() -> None:
    def trouble(number: int, message: str) -> Trouble:
        return Trouble(kind="Node", key=f"n{number}", reason="R", message=message, new=True, location=None)

    assert render_troubles([trouble(n, "m") for n in range(30)]) == "NOT WELL\n  Node n0 and 29 others: R: m"
    different = render_troubles([trouble(n, str(n)) for n in range(30)])
    assert different.splitlines()[-1] == "  ... and 10 more; -o json has them all"
