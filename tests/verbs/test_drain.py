"""``explain node/NAME --drain``: what a drain needs, what blocks it, and what helps, each of it tried."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from kubelogic.api import load
from kubelogic.cli import main
from kubelogic.explain.pending import PendingPod
from kubelogic.report.drain import drain_document, render_drain
from kubelogic.verbs.about import NodeExplanation, explain_any
from kubelogic.verbs.blocked import Blocked
from kubelogic.verbs.consolidation import consolidation
from kubelogic.verbs.drain import Help, NodeDrain
from kubelogic.verbs.reconciled import Options


def node(name: str, cpu: str = "4") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {
            "allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "20"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def deployment(replicas: int, *, cpu: str = "1", **spec: Any) -> dict[str, Any]:
    container = {"name": "web", "image": "web:1", "resources": {"requests": {"cpu": cpu}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container], **spec}},
        },
    }


def budget(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
    }


def drained(name: str, *documents: dict[str, Any]) -> NodeDrain:
    found = explain_any(load(list(documents)), f"node/{name}", Options(), drained=True)
    assert isinstance(found, NodeExplanation)
    assert found.drain is not None
    return found.drain


def test_a_node_whose_pods_fit_elsewhere() -> None:
    found = drained("n1", node("n1"), node("n2"), deployment(2))
    assert found.works
    assert (found.blocked, found.homeless, found.helps) == ((), (), ())
    assert found.command == "kubectl drain n1 --ignore-daemonsets"
    assert "can be drained" in render_drain(found)


def test_a_budget_that_lets_nobody_go_is_said_to_and_what_helps_was_tried() -> None:
    found = drained("n1", node("n1"), node("n2"), deployment(2), budget(minAvailable=2))
    assert not found.works
    assert found.done is None
    assert [(each.budget, each.always) for each in found.blocked] == [("default/web", True)]
    assert found.blocked[0].why == "budget default/web wants 2 healthy pods of 2: it never lets one go"
    summaries = [each.summary for each in found.helps]
    assert summaries == [
        "let PodDisruptionBudget default/web spare one pod (maxUnavailable: 1)",
        "run 3 replicas of Deployment default/web meanwhile",
    ]
    text = render_drain(found)
    assert text.startswith("n1 cannot be drained: 1 pod cannot be evicted ever.")
    assert text.splitlines()[-1].startswith("Next: let PodDisruptionBudget default/web spare one pod")


def bare(name: str) -> dict[str, Any]:
    spec = {"nodeName": "n1", "containers": [{"name": "a", "image": "i"}]}
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    meta = {"name": name, "labels": {"app": "web"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": status}


def test_of_several_budgets_over_a_pod_those_are_kept_that_let_it_go() -> None:
    budgets = [
        {**budget(**spec), "metadata": {"name": name}}
        for name, spec in {
            "one": {"maxUnavailable": 1},
            "none": {"maxUnavailable": 0},
            "two": {"minAvailable": 1},
        }.items()
    ]
    found = drained("n1", node("n1"), node("n2"), deployment(2), *budgets)
    assert [each.summary for each in found.helps] == [
        "delete PodDisruptionBudget default/none and PodDisruptionBudget default/two, so that only default/one covers"
        " Deployment default/web",
        "delete PodDisruptionBudget default/none and PodDisruptionBudget default/one, so that only default/two covers"
        " Deployment default/web",
    ]


@pytest.mark.parametrize(
    ("spec", "pods", "helps"),
    [
        ({"minAvailable": 1}, 1, "let PodDisruptionBudget default/web want fewer pods (minAvailable: 0)"),
        ({"minAvailable": 2}, 2, "let PodDisruptionBudget default/web want fewer pods (minAvailable: 0)"),
        ({"maxUnavailable": 0}, 1, "delete PodDisruptionBudget default/web"),
        ({"minAvailable": "100%"}, 1, "delete PodDisruptionBudget default/web"),
    ],
)
def test_a_budget_over_pods_that_nothing_makes_anew(spec: dict[str, Any], pods: int, helps: str) -> None:
    """No share of them can be told, and none of them comes back elsewhere: maxUnavailable does not help."""
    found = drained("n1", node("n1"), node("n2"), *(bare(f"p{i}") for i in range(pods)), budget(**spec))
    assert [each.summary for each in found.helps] == [helps]


def test_a_budget_that_goes_by_a_size_that_nothing_says() -> None:
    """Two pods without a controller: maxUnavailable counts the replicas of controllers, a number counts pods."""
    found = drained("n1", node("n1"), node("n2"), bare("p0"), bare("p1"), budget(maxUnavailable=1))
    (blocked, *_) = found.blocked
    assert blocked.why == (
        "budget default/web goes by how many replicas there should be (maxUnavailable: 1), and no controller of its "
        "pods says so: it never lets one go"
    )
    pods = [{**bare(f"p{i}"), "spec": {**bare(f"p{i}")["spec"], "nodeName": f"n{i + 1}"}} for i in range(2)]
    found = drained("n1", node("n1"), node("n2"), *pods, budget(minAvailable="50%"))
    assert [each.summary for each in found.helps] == [
        "let PodDisruptionBudget default/web want a number of pods (minAvailable: 1)",
        "delete PodDisruptionBudget default/web",
    ]


def test_a_budget_over_pods_of_an_owner_without_a_size_says_so() -> None:
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "u-j", "controller": True}
    made = bare("p0")
    made["metadata"] = {**made["metadata"], "uid": "u-p0", "ownerReferences": [owner]}
    (blocked,) = drained("n1", node("n1"), made, budget(maxUnavailable=1)).blocked
    assert 'which cannot be found out (found no controllers for pod "p0"): it never lets one go' in blocked.why


def test_a_budget_that_waits_for_a_pod_that_finds_no_node() -> None:
    """One may go, its replacement fits nowhere, so the second may not go: a node more helps."""
    found = drained("n1", node("n1"), node("n2", cpu="500m"), deployment(2), budget(maxUnavailable=1))
    assert [(each.budget, each.always) for each in found.blocked] == [("default/web", False)]
    assert "wants 1 healthy pod, and 1 of 2 is" in found.blocked[0].why
    assert [each.owner for each in found.homeless] == ["Deployment default/web"]
    assert [each.summary for each in found.helps] == ["add a node like n1 first"]


def test_pods_that_find_no_other_node_are_told_and_a_node_like_it_helps() -> None:
    found = drained("n1", node("n1"), node("n2", cpu="500m"), deployment(1))
    assert found.done is not None
    assert not found.works
    assert [blocker.node for blocker in found.homeless[0].blockers if blocker.predicate == "rejects_fit"] == ["n2"]
    assert [each.summary for each in found.helps] == ["add a node like n1 first"]
    assert "gets empty, but not every pod finds a place: 1 pod would find no other node" in render_drain(found)


@pytest.mark.parametrize(
    ("volumes", "flags"),
    [({}, []), ({"volumes": [{"name": "tmp", "emptyDir": {}}]}, ["--delete-emptydir-data"])],
    ids=["plain", "emptyDir"],
)
def test_the_command_has_the_flags_that_kubectl_asks_for(volumes: dict[str, Any], flags: list[str]) -> None:
    found = drained("n1", node("n1"), node("n2"), deployment(1, nodeSelector={}, **volumes))
    other = drained("n2", node("n1"), node("n2"), deployment(1, nodeSelector={}, **volumes))
    asked = [flag for each in (found, other) for flag, _, _ in each.flags]
    assert asked == flags


def test_a_bare_pod_needs_force_and_is_lost() -> None:
    bare = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bare"},
        "spec": {"containers": [{"name": "c", "image": "c:1"}]},
    }
    found = drained("n1", node("n1"), bare)
    assert found.flags == (("--force", "nothing makes them anew", ("default/bare",)),)
    assert found.command.endswith("--ignore-daemonsets --force")
    assert drain_document(found)["flags"][0]["pods"] == ["default/bare"]


def test_services_that_are_without_an_endpoint_are_told() -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    found = drained("n1", node("n1"), node("n2", cpu="500m"), deployment(1), service)
    assert [(name, until) for name, _, until in found.unserved] == [("default/web", None)]


def printed(name: str, node: str, *, ready: bool) -> dict[str, Any]:
    """A pod of the ReplicaSet ``web`` as a cluster prints it, which has been ready, or not, for an hour."""
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u-web", "controller": True}
    running = {"running": {"startedAt": "2026-11-01T10:00:00Z"}}
    container = {"name": "web", "image": "web:1", "imageID": "", "restartCount": 0, "ready": ready, "state": running}
    status = {"type": "Ready", "status": str(ready), "lastTransitionTime": "2026-11-01T10:00:00Z"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"u-{name}",
            "creationTimestamp": "2026-11-01T10:00:00Z",
            "labels": {"app": "web"},
            "ownerReferences": [owner],
        },
        "spec": {
            "nodeName": node,
            "containers": [{"name": "web", "image": "web:1", "readinessProbe": {"tcpSocket": {"port": 80}}}],
        },
        "status": {"phase": "Running", "conditions": [status], "containerStatuses": [container]},
    }


def cluster_of(*unready: str, **spec: Any) -> list[dict[str, Any]]:
    """Three pods on three nodes, some not ready, a budget over them, and a node that is free."""
    heard = node("n4")
    heard["status"]["conditions"][0]["lastHeartbeatTime"] = "2026-11-01T11:00:00Z"
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    maker = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "web", "namespace": "default", "uid": "u-web"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    }
    pods = [printed(f"web-{each}", f"n{each}", ready=f"web-{each}" not in unready) for each in (1, 2, 3)]
    return [node("n1"), node("n2"), node("n3"), heard, maker, budget(**spec), *pods]


def test_a_pod_that_is_not_ready_may_go_where_the_budget_has_what_it_wants() -> None:
    assert drained("n3", *cluster_of("web-3", minAvailable=2)).works


def test_pods_that_are_not_ready_hold_up_the_drain_of_others_and_are_named() -> None:
    found = drained("n1", *cluster_of("web-3", minAvailable=2))
    (blocked,) = found.blocked
    assert blocked.why == "budget default/web wants 2 healthy pods, and 2 of 3 are; not ready: default/web-3"
    assert found.helps[0].summary.startswith("delete pod default/web-3, which is not ready")


def test_a_budget_that_lacks_healthy_pods_keeps_those_that_are_not_ready_unless_it_says_otherwise() -> None:
    found = drained("n3", *cluster_of("web-2", "web-3", minAvailable=2))
    assert not found.works
    assert any("unhealthyPodEvictionPolicy: AlwaysAllow" in each.summary for each in found.helps)
    assert drained("n3", *cluster_of("web-2", "web-3", minAvailable=2, unhealthyPodEvictionPolicy="AlwaysAllow")).works


def test_where_nothing_helps_there_is_no_next_step() -> None:
    found = NodeDrain(
        node="n1",
        command="kubectl drain n1 --ignore-daemonsets",
        flags=(),
        stays=(),
        order=(),
        done=None,
        blocked=(Blocked(pod="d/a", budget="d/b", why="w", always=True),),
        homeless=(),
        unserved=(),
    )
    said = render_drain(found).split("\n\n")[-1]
    assert said == "Nothing that was tried helps: kubectl drain n1 --ignore-daemonsets would try again and again."
    freed = replace(found, blocked=(), done=0)
    homeless = PendingPod(pod="d/a", owner="Pod d/a", verdict="no-room", message="", blockers=())
    said = render_drain(replace(freed, homeless=(homeless,))).split("\n\n")[-1]
    assert said.endswith("kubectl drain n1 --ignore-daemonsets would leave these pods without a node.")
    helped = replace(found, helps=(Help(summary="run 3 replicas", done=200),))
    assert render_drain(helped).endswith("Next: run 3 replicas, then kubectl drain n1 --ignore-daemonsets")


CUSTOM = {
    "apiVersion": "apps.kruise.io/v1alpha1",
    "kind": "CloneSet",
    "name": "web",
    "uid": "u-web",
    "controller": True,
}


def custom(*, kind: str = "CloneSet", api: str = "apps.kruise.io/v1alpha1") -> list[dict[str, Any]]:
    """Two running pods of a custom resource, the first on n1."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"web-{number}",
                "namespace": "default",
                "uid": f"u-{number}",
                "labels": {"app": "web"},
                "ownerReferences": [{**CUSTOM, "kind": kind, "apiVersion": api}],
            },
            "spec": {"nodeName": f"n{number}", "containers": [{"name": "web", "image": "web:1"}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        }
        for number in (1, 2)
    ]


