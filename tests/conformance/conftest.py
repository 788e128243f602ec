"""Recorded behaviour to compare with: one test per case, and a table of agreement at the end of the run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support.decisions import Pipeline

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "conformance"
REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "agreement.md"
Agreement = Callable[[str, str, bool], bool]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per recorded scheduling case: all for ``decision_file``, those with a pod that got no node for
    ``rejection_file``."""
    if "device_file" in metafunc.fixturenames:
        given = metafunc.config.getoption("--cases")
        files = _device_cases(Path(given) if given else FIXTURES)
        metafunc.parametrize("device_file", [pytest.param(path, id=path.stem) for path in files])
    if "gang_file" in metafunc.fixturenames:
        given = metafunc.config.getoption("--cases")
        files = _gang_cases(Path(given) if given else FIXTURES)
        metafunc.parametrize("gang_file", [pytest.param(path, id=path.stem) for path in files])
    for fixture, mark in (("decision_file", '"outcomes"'), ("rejection_file", '"scheduled": false')):
        if fixture in metafunc.fixturenames:
            given = metafunc.config.getoption("--cases")
            directory = Path(given) if given else FIXTURES
            parts = [directory / name for name in ("scheduling", "profiles") if (directory / name).is_dir()]
            found = [path for part in parts or [directory] for path in sorted(part.glob("*.json"))]
            files = [path for path in found if _is_case(path, mark)]
            metafunc.parametrize(fixture, [pytest.param(path, id=path.stem) for path in files])


def _gang_cases(directory: Path) -> list[Path]:
    """The cases about groups of pods: of a folder named for them, or all that list groups in their outcomes."""
    part = directory / "gang"
    found = sorted((part if part.is_dir() else directory).glob("*.json"))
    return [path for path in found if '"pod_groups"' in path.read_text(encoding="utf-8")]


def _device_cases(directory: Path) -> list[Path]:
    """The cases about devices: of a folder named for them, or all that list slices."""
    part = directory / "dra"
    found = sorted((part if part.is_dir() else directory).glob("*.json"))
    return [path for path in found if _about_devices(path.read_text(encoding="utf-8"))]


def _about_devices(text: str) -> bool:
    return '"outcomes"' in text and '"steps"' not in text and any(f'"{kind}"' in text for kind in _KINDS)


_KINDS = ("ResourceSlice", "DeviceClass", "ResourceClaim", "resourceClaims")


def _is_case(path: Path, mark: str) -> bool:
    """Whether a file has decisions about single pods, and what else is asked for."""
    text = path.read_text(encoding="utf-8")
    return (
        mark in text and '"steps"' not in text and not (_about_devices(text) and "scheduler_configuration" not in text)
    )


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    """Facts and rules that go from one case to the next."""
    return Pipeline()


@pytest.fixture
def agreement(record_property: Callable[[str, object], None]) -> Agreement:
    """Note for the table that some check in some area agreed or not; gives back whether it did."""

    def note(area: str, check: str, agrees: bool) -> bool:
        record_property("agreement", [area, check, agrees])
        return agrees

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many recorded decisions agree, by area and check."""
    counts: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for outcome in ("passed", "failed", "xfailed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, value in getattr(report, "user_properties", ()):
                if name == "agreement" and report.when == "call":
                    area, check, agrees = value
                    counts[area][check][0] += agrees
                    counts[area][check][1] += 1
    if counts:
        terminalreporter.write_sep("-", "agreement with recorded decisions")
    for area in sorted(counts):
        parts = (f"{check} {good}/{total}" for check, (good, total) in sorted(counts[area].items()))
        terminalreporter.write_line(f"{area:20} {', '.join(parts)}")
    options = terminalreporter.config.option
    if counts and options.update_golden and not options.cases:
        REFERENCE.write_text(_page(counts), encoding="utf-8")


def _page(counts: Mapping[str, Mapping[str, list[int]]]) -> str:
    """The table as a page of the documentation."""
    checks = sorted({check for row in counts.values() for check in row})
    lines = [
        "# Agreement with recorded behaviour",
        "",
        "What a real control plane (Kubernetes 1.36) did in the recorded cases of `fixtures/conformance`, and how",
        "often kubelogic says the same, by area. Written by `pytest tests/conformance --update-golden`.",
        "",
        f"| area | {' | '.join(checks)} |",
        f"| --- |{' ---: |' * len(checks)}",
    ]
    for area in sorted(counts):
        cells = (
            f"{counts[area][check][0]}/{counts[area][check][1]}" if check in counts[area] else "" for check in checks
        )
        lines.append(f"| {area} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])
