"""Admission: whatever the document, there is an answer; what is accepted is complete, stable and typed."""

from __future__ import annotations

import copy
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubelogic.facts.modules import kinds_read
from kubelogic.kinds.table import fields_of, served
from kubelogic.kinds.validation import Admitter, admit

_SPEC = importlib.util.spec_from_file_location("samples", Path(__file__).with_name("samples.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
SAMPLES: dict[tuple[str, str], dict[str, Any]] = _MODULE.SAMPLES

KINDS = sorted(SAMPLES)
FIXTURES = Path(__file__).parents[2] / "fixtures" / "conformance" / "scheduling"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["", "1", "a/b", "-1", "1Gi", "50%", "None", "Always", "x" * 300, "10.0.0.1", "::1", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(tree: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(place for step, value in steps for place in places(value, (*path, step)))]


def replaced(tree: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.copy(tree)
    changed[path[0]] = replaced(tree[path[0]], path[1:], value)
    return changed


def test_there_is_a_sample_of_every_modelled_kind() -> None:
    assert {kind for _, kind in SAMPLES} >= kinds_read()


@pytest.mark.parametrize("kind", KINDS, ids="/".join)
def test_samples_are_accepted(kind: tuple[str, str]) -> None:
    before = copy.deepcopy(SAMPLES[kind])
    admission = admit(SAMPLES[kind])
    assert admission.problems == ()
    assert SAMPLES[kind] == before, "the input is not changed"


@pytest.mark.parametrize("kind", KINDS, ids="/".join)
def test_what_is_stored_can_be_admitted_again_and_stays_the_same(kind: tuple[str, str]) -> None:
    stored = admit(SAMPLES[kind]).document
    again = admit(stored)
    assert again.problems == ()
    assert again.document == stored


@given(data=st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_value_anywhere_gets_an_answer(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(KINDS))
    sample = SAMPLES[kind]
    path = data.draw(st.sampled_from(places(sample)[1:]))
    if path[0] in ("apiVersion", "kind"):
        return
    document = replaced(sample, path, data.draw(JSON))
    for admission in (admit(document), Admitter().admit(document)):
        for problem in (*admission.problems, *admission.warnings):
            assert problem.message
            assert problem.code.startswith("KL1")
        if not admission.problems:
            json.dumps(admission.document, allow_nan=False)
            assert admit(admission.document).document == admission.document


@given(data=st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_an_unknown_field_is_refused_where_it_stands(data: st.DataObject) -> None:
    """The strict field validation of the API server refuses what it does not know."""
    kind = data.draw(st.sampled_from(KINDS))
    sample = SAMPLES[kind]
    mappings = [path for path in places(sample) if isinstance(_at(sample, path), dict) and _is_typed(sample, path)]
    path = data.draw(st.sampled_from(mappings))
    document = replaced(sample, path, {**_at(sample, path), "wombat": 1})
    assert [(problem.code, problem.path) for problem in admit(document).problems] == [("KL112", (*path, "wombat"))]


def _at(tree: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def _is_typed(sample: dict[str, Any], path: tuple[str | int, ...]) -> bool:
    """Whether the mapping at a path has fixed fields (labels and the like have not)."""
    code = "@" + served()[sample["apiVersion"], sample["kind"]].type
    for step in path:
        if code[0] not in "[{@":
            return False
        code = code[1:] if code[0] in "[{" else fields_of(code[1:])[str(step)]
    return code[0] == "@"


def test_pods_that_are_alike_are_admitted_as_if_alone() -> None:
    admitter = Admitter(namespace="shop")
    for path in sorted(FIXTURES.glob("random-00*.json"))[:20]:
        for pod in (obj for obj in json.loads(path.read_text())["objects"] if obj["kind"] == "Pod"):
            alone = admit(pod, namespace="shop")
            for _ in range(2):
                together = admitter.admit(pod)
                assert together.document == alone.document
                assert together.problems == alone.problems
                assert set(together.warnings) == set(alone.warnings)


def test_pods_are_not_confused() -> None:
    admitter = Admitter()
    pod = SAMPLES["v1", "Pod"]
    first = admitter.admit({**pod, "metadata": {"name": "a", "labels": {"tier": "x"}}})
    second = admitter.admit({**pod, "metadata": {"name": "b", "labels": {"tier": "y"}}, "status": {"phase": "Failed"}})
    third = admitter.admit({**pod, "metadata": {"name": "No!", "labels": {"tier": "y"}}})
    assert first.document["metadata"] == {"name": "a", "namespace": "default", "labels": {"tier": "x"}}
    assert second.document["status"]["phase"] == "Failed"
    term = second.document["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]
    assert {"key": "tier", "operator": "In", "values": ["y"]} in term["labelSelector"]["matchExpressions"]
    assert {problem.code for problem in third.problems} == {"KL123"}
