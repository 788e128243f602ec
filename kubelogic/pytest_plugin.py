"""The pytest plugin: fixtures, a marker, and files of expectations as tests. It is found by its entry point.

It imports nothing of kubelogic before something of it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kubelogic.api import Cluster, Plan, Session
    from kubelogic.testing.expectations import Expectation, Expectations

_ENDINGS = (".expect.yaml", ".expect.yml")
_KNOWN = frozenset({"namespace", "nodes"})
_MARKER = "kubelogic(*paths, namespace='default', nodes=()): the manifests of kubelogic_cluster and kubelogic_plan"


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture(scope="session")
def kubelogic_session() -> Session:
    """A ``kubelogic.Session`` for all tests of the run."""
    from kubelogic.api import Session

    return Session()


@pytest.fixture
def kubelogic_cluster(request: pytest.FixtureRequest) -> Cluster:
    """The cluster of the manifests that ``@pytest.mark.kubelogic(path, ...)`` names, from where the test file is."""
    from kubelogic.api import load

    marker = request.node.get_closest_marker("kubelogic")
    if marker is None or not marker.args:
        raise pytest.UsageError(f"{request.node.nodeid}: mark it with @pytest.mark.kubelogic(path, ...)")
    unknown = sorted({*marker.kwargs} - _KNOWN)
    if unknown:
        known = ", ".join(sorted(_KNOWN))
        raise pytest.UsageError(f"{request.node.nodeid}: the marker takes paths, {known}, not {', '.join(unknown)}")
    paths = [str(request.path.parent / path) for path in marker.args]
    return load(paths, **marker.kwargs)


@pytest.fixture
def kubelogic_plan(kubelogic_session: Session, kubelogic_cluster: Cluster) -> Plan:
    """The plan of ``kubelogic_cluster``."""
    return kubelogic_session.plan(kubelogic_cluster)


def pytest_collect_file(parent: pytest.Collector, file_path: Path) -> pytest.Collector | None:
    """Collect files of expectations."""
    if file_path.name.endswith(_ENDINGS):
        collected: pytest.Collector = ExpectationFile.from_parent(parent, path=file_path)
        return collected
    return None


class ExpectationFile(pytest.File):
    """A file of expectations: one test for each line."""

    _found: Expectations | None = None
    _plan: Plan | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """The tests."""
        from kubelogic.testing.expectations import read_expectations
        from kubelogic.text import InputError

        try:
            self._found = read_expectations(self.path)
        except InputError as error:
            raise self.CollectError(str(error)) from None
        for each in self._found.expected:
            yield ExpectationItem.from_parent(self, name=each.name, expectation=each)

    def plan(self) -> Plan:
        """The plan that the lines are about, made once."""
        if self._plan is None:
            assert self._found is not None
            self._plan = self._found.plan()
        return self._plan


class ExpectationError(AssertionError):
    """Something else becomes of a pod."""


class ExpectationItem(pytest.Item):
    """One line of a file of expectations."""

    def __init__(self, *, expectation: Expectation, **rest: Any) -> None:
        super().__init__(**rest)
        self.expectation = expectation

    def runtest(self) -> None:
        """Compare."""
        assert isinstance(self.parent, ExpectationFile)
        broken = self.expectation.broken(self.parent.plan())
        if broken:
            raise ExpectationError(f"{self.expectation.name} is expected to be: {self.expectation.says}\n{broken}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The words of the failure, without a traceback."""
        from kubelogic.logic.errors import RuleErrors
        from kubelogic.text import InputError

        if isinstance(excinfo.value, ExpectationError | InputError | RuleErrors):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        return self.path, 0, f"{self.path.name}: {self.name}"
