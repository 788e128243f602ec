"""Dumps as people have them: what is left out is unknown, never absent, for every kind of owner and every form.

A cluster is settled, printed as kubectl would, and read again in reduced forms: nothing that runs goes, nothing is made
anew, what is missing is said, and no answer is a yes that the input cannot give.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from kubelogic.api import Options, capacity, explain, load, plan, simulate
from kubelogic.apiserver.reading import load as read
from kubelogic.cluster import Cluster
from kubelogic.kinds.pools import node_documents, parse
from kubelogic.reconcile.scenario import Drain, Event, Scenario
from kubelogic.verbs.query import query
from kubelogic.verbs.results import Plan
from kubelogic.verbs.simulate import SimulationOptions
from tests.support import dumps

Document = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]


def workload(kind: str, name: str, api: str, *, labels: Document | None = None, **spec: Any) -> Document:
    own = {"app": name} if labels is None else labels
    containers = [{"name": "app", "image": "app:1", "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}]
    template = {"metadata": {"labels": own}, "spec": {"containers": containers, **spec.pop("pod", {})}}
    selector: Document = {} if kind == "Job" else {"selector": own if api == "v1" else {"matchLabels": own}}
    metadata = {"name": name, "namespace": "shop"}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": {**selector, "template": template, **spec}}


WORKLOADS = [
    workload("Deployment", "web", "apps/v1", replicas=3),
    workload("Deployment", "stuck", "apps/v1", replicas=2, pod={"nodeSelector": {"disk": "none"}}),
    workload("ReplicaSet", "bare", "apps/v1", replicas=2),
    workload("ReplicationController", "old", "v1", replicas=2),
    workload("StatefulSet", "db", "apps/v1", replicas=3, serviceName="db"),
    workload("DaemonSet", "agent", "apps/v1"),
    workload("Job", "once", "batch/v1", completions=3, parallelism=3, pod={"restartPolicy": "Never"}),
]


def nodes(text: str) -> list[Document]:
    pool, _ = parse(text)
    assert pool is not None
    return list(node_documents([pool]))


def settled(objects: Sequence[Document]) -> list[Document]:
    """The dump of what becomes of some manifests."""
    return dumps.exported(plan(load(list(objects))).cluster)


@pytest.fixture(scope="module")
def dump() -> list[Document]:
    return settled([*nodes("3:4cpu:8Gi"), *WORKLOADS])


@pytest.fixture(scope="module")
def full(dump: list[Document]) -> Plan:
    return plan(load(dump))


def test_the_full_dump_is_at_rest(full: Plan) -> None:
    assert (full.gone, dumps.created(full), full.unknown) == ((), {}, ())
    assert not [each for each in full.notices if each.code == "KL195"]


LEFT_OUT = {
    "nodes and pods": ("replicasets (shop/", "StatefulSet shop/db", "DaemonSet shop/agent", "Job shop/once"),
    "without revisions": ("controllerrevisions (those of DaemonSet shop/agent)",),
    "without ReplicaSets": ("replicasets (shop/",),
    "one namespace": (),
    "without nodes": ("nodes node-1, node-2, node-3",),
    "without volumes": (),
    "running pods": ("pods (2 of ReplicaSet shop/stuck-",),
    "get all": ("nodes node-1, node-2, node-3", "controllerrevisions (those of DaemonSet shop/agent)"),
}
"""By form, what has to be said to be missing."""

OPEN = frozenset({"without nodes", "get all", "running pods"})
"""The forms that leave the answer open."""


@pytest.mark.parametrize("form", dumps.FORMS)
def test_a_reduced_dump_does_nothing_that_the_full_one_does_not(form: str, dump: list[Document], full: Plan) -> None:
    kept = dumps.FORMS[form](dump)
    reduced = plan(load(kept))
    assert dumps.surplus(full, reduced, kept) == []
    said = "\n".join(each.message for each in reduced.notices if each.code == "KL195")
    assert [each for each in LEFT_OUT[form] if each not in said] == []
    assert bool(reduced.unknown) == (form in OPEN)


@pytest.mark.parametrize("kind", [*sorted({each["kind"] for each in WORKLOADS}), "Pod", "Deployment and below"])
def test_without_one_kind(kind: str, dump: list[Document], full: Plan) -> None:
    out = {"Deployment", "ReplicaSet", "ControllerRevision"} if kind.startswith("Deployment and") else {kind}
    kept = [each for each in dump if each["kind"] not in out]
    reduced = plan(load(kept))
    assert dumps.surplus(full, reduced, kept) == []
    if kind == "Pod":
        assert reduced.unknown[0].startswith("18 pods that controllers count are not in the input")
        assert reduced.placements == ()


def test_deployments_and_nodes_only(dump: list[Document], full: Plan) -> None:
    kept = [each for each in dump if each["kind"] in ("Deployment", "Node")]
    reduced = plan(load(kept))
    assert dumps.surplus(full, reduced, kept) == []
    assert reduced.unknown[0].startswith("5 pods that controllers count")


@pytest.mark.parametrize(
    ("owner", "labels"),
    [("Rollout", {"app": "x"}), ("CronTab", {}), ("Job", {}), ("StatefulSet", {"app": "x"}), ("DaemonSet", {})],
)
def test_pods_of_owners_that_are_not_there(owner: str, labels: Document) -> None:
    reference = {"apiVersion": "example.com/v1", "kind": owner, "name": "x", "uid": "u", "controller": True}
    metadata = {"name": "x-1", "namespace": "shop", "uid": "p", "labels": labels, "ownerReferences": [reference]}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"nodeName": "node-1", "containers": [{"name": "a", "image": "a"}]},
        "status": {"phase": "Running"},
    }
    cluster = load([*nodes("2:4cpu:8Gi"), pod])
    found = plan(cluster)
    assert (found.gone, [each.pod for each in found.placements]) == ((), ["shop/x-1"])
    assert f"{owner} shop/x" in next(each.message for each in found.notices if each.code == "KL195")
    drained = simulate(cluster, Scenario(events=(Event(at=0, operation=Drain(node="node-1")),)), SimulationOptions())
    assert [each.pod for each in drained.final.gone] == ([] if owner == "DaemonSet" else ["shop/x-1"])
    assert bool(drained.final.unknown) == (owner != "DaemonSet")


def test_a_pod_that_was_not_printed_stays_as_unready_as_it_was() -> None:
    """A set that waits for it makes no more pods, and the answer says for which."""
    printed = copy.deepcopy(WORKLOADS[4])
    printed["metadata"]["uid"] = "uid-db"
    for ready, made in ((0, {}), (1, {("StatefulSet", "shop/db"): 2})):
        revisions = {"currentRevision": "db-1", "updateRevision": "db-1", "currentReplicas": 1, "updatedReplicas": 1}
        printed["status"] = {"replicas": 1, "readyReplicas": ready, "availableReplicas": ready, **revisions}
        found = plan(load([*nodes("2:4cpu:8Gi"), printed]))
        assert dumps.created(found) == made
        assert any("wait for shop/db-0, which is not in the input" in each for each in found.remarks) == (not ready)


@pytest.mark.parametrize("selector", [{}, {"beta.kubernetes.io/os": "linux"}])
def test_daemon_pods_that_wait_for_nodes_that_were_not_printed(selector: Document) -> None:
    """Some nodes are not for the set: the pods that are missing are those of the others."""
    gone: Document = {
        "matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["node-1"]}]
    }
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [gone]}}
    large = {"affinity": {"nodeAffinity": required}, "nodeSelector": selector}
    daemon = workload("DaemonSet", "agent", "apps/v1", pod=large)
    daemon["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "9"
    whole = settled([*nodes("3:4cpu:8Gi"), daemon])
    for form in ("without nodes", "running pods"):
        kept = dumps.FORMS[form](whole)
        assert dumps.surplus(plan(load(whole)), plan(load(kept)), kept) == []


def half_rolled() -> tuple[list[Document], dict[str, Document]]:
    """A rollout whose new pod finds no node: all but its pods, and three old pods and one new one by name."""
    whole = copy.deepcopy(settled([*nodes("3:4cpu:8Gi"), WORKLOADS[0]]))
    deployment = next(each for each in whole if each["kind"] == "Deployment")
    old = next(each for each in whole if each["kind"] == "ReplicaSet")
    pods = [each for each in whole if each["kind"] == "Pod"]
    new, pod = copy.deepcopy(old), copy.deepcopy(pods[0])
    deployment["metadata"]["generation"] = 2
    deployment["status"] = {**deployment["status"], "replicas": 4, "updatedReplicas": 1, "observedGeneration": 2}
    new["metadata"].update(name="web-new", uid="uid-new")
    new["spec"]["replicas"], new["status"] = 1, {"replicas": 1, "readyReplicas": 0, "observedGeneration": 1}
    pod["metadata"].update(name="web-new-1", uid="uid-pod")
    pod["metadata"]["ownerReferences"][0].update(name="web-new", uid="uid-new")
    del pod["spec"]["nodeName"]
    pod["status"] = {"phase": "Pending"}
    new["spec"]["selector"]["matchLabels"]["pod-template-hash"] = "new"
    for each in (deployment["spec"]["template"], new["spec"]["template"], pod):
        each["spec"]["nodeSelector"] = {"disk": "none"}
    for each in (new, new["spec"]["template"], pod):
        each["metadata"]["labels"]["pod-template-hash"] = "new"
    for each in (deployment, new):
        each["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "2"
    rest = [each for each in whole if each["kind"] != "Pod"]
    return [*rest, new], {**{f"old {number}": each for number, each in enumerate(pods)}, "new": pod}


@pytest.mark.parametrize(
    ("printed", "unprinted"),
    [
        (("old 0", "old 1", "old 2", "new"), 0),
        (("old 0", "old 1", "old 2"), 1),
        (("old 0", "new"), 2),
        (("old 0",), 3),
        (("new",), 3),
        ((), 4),
    ],
    ids=lambda each: ", ".join(each) if isinstance(each, tuple) else str(each),
)
def test_pods_of_a_rollout_that_were_not_printed_are_not_made_anew(printed: tuple[str, ...], unprinted: int) -> None:
    """Neither are its ReplicaSets here: the Deployment's own status says how many pods are old and new."""
    rest, pods = half_rolled()
    full = plan(load([*rest, *pods.values()]))
    assert (full.gone, dumps.created(full)) == ((), {})
    kept = [each for each in rest if each["kind"] != "ReplicaSet"] + [pods[name] for name in printed]
    reduced = plan(load(kept))
    assert dumps.surplus(full, reduced, kept) == []
    are = "1 pod that a controller counts is" if unprinted == 1 else f"{unprinted} pods that controllers count are"
    assert [each.partition(" not in")[0] for each in reduced.unknown] == ([are] if unprinted else [])
    assert not any("unprinted" in each.message for each in reduced.notices)