def printed_budget(expected: int, reason: str = "SufficientPods", **spec: Any) -> dict[str, Any]:
    """A budget as a cluster printed it."""
    condition = {"type": "DisruptionAllowed", "status": "True", "reason": reason, "message": "why"}
    status = {"observedGeneration": 1, "expectedPods": expected, "conditions": [condition]}
    made = {**budget(**spec), "status": status}
    made["metadata"] = {"name": "web", "namespace": "default", "uid": "u-b", "generation": 1}
    return made


def test_the_size_of_a_custom_resource_is_that_of_the_budgets_status() -> None:
    found = drained("n1", node("n1"), node("n2"), *custom(), printed_budget(2, maxUnavailable="50%"))
    assert (found.works, found.blocked, [pod for _, pod in found.order]) == (True, (), ["default/web-1"])


@pytest.mark.parametrize(
    "budgets",
    [
        pytest.param([budget(maxUnavailable=1)], id="no status"),
        pytest.param([printed_budget(2, "SyncFailed", maxUnavailable=1)], id="it was not found out"),
    ],
)
def test_without_one_it_is_not_known(budgets: list[dict[str, Any]]) -> None:
    found = drained("n1", node("n1"), node("n2"), *custom(), *budgets)
    assert (found.works, found.unsure, found.done) == (False, True, None)
    assert "which the scale of CloneSet default/web says" in found.blocked[0].why
    assert "whether it can be drained is not known" in render_drain(found)
    assert drain_document(found)["unsure"] is True


