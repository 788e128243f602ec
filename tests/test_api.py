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
    assert {*kubelogic._NAMES, *kubelogic._PACKAGES} <= {*api.__all__}
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


def test_an_open_file_is_no_source(tmp_path: Path) -> None:
    file = tmp_path / "node.yaml"
    file.write_text(NODE, encoding="utf-8")
    with file.open(encoding="utf-8") as opened, pytest.raises(TypeError, match="paths, text and mappings, not"):
        load(opened)


@pytest.mark.parametrize("wrong", [7, b"web", object(), {"kind": "Pod"}])
def test_what_names_no_pod_and_is_no_pod_is_refused(cluster: Cluster, wrong: Any) -> None:
    with pytest.raises(TypeError, match="a pod is named by a text"):
        explain(cluster, wrong)
    with pytest.raises(TypeError, match="a pod is an object"):
        api.capacity(cluster, wrong)


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