def test_a_change_of_what_was_not_printed_is_still_rolled(dump: list[Document]) -> None:
    """The new template is rolled out; nobody knows what becomes of pods on nodes that are not known."""
    kept = [copy.deepcopy(each) for each in dump if each["kind"] in ("Deployment", "Node")]
    change = copy.deepcopy(WORKLOADS[0])
    change["spec"]["template"]["spec"]["containers"][0]["image"] = "app:2"
    found = plan(load([*kept, change]))
    made = {owner for (_, owner), _ in dumps.created(found).items()}
    assert made
    assert not any("unprinted" in owner for owner in made)
    assert found.unknown


@pytest.mark.parametrize("form", ["nodes and pods", "running pods"])
def test_every_other_verb_says_what_is_missing_too(form: str, dump: list[Document]) -> None:
    cluster = load(dumps.FORMS[form](dump))
    wanted = LEFT_OUT[form][0]
    found = explain(cluster, "shop/db-0")
    asked = query(cluster, "pod_node(Pod, Node)")
    more = capacity(cluster, None, Options(), minimize=False)
    for lacking in (found.lacking, asked.lacking, more.lacking):
        assert any(wanted in each.message for each in lacking.notices)
    run = simulate(cluster, Scenario(), SimulationOptions())
    assert any(wanted in each.message for each in run.final.notices)


