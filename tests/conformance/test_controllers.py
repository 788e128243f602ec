"""Recorded traces of kube-controller-manager: each settled snapshot and answer must come out the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Rulebook
from kubelogic.reconcile.engine import reconciler
from tests.support.phases import parameters
from tests.support.recorded import Recorded
from tests.support.snapshots import differences
from tests.support.traces import Played, Replay, read_case, recorded_order

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "conformance" / "controllers"

KNOWN: dict[str, str] = {
    "dep-roll-surge1-unavail0": (
        "the recorded run merged two status updates into one, so progress went unnoticed; three other traces of the "
        "same situation did not"
    ),
    "pdb-two-budgets": "events of a pod reach only one of the budgets over it; the count of the other is stale",
}
"""Traces that are known to come out otherwise, and why."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per trace of ``--cases DIR`` (or its folder ``controllers``), else of the fixtures."""
    if "trace" not in metafunc.fixturenames:
        return
    given = metafunc.config.getoption("--cases")
    directory = Path(given) if given else FIXTURES
    if (directory / "controllers").is_dir():
        directory = directory / "controllers"
    found = [path for path in sorted(directory.glob("*.json")) if '"kubelet_rules"' in path.read_text(encoding="utf-8")]
    metafunc.parametrize("trace", [_parameter(path) for path in found])


def _parameter(path: Path) -> Any:
    reason = KNOWN.get(path.stem)
    marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
    return pytest.param(path, id=path.stem, marks=marks)


@lru_cache(maxsize=16)
def rulebook(settings: tuple[tuple[str, int], ...]) -> Rulebook:
    """The built-in rules with the parameters of a recorded control plane."""
    book = load_rulebook()
    known = {fact.row[0] for fact in book.facts if fact.predicate == "parameter"}
    return book.with_facts({"parameter": [row for row in settings if row[0] in known]})


def test_a_trace_comes_out_the_same(trace: Path, record_property: Callable[[str, object], None]) -> None:
    """Every settled snapshot, every answer to a request, and the bounds that rollouts promise."""
    case = read_case(trace)
    book = rulebook(tuple(sorted(parameters(case).items())))
    recorded = Recorded(case)
    replay = Replay(case, reconciler(book, scheduler="kube", choice=recorded), recorded)
    faults: list[str] = []
    for played in replay.play():
        step = case["steps"][played.number - 1] if played.number else {"settled": True}
        checks = {"answers": _wrong_answer(played, step)}
        if step["settled"]:
            checks["snapshots"] = differences(case["settled"][played.number]["state"], played.snapshot)
            checks["order"] = _wrong_order(played, case)
        checks["bounds"] = _broken_bounds(played, case)
        for check, wrong in checks.items():
            record_property("agreement", [case["area"], check, not wrong])
            faults.extend(f"step {played.number}: {line}" for line in wrong)
        if step["settled"] and not case.get("nodes_shared"):
            same = _pods_per_node(case["settled"][played.number]["state"]) == _pods_per_node(played.snapshot.raw)
            record_property("agreement", [case["area"], "placement", same])
    assert not faults, "\n" + "\n".join(faults)


def _pods_per_node(state: Mapping[str, Any]) -> dict[str, list[int]]:
    """How many pods of each owner share a node, in order of size.

    Shown, not asserted: which pod goes first, or is placed first, among equals decides about it.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for pod in (state.get("Pod") or {}).values():
        if pod.get("node") and pod.get("owner") and not pod.get("terminating"):
            counts[pod["owner"]][pod["node"]] += 1
    return {owner: sorted(nodes.values()) for owner, nodes in sorted(counts.items())}


def _wrong_answer(played: Played, step: dict[str, Any]) -> list[str]:
    if played.answer is None:
        return []
    recorded = step["result"]
    wrong = []
    if played.answer.status != recorded["status"]:
        wrong.append(f"answer {played.answer.status} {played.answer.message}, recorded {recorded}")
    elif not played.answer.accepted and played.answer.status != 404:
        said = {
            "reason": played.answer.reason,
            "message": played.answer.message,
            "causes": list(played.answer.causes),
        }
        wrong.extend(
            f"answer's {name} is {value!r}, recorded {recorded.get(name)!r}"
            for name, value in said.items()
            if (recorded.get(name) or type(value)()) != value
        )
    return wrong


def _broken_bounds(played: Played, case: dict[str, Any]) -> list[str]:
    """Bounds of rollouts: the greatest sum of the specs of a Deployment's ReplicaSets is the recorded one.

    Pods of a real cluster can exceed it, or be too few, for a moment that a simulated one does not have: ours are
    never more, and the ready ones never fewer. A Deployment with the strategy Recreate never has pods of two templates.
    """
    recorded: dict[str, dict[str, int]] = next(
        (each["per_owner"] for each in case["invariants"] if each["step"] == played.number), {}
    )
    wrong = []
    for owner, bounds in sorted(recorded.items()):
        ours = played.bounds.get(owner)
        if ours is None:
            continue
        specs = bounds.get("max_sum_of_replicaset_specs")
        if specs is not None and (ours.max_sum_of_replicaset_specs or 0) != specs:
            wrong.append(f"{owner} wants {ours.max_sum_of_replicaset_specs} pods in all, recorded {specs}")
        if ours.min_ready < bounds["min_ready"]:
            wrong.append(f"{owner} has {ours.min_ready} ready pods, recorded {bounds['min_ready']}")
        if ours.max_nonterminating > bounds["max_nonterminating"]:
            wrong.append(f"{owner} has {ours.max_nonterminating} pods, recorded {bounds['max_nonterminating']}")
        if ours.templates > 1:
            wrong.append(f"{owner} has pods of {ours.templates} templates at a time")
    return wrong


def _wrong_order(played: Played, case: dict[str, Any]) -> list[str]:
    """Pods of ordered StatefulSets come and go in the recorded order."""
    wrong = []
    for owner, ours in sorted(played.order.items()):
        recorded = recorded_order(case, played.number, owner)
        if ours != recorded:
            wrong.append(f"{owner}: {', '.join(ours)}; recorded {', '.join(recorded)}")
    return wrong
