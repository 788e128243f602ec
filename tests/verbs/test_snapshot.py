"""The line of kubectl that collects everything: every kind that is read is in it, by a name that kubectl knows."""

from __future__ import annotations

import json

import pytest

from kubelogic.apiserver.intake import KINDS_READ
from kubelogic.cli import main
from kubelogic.kinds.table import NOT_SERVED, served
from kubelogic.verbs.snapshot import command, resources, wanted


def test_every_kind_that_is_read_is_asked_for() -> None:
    asked = [*resources(), *resources(stable=False)]
    files = {kind for (version, kind) in served() if version.rpartition("/")[0] in NOT_SERVED}
    assert {each.kind for each in wanted()} == KINDS_READ - files, "what no API server serves is not asked for"
    assert {each.name for each in wanted()} == set(asked)
    assert {"nodes", "pods", "deployments.apps", "controllerrevisions.apps", "poddisruptionbudgets.policy"} <= set(
        asked
    )
    assert {"horizontalpodautoscalers.autoscaling", "storageclasses.storage.k8s.io", "endpoints"} <= set(asked)
    assert len(set(asked)) == len(asked)


def test_the_line_is_all_that_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snapshot", "--command"]) == 0
    assert capsys.readouterr().out.splitlines() == [command()]
    assert "secrets" not in command(secrets=False).split()[2].split(",")


def test_as_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snapshot", "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["kind"], document["command"]) == ("Snapshot", command())
    assert main(["snapshot"]) == 0
    assert command() in capsys.readouterr().out
