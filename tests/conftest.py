"""Options of the test suite, and the directories they name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Machines that are shared are slow at times; that is no property of the code.
# The suite draws the same examples each time; `--hypothesis-profile random` draws others.
_SLOW_MACHINES = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("shared", derandomize=True, **_SLOW_MACHINES)
settings.register_profile("random", **_SLOW_MACHINES)
settings.load_profile("shared")

# Reports are as wide as the terminal says; tests that are about that say how wide it is.
os.environ.pop("COLUMNS", None)
# What is kept between runs lies in the checkout, not in a person's home.
os.environ.setdefault("KUBELOGIC_CACHE_DIR", str(Path(__file__).parent.parent / ".pytest_cache" / "kubelogic"))


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("kubelogic")
    group.addoption("--corpus", metavar="DIR", help="real and broken manifests to read; their tests skip without it")
    group.addoption(
        "--cases", metavar="DIR", help="recorded behaviour to compare with, instead of fixtures/conformance"
    )
    group.addoption("--update-golden", action="store_true", help="write what is printed now as what is expected")


def pytest_itemcollected(item: pytest.Item) -> None:
    """What reads ``--corpus`` is marked, so that it can be run by itself once everything else was."""
    if {"corpus", "broken_file", "manifest_file"} & set(getattr(item, "fixturenames", ())):
        item.add_marker("corpus")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per file of the corpus, for tests that take ``broken_file`` or ``manifest_file``.

    The attribute ``differences`` of a test function names files for which it is known to fail, and why.
    """
    for fixture, folder in (("broken_file", "broken"), ("manifest_file", "manifests")):
        if fixture not in metafunc.fixturenames:
            continue
        corpus = metafunc.config.getoption("--corpus")
        if not corpus:
            reason = pytest.mark.skip(reason="needs --corpus DIR")
            metafunc.parametrize(fixture, [pytest.param(None, marks=reason, id="no-corpus")])
            continue
        root = Path(corpus) / folder
        files = sorted(path for path in root.rglob("*") if path.suffix in (".yaml", ".yml", ".json"))
        names = {str(path.relative_to(root)): path for path in files if path.name != "expected.json"}
        known = getattr(metafunc.function, "differences", {})
        metafunc.parametrize(fixture, [_file(name, path, known.get(name)) for name, path in names.items()])


def _file(name: str, path: Path, difference: str | None) -> Any:
    """The parameter for a file; ``difference`` says why its test is known to fail."""
    marks = [pytest.mark.xfail(strict=True, reason=difference)] if difference else []
    return pytest.param(path, id=name, marks=marks)


@pytest.fixture
def corpus(request: pytest.FixtureRequest) -> Path:
    """The directory of ``--corpus``."""
    directory = request.config.getoption("--corpus")
    if not directory:
        pytest.skip("needs --corpus DIR")
    return Path(directory)


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written."""
    return bool(request.config.getoption("--update-golden"))
