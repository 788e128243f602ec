"""What plans and checks say of addresses that several pods report, and of ranges that several nodes have."""

from __future__ import annotations

import pytest

from kubelogic.api import check, load, plan

NODE = """---
apiVersion: v1
kind: Node
metadata: {name: %s}
spec: {podCIDR: %s, podCIDRs: [%s]}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
"""
POD = """---
apiVersion: v1
kind: Pod
metadata: {name: %s}
spec: {%s, containers: [{name: app, image: "web:1"}]}
status: {phase: %s, podIP: "%s", podIPs: [%s]}
"""


def nodes(**ranges: str) -> str:
    """Nodes with their ranges, several with a comma between them."""
    listed = {name: [f'"{each}"' for each in text.split(",")] for name, text in ranges.items()}
    return "".join(NODE % (name, found[0], ", ".join(found)) for name, found in listed.items())


def pod(name: str, addresses: str, spec: str = "nodeName: oak", phase: str = "Running") -> str:
    found = addresses.split(",")
    return POD % (name, spec, phase, found[0], ", ".join(f'{{ip: "{each}"}}' for each in found))


def said(text: str) -> list[tuple[str, str, int]]:
    found = plan(load(text)).notices
    return [(each.code, each.message, each.count) for each in found if each.code in ("KL166", "KL167")]


TWO = nodes(oak="10.1.0.0/24", elm="10.1.1.0/24")


@pytest.mark.parametrize(
    ("pods", "words", "count"),
    [
        (
            pod("a", "10.1.0.5") + pod("b", "10.1.0.5", "nodeName: elm"),
            "10.1.0.5: default/a on oak, default/b on elm;",
            2,
        ),
        (
            pod("a", "10.1.0.5") + pod("b", "10.1.0.5", phase="Pending"),
            "10.1.0.5: default/a on oak, default/b on oak;",
            2,
        ),
        ("".join(pod(name, "10.1.0.5") for name in "abcde"), "default/c on oak and 2 more;", 5),
        (pod("a", "10.1.0.5,fd00::5") + pod("b", "10.1.0.6,fd00::5"), "2 pods report the address fd00::5:", 2),
    ],
)
def test_pods_that_report_one_address_are_told(pods: str, words: str, count: int) -> None:
    [(code, message, number)] = said(TWO + pods)
    assert (code, number) == ("KL166", count)
    assert words in message


@pytest.mark.parametrize(
    "other",
    [
        pod("b", "10.1.0.6"),
        pod("b", "10.1.0.5", "nodeName: oak, hostNetwork: true"),
        pod("b", "10.1.0.5", phase="Succeeded"),
        pod("b", "10.1.0.5", phase="Failed"),
    ],
)
def test_pods_of_which_each_has_its_own_are_not(other: str) -> None:
    assert said(TWO + pod("a", "10.1.0.5") + other) == []


@pytest.mark.parametrize(
    ("ranges", "words", "count"),
    [
        (
            {"a": "10.1.0.0/24", "b": "10.1.0.0/24"},
            "node a has the range 10.1.0.0/24 for its pods, and in it is 10.1.0.0/24 of b:",
            2,
        ),
        (
            {"a": "10.1.0.128/25", "b": "10.1.0.0/24"},
            "node b has the range 10.1.0.0/24 for its pods, and in it is 10.1.0.128/25 of a",
            2,
        ),
        (
            {"a": "10.1.1.0/24", "b": "10.1.0.0/16", "c": "10.1.9.0/24", "d": "10.2.0.0/24"},
            "are 10.1.1.0/24 of a, 10.1.9.0/24 of c:",
            3,
        ),
        ({"a": "10.1.0.0/24,fd00::/64", "b": "10.1.1.0/24,fd00::/80"}, "in it is fd00::/80 of b", 2),
    ],
)
def test_ranges_of_nodes_that_overlap_are_told(ranges: dict[str, str], words: str, count: int) -> None:
    [(code, message, number)] = said(nodes(**ranges))
    assert (code, number) == ("KL167", count)
    assert words in message


@pytest.mark.parametrize(
    "ranges",
    [
        {"a": "10.1.0.0/25", "b": "10.1.0.128/25"},
        {"a": "0.0.0.0/24", "b": "::/120"},
        {"a": "10.1.0.0/24,fd00::/64", "b": "10.1.1.0/24,fd00:0:0:1::/64"},
    ],
)
def test_ranges_that_only_touch_are_not(ranges: dict[str, str]) -> None:
    assert said(nodes(**ranges)) == []


def test_after_ten_the_rest_is_counted() -> None:
    pods = "".join(pod(f"{name}{index}", f"10.1.0.{index + 2}") for index in range(12) for name in "ab")
    found = said(TWO + pods)
    assert len(found) == 10
    assert [message.endswith(", and likewise 2 more") for _, message, _ in found] == [False] * 9 + [True]


def test_a_check_warns_of_them_at_their_places() -> None:
    text = nodes(oak="10.1.0.0/24", elm="10.1.0.0/24") + pod("a", "10.1.0.5") + pod("b", "10.1.0.5")
    found = {each.code: each for each in check(load(text)).findings}
    assert (found["KL166"].severity, found["KL166"].kind, found["KL166"].key) == ("warning", "Pod", "default/b")
    assert (found["KL167"].severity, found["KL167"].kind, found["KL167"].key) == ("warning", "Node", "oak")