def test_what_a_custom_resource_makes_in_place_of_a_pod_is_not_known() -> None:
    first, second = custom()
    second["spec"]["nodeName"] = "n1"
    found = drained("n1", node("n1"), node("n2"), first, second, printed_budget(2, maxUnavailable=1))
    assert (found.unsure, len(found.order)) == (True, 1)
    assert found.blocked[0].why.endswith("what CloneSet default/web makes in its place is not modelled")


def test_kinds_of_kubernetes_without_a_scale_are_known_to_have_none() -> None:
    found = drained("n1", node("n1"), node("n2"), *custom(kind="Job", api="batch/v1"), budget(maxUnavailable=1))
    assert (found.works, found.unsure) == (False, False)


UNMADE = "Whether CloneSet default/web makes the pods anew is not known: what operators do is not modelled."
BUDGETS = [
    pytest.param([], "makes the pods anew is not known", True, id="who makes the pods anew"),
    pytest.param([budget(maxUnavailable=1)], "which the scale of CloneSet default/web says", False, id="the scale"),
]


@pytest.mark.parametrize(("budgets", "why", "empties"), BUDGETS)
def test_what_hangs_on_custom_resources_is_unknown_in_all_verbs(
    budgets: list[dict[str, Any]],
    why: str,
    empties: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "cluster.json"
    items = [node("n1"), node("n2"), *custom(), *budgets]
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    for arguments in (
        ["explain", "node/n1", "--drain"],
        ["simulate", "--drain", "n1@0s", "--horizon", "5m"],
        ["capacity", "--spare"],
        ["verify", "--drain-all"],
    ):
        assert main([*arguments, str(file)]) == 3, arguments
        assert why in " ".join(capsys.readouterr().out.split()), arguments
    found = drained("n1", *items)
    assert (found.works, found.unsure, found.unknown) == (empties, True, (UNMADE,) if empties else ())
    assert consolidation(load(items)).goes == ()
    assert [each.node for each in consolidation(load(items)).unsure] == ["n1", "n2"]


def test_a_no_beside_it_is_still_a_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cluster.json"
    items = [node("n1"), node("n2"), *custom(), budget(maxUnavailable=1), deployment(1, cpu="9")]
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    assert main(["simulate", "--drain", "n1@0s", "--horizon", "5m", str(file), "-o", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not [each for each in found["notWell"] if each["kind"] == "Drain"]
    assert found["final"]["unknown"][-1].startswith(
        "Whether the drain of node n1 ends is not known: budget default/web"
    )
