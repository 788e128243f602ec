"""What an edit changes in who reaches whom, while it is rolled out as well; and that nobody else does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kubelogic.cluster import Cluster
from kubelogic.verbs.load import load
from kubelogic.verbs.reach import reach
from kubelogic.verbs.reach_changes import Change, reach_changes
from kubelogic.verbs.targets import UnknownPodError

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "network"
ASKED = ("any", "shop/db", "5432")


def deployment(name: str, **labels: str) -> dict[str, Any]:
    template = {"metadata": {"labels": {"name": name, **labels}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"name": name}}, "template": template},
    }


def pod(name: str, number: int, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": {"name": name, **labels}},
        "spec": {"nodeName": "oak", "containers": [{"name": "c", "image": "i"}]},
        "status": {"phase": "Running", "podIP": f"10.0.0.{number}"},
    }


def policy(*sources: dict[str, Any], name: str = "db") -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "podSelector": {"matchLabels": {"name": "db"}},
            "ingress": [{"from": list(sources)}] if sources else [],
        },
    }


def role(value: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": {"role": value}}}


def block(cidr: str) -> dict[str, Any]:
    return {"ipBlock": {"cidr": cidr}}


WEB, JOB, DB = deployment("web", role="front"), deployment("job", role="batch"), deployment("db")


PODS = [pod("web", 1, role="front"), pod("job", 2, role="batch"), pod("db", 3)]
"""The same, with addresses: where blocks decide, nothing is known without."""


def told(changes: Sequence[Change]) -> list[tuple[str, str, str]]:
    return [(each.source.removeprefix("Deployment shop/"), each.before, each.after) for each in changes]


@pytest.mark.parametrize(
    ("old", "new", "opened", "shut", "meanwhile"),
    [
        pytest.param([policy(role("front"))], [policy(role("front"))], [], [], [], id="nothing changes"),
        pytest.param(
            [policy(role("front"))],
            [policy(role("front"), role("batch"))],
            [("job", "no", "yes")],
            [],
            [],
            id="a rule more opens",
        ),
        pytest.param(
            [policy(role("front"))],
            [policy(role("batch"))],
            [("job", "no", "yes")],
            [("web", "yes", "no")],
            [],
            id="both",
        ),
        pytest.param(
            [policy(role("front"))],
            [policy(role("front")), deployment("new", role="front")],
            [("new", "none", "yes")],
            [],
            [],
            id="a workload more",
        ),
        pytest.param(
            [policy(role("front")), deployment("old", role="front")],
            [policy(role("front"))],
            [],
            [("old", "yes", "none")],
            [],
            id="a workload less",
        ),
        pytest.param(
            [policy(role("front"))],
            [policy(role("edge")), deployment("web", role="edge")],
            [],
            [],
            [("web", "yes", "yes")],
            id="labels and policy change together: pods of the old template are shut until they are replaced",
        ),
        pytest.param(
            [policy(role("front"))],
            [policy(role("front"), role("edge")), deployment("web", role="edge")],
            [],
            [],
            [("web", "yes", "yes")],
            id="new pods are shut as long as the policy is the old one",
        ),
        pytest.param(
            [policy(role("front"), role("edge"))],
            [policy(role("front"), role("edge")), deployment("web", role="edge")],
            [],
            [],
            [],
            id="a policy that has both labels before the rollout keeps it open",
        ),
        pytest.param(
            [*PODS, policy(role("front"), block("192.0.2.0/24"))],
            [*PODS, policy(role("front"), block("192.0.2.0/25"), block("192.0.2.128/25"))],
            [],
            [],
            [],
            id="a block in two halves",
        ),
        pytest.param(
            [*PODS, policy(role("front"), block("192.0.2.0/24"))],
            [*PODS, policy(role("front"), block("192.0.2.0/25"))],
            [],
            [("outside, 192.0.2.0/24", "yes", "no")],
            [],
            id="half of a block",
        ),
    ],
)
def test_what_an_edit_opens_and_shuts(
    old: list[Any], new: list[Any], opened: list[Any], shut: list[Any], meanwhile: list[Any]
) -> None:
    found = reach_changes(cluster(*old), cluster(*new), ASKED)
    assert (told(found.opened), told(found.shut), told(found.meanwhile)) == (opened, shut, meanwhile)
    assert found.verdict == ("no" if opened or shut or meanwhile else "yes")
    assert not found.unsure


def cluster(*objects: dict[str, Any]) -> Cluster:
    """The three workloads, but for those that are given."""
    names = {each["metadata"]["name"] for each in objects if each["kind"] in ("Deployment", "Pod")}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "oak"}}
    return load([node, *(each for each in (WEB, JOB, DB) if each["metadata"]["name"] not in names), *objects])


def test_a_name_that_is_there_neither_before_nor_after_is_said() -> None:
    with pytest.raises(UnknownPodError, match="shop/bd"):
        reach_changes(cluster(), cluster(), ("any", "shop/bd", ""))


def test_a_target_that_is_new_is_opened_with_the_reasons() -> None:
    old, new = load([WEB]), load([WEB, DB, policy(role("front"))])
    found = reach_changes(old, new, ASKED)
    assert found.before is None
    assert told(found.opened) == [("web", "none", "yes")]
    assert [each.text for each in found.opened[0].reasons] == ["Ingress rule 0 of policy shop/db"]


@pytest.mark.parametrize(
    ("policies", "only", "verdict", "others"),
    [
        ([policy(role("front"))], ["shop/web"], "no", []),
        ([policy(role("front"), role("batch"))], ["shop/web"], "yes", ["Deployment shop/job"]),
        ([policy(role("front"), role("batch"))], ["shop/web", "deploy/shop/job"], "no", []),
        ([*PODS, policy(role("front"), block("192.0.2.0/24"))], ["shop/web"], "yes", ["outside, 192.0.2.0/24"]),
        ([*PODS, policy(role("front"), block("192.0.2.0/24"))], ["shop/web", "192.0.2.0/24"], "no", []),
        ([*PODS, policy(role("front"), block("192.0.2.0/24"))], ["shop/web", "192.0.0.0/16"], "no", []),
        (
            [*PODS, policy(role("front"), block("192.0.2.0/24"))],
            ["shop/web", "192.0.2.0/25"],
            "yes",
            ["outside, 192.0.2.0/24"],
        ),
        (
            [*PODS, policy(role("front"), block("0.0.0.0/0"))],
            ["shop/web", "192.0.2.0/25"],
            "yes",
            ["Pod shop/job", "outside, 0.0.0.0/0"],
        ),
        ([policy()], ["any"], "no", []),
    ],
)
def test_that_nobody_else_does_is_proved(policies: list[Any], only: list[str], verdict: str, others: list[str]) -> None:
    found = reach(cluster(*policies), *ASKED, only=only, settled=False)
    assert found.verdict == verdict
    assert [way.source for way in found.ways if way.verdict == "yes"] == others
    assert found.only == tuple(only)
