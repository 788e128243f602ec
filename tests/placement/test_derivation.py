"""Derivations about counts: right by brute force, and short where the case is."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from kubelogic.placement.counts import Place, counts_of
from kubelogic.placement.derivation import derive
from kubelogic.placement.problem import Affinity, Node, Pod, Problem, Reach, Shape, Spread

_ALL = Reach(node_classes=frozenset({"c"}))


def _problem(zones: str, wanted: int, *, rules: dict[str, int], cpu: tuple[int, ...] = (), apart: str = "") -> Problem:
    """One node per letter of ``zones``, pods of one shape, a spread over each key of ``rules`` with its skew."""
    return Problem(
        nodes=tuple(
            Node(
                name=f"n{i + 1}",
                node_class="c",
                allocatable={"cpu": cpu[i] if cpu else 100},
                topology={"host": f"n{i + 1}", "zone": zone},
            )
            for i, zone in enumerate(zones)
        ),
        shapes=(Shape(name="web", requests={"cpu": 1}),),
        pods=tuple(Pod(name=f"p{i}", shape="web", order=i) for i in range(wanted)),
        allowed={"web": _ALL},
        spreads=tuple(
            Spread(owner="web", key=key, max_skew=skew, matches=frozenset({"web"}), eligible=_ALL)
            for key, skew in rules.items()
        ),
        affinities=(Affinity(owner="web", key=apart, matches=frozenset({"web"}), anti=True),) if apart else (),
    )


def test_two_spreads_strand_the_sixth_pod_in_two_steps() -> None:
    found = derive(_problem("aab", 6, rules={"zone": 1, "host": 1}), "web", 6)
    assert found is not None
    assert (found.reachable, found.legal) == (5, None)
    total, least, most = found.steps
    assert total.reason == "total"
    assert (least.place, least.low, least.key, least.domain) == (Place(name="n3"), 3, "zone", "b")
    assert (most.place, most.high, most.key) == (Place(name="n3"), 2, "host")


def test_seven_could_be_and_cannot_be_reached() -> None:
    found = derive(_problem("aab", 7, rules={"zone": 1, "host": 1}), "web", 7)
    assert found is not None
    assert found.steps == ()
    assert found.legal == {"n1": 2, "n2": 2, "n3": 3}
    assert found.reachable == 5


def test_five_need_no_derivation() -> None:
    assert derive(_problem("aab", 5, rules={"zone": 1, "host": 1}), "web", 5) is None


@pytest.mark.parametrize("seed", range(60))
def test_brute_force_agrees(seed: int) -> None:
    """What is refuted has no legal state, what is called legal is one, and the reachable number is that of a search."""
    random = Random(seed)
    zones = "".join(random.choice("abc") for _ in range(random.randint(1, 4)))
    wanted = random.randint(1, 6)
    rules = {key: random.randint(1, 2) for key in ("zone", "host") if random.random() < 0.7}
    problem = _problem(
        zones,
        wanted,
        rules=rules,
        cpu=tuple(random.randint(0, 3) for _ in zones),
        apart=random.choice(("", "", "zone", "host")),
    )
    states = [state for state in itertools.product(range(wanted + 1), repeat=len(zones)) if _legal(problem, state)]
    possible = any(sum(state) == wanted for state in states)
    found = derive(problem, "web", wanted)
    if found is None:
        assert possible or not rules
        return
    assert not (found.steps and possible)
    if found.legal is not None:
        assert tuple(found.legal[node.name] for node in problem.nodes) in states
    counts = counts_of(problem, "web")
    assert counts is not None
    assert found.reachable == _search(problem, wanted)


def _legal(problem: Problem, state: tuple[int, ...]) -> bool:
    if any(count > node.allocatable["cpu"] for count, node in zip(state, problem.nodes, strict=True)):
        return False
    for rule in (*problem.spreads, *problem.affinities):
        totals = _totals(problem, state, rule.key)
        if isinstance(rule, Affinity):
            if any(total > 1 for total in totals.values()):
                return False
        elif max(totals.values()) - min(totals.values()) > rule.max_skew:
            return False
    return True


def _totals(problem: Problem, state: tuple[int, ...], key: str) -> dict[str, int]:
    totals: dict[str, int] = {}
    for count, node in zip(state, problem.nodes, strict=True):
        totals[node.topology[key]] = totals.get(node.topology[key], 0) + count
    return totals


def _search(problem: Problem, wanted: int) -> int:
    """The most pods at one time by trying every order."""
    seen, todo = {(0,) * len(problem.nodes)}, [(0,) * len(problem.nodes)]
    while todo:
        state = todo.pop()
        for n, node in enumerate(problem.nodes):
            more = (*state[:n], state[n] + 1, *state[n + 1 :])
            fits = sum(more) <= wanted and more[n] <= node.allocatable["cpu"]
            for rule in problem.spreads:
                before = _totals(problem, state, rule.key)
                fits = fits and before[node.topology[rule.key]] + 1 - min(before.values()) <= rule.max_skew
            for rule in problem.affinities:
                fits = fits and _totals(problem, state, rule.key)[node.topology[rule.key]] == 0
            less = (*state[:n], state[n] - 1, *state[n + 1 :])
            for other, may in ((more, fits), (less, state[n] > 0)):
                if may and other not in seen:
                    seen.add(other)
                    todo.append(other)
    return max(map(sum, seen))
