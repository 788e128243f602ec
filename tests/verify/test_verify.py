"""What holds whatever happens: verdicts, scopes, shortest counter-examples that replay."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from kubelogic.api import Options, Verification, load, scenario, simulate, verify
from kubelogic.verify import drains
from kubelogic.verify.cases import Case, WrongSurvivalError, cases, classes, survival
from kubelogic.verify.invariants import NAMED, UnknownInvariantError, named
from kubelogic.verify.verifying import WrongQuestionError

Document = dict[str, Any]


def node(name: str, zone: str = "a", cpu: str = "4", **labels: str) -> Document:
    marks = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone, **labels}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": marks},
        "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "110"}},
    }


def workload(name: str, replicas: int, cpu: str, kind: str = "Deployment", **spec: Any) -> Document:
    pod = {"containers": [{"name": "app", "image": f"{name}:1", "resources": {"requests": {"cpu": cpu}}}]}
    pod |= spec.pop("pod", {})
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
            **({"serviceName": name} if kind == "StatefulSet" else {}),
            **spec,
        },
    }


def service(name: str) -> Document:
    spec = {"selector": {"app": name}, "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def budget(name: str, **spec: Any) -> Document:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, **spec},
    }


def three(cpu: str = "1", replicas: int = 3, kind: str = "Deployment") -> list[Document]:
    return [node("ash"), node("elm", "b"), node("oak", "b"), workload("web", replicas, cpu, kind), service("web")]


HOLDS: dict[str, tuple[list[Document], Document]] = {
    "a node": (three(), {"survive": "node:1"}),
    "two nodes": (three(), {"survive": "node:2"}),
    "a zone": (three(), {"survive": "zone:1"}),
    "no room but extra nodes": (three("3"), {"survive": "node:1", "extra_nodes": 1}),
    "rollout": (three(), {"during_rollout": "deploy/web"}),
    "drains": (three(), {"drain_all": True}),
    "any order": (three(), {"any_order": True}),
    "invariant": (three(), {"survive": "node:1", "invariants": ["never_fewer_ready_than=1"]}),
    "nothing": ([node("ash")], {"survive": "node:1"}),
}

BROKEN: dict[str, tuple[list[Document], Document, str, list[Document]]] = {
    "a node": (three("3"), {"survive": "node:1"}, "lacks 1 pod on nodes", [{"at": "1m", "fail": "ash"}]),
    "every node": (three()[:1] + three()[3:4], {"survive": "node:1"}, "lacks 3 pods", [{"at": "1m", "fail": "ash"}]),
    "two of three": (
        three("2"),
        {"survive": "node:2"},
        "lacks 1 pod",
        [{"at": "1m", "fail": "ash"}, {"at": "1m", "fail": "elm"}],
    ),
    "a zone": (
        three("2"),
        {"survive": "zone:1"},
        "lacks 1 pod",
        [{"at": "1m", "fail": "elm"}, {"at": "1m", "fail": "oak"}],
    ),
    "a pod with a name of its own": (
        three("1", kind="StatefulSet"),
        {"survive": "node:1"},
        "StatefulSet default/web lacks 1 pod",
        [{"at": "1m", "fail": "ash"}],
    ),
    "a budget that lets nobody go": (
        [*three(), budget("web", minAvailable=3)],
        {"drain_all": True},
        "it never lets one go",
        [{"at": "1m", "drain": {"node": "ash", "force": True, "deleteEmptyDirData": True}}],
    ),
    "meanwhile": (
        three(replicas=1),
        {"survive": "node:1", "invariants": ["no_service_interrupted"]},
        "Service default/web has no ready endpoint (1 before)",
        [{"at": "1m", "fail": "ash"}],
    ),
    "waits too long": (
        three("3"),
        {"survive": "node:1", "invariants": ["no_pod_pending_longer_than=10m"]},
        "waits for a node since",
        [{"at": "1m", "fail": "ash"}],
    ),
}


def asked(documents: list[Document], question: Document) -> Verification:
    return verify(load(documents), **question)


def test_a_drain_that_never_works_is_shown_by_itself() -> None:
    """Other nodes come first by name and can be drained; they are no part of the shortest run."""
    held = workload("web", 1, "1", pod={"nodeSelector": {"disk": "fast"}})
    found = asked([node("ash"), node("elm"), node("oak", disk="fast"), held], {"drain_all": True})
    assert (found.verdict, found.scope) == ("broken", "node oak")
    assert found.counterexample is not None
    assert [step.get("drain", {}).get("node") for step in found.counterexample.steps] == ["oak"]
    assert found.counterexample.replayed


def test_a_limit_on_orders_says_which_node_never_went(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drains, "_LEAST", 2)
    monkeypatch.setattr(drains, "_DRAINS", 0)
    held = workload("web", 1, "1", pod={"nodeSelector": {"disk": "fast"}})
    found = asked([node("ash", disk="fast"), node("elm"), held], {"drain_all": True})
    assert found.verdict == "unknown"
    assert found.reason.startswith("too many orders; of 1 drain of node ash none worked; Pod default/web-")


@pytest.mark.parametrize("name", HOLDS)
def test_it_holds(name: str) -> None:
    found = asked(*HOLDS[name])
    assert found.verdict == "holds", found.to_text()
    assert found.scope
    assert found.counterexample is None
    assert pickle.loads(pickle.dumps(found)) == found
    assert found.to_dict()["verdict"] == "holds"


@pytest.mark.parametrize("name", BROKEN)
def test_it_is_broken_by_the_shortest_run(name: str) -> None:
    documents, question, message, steps = BROKEN[name]
    found = asked(documents, question)
    assert found.verdict == "broken", found.to_text()
    assert found.counterexample is not None
    assert found.counterexample.replayed
    assert [dict(each) for each in found.counterexample.steps] == steps
    assert any(message in each.message for each in found.counterexample.violations), found.to_text()
    assert scenario(found.counterexample.steps, load(documents)).events
    assert message in found.to_text()


LOOP = Path(__file__).parents[2] / "fixtures/literature/no-execute-and-node-name.yaml"


@pytest.mark.parametrize(
    "question",
    [{}, {"survive": "node:1"}, {"drain_all": True}, {"any_order": True}, {"during_rollout": "deploy/agent"}],
)
def test_what_never_comes_to_rest_is_broken_before_anything_happens(question: Document) -> None:
    found = verify(load(LOOP), **question)
    assert found.verdict == "broken"
    assert found.scope.startswith("before anything happens")
    assert found.counterexample is not None
    assert (found.counterexample.steps, found.counterexample.replayed) == ((), True)
    assert [each.message for each in found.counterexample.violations] == [
        "Deployment default/agent never comes to rest: its pods are made and go again "
        "(DeletionByTaintManager), for ever"
    ]
    assert found.to_text().endswith("Next, the plan that shows it: kubelogic plan PATH...")


def test_what_is_broken_already_is_told_and_broken_if_nothing_else_is_asked() -> None:
    documents = [node("ash"), node("elm"), workload("web", 3, "3"), workload("api", 1, "100m")]
    found = asked(documents, {})
    assert found.verdict == "broken"
    assert "Deployment default/web lacks 1 pod on nodes [every_pod_placed]" in found.to_text()
    survived = asked(documents, {"survive": "node:1", "invariants": ["never_fewer_ready_than=0", "every_pod_placed"]})
    assert survived.already == ("Deployment default/web lacks 1 pod on nodes",)
    assert "BROKEN BEFORE ANYTHING HAPPENS" in survived.to_text()
    assert asked([node("ash"), workload("web", 3, "1")], {}).verdict == "holds"


def test_a_counter_example_is_the_run_that_simulate_shows() -> None:
    """The second pod of a StatefulSet is made when the first is ready: a failure at the very start would be another."""
    documents = three("1", kind="StatefulSet")
    found = asked(documents, {"survive": "node:1", "extra_nodes": 1})
    assert found.counterexample is not None
    assert [each["metadata"]["name"] for each in found.counterexample.objects] == ["extra-1-ash", "extra-1-elm"]
    cluster = load([*documents, *found.counterexample.objects])
    run = simulate(cluster, found.to_dict()["counterexample"]["scenario"])
    assert len([each for each in run.run.timeline if each.type == "BindPod"]) == 3
    assert any(each.key == "default/web-0" for each in run.not_well)


def test_what_comes_up_slowly_is_waited_for() -> None:
    """A Service whose pods become ready after two minutes had endpoints before anything fails."""
    probe = {"httpGet": {"path": "/", "port": 80}, "initialDelaySeconds": 120}
    slow = {"containers": [{"name": "app", "image": "web:1", "readinessProbe": probe}]}
    documents = [node("ash"), node("elm"), workload("web", 1, "1", pod=slow), service("web")]
    found = asked(documents, {"survive": "node:1", "invariants": ["no_service_interrupted"]})
    assert found.verdict == "broken", found.to_text()
    assert found.counterexample is not None
    assert found.counterexample.replayed
    assert found.counterexample.steps == ({"at": "3m", "fail": "ash"},)


def test_nodes_that_nothing_tells_apart_are_tried_once() -> None:
    many = [node(f"n{number}") for number in range(6)]
    found = asked([*many, workload("web", 6, "1")], {"survive": "node:1"})
    assert (found.verdict, found.cases, found.tried, found.alike) == ("holds", 6, 1, 5)
    one = {"nodeSelector": {"kubernetes.io/hostname": "n3"}}
    found = asked([*many, workload("web", 6, "1"), workload("own", 1, "1", pod=one)], {"survive": "node:1"})
    assert found.verdict == "broken"
    assert found.counterexample is not None
    assert found.counterexample.steps == ({"at": "1m", "fail": "n3"},)


def test_one_case_is_told_in_the_singular() -> None:
    idle = {"nodeSelector": {"kubernetes.io/hostname": "ash"}}
    documents = [node("ash"), node("elm"), node("oak"), workload("web", 1, "1", pod=idle)]
    found = asked(documents, {"survive": "node:1", "extra_nodes": 1}).to_text()
    assert not re.search(r"\b1 (more are|of them need|of \d+ cases were)\b", found)


def test_pairs_are_counted_by_classes() -> None:
    cluster = load([node("a1"), node("a2"), node("b1", cpu="8"), node("b2", cpu="8"), node("b3", cpu="8")])
    assert classes(cluster) == [("a1", "a2"), ("b1", "b2", "b3")]
    found = list(cases(cluster, survival("node:2")))
    assert sum(each.stands_for for each in found) == 5 + 10
    assert Case(nodes=("a1", "b1"), stands_for=6) in found
    assert [len(each.nodes) for each in found] == [1, 1, 2, 2, 2]


@pytest.mark.parametrize("wrong", ["", "node:0", "nodes:1", "zone:-1", "label:", "label:a:b", "rack:1", "node:1:2"])
def test_what_is_to_be_survived_is_checked(wrong: str) -> None:
    with pytest.raises(WrongSurvivalError):
        survival(wrong)


def test_a_label_that_no_node_has_is_told() -> None:
    with pytest.raises(WrongSurvivalError, match="no node has the label rack"):
        asked(three(), {"survive": "label:rack"})


@pytest.mark.parametrize(
    ("what", "words"),
    [("node:7", "there are [0-9]+ nodes, 7 cannot fail"), ("label:kubernetes.io/hostname:9", "values, 9 cannot fail")],
)
def test_no_more_can_fail_than_is_there(what: str, words: str) -> None:
    with pytest.raises(WrongSurvivalError, match=words):
        asked(three(), {"survive": what})


@pytest.mark.parametrize("question", [{}, {"any_order": True}, {"survive": "node:1"}, {"survive": "zone:2"}])
def test_without_nodes_nothing_is_known(question: dict[str, Any]) -> None:
    found = asked([workload("web", 2, "1")], question)
    assert (found.verdict, found.reason, found.counterexample) == ("unknown", "there is no node in the input", None)


@pytest.mark.parametrize("name", NAMED)
def test_every_invariant_says_what_it_demands(name: str) -> None:
    try:
        found = named(name)
    except UnknownInvariantError:
        found = named(f"{name}=10m" if "pending" in name else f"{name}=2")
    assert found.says
    assert found.name.startswith(name)


@pytest.mark.parametrize(
    "wrong",
    [
        "every_pod_place",
        "every_pod_placed=2",
        "never_fewer_ready_than",
        "never_fewer_ready_than=x",
        "no_pod_pending_longer_than=soon",
    ],
)
def test_invariants_that_there_are_not_are_refused(wrong: str) -> None:
    with pytest.raises(UnknownInvariantError):
        named(wrong)


def test_two_questions_at_once_are_refused() -> None:
    with pytest.raises(WrongQuestionError, match="ask one thing"):
        asked(three(), {"survive": "node:1", "drain_all": True})


def test_an_invariant_can_be_a_rule(tmp_path: Path) -> None:
    rule = tmp_path / "spot.dl"
    rule.write_text(
        "#! title:  No pod on spot nodes\n"
        '#: violates(Pod: pod, Node: node) "{Pod} is on the spot node {Node}"\n'
        "violates(Pod, Node) <= pod_node(Pod, Node) & node_class(Node, Class) & class_label(Class, 'spot', 'true')\n",
        encoding="utf-8",
    )
    documents = [node("ash", cpu="2"), node("elm", cpu="2", spot="true"), workload("web", 1, "1500m", pod=PREFERS)]
    found = asked(documents, {"survive": "node:1", "invariants": [str(rule)]})
    assert found.verdict == "broken", found.to_text()
    assert found.counterexample is not None
    assert "is on the spot node elm" in found.counterexample.violations[0].message
    assert asked(documents, {"invariants": [str(rule)]}).verdict == "holds"


PREFERS = {
    "affinity": {
        "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 100,
                    "preference": {"matchExpressions": [{"key": "spot", "operator": "DoesNotExist"}]},
                }
            ]
        }
    }
}


def test_two_spreads_strand_a_pod_in_some_order() -> None:
    """Spreads over zones and over nodes: each pod alone has a place, and some arrangements leave none for the last."""
    constraint = {
        "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"tier": "x"}},
    }
    spread = {"topologySpreadConstraints": [{**constraint, "topologyKey": "kubernetes.io/hostname"}]}
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"tier": "x"}},
            "spec": {
                "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}],
                **spread,
            },
        }
        for name, cpu in (("big", "3"), ("small-1", "2"), ("small-2", "2"))
    ]
    found = asked([node("ash"), node("elm"), *pods], {"any_order": True})
    assert found.verdict == "broken", found.to_text()
    assert found.counterexample is not None
    assert [line.partition(" comes")[0] for line in found.counterexample.told][-1].endswith(
        ("big", "small-2", "small-1")
    )
    kinds = [each["spec"].get("nodeName", "") for each in found.counterexample.objects]
    assert kinds[-1] == ""
    assert all(kinds[:-1])


def test_room_that_can_be_wasted_strands_a_pod() -> None:
    documents = [node("ash", cpu="3"), node("elm", cpu="3"), workload("small", 2, "1"), workload("big", 1, "3")]
    found = asked(documents, {"any_order": True})
    assert found.verdict == "broken", found.to_text()
    assert found.counterexample is not None
    assert len(found.counterexample.objects) <= 3


def test_different_priorities_are_not_followed() -> None:
    high = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 10}
    documents = [*three(), high, workload("other", 1, "1", pod={"priorityClassName": "high"})]
    found = asked(documents, {"any_order": True})
    assert (found.verdict, found.reason) == (
        "unknown",
        "the pods have different priorities; preemption in between is not followed",
    )


def test_a_limit_makes_it_unknown() -> None:
    clock = iter(range(10_000))
    found = verify(load(three("3")), Options(clock=lambda: float(next(clock))), survive="node:1", limit=1e-9)
    assert (found.verdict, found.reason) == ("unknown", "the time limit was reached after 0 of 3 cases")


def test_the_answer_does_not_depend_on_the_order_of_documents() -> None:
    documents = three("3")
    assert asked(documents, {"survive": "node:1"}) == asked(documents[::-1], {"survive": "node:1"})


@pytest.mark.parametrize("asked", [{"survive": "node:1"}, {"survive": "zone:1"}, {"drain_all": True}])
def test_nothing_holds_over_no_nodes(asked: dict[str, Any]) -> None:
    """Nothing waits, so nothing is lacking; and yet no failure was looked at."""
    found = verify(load({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}), **asked)
    assert (found.verdict, found.reason) == ("unknown", "there is no node in the input")


def test_a_label_that_no_node_has_spreads_nothing() -> None:
    cluster = load([node("ash", "a"), node("elm", "b"), workload("web", 2, "1")])
    found = verify(cluster, invariants=["replicas_spread_over=zoone"])
    assert found.verdict == "broken"
    assert "no node has the label zoone: nothing is spread over it" in found.to_text()
    assert verify(cluster, invariants=["replicas_spread_over=zone"]).verdict == "holds"
    for key in ("", "-5", "a b", "zone/"):
        with pytest.raises(UnknownInvariantError, match="takes zone, region, node or the key of a label"):
            NAMED["replicas_spread_over"](key)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is no rule in it"),
        ('#: violates(Pod: pod) "{Pod} is bad"\n', "there is no rule in it"),
        (
            '#: violate(Pod: pod) "{Pod} is bad"\nviolate(Pod) <= pod_node(Pod, _)\n',
            "it derives violate; did you mean violates where it says violate?",
        ),
    ],
)
def test_a_rule_file_that_demands_nothing_is_refused(text: str, told: str, tmp_path: Path) -> None:
    """It held whatever happened, without a word."""
    path = tmp_path / "mine.dl"
    path.write_text(text)
    with pytest.raises(UnknownInvariantError, match=re.escape(told)) as error:
        asked(three(), {"survive": "node:1", "invariants": [str(path)]})
    assert f"--invariant {path} demands nothing" in str(error.value)


@pytest.mark.parametrize(
    ("title", "words"), [("#! title: Nobody on n9\n", "Nobody on n9"), ("", "never '{Pod} is on n9'")]
)
def test_a_rule_file_is_told_in_its_own_words(title: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.dl"
    path.write_text(f"{title}#: violates(Pod: pod) \"{{Pod}} is on n9\"\nviolates(Pod) <= pod_node(Pod, 'n9')\n")
    found = asked(three(), {"survive": "node:1", "invariants": [str(path)]})
    assert (found.verdict, found.invariants) == ("holds", (f"{words} ({path})",))
