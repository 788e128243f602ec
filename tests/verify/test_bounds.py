"""Bounds on room: never more than what every order and every choice of nodes allows, and equal to what runs show."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelogic.api import Options, load, verify
from kubelogic.verify import bounds as bounds_module
from kubelogic.verify.cases import number_of_cases, survival
from kubelogic.verify.room import Room

Document = dict[str, Any]


def room_of(
    free: Mapping[str, Mapping[str, int]], needs: Mapping[str, Any], moving: Mapping[str, Any], **more: Any
) -> Room:
    nodes = sorted(free)
    plain = {
        "owners": {node: frozenset(each) for node, each in moving.items()},
        "fixed": frozenset(),
        "served": (),
        "zones": dict.fromkeys(nodes, ""),
        "ready": {},
        "shapes": {},
    }
    reach = more.pop("reach", dict.fromkeys(needs, nodes))
    return Room(free=free, needs=needs, moving=moving, reach=reach, **{**plain, **more})


def strands(room: Room, lost: str) -> bool:
    """Whether some order and some choices leave a pod without a node: all of them are gone through."""
    start = {node: dict(room.free[node]) for node in room.free if node != lost}
    seen: set[object] = set()
    stack = [(start, Counter(room.moving.get(lost, {})))]
    while stack:
        free, left = stack.pop()
        for shape in sorted(left):
            if not left[shape]:
                continue
            needs = room.needs[shape]
            fits = [
                node
                for node in room.reach[shape]
                if node in free and all(free[node].get(r, 0) >= amount for r, amount in needs.items())
            ]
            if not fits:
                return True
            for node in fits:
                less = {r: free[node].get(r, 0) - needs.get(r, 0) for r in {*free[node], *needs}}
                after = {**free, node: less}
                rest = left - Counter([shape])
                mark = repr((sorted((n, sorted(a.items())) for n, a in after.items()), sorted(rest.items())))
                if mark not in seen:
                    seen.add(mark)
                    stack.append((after, rest))
    return False


AMOUNTS = st.fixed_dictionaries({"cpu": st.integers(0, 5), "memory": st.integers(0, 5)})
NEEDS = st.fixed_dictionaries({"cpu": st.integers(0, 3), "memory": st.integers(0, 3)})


@settings(max_examples=300)
@given(
    st.lists(AMOUNTS, min_size=2, max_size=5),
    st.lists(NEEDS, min_size=1, max_size=3),
    st.lists(st.integers(0, 2), max_size=4),
    st.sets(st.integers(1, 4)),
)
def test_what_is_proved_holds_in_every_order(
    free: list[dict[str, int]], needs: list[dict[str, int]], pods: list[int], narrow: set[int]
) -> None:
    """The first node fails; the first shape may use only some of the others."""
    nodes = {f"n{i}": each for i, each in enumerate(free)}
    shapes = {f"s{i}": each for i, each in enumerate(needs)}
    moving = {"n0": Counter(f"s{i % len(needs)}" for i in pods)}
    reach = {name: sorted(nodes) for name in shapes}
    if narrow:
        reach["s0"] = sorted(f"n{i}" for i in narrow if i < len(nodes))
    found = room_of(nodes, shapes, moving, reach=reach)
    proved = found.is_enough(("n0",), list(shapes))
    assert not (proved and strands(found, "n0"))
    at_once = found.tight(1)
    assert not (not at_once and strands(found, "n0"))


def test_room_is_proved_where_there_is_plenty() -> None:
    free = {f"n{i}": {"cpu": 4} for i in range(6)}
    found = room_of(free, {"s": {"cpu": 2}}, {"n0": {"s": 2}, "n1": {"s": 2}})
    assert found.tight(1) == frozenset()
    assert found.is_enough(("n0", "n1"), ["s"])
    narrow = room_of(free, {"s": {"cpu": 2}}, {"n0": {"s": 2}}, reach={"s": ["n0", "n1"]})
    assert narrow.is_enough(("n0",), ["s"])  # the other one takes both
    assert not narrow.is_enough(("n0", "n1"), ["s"])  # nowhere to go


@pytest.mark.parametrize(
    ("lost", "kept"),
    [(1, True), (2, True), (3, True), (6, False), (7, False), (8, False), (10, True), (20, False)],
)
def test_evictions_slow_down_where_much_of_a_zone_is_lost(lost: int, kept: bool) -> None:
    """node-lifecycle-controller: 55 % of a zone and more than two nodes; a whole zone goes at the usual pace, a whole
    cluster not at all.
    """
    nodes = {f"n{i:02}": {"cpu": 1} for i in range(20)}
    found = room_of(nodes, {}, {}, zones={name: "ab"[i >= 10] for i, name in enumerate(sorted(nodes))})
    assert found.evicts_at_pace(sorted(nodes)[:lost]) == kept


def node(number: int, cpu: int, zone: str) -> Document:
    marks = {"kubernetes.io/hostname": f"n{number}", "topology.kubernetes.io/zone": zone}
    status = {"allocatable": {"cpu": str(cpu), "memory": "8Gi", "pods": "20"}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"n{number}", "labels": marks}, "status": status}


def deployment(name: str, replicas: int, cpu: str, **spec: Any) -> Document:
    pod = {"containers": [{"name": "app", "image": f"{name}:1", "resources": {"requests": {"cpu": cpu}}}], **spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        },
    }


def apart(app: str, key: str = "kubernetes.io/hostname", kind: str = "podAntiAffinity") -> Document:
    term = {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}}
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


def even(app: str, key: str = "topology.kubernetes.io/zone", **more: Any) -> Document:
    one = {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", **more}
    return {"topologySpreadConstraints": [{**one, "labelSelector": {"matchLabels": {"app": app}}}]}


def port(app: str) -> Document:
    return {"containers": [{"name": "app", "image": f"{app}:1", "ports": [{"containerPort": 80, "hostPort": 80}]}]}


def cluster(seed: int, *, rules: bool = False) -> list[Document]:
    """Some nodes and Deployments; with ``rules`` between their pods."""
    draw = random.Random(seed)
    most = 7 if rules else 5
    nodes = [node(i, draw.choice([2, 3, 4]), "ab"[i % 2]) for i in range(draw.randint(3, most))]
    zone = {"nodeSelector": {"topology.kubernetes.io/zone": "a"}}
    made = []
    for i in range(draw.randint(1, 3)):
        specs = [{}, {}, zone]
        if rules:
            app, other, key = f"d{i}", f"d{draw.randint(0, 2)}", "topology.kubernetes.io/zone"
            specs = [
                *(apart(app), apart(app, key), apart(other), apart("d0", kind="podAffinity"), port(app)),
                *(even(app), even(app, nodeTaintsPolicy="Honor"), even(app, "kubernetes.io/hostname")),
                *(even(other), even(app, minDomains=3), even(app, maxSkew=2), {**even(app), **apart(app)}, {}),
            ]
        made.append(deployment(f"d{i}", draw.randint(1, 4), draw.choice(["500m", "1", "1500m"]), **draw.choice(specs)))
    service = {"selector": {"app": "d0"}, "ports": [{"port": 80}]}
    return [*nodes, *made, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "d0"}, "spec": service}]


def agrees(seed: int, monkeypatch: pytest.MonkeyPatch, *, rules: bool = False) -> tuple[bool, str]:
    """Whether bounds were of use; every verdict is that of the runs alone."""
    given_cluster = load(cluster(seed, rules=rules))
    survive = ("node:1", "node:2", "zone:1")[seed % 3]
    options = Options(scheduler=("optimal", "kube")[seed % 2])
    monkeypatch.setattr(bounds_module, "_WORTH", 10_000)
    run = verify(given_cluster, options, survive=survive)
    monkeypatch.setattr(bounds_module, "_WORTH", 0)
    found = verify(given_cluster, options, survive=survive)
    assert (found.verdict, found.scope if found.verdict == "holds" else "") == (
        run.verdict,
        run.scope if run.verdict == "holds" else "",
    )
    if run.counterexample is not None and found.counterexample is not None:
        assert found.counterexample.violations == run.counterexample.violations
    words = "spreads, affinity and host ports allow" if rules else "bounds on room"
    return any(words in each for each in found.proved), found.verdict


def test_bounds_and_runs_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [agrees(seed, monkeypatch) for seed in (5,)]
    assert any(used for used, _ in found)


@pytest.mark.slow
def test_bounds_and_runs_agree_on_many(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [agrees(seed, monkeypatch) for seed in range(150)]
    assert {verdict for _, verdict in found} == {"holds", "broken"}
    assert sum(used for used, _ in found) > 20


def test_bounds_and_runs_agree_with_rules_between_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [agrees(seed, monkeypatch, rules=True) for seed in (7, 18)]
    assert all(found)


@pytest.mark.slow
def test_bounds_and_runs_agree_with_rules_between_pods_on_many(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [agrees(seed, monkeypatch, rules=True) for seed in range(300)]
    assert {verdict for _, verdict in found} == {"holds", "broken"}
    assert sum(used for used, _ in found) > 50


def test_a_large_cluster_needs_one_run() -> None:
    documents = [node(i, 4, "abc"[i % 3]) for i in range(40)]
    documents += [deployment(f"d{i}", 8 + i, "700m") for i in range(6)]
    found = verify(load(documents), survive="node:2")
    assert (found.verdict, found.cases, found.tried) == ("holds", 40 + 780, 0)
    assert "820 of them follow from bounds on room" in found.proved[0]
    assert "1 run in which nodes fail" in found.proved[0]


HOST = "kubernetes.io/hostname"


@pytest.mark.parametrize(
    ("survive", "spec"),
    [
        ("node:1", apart("d0")),
        ("node:2", apart("d0")),
        ("node:1", even("d0")),
        ("node:2", even("d0")),
        ("node:1", {**even("d0"), **apart("d0")}),
        ("node:1", even("d0", nodeTaintsPolicy="Honor")),
        ("node:1", even("d0", HOST)),
        ("node:1", apart("d1", HOST, "podAffinity")),
        ("node:1", port("d0")),
        ("label:rack", apart("d0")),
    ],
)
def test_rules_between_pods_need_no_run_a_case_where_there_is_room(survive: str, spec: Document) -> None:
    documents = [node(i, 4, "abc"[i % 3]) for i in range(24)]
    for i, each in enumerate(documents):
        each["metadata"]["labels"]["rack"] = f"r{i // 2}"
    documents += [deployment("d0", 9, "700m", **spec), deployment("d1", 16, "100m", **apart("d1"))]
    found = verify(load(documents), survive=survive)
    assert (found.verdict, found.tried) == ("holds", 0), found.to_text()
    assert "that their spreads, affinity and host ports allow" in " ".join(found.proved)


@pytest.mark.parametrize(
    "more", [apart("d0"), even("d0", HOST), port("d0"), even("d0", HOST, nodeTaintsPolicy="Honor", minDomains=13)]
)
def test_what_room_does_not_decide_is_run(more: Document) -> None:
    """As many nodes as pods: the pod of the node that fails has no other."""
    documents = [*(node(i, 4, "a") for i in range(13)), deployment("d0", 13, "1", **more)]
    found = verify(load(documents), survive="node:1")
    assert found.verdict == "broken", found.to_text()


def test_cases_are_counted_without_being_made() -> None:
    documents = [node(i, 4, "abc"[i % 3]) for i in range(1500)]
    assert number_of_cases(load(documents), survival("node:2")) == 1500 + 1500 * 1499 // 2
    assert number_of_cases(load(documents), survival("zone:2")) == 6