KINDS = ("ControllerRevision", "Deployment", "Node", "Pod", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Service")


@st.composite
def omissions(draw: st.DrawFn) -> tuple[list[Document], frozenset[str], int]:
    """Some workloads, kinds that are left out, and every how many-th pod is left out (0: none)."""
    chosen = draw(
        st.lists(st.sampled_from(WORKLOADS), min_size=1, max_size=3, unique_by=lambda each: str(each["metadata"]))
    )
    found = copy.deepcopy(chosen)
    for each in found:
        if "replicas" in each["spec"]:
            each["spec"]["replicas"] = draw(st.integers(0, 4))
    return found, draw(st.frozensets(st.sampled_from(KINDS), max_size=3)), draw(st.integers(0, 3))


@given(omissions())
@settings(max_examples=3, deadline=None, phases=[Phase.explicit, Phase.generate], derandomize=True)
def test_any_omission_of_any_cluster(case: tuple[list[Document], frozenset[str], int]) -> None:
    check_omission(*case)


@pytest.mark.slow
@given(omissions())
@settings(max_examples=300, deadline=None)
def test_any_omission_of_any_cluster_at_length(case: tuple[list[Document], frozenset[str], int]) -> None:
    check_omission(*case)


def check_omission(workloads: list[Document], out: frozenset[str], step: int) -> None:
    whole = settled([*nodes("3:4cpu:8Gi"), *workloads])
    pods = [each["metadata"]["name"] for each in whole if each["kind"] == "Pod"]
    left_out = set(pods[::step]) if step else set()
    kept = [
        each
        for each in whole
        if each["kind"] not in out and not (each["kind"] == "Pod" and each["metadata"]["name"] in left_out)
    ]
    reduced = plan(load(kept)) if kept else None
    if reduced is not None:
        assert dumps.surplus(plan(load(whole)), reduced, kept) == []


def projects(config: pytest.Config) -> list[Path]:
    corpus = config.getoption("--corpus")
    return sorted(each for each in (Path(corpus) / "manifests").iterdir() if each.is_dir()) if corpus else []


LIMITED = {"kubernetes-testdata", "kubernetes-website", "kwok"}
"""Projects whose LimitRanges keep controllers from making pods; without them (``get all``) nobody knows why."""


@pytest.mark.slow
def test_every_project_in_every_form(pytestconfig: pytest.Config) -> None:
    found = projects(pytestconfig)
    if not found:
        pytest.skip("needs --corpus DIR")
    wrong = []
    for project in found:
        given_ = read([ROOT / "fixtures" / "nodes" / "ten.yaml", project], keep_going=True)
        whole = dumps.exported(plan(Cluster.of(given_.objects)).cluster)
        full = plan(load(whole, keep_going=True))
        for form, reduce in dumps.FORMS.items():
            kept = reduce(whole)
            lines = dumps.surplus(full, plan(load(kept, keep_going=True)), kept)
            if form == "get all" and project.name in LIMITED:
                lines = [each for each in lines if " made by " not in each]
            wrong += [f"{project.name}, {form}: {each}" for each in lines]
    assert wrong == []
