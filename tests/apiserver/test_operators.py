"""JobSets, LeaderWorkerSets, and what is Volcano's and Kueue's: what is made of them, and what is said of the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubelogic.apiserver.operators import source_of
from kubelogic.apiserver.reading import Reading, load
from kubelogic.cli import main
from kubelogic.cluster import Cluster
from kubelogic.text.location import InputError
from kubelogic.verbs.explain import explain
from kubelogic.verbs.plan import Plan, plan
from kubelogic.verbs.reconciled import Options

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "groups"


def container(cpu: str = "3") -> dict[str, Any]:
    return {"name": "a", "image": "a:1", "resources": {"requests": {"cpu": cpu}}}


def spec(cpu: str = "3", **more: Any) -> dict[str, Any]:
    return {"containers": [container(cpu)], **more}


def node(name: str, cpu: str = "4", **labels: str) -> dict[str, Any]:
    status = {
        "allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "110"},
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "status": status}


def job_set(*, replicas: int = 2, annotations: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
    template = {"spec": {"parallelism": 2, "completions": 2, "template": {"spec": spec()}}}
    jobs = [{"name": "w", "replicas": replicas, "template": template}]
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": "train", "annotations": annotations or {}},
        "spec": {"replicatedJobs": jobs, **fields},
    }


def leader_worker_set(scheduler: str = "volcano", *, size: int = 3, **fields: Any) -> dict[str, Any]:
    template = {"size": size, "workerTemplate": {"spec": spec("3", schedulerName=scheduler)}}
    template["leaderTemplate"] = {"spec": spec("2", schedulerName=scheduler)}
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": "serve"},
        "spec": {"replicas": 2, "leaderWorkerTemplate": template, **fields},
    }


def volcano_job(*, least: int | None = None, **fields: Any) -> dict[str, Any]:
    tasks = [
        {"name": "m", "replicas": 1, "template": {"spec": spec("1")}},
        {"replicas": 2, "template": {"spec": spec("3")}},
    ]
    return {
        "apiVersion": "batch.volcano.sh/v1alpha1",
        "kind": "Job",
        "metadata": {"name": "mpi"},
        "spec": {"tasks": tasks, **({"minAvailable": least} if least is not None else {}), **fields},
    }


def volcano_group(name: str = "pair", least: int = 2, **fields: Any) -> dict[str, Any]:
    meta = {"name": name}
    return {
        "apiVersion": "scheduling.volcano.sh/v1beta1",
        "kind": "PodGroup",
        "metadata": meta,
        "spec": {"minMember": least, **fields},
    }


def pod(name: str, cpu: str = "3", scheduler: str = "volcano", **meta: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **meta},
        "spec": spec(cpu, schedulerName=scheduler),
    }


def read(*documents: dict[str, Any]) -> Reading:
    text = "---\n".join(json.dumps(each, indent=1) + "\n" for each in documents)
    return load(["-"], stdin=text.encode())


def planned(*documents: dict[str, Any], scheduler: Any = "optimal") -> Plan:
    return plan(Cluster.of(read(*documents).objects), Options(scheduler=scheduler))


def made(*documents: dict[str, Any]) -> list[str]:
    return [str(each) for each in read(*documents).objects]


def placed(found: Plan) -> list[str]:
    return sorted(each.pod.removeprefix("default/") for each in found.placements)


def codes(found: Plan) -> set[str]:
    return {each.code for each in found.notices}


def test_a_job_set_is_kept_beside_its_jobs_and_service() -> None:
    assert made(job_set()) == [
        "Job default/train-w-0",
        "Job default/train-w-1",
        "JobSet default/train",
        "Service default/train",
    ]
    (job, *_) = read(job_set()).objects
    labels = job.document["metadata"]["labels"]
    assert labels["jobset.sigs.k8s.io/job-global-index"] == "0"
    assert labels["jobset.sigs.k8s.io/global-replicas"] == "2"
    inner = job.document["spec"]
    assert (inner["completionMode"], inner["suspend"], inner["template"]["spec"]["subdomain"]) == (
        "Indexed",
        False,
        "train",
    )
    assert inner["template"]["spec"]["restartPolicy"] == "OnFailure"


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({"network": {"enableDNSHostnames": False}}, ["Job", "Job", "JobSet"]),
        ({"managedBy": "kueue.x-k8s.io/multikueue"}, ["JobSet"]),
        ({"replicatedJobs": []}, ["JobSet"]),
        (
            {"volumeClaimPolicies": [{"templates": [{"metadata": {"name": "data"}, "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]}]},
            ["Job", "Job", "JobSet", "PersistentVolumeClaim", "Service"],
        ),
    ],
)  # fmt: skip
def test_fields_of_a_job_set_that_decide_what_is_made(fields: dict[str, Any], kinds: list[str]) -> None:
    assert [each.kind for each in read(job_set(**fields)).objects] == kinds


@pytest.mark.parametrize(
    ("first", "second", "fields", "path"),
    [
        ("b", "a", {}, "replicatedJobs[0].dependsOn: cannot be set for the first"),
        ("b", "a", {}, "replicatedJobs[0].dependsOn[0].name: no replicated job 'b' stands before"),
        ("", "c", {}, "replicatedJobs[1].dependsOn[0].name: no replicated job 'c'"),
        ("", "a", {"startupPolicy": {"startupPolicyOrder": "InOrder"}}, "[1].dependsOn: cannot be set together"),
        ("", "a", {}, ""),
    ],
)
def test_replicated_jobs_depend_on_those_before_them(
    first: str, second: str, fields: dict[str, Any], path: str
) -> None:
    (one,) = job_set()["spec"]["replicatedJobs"]
    both = [
        {**one, "name": name, **({"dependsOn": [{"name": on, "status": "Ready"}]} if on else {})}
        for name, on in (("a", first), ("b", second))
    ]
    if not path:
        assert {each.kind for each in read(job_set(replicatedJobs=both)).objects} >= {"Job", "JobSet"}
        return
    with pytest.raises(InputError) as caught:
        read(job_set(replicatedJobs=both, **fields))
    assert any(path in fault.message for fault in caught.value.faults)


def test_a_suspended_job_set_has_no_pods() -> None:
    assert placed(planned(job_set(suspend=True), node("n1"))) == []


def test_jobs_that_are_alone_in_their_zone_get_one_each() -> None:
    alone = {"alpha.jobset.sigs.k8s.io/exclusive-topology": "zone"}
    nodes = [node(f"{zone}{number}", zone=zone) for zone in ("a", "b") for number in range(2)]
    found = planned(job_set(annotations=alone), *nodes)
    by_job: dict[str, set[str]] = {}
    for each in found.placements:
        by_job.setdefault(each.pod[: len("default/train-w-0")], set()).add((each.node or "")[0])
    assert sorted(map(sorted, by_job.values())) == [["a"], ["b"]]
    three = planned(job_set(annotations=alone, replicas=3), *nodes, *(node(f"c{n}", zone="a") for n in range(2)))
    assert len(placed(three)) == 4


def test_the_jobs_of_a_dump_are_not_made_twice() -> None:
    owner = job_set()
    owner["metadata"] |= {"uid": "u-1", "resourceVersion": "5"}
    reference = {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "name": "train", "uid": "u-1"}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "train-w-0", "uid": "u-2", "ownerReferences": [{**reference, "controller": True}]},
        "spec": {"template": {"spec": spec(restartPolicy="Never")}},
    }
    assert made(owner, job) == ["Job default/train-w-0", "JobSet default/train"]
    assert "Job default/train-w-1" in made(owner), "nothing of it was printed: it is made"


def test_what_is_there_already_is_not_made_and_told() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "train"}, "spec": {"clusterIP": "None"}}
    found = read(job_set(), service)
    assert sum(each.kind == "Service" for each in found.objects) == 1
    assert any("Service default/train is there already" in each.message for each in found.notices)


def test_a_group_of_a_leader_worker_set_starts_as_a_whole_with_volcano() -> None:
    nodes = [node(f"n{number}") for number in range(4)]
    found = planned(leader_worker_set(), *nodes)
    assert placed(found) == ["serve-0", "serve-0-1", "serve-0-2"]
    assert "KL272" in codes(found)


def test_without_volcano_its_pods_go_one_by_one() -> None:
    nodes = [node(f"n{number}") for number in range(4)]
    assert len(placed(planned(leader_worker_set("default-scheduler"), *nodes))) == 5


def test_leaders_that_have_to_be_ready_first_start_alone() -> None:
    found = read(leader_worker_set(startupPolicy="LeaderReady"))
    groups = [each.document["spec"]["schedulingPolicy"] for each in found.objects if each.kind == "PodGroup"]
    least = {each["gang"]["minCount"] for each in groups}
    assert least == {1}
    assert "workers are made at once" in str(planned(leader_worker_set(startupPolicy="LeaderReady")).notices)


@pytest.mark.parametrize(("least", "number"), [(None, 0), (3, 0), (2, 2), (1, 2)])
def test_a_job_of_volcano_starts_with_its_least_number_of_pods(least: int | None, number: int) -> None:
    found = planned(volcano_job(least=least), node("n1", "4"))
    assert len(placed(found)) == number
    assert "KL270" in codes(found)
    assert "KL294" not in codes(found)


def test_its_pods_are_called_as_volcano_calls_them_and_ask_for_their_priority() -> None:
    there = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 7}
    found = planned(volcano_job(priorityClassName="high"), there, node("n1"), node("n2"))
    assert placed(found) == ["mpi-default1-0", "mpi-default1-1", "mpi-m-0"]
    assert {each.document["spec"]["priority"] for each in found.cluster.objects("Pod").values()} == {7}
    assert {each.document["spec"]["priority"] for each in found.cluster.objects("PodGroup").values()} == {7}


NAMED = {"scheduling.k8s.io/group-name": "pair"}


@pytest.mark.parametrize("scheduler", ["optimal", "kube"])
def test_pods_name_their_group_to_volcano_by_an_annotation(scheduler: str) -> None:
    pods = [pod("a", annotations=NAMED), pod("b", annotations={"scheduling.volcano.sh/group-name": "pair"})]
    assert placed(planned(volcano_group(), *pods, node("n1"), scheduler=scheduler)) == []
    assert placed(planned(volcano_group(), *pods, node("n1"), node("n2"), scheduler=scheduler)) == ["a", "b"]


def test_the_annotation_means_nothing_to_another_scheduler() -> None:
    pods = [pod(name, scheduler="default-scheduler", annotations=NAMED) for name in ("a", "b")]
    assert len(placed(planned(volcano_group(), *pods, node("n1")))) == 1


def test_without_any_group_pods_of_volcano_are_left_to_it() -> None:
    found = planned(pod("a", annotations=NAMED), node("n1"))
    assert placed(found) == []
    assert "KL294" in codes(found)


def test_a_group_without_a_least_number_is_no_gang() -> None:
    pods = [pod(name, annotations=NAMED) for name in ("a", "b")]
    assert len(placed(planned(volcano_group(least=0), *pods, node("n1")))) == 1


def test_volcano_evicts_nobody() -> None:
    there = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 7}
    low = pod("low", scheduler="default-scheduler", uid="u")
    low["spec"] |= {"nodeName": "n1", "priority": 0}
    low["status"] = {"phase": "Running"}
    high = pod("high", annotations=NAMED)
    high["spec"]["priorityClassName"] = "high"
    found = planned(there, low, high, volcano_group(least=1), node("n1"))
    assert found.evictions == ()


LABELLED = {"scheduling.x-k8s.io/pod-group": "pair"}


def coscheduling_group(least: int = 2, **fields: Any) -> dict[str, Any]:
    return {
        "apiVersion": "scheduling.x-k8s.io/v1alpha1",
        "kind": "PodGroup",
        "metadata": {"name": "pair"},
        "spec": {"minMember": least, **fields},
    }


@pytest.mark.parametrize("scheduler", ["optimal", "kube"])
@pytest.mark.parametrize("own", ["default-scheduler", "scheduler-plugins-scheduler"])
def test_pods_name_their_group_to_coscheduling_by_a_label(own: str, scheduler: str) -> None:
    pods = [pod(name, scheduler=own, labels=LABELLED) for name in ("a", "b")]
    group = coscheduling_group()
    assert placed(planned(group, *pods, node("n1"), scheduler=scheduler)) == []
    found = planned(group, *pods, node("n1"), node("n2"), scheduler=scheduler)
    assert placed(found) == ["a", "b"]
    assert "KL274" in codes(found)
    assert placed(planned(group, pods[0], node("n1"), scheduler=scheduler)) == [], "one of the two is not there"


def test_a_group_of_coscheduling_that_is_not_there_holds_nobody_back() -> None:
    pods = [pod(name, scheduler="default-scheduler", labels=LABELLED) for name in ("a", "b")]
    found = planned(*pods, node("n1"))
    assert len(placed(found)) == 1
    (told,) = (each.message for each in found.notices if each.code == "KL274")
    assert told.endswith("that is not in the input holds nobody back: its pods are placed one by one")
    assert placed(planned(pod("a", scheduler="mine", labels=LABELLED), node("n1"))) == [], "left to its scheduler"


@pytest.mark.parametrize("scheduler", ["optimal", "kube"])
def test_a_group_of_coscheduling_evicts_by_the_priority_of_its_pods(scheduler: str) -> None:
    there = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 7}
    low = pod("low", scheduler="default-scheduler", uid="u")
    low["spec"] |= {"nodeName": "n1", "priority": 0}
    low["status"] = {"phase": "Running"}
    pods = [pod(name, scheduler="default-scheduler", labels=LABELLED) for name in ("a", "b")]
    for each in pods:
        each["spec"]["priorityClassName"] = "high"
    found = planned(there, low, *pods, coscheduling_group(), node("n1"), node("n2"), scheduler=scheduler)
    assert placed(found) == ["a", "b"]
    assert [each.pod for each in found.departures] == ["default/low"]


QUEUED = {"kueue.x-k8s.io/queue-name": "q", "kueue.x-k8s.io/pod-group-name": "g"}
OF_TWO = {"kueue.x-k8s.io/pod-group-total-count": "2"}


def test_pods_of_a_kueue_group_wait_for_each_other_and_then_go_one_by_one() -> None:
    def one(name: str, **annotations: str) -> dict[str, Any]:
        return pod(name, scheduler="default-scheduler", labels=QUEUED, annotations=annotations)

    waits = planned(one("a", **OF_TWO), node("n1"))
    assert placed(waits) == []
    (said,) = waits.pending
    assert (said.verdict, said.message, [each.code for each in said.blockers]) == ("waiting", "", ["KL216"])
    assert placed(planned(one("a", **OF_TWO), one("b", **OF_TWO), node("n1"))) == ["a"]
    fast = {"kueue.x-k8s.io/pod-group-fast-admission": "true"}
    assert placed(planned(one("a", **OF_TWO, **fast), node("n1"))) == ["a"]
    assert "KL273" in codes(waits)


def test_a_workload_of_kueue_is_told() -> None:
    workload = volcano_group("w", podSets=[{"name": "main", "count": 3}])
    found = planned({**workload, "apiVersion": "kueue.x-k8s.io/v1beta1", "kind": "Workload"}, node("n1"))
    assert codes(found) == {"KL273"}


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        (job_set(replicatedJobs=4), ["spec.replicatedJobs: is a list"]),
        (job_set(replicas=-1), ["spec.replicatedJobs[0].replicas: is 0 or more"]),
        (job_set(replicas=20_000), ["spec.replicatedJobs: stands for 20,000 objects"]),
        (job_set(replicatedJobs=[{"replicas": 1}]), ["spec.replicatedJobs[0].name: is required"]),
        (job_set(replicatedJobs=["x"]), ["spec.replicatedJobs[0].name: is required"]),
        (job_set(suspend="yes"), ["spec.suspend: is true or false"]),
        (leader_worker_set(size=0), ["spec.leaderWorkerTemplate.size: is 1 or more"]),
        (leader_worker_set(leaderWorkerTemplate={}), ["spec.leaderWorkerTemplate.workerTemplate: is required"]),
        (volcano_job(least=9), ["spec.minAvailable: is 9, more than the 3 pods"]),
        (volcano_job(tasks=[]), ["spec.tasks: is required"]),
        (volcano_job(tasks={"a": 1}), ["spec.tasks: is a list"]),
        (volcano_group(least=-2), ["spec.minMember: is 0 or more"]),
        (volcano_group(priorityClassName=["x"]), ["spec.priorityClassName: is a text"]),
        ({**job_set(), "metadata": {"name": "Train_1"}}, ["metadata.name: 'Train_1' must consist"]),
        ({**job_set(), "metadata": {}}, ["metadata.name: the object has no name"]),
        ({**job_set(), "metadata": {"name": "a", "namespace": 3}}, ["metadata.namespace: 3 is no name"]),
        ({**job_set(), "metadata": ["a"]}, ["metadata.name: the object has no name"]),
        ({**job_set(), "metadata": {"name": "a", "annotations": {"x": 1}}}, ["metadata.annotations.x: is a text"]),
        ({**job_set(), "spec": "all"}, ["spec: is a mapping"]),
        ({**volcano_group(), "spec": 1.5}, ["spec: is a mapping"]),
        ({**volcano_job(), "status": [1]}, ["status: is a mapping"]),
        ({**volcano_group(), "metadata": {"name": "a", "labels": [1]}}, ["metadata.labels: is a mapping"]),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(document: dict[str, Any], wanted: list[str]) -> None:
    with pytest.raises(InputError) as refused:
        read(document)
    said = [each.message for each in refused.value.faults]
    assert all(any(each.startswith(part) for each in said) for part in wanted), said


def test_faults_of_what_is_made_stand_where_they_were_written() -> None:
    wrong = job_set()
    wrong["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]["containers"][0]["image"] = 5
    with pytest.raises(InputError) as refused:
        read(wrong)
    (fault,) = refused.value.faults
    assert fault.location.path == "spec.replicatedJobs[0].template.spec.template.spec.containers[0].image"


def test_another_version_is_left_out_with_a_word() -> None:
    found = read({**job_set(), "apiVersion": "jobset.x-k8s.io/v1alpha1"})
    assert found.objects == ()
    assert [each.code for each in found.notices] == ["KL108"]


def test_places_of_made_objects_are_those_of_what_they_were_made_from() -> None:
    path = ("spec", "template", "spec", "containers", 0, "image")
    there = source_of(job_set(), "Job", "train-w-1", path)
    assert there == ("spec", "replicatedJobs", 0, "template", "spec", "template", "spec", "containers", 0, "image")
    assert source_of(job_set(), "Job", "other", path) is None


def test_an_explanation_says_what_is_not_modelled_of_the_group() -> None:
    reading = load([str(FIXTURES / "jobset.yaml")])
    told = explain(Cluster.of(reading.objects), "jobset/train")
    assert (told.owner, told.verdict) == ("JobSet default/train", "no-room")
    assert [each.code for each in told.of_group] == ["KL271"]
    assert not [each for each in told.notices if each.code == "KL271"], "they are no reason to doubt the verdict"


def test_the_fixture_of_volcano() -> None:
    found = plan(Cluster.of(load([str(FIXTURES / "volcano.yaml")]).objects))
    assert placed(found) == ["mpi-master-0", "mpi-worker-0", "mpi-worker-1"]
    assert {each.owner for each in found.pending} == {"Deployment default/pair"}


def test_explain_and_capacity_tell_a_group_of_coscheduling(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "all.json"
    pods = [pod(name, scheduler="default-scheduler", labels=LABELLED) for name in ("a", "b")]
    items = [node("n1"), node("n2"), coscheduling_group(scheduleTimeoutSeconds=9), *pods]
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    for arguments in (["plan"], ["explain", "a"], ["simulate"], ["check", "--show", "note"], ["capacity"]):
        main([*arguments, str(file)])
        out = " ".join(capsys.readouterr().out.split())
        assert "pods that wait for the others of their group wait without an end" in out, arguments
