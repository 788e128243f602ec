"""Controllers against transcriptions of their algorithms, on random scenarios; ``-m slow`` plays 2,000."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

import pytest
from msgspec.structs import replace

from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.actions import Action, DeletePod, UpdateStatus
from kubelogic.reconcile.engine import reconciler
from kubelogic.reconcile.settle import Ticker
from kubelogic.reconcile.tick import Tick
from tests.differential.compare import KINDS, Compared, Difference
from tests.differential.scenarios import Scenario
from tests.support.lab import Lab, workload

TICKER = reconciler(load_rulebook(), scheduler="kube")
EVENTS = 6


def play(seed: int) -> tuple[list[Difference], Counter[str]]:
    """The differences of one scenario, and how many effects agreed."""
    compared = Compared(TICKER)
    return Scenario(compared, Random(seed)).play(EVENTS), compared.counts


@pytest.mark.parametrize("seed", range(2))
def test_rules_do_what_the_transcriptions_say(seed: int) -> None:
    differences, counts = play(seed)
    assert [str(each) for each in differences] == []
    assert sum(counts.values()) > 0


@pytest.mark.slow
@pytest.mark.parametrize("block", range(40))
def test_rules_do_what_the_transcriptions_say_at_length(block: int) -> None:
    found: list[str] = []
    agreed: Counter[str] = Counter()
    for seed in range(50 * block, 50 * block + 50):
        differences, counts = play(seed)
        agreed += counts
        found += [f"seed {seed}: {each}" for each in differences]
    assert found == []
    assert set(agreed) == set(KINDS), "each controller did something that was compared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetful:
    """A ticker that never does one kind of action."""

    ticker: Ticker
    forgets: type[Action]

    def tick(self, state: State) -> Tick:
        """The tick, without what is forgotten."""
        found = self.ticker.tick(state)
        return replace(found, actions=tuple(each for each in found.actions if not isinstance(each, self.forgets)))

    def due(self, now: int) -> frozenset[int]:
        """As the ticker says."""
        return self.ticker.due(now)


@pytest.mark.parametrize("forgets", [DeletePod, UpdateStatus])
def test_what_rules_leave_out_is_noticed(forgets: type[Action]) -> None:
    lab = Lab(Compared(Forgetful(ticker=TICKER, forgets=forgets)))
    lab.create(workload("ReplicaSet", "web", replicas=2))
    lab.wait(1)
    lab.scale("ReplicaSet", "web", 1)
    lab.wait(1)
    compared = lab.ticker
    assert isinstance(compared, Compared)
    assert {each.kind for each in compared.differences} == {"ReplicaSet"}
