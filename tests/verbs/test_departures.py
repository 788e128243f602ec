"""Who is evicted, from where, why, and what comes in its place: as plan and explain tell it, now and later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kubelogic.api import load
from kubelogic.cli import main
from kubelogic.report.about import render_about
from kubelogic.report.departures import render_departures
from kubelogic.report.documents import plan_document
from kubelogic.report.explanation_page import explanation_page
from kubelogic.report.plan import render_plan
from kubelogic.report.plan_page import plan_page
from kubelogic.verbs.about import explain_any
from kubelogic.verbs.plan import plan
from kubelogic.verbs.reconciled import Options
from kubelogic.verbs.results import Departure

TAINT = {"key": "maintenance", "value": "soon", "effect": "NoExecute"}


def node(name: str, *, cpu: str = "4", taints: tuple[Mapping[str, Any], ...] = ()) -> dict[str, Any]:
    capacity = {"cpu": cpu, "memory": "8Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"taints": list(taints)},
        "status": {"allocatable": capacity},
    }


def pod_spec(*, seconds: int | None = None, cpu: str = "100m", **more: Any) -> dict[str, Any]:
    bears = {"key": "maintenance", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}
    container = {"name": "c", "image": "x", "resources": {"requests": {"cpu": cpu}}}
    return {"containers": [container], "tolerations": [bears] if seconds is not None else [], **more}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod_spec(**spec)}


HIGH = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 1000}


def of_high(cpu: str) -> dict[str, Any]:
    """A Deployment whose pod comes when others have their nodes."""
    template = {"metadata": {"labels": {"app": "high"}}, "spec": pod_spec(cpu=cpu, priorityClassName="high")}
    meta = {"name": "high", "namespace": "default"}
    spec = {"selector": {"matchLabels": {"app": "high"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


def stateful_set(on: str) -> list[dict[str, Any]]:
    """A set of one pod, which is on a node."""
    labels = {"app": "db"}
    meta = {"name": "db", "namespace": "default", "uid": "u-db"}
    template = {"metadata": {"labels": labels}, "spec": pod_spec()}
    spec = {"replicas": 1, "serviceName": "db", "selector": {"matchLabels": labels}, "template": template}
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "u-db", "controller": True}
    mine = pod("db-0", nodeName=on)
    mine["metadata"].update(labels=labels, ownerReferences=[owner])
    return [{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta, "spec": spec}, mine]


def test_who_is_evicted_is_named_with_node_taint_and_successor() -> None:
    cluster = load([node("n1", taints=(TAINT,)), node("n2"), pod("bare", nodeName="n1"), *stateful_set("n1")])
    found = plan(cluster)
    words = "the taint maintenance=soon:NoExecute is not tolerated"
    assert [(each.pod, each.node, each.time, each.why, each.then, each.due) for each in found.departures] == [
        ("default/bare", "n1", 0, words, "no controller makes another", False),
        ("default/db-0", "n1", 0, words, "StatefulSet default/db makes db-0 (on n2)", False),
    ]
    text = render_plan(found)
    assert "EVICTED\n  from n1 at 0s: " + words in text
    assert "    default/db-0: StatefulSet default/db makes db-0 (on n2)" in text
    assert "GONE" not in text
    assert words in plan_page(found)
    assert plan_document(found)["departures"][0] == {
        "time": 0,
        "pod": "default/bare",
        "owner": "Pod default/bare",
        "node": "n1",
        "reason": "DeletionByTaintManager",
        "why": words,
        "then": "no controller makes another",
        "due": False,
        "lost": True,
    }


def test_what_is_due_after_the_horizon_is_told_with_what_to_type() -> None:
    cluster = load([node("n1", taints=(TAINT,)), node("n2"), pod("bare", nodeName="n1", seconds=300)])
    found = plan(cluster)
    document = plan_document(found)
    assert (document["settled"], document["nextAt"]) == (True, 300)
    assert [(each["pod"], each["time"], each["due"]) for each in document["departures"]] == [
        ("default/bare", 300, True)
    ]
    text = render_plan(found)
    assert "1 pod to be evicted later" in text.split("\n\n")[0]
    assert "from n1 at 5m: the taint maintenance=soon:NoExecute is tolerated for 300 s only" in text
    assert "See what follows with --horizon 6m" in text
    assert "See what follows with --horizon 6m" in plan_page(found)
    later = plan(cluster, Options(horizon=360_000))
    assert [(each.time, each.due) for each in later.departures] == [(300_000, False)]
    assert later.next_at is None


def test_explain_of_a_pod_that_is_evicted_says_when_why_and_what_comes() -> None:
    nodes = [node("n1", taints=(TAINT,)), node("n2")]
    gone = explain_any(load([*nodes, pod("bare", nodeName="n1")]), "bare")
    assert "from n1 at 0s: the taint maintenance=soon:NoExecute is not tolerated" in render_about(gone)
    again = explain_any(load([*nodes, *stateful_set("n1")]), "db-0")
    assert "default/db-0: StatefulSet default/db makes db-0 (on n2)" in render_about(again)
    bears = [*nodes, pod("bare", nodeName="n1", seconds=90)]
    coming = explain_any(load(bears), "bare")
    assert render_about(coming).startswith("default/bare (Pod default/bare) is on n1 until 1m30s, when it is evicted.")
    assert "tolerated for 90 s only" in explanation_page(coming)
    assert "default/bare: no controller makes another" in render_about(explain_any(load(bears), "node/n1"))


def test_victims_of_preemption_are_told_with_who_takes_their_room() -> None:
    high = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 100}
    big = pod("big", cpu="3", priorityClassName="high")
    found = plan(load([node("n1"), high, pod("small", cpu="2", nodeName="n1"), big]))
    assert [(each.pod, each.node, each.reason, each.why) for each in found.departures] == [
        ("default/small", "n1", "PreemptionByScheduler", "to make room for default/big (priority 100 over 0)")
    ]
    assert "from n1 at 0s: to make room for default/big" in render_plan(found)
    told = explain_any(load([node("n1"), high, pod("small", cpu="2", nodeName="n1"), big]), "big")
    assert "No node had room for it, and default/small was evicted for it." in render_about(told)
    roomy = explain_any(load([node("n1"), node("n2"), high, pod("small", cpu="2", nodeName="n1"), big]), "big")
    assert "evicted" not in render_about(roomy)


def test_that_more_may_happen_is_told_where_no_eviction_says_so() -> None:
    found = plan(
        load(
            [
                node("n1", cpu="1"),
                {
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "metadata": {"name": "web", "namespace": "default"},
                    "spec": {
                        "selector": {"matchLabels": {"app": "web"}},
                        "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod_spec(cpu="2")},
                    },
                },
            ]
        )
    )
    assert "More may happen at 10m; --horizon 11m looks so far ahead." in render_plan(found)


def test_a_long_list_is_cut_and_says_so() -> None:
    made = [
        Departure(
            pod=f"a/p{n:02}", owner=f"Pod a/p{n:02}", node=f"n{n:02}", time=0, reason="r", why="w", then="t", due=False
        )
        for n in range(25)
    ]
    assert "  ... and 5 more pods; -o json has them all" in render_departures(made)


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ("2026-05-01T11:56:00Z", "one that ran when the taint came evicts at 1m"),
        ("2026-05-01T11:50:00Z", "one that ran when the taint came evicts at once"),
        ("2026-05-01T12:00:00Z", ""),
        ("", ""),
    ],
)
def test_a_taint_from_before_is_counted_anew_and_that_is_told(added: str, told: str) -> None:
    """The controller counts from when it sees a pod and its taint, not from timeAdded; when it began is not known."""
    taint = {**TAINT, "timeAdded": added} if added else TAINT
    there = node("n1", taints=(taint,))
    ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-05-01T12:00:00Z"}
    there["status"]["conditions"] = [ready]
    mine = pod("web", nodeName="n1", seconds=300)
    mine["metadata"].update(uid="u-web", creationTimestamp="2026-05-01T10:00:00Z")
    (found,) = plan(load([there, mine])).departures
    assert (found.time, found.due) == (300_000, True)
    said = f", counted anew from now as by a controller that starts; {told}" if told else ""
    assert found.why == f"the taint maintenance=soon:NoExecute is tolerated for 300 s only{said}"


@pytest.mark.parametrize(
    ("documents", "code", "told"),
    [
        pytest.param(
            [node("n1", taints=(TAINT,)), pod("bare", seconds=10)],
            1,
            "is evicted at 10s, the taint maintenance=soon:NoExecute is tolerated for 10 s only, and no controller",
            id="placed, and evicted by a taint",
        ),
        pytest.param(
            [HIGH, node("n1", cpu="1"), pod("bare", cpu="1"), of_high("1")],
            1,
            "(priority 1000 over 0), and no controller makes another",
            id="placed, and preempted",
        ),
        pytest.param(
            [HIGH, node("n1", cpu="1"), pod("bare", cpu="1", nodeName="n1"), of_high("1")],
            1,
            "(priority 1000 over 0), and no controller makes another",
            id="ran, and is preempted",
        ),
        pytest.param([node("n1", taints=(TAINT,)), node("n2"), *stateful_set("n1")], 0, "", id="another is made"),
    ],
)
def test_what_is_evicted_for_good_is_a_no(
    documents: list[dict[str, Any]], code: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cluster.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))
    for scheduler in ("optimal", "kube"):
        assert main(["plan", str(file), "--scheduler", scheduler, "-o", "json"]) == code
        found = json.loads(capsys.readouterr().out)
        assert any(each["lost"] and not each["due"] for each in found["departures"]) == bool(told)
        assert main(["check", str(file), "--scheduler", scheduler, "--select", "KL390", "-o", "json"]) == code
        messages = [each["message"] for each in json.loads(capsys.readouterr().out)["findings"]]
        assert [told in each for each in messages] == [True] * code
