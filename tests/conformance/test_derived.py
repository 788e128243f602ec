"""Decisions that were worked out from the source, in the form of the recordings: the same checks, another authority."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import test_devices, test_gangs, test_scheduling, test_scheduling_scores
from tests.support.decisions import Pipeline

DERIVED = Path(__file__).resolve().parents[2] / "fixtures" / "derived"


def _files(part: str) -> list[object]:
    return [pytest.param(path, id=path.stem) for path in sorted((DERIVED / part).glob("*.json"))]


def _plain(area: str, check: str, agrees: bool) -> bool:
    """The agreement alone: the table counts what was recorded."""
    return agrees


@pytest.fixture(scope="module")
def pipelines() -> dict[object, Pipeline]:
    """One for each set of feature gates."""
    return {}


@pytest.mark.parametrize("path", _files("dra"))
def test_devices_as_the_source_has_it(path: Path, pipeline: Pipeline) -> None:
    test_devices.test_nodes_reasons_message_scores_and_devices(path, pipeline, _plain)


@pytest.mark.parametrize("path", _files("gang"))
def test_groups_as_the_source_has_it(path: Path, pipelines: dict[object, Pipeline]) -> None:
    test_gangs.test_fates_of_pods_conditions_of_groups_and_victims(path, pipelines, _plain)


@pytest.mark.parametrize("path", _files("profiles"))
def test_profiles_as_the_source_has_it(path: Path, pipeline: Pipeline) -> None:
    test_scheduling.test_feasible_nodes_reasons_and_message(path, pipeline, _plain)
    test_scheduling_scores.test_scores_and_chosen_node(path, pipeline, _plain)
