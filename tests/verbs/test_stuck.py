"""Workloads whose controller is stuck, though no pod is pending, get changes that were tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.api import explain_any, load
from kubelogic.cli import main
from kubelogic.verbs.about import WorkloadExplanation
from tests.verbs.test_standing import silent, stateful, well

ROOT = Path(__file__).resolve().parents[2]
SITUATIONS = ROOT / "fixtures" / "situations"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("16-multi-attach", {"run 1 replica"}),
        ("17-quota", {"run 1 replica", "raise requests.cpu to 2100m in ResourceQuota default/team"}),
        (
            "36-default-limit",
            {
                "give it limits as large as its requests: cpu 700m of web",
                "raise the default limit in LimitRange default/usual to cpu 700m",
            },
        ),
    ],
)
def test_what_helps_is_tried(name: str, told: set[str]) -> None:
    found = explain_any(load([SITUATIONS / f"{name}.yaml"]), "deploy/web")
    assert isinstance(found, WorkloadExplanation)
    assert {each.summary for each in found.repairs} == told


def test_two_pods_on_one_node_share_a_disk_where_there_is_room(tmp_path: Path) -> None:
    text = (SITUATIONS / "16-multi-attach.yaml").read_text().replace('cpu: "1"', 'cpu: "4"')
    path = tmp_path / "roomy.yaml"
    path.write_text(text)
    found = explain_any(load([path]), "deploy/web")
    assert isinstance(found, WorkloadExplanation)
    assert [each.summary for each in found.repairs] == [
        "keep its pods on one node, by affinity to each other",
        "run 1 replica",
    ]


def test_a_node_that_is_off_lets_go_of_the_pod_of_a_set() -> None:
    found = explain_any(load([silent("elm"), well("oak"), *stateful()]), "sts/db")
    assert isinstance(found, WorkloadExplanation)
    (repair,) = found.repairs
    assert repair.summary.startswith("declare elm out of service")
    assert repair.owner == "platform"


def test_no_change_is_told_that_does_not_help() -> None:
    """Where the only other node is too small, the pod of the set has no place, whoever ends the old one."""
    small = well("oak")
    small["status"]["allocatable"]["pods"] = "0"
    found = explain_any(load([silent("elm"), small, *stateful()]), "sts/db")
    assert isinstance(found, WorkloadExplanation)
    assert found.unwell
    assert not found.repairs


@pytest.mark.parametrize("name", ["16-multi-attach", "17-quota", "36-default-limit"])
def test_a_plan_leads_to_what_helps(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["plan", f"fixtures/situations/{name}.yaml"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    step = f"kubelogic explain deployment/default/web fixtures/situations/{name}.yaml"
    assert last == f"Next, all about one of them: {step}"
    assert main(step.split()[1:]) == 1
    assert "each was tried" in capsys.readouterr().out
