"""The ttl controller: how long kubelets may keep things follows the number of nodes, with steps that overlap."""

from __future__ import annotations

import pytest

from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Evaluation
from kubelogic.reconcile.functions import FUNCTIONS

EVALUATION = Evaluation(load_rulebook(parameters={"ttl_controller": 1}), FUNCTIONS, goals=["ttl_step", "ttl_wanted"])


@pytest.mark.parametrize(
    ("nodes", "before", "step", "seconds"),
    [
        (1, None, 0, "0"),
        (100, None, 0, "0"),
        (101, None, 1, "15"),
        (101, 0, 1, "15"),
        (95, 1, 1, "15"),  # within the bounds of the step before
        (95, 0, 0, "0"),
        (89, 1, 0, "0"),
        (700, 0, 2, "30"),  # several steps at once
        (95, 4, 1, "15"),  # and down: the first that allows so few
        (2500, None, 4, "300"),
        (10_001, 4, 5, "600"),
    ],
)
def test_the_step_follows_the_number_of_nodes(nodes: int, before: int | None, step: int, seconds: str) -> None:
    facts = {
        "node": [(f"n{number}",) for number in range(nodes)],
        "memory": [] if before is None else [("ttl step", "nodes", before)],
    }
    EVALUATION.update(facts)
    found = sorted(EVALUATION.rows("ttl_step")), sorted(EVALUATION.rows("ttl_wanted"))
    EVALUATION.update(None, facts)
    assert found == ([(step,)], [(seconds,)])
