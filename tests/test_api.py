"""The Python API: what may be loaded, options that are refused at once, results that are values."""

from __future__ import annotations

import html
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kubelogic
from kubelogic import api
from kubelogic.api import Cluster, InputError, Options, Plan, Shown, explain, load, plan, to_dict, to_text
from kubelogic.logic.errors import RuleErrors
from kubelogic.placement.amounts import AmountError
from kubelogic.verbs.resource_names import UnknownResourceError
from kubelogic.verbs.targets import UnknownPodError

NODE = """
apiVersion: v1
kind: Node
metadata: {name: oak, labels: {kubernetes.io/hostname: oak}}
status:
  allocatable: {cpu: "4", memory: 8Gi, pods: "110"}
  conditions: [{type: Ready, status: "True"}]
"""
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 20
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: "web:1", resources: {requests: {cpu: 300m}}}]}
"""


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return load(NODE + "---" + WEB)


@pytest.fixture(scope="module")
def answer(cluster: Cluster) -> Plan:
    return plan(cluster)


def test_one_path_is_one_path(tmp_path: Path) -> None:
    file = tmp_path / "node.yaml"
    file.write_text(NODE, encoding="utf-8")
    assert load(str(file)) == load(file) == load([file]) == load((str(file),)) == load(NODE) == load(iter([tmp_path]))


def test_objects_are_loaded_as_they_are() -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    one, several = load(pod), load([pod, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}])
    assert [str(each) for each in one] == ["Pod default/p"]
    assert [str(each) for each in several] == ["Namespace n", "Pod default/p"]


@pytest.mark.parametrize("wrong", [7, None, b"a: 1", [7], [["a.yaml"]], {"a": {1, 2}}, [object()]])
def test_anything_else_is_a_type_error(wrong: Any) -> None:
    with pytest.raises((TypeError, InputError)):
        load(wrong)


def test_a_name_that_is_not_there_is_said() -> None:
    with pytest.raises(InputError, match="no such file or directory"):
        load("no-such-file.yaml")


@pytest.mark.parametrize(
    "wrong",
    [
        {"scheduler": "kub"},
        {"scheduler": None},
        {"timeout": "3"},
        {"timeout": -1},
        {"timeout": 0},
        {"timeout": True},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"horizon": "soon"},
        {"horizon": 1.5},
        {"horizon": -1},
        {"rules": "rules"},
        {"rules": [3]},
        {"parameters": [("a", 1)]},
        {"clock": 5},
        {"progress": "yes"},
        {"unheard_of": 1},
    ],
    ids=repr,
)
def test_options_that_mean_nothing_are_refused_where_they_are_made(wrong: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        Options(**wrong)


def test_results_print_in_a_line(cluster: Cluster, answer: Plan) -> None:
    assert repr(answer).startswith("<Plan: 13 placed, 7 pending; settled after ")
    assert repr(cluster) == "<Cluster Deployment: 1, Node: 1>"
    pending = explain(cluster, answer.pending[0].pod)
    assert repr(pending).startswith(f"<Explanation of {pending.pod}: ")
    assert max(len(repr(each)) for each in (answer, cluster, pending)) < 200


def test_results_are_equal_when_they_were_pickled(cluster: Cluster, answer: Plan) -> None:
    assert pickle.loads(pickle.dumps(answer)) == answer
    assert pickle.loads(pickle.dumps(cluster)) == cluster
    assert plan(cluster) == answer
    assert plan(load(NODE)) != answer


def test_clusters_that_differ_are_not_equal(cluster: Cluster) -> None:
    assert load(NODE) != load(NODE.replace('"4"', '"5"'))
    assert load(NODE) != cluster
    assert len({load(NODE), load(NODE), cluster}) == 2


def test_results_have_their_documents_and_texts(answer: Plan) -> None:
    assert to_dict(answer)["kind"] == "Plan"
    assert len(to_dict(answer)["placements"]) == 13
    assert "7" in to_text(answer)


def test_the_package_has_the_verbs_itself(cluster: Cluster, answer: Plan) -> None:
    assert kubelogic.plan(kubelogic.load(NODE + "---" + WEB)) == answer
    assert kubelogic.explain(cluster, "default/web").owner == "Deployment default/web"  # type: ignore[operator]
    assert kubelogic.explain.__name__ == "kubelogic.explain"
    with pytest.raises(AttributeError, match="no attribute 'plans'"):
        _ = kubelogic.plans


def test_all_that_the_package_names_is_in_the_api() -> None:
    assert {*kubelogic._NAMES, *kubelogic._PACKAGES} == {*api.__all__}
    assert all(getattr(kubelogic, name) is getattr(api, name) for name in kubelogic._NAMES)


QUESTIONS: dict[str, Callable[[Cluster], Shown]] = {
    "explain": lambda cluster: explain(cluster, "default/web"),
    "workload": lambda cluster: api.explain_any(cluster, "deploy/web", Options()),
    "node": lambda cluster: api.explain_any(cluster, "node/oak", Options()),
    "simulate": lambda cluster: api.simulate(cluster, [{"at": "30s", "fail": "oak"}]),
    "capacity": lambda cluster: api.capacity(cluster, None),
    "check": api.check,
    "diff": lambda cluster: api.diff(cluster, load(NODE)),
    "query": lambda cluster: api.query(cluster, "node(Node)"),
    "why": lambda cluster: api.why(cluster, "node('oak')"),
    "why not": lambda cluster: api.why(cluster, "node('elm')"),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_result_is_a_value_that_can_be_shown(cluster: Cluster, answer: Plan, question: str) -> None:
    result = QUESTIONS[question](cluster)
    assert len(repr(result)) < 150
    assert "\n" not in repr(result)
    assert json.loads(json.dumps(result.to_dict())) == result.to_dict() == to_dict(result)
    assert result.to_text() == to_text(result)
    assert html.escape(repr(result)) in result._repr_html_()
    assert pickle.loads(pickle.dumps(result)) == result
    assert result != answer
    assert len({result, pickle.loads(pickle.dumps(result)), answer}) == 2


def test_an_open_file_is_no_source(tmp_path: Path) -> None:
    file = tmp_path / "node.yaml"
    file.write_text(NODE, encoding="utf-8")
    with file.open(encoding="utf-8") as opened, pytest.raises(TypeError, match="paths, text and mappings, not"):
        load(opened)


@pytest.mark.parametrize("wrong", [7, b"web", object(), {"kind": "Pod"}])
def test_what_names_no_pod_and_is_no_pod_is_refused(cluster: Cluster, wrong: Any) -> None:
    with pytest.raises(TypeError, match="a pod is named by a text"):
        explain(cluster, wrong)
    with pytest.raises((TypeError, InputError), match=r"a pod is an object|no apiVersion"):
        api.capacity(cluster, wrong)


C = object()
"""Stands for the cluster."""


@pytest.mark.parametrize(
    ("call", "given", "more", "words"),
    [
        (load, [NODE], {"nodes": "3:4cpu:8Gi"}, "nodes is several paths"),
        (load, [NODE], {"nodes": 3}, "nodes is several paths"),
        (load, [NODE], {"keep_going": "no"}, "keep_going is True or False"),
        (load, [NODE], {"default_storage_class": 5}, "default_storage_class is text"),
        (load, [C], {}, "a Cluster is loaded already"),
        (api.simulate, [C, [], 5], {}, "how is a SimulationOptions"),
        (api.simulate, [C, [], []], {}, "how is a SimulationOptions"),
        (api.SimulationOptions, [], {"options": None}, "options is an Options"),
        (api.SimulationOptions, [], {"max_ticks": "many"}, "max_ticks is a whole number"),
        (api.SimulationOptions, [], {"start": "now"}, "start is a whole number from 0 on, or None"),
        (api.SimulationOptions, [], {"progress": 1}, "progress is a function"),
        (api.check, [C, Options(), None], {}, "how is a CheckOptions"),
        (api.check, [C], {"base": 5}, "a cluster is what"),
        (api.CheckOptions, [], {"select": "KL1"}, "select is several texts"),
        (api.CheckOptions, [], {"exists": [3]}, "exists is several texts"),
        (api.CheckOptions, [], {"fail_on": "never ever"}, "fail_on is error, warning, note or never"),
        (api.diff, [C, C, {}], {}, "options are an Options"),
        (api.query, [C, "node(N)"], {"rules": "rules"}, "rules is a sequence"),
        (api.query, [C, "node(N)"], {"parameters": 5}, "parameters is a mapping"),
        (api.query, [C, "node(N)"], {"engine": "prolog"}, "engine is compiled or pydatalog, not 'prolog'"),
        (api.query, [C, "node(N)"], {"settled": 1}, "settled is True or False"),
        (api.why, [C, "node(N)"], {"limit": -1}, "limit is a whole number from 0 on"),
        (api.scenario, [[], 5], {}, "cluster is what load"),
        (api.scenario, [[]], {"namespace": 5}, "namespace is text"),
        (api.explain_any, [C, 5], {}, "an object is named by a text"),
        (api.capacity, [C, None], {"replicas": "2"}, "replicas is a whole number"),
        (api.verify, [C], {"any_order": 1}, "any_order is True or False"),
        (api.verify, [C], {"invariants": [5]}, "invariants is a sequence of names"),
        (Options, [], {"deadline": "soon"}, "deadline is a moment"),
        (Options, [], {"parameters": {5: 1}}, "the names of parameters are texts"),
    ],
)
def test_arguments_of_other_types_are_refused_in_words(
    cluster: Cluster, call: Callable[..., object], given: list[object], more: dict[str, Any], words: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        call(*(cluster if each is C else each for each in given), **more)


def test_objects_of_a_cluster_are_loaded_already(cluster: Cluster) -> None:
    with pytest.raises(TypeError, match="Deployment default/web is loaded already"):
        load(list(cluster))  # type: ignore[arg-type]


def test_rules_may_be_named_by_texts() -> None:
    assert Options(rules=["own"]).rules == (Path("own"),)  # type: ignore[list-item]


def test_what_kubectl_printed_is_loaded_as_it_comes() -> None:
    document = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "oak"}}
    assert load(NODE.encode()) == load(NODE)
    assert load(json.dumps(document)) == load(json.dumps(document).encode()) == load(document)


def test_a_session_has_all_verbs(cluster: Cluster) -> None:
    session, steps = api.Session(), [{"at": "1m", "scale": {"name": "web", "replicas": 1}}]
    assert session.verify(cluster, invariants=["budget_respected"]) == api.verify(
        cluster, invariants=["budget_respected"]
    )
    assert session.simulate(cluster, steps) == api.simulate(cluster, steps)


def test_the_pod_of_capacity_may_be_a_manifest(cluster: Cluster) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}]},
    }
    assert api.capacity(load(NODE), pod, minimize=False).optimal == 4


STEPS = [{"at": "1m", "drain": "oak"}, {"at": "30s", "scale": {"name": "web", "replicas": 3}}]


def test_a_scenario_is_a_path_text_or_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "steps.json"
    file.write_text(json.dumps(STEPS), encoding="utf-8")
    found = api.scenario(STEPS)
    assert [each.at for each in found.events] == [30_000, 60_000]
    assert found == api.scenario(file) == api.scenario(str(file)) == api.scenario(found)
    assert found == api.scenario(json.dumps(STEPS, indent=1)) == api.scenario({"steps": STEPS})


@pytest.mark.parametrize("wrong", [7, None, b"- at: 1", {1, 2}, [{"at": object()}]])
def test_anything_else_is_no_scenario(wrong: Any) -> None:
    with pytest.raises(TypeError):
        api.scenario(wrong)


def test_steps_that_mean_nothing_are_refused_with_their_places(cluster: Cluster) -> None:
    with pytest.raises(InputError, match="unknown operation"):
        api.simulate(cluster, [{"at": 1, "explode": "oak"}])


def test_the_verbs_print_nothing(cluster: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    for question in ("explain", "query", "capacity"):
        QUESTIONS[question](cluster)
    assert capfd.readouterr() == ("", "")


def test_what_is_no_result_is_refused() -> None:
    for ask in (to_dict, to_text):
        with pytest.raises(TypeError, match="is needed, not 5"):
            ask(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "ask",
    [
        lambda: kubelogic.load("apiVersion: v1\nkind: Pod\nmetadata: {nme: x}\n"),
        lambda: kubelogic.explain(kubelogic.load("fixtures/two-spreads"), "nobody"),
        lambda: kubelogic.api.explain_any(kubelogic.load("fixtures/two-spreads"), "node/nobody"),
        lambda: kubelogic.verify(kubelogic.load("fixtures/two-spreads"), during_rollout="deploy/nobody"),
        lambda: kubelogic.verify(kubelogic.load("fixtures/two-spreads"), survive="moon:1"),
        lambda: kubelogic.query(kubelogic.load("fixtures/two-spreads"), "nothing(X)"),
        lambda: kubelogic.plan(kubelogic.load("fixtures/two-spreads"), kubelogic.Options(parameters={"no_such": 1})),
    ],
)
def test_errors_can_be_pickled(ask: Callable[[], object]) -> None:
    """A pool of processes pickles what a worker raises, and breaks if that does not come back."""
    with pytest.raises((ValueError, LookupError, InputError, RuleErrors)) as caught:
        ask()
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (type(caught.value), str(caught.value))


def test_every_error_is_made_of_its_own_arguments() -> None:
    for error in (
        UnknownResourceError("pod", ("pods",)),
        AmountError("cpu", 5),
        UnknownPodError("a", ("b",), note="!"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert (str(again), again.__dict__) == (str(error), error.__dict__)
