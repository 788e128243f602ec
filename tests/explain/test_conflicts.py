"""Conflicts in words: what cannot hold together, with the numbers of both sides and the line that says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from kubelogic.api import explain, load, plan
from kubelogic.verbs.explain import Explanation
from tests.explain import small
from tests.support import dumps

NODE = """\
apiVersion: v1
kind: Node
metadata: {{name: {name}, labels: {{kubernetes.io/hostname: {name}, zone: {zone}}}}}
spec: {{{spec}}}
status: {{allocatable: {{cpu: "{cpu}", memory: 8Gi, pods: "20"}}}}
---
"""
RUNNING = """\
apiVersion: v1
kind: Pod
metadata: {name: there}
spec: {nodeName: n1, containers: [{name: c, image: i, resources: {requests: {cpu: 2700m}}}]}
---
"""


def node(name: str, cpu: int, spec: str = "", zone: str = "a") -> str:
    return NODE.format(name=name, cpu=cpu, spec=spec, zone=zone)


def deployment(replicas: int, spec: str) -> str:
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      {spec}
"""


def explained(tmp_path: Path, *parts: str) -> Explanation:
    path = tmp_path / "all.yaml"
    path.write_text("".join(parts))
    return explain(load([str(path)]), "default/web")


def said(found: Explanation) -> set[tuple[str, str]]:
    """Texts, and the field that says so."""
    return {(each.text, each.location.path if each.location else "") for each in found.conflict}


def container(cpu: str, more: str = "") -> str:
    return f"containers: [{{name: c, image: i, resources: {{requests: {{cpu: {cpu}}}}}{more}}}]"


def test_free_amounts_count_beside_what_runs(tmp_path: Path) -> None:
    found = explained(tmp_path, node("n1", 4), RUNNING, deployment(1, container("2")))
    assert said(found) == {
        (
            "n1 has 1.3 of cpu free, of 4, beside the pods that run",
            "status.allocatable.cpu",
        ),
        (
            "each pod of default/web requests 2 of cpu",
            "spec.template.spec.containers[0].resources.requests.cpu",
        ),
    }


def test_a_node_that_is_too_small_says_what_it_can_hold(tmp_path: Path) -> None:
    found = explained(tmp_path, node("n1", 4), deployment(1, container("9")))
    assert ("n1 can hold at most 4 of cpu", "status.allocatable.cpu") in said(found)


def test_a_taint_is_named_only_if_the_node_behind_it_would_do(tmp_path: Path) -> None:
    taint = "taints: [{key: gpu, effect: NoSchedule}]"
    needed = explained(tmp_path, node("n1", 1), node("n2", 8, taint), deployment(1, container("2")))
    assert ("pods of default/web do not tolerate the taints of n2", "spec.template.spec.tolerations") in said(needed)
    idle = explained(tmp_path, node("n1", 1), node("n2", 1, taint), deployment(1, container("2")))
    assert not any("tolerate" in text for text, _ in said(idle))


def test_ports_of_all_nodes_are_taken(tmp_path: Path) -> None:
    ports = ", ports: [{containerPort: 80, hostPort: 80}]"
    found = explained(tmp_path, node("n1", 4), node("n2", 4), deployment(3, container("1", ports)))
    # Two of the three have a node by now, so the third alone is one too many.
    assert said(found) == {
        ("pods of default/web need ports of their node", "spec.template.spec.containers[0].ports[0].hostPort"),
        ("Deployment default/web wants 3 pods", "spec.replicas"),
        ("there are 2 nodes: n1, n2", "metadata.labels"),
    }


APART = (
    "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
    "[{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}}]}}"
)
OLD = f"""\
---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: web-old
  uid: rs-old
  labels: {{app: web, pod-template-hash: old}}
  ownerReferences: [{{apiVersion: apps/v1, kind: Deployment, name: web, uid: dep, controller: true}}]
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web, pod-template-hash: old}}}}
  template:
    metadata: {{labels: {{app: web, pod-template-hash: old}}}}
    spec: {{containers: [{{name: c, image: old}}], {APART}}}
status: {{replicas: 2, readyReplicas: 2, availableReplicas: 2}}
"""


def old_pod(name: str, on: str) -> str:
    return f"""\
---
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  uid: {name}
  labels: {{app: web, pod-template-hash: old}}
  ownerReferences: [{{apiVersion: apps/v1, kind: ReplicaSet, name: web-old, uid: rs-old, controller: true}}]
spec: {{nodeName: {on}, containers: [{{name: c, image: old}}], {APART}}}
status: {{phase: Running, conditions: [{{type: Ready, status: "True"}}]}}
"""


@pytest.mark.parametrize(
    ("strategy", "numbers"),
    [("", "(maxSurge 1, maxUnavailable 0)"), ("maxSurge: 2, maxUnavailable: 0", "(maxSurge 2, maxUnavailable 0)")],
)
def test_a_rollout_is_a_party_of_its_conflict(strategy: str, numbers: str, tmp_path: Path) -> None:
    # Two pods on two nodes are no contradiction: only the old ones, which stay, make the new one too many.
    web = deployment(2, f"{{{container('1')}, {APART}}}").replace("{name: web}", "{name: web, uid: dep}")
    if strategy:
        web = web.replace("spec:\n", f"spec:\n  strategy: {{rollingUpdate: {{{strategy}}}}}\n", 1)
    pods = old_pod("web-old-1", "n1"), old_pod("web-old-2", "n2")
    found = explained(tmp_path, node("n1", 4), node("n2", 4), web, OLD, *pods)
    texts = {text for text, _ in said(found)}
    assert texts == {
        "pods of default/web must not share their kubernetes.io/hostname with pods that they name",
        "Deployment default/web wants 2 pods",
        f"its rollout starts a new pod beside 2 pods that run already {numbers}",
        "there are 2 nodes: n1, n2",
    }


@pytest.mark.parametrize(
    ("rule", "text", "field", "few"),
    [
        (
            "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
            "[{topologyKey: zone, labelSelector: {matchLabels: {app: web}}}]}}",
            "pods of default/web must not share their zone with pods of default/web",
            "spec.template.spec.affinity.podAntiAffinity",
            "there are 2 values of zone: a, b",
        ),
        (
            "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, minDomains: 3, "
            "whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]",
            "pods of default/web have to be spread over zone",
            "spec.template.spec.topologySpreadConstraints[0]",
            "there are 2 values of zone that count, and minDomains asks for 3: a, b",
        ),
        (
            "tolerations: [], topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, minDomains: 3, "
            "nodeTaintsPolicy: Honor, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]",
            "pods of default/web have to be spread over zone",
            "spec.template.spec.topologySpreadConstraints[0]",
            "there are 2 values of zone that count, and minDomains asks for 3: a, b",
        ),
    ],
    ids=["anti-affinity", "spread", "spread without nodes with taints"],
)
def test_too_few_domains(rule: str, text: str, field: str, few: str, tmp_path: Path) -> None:
    nodes = [node("n1", 8), node("n2", 8, zone="b")]
    tainted = "Honor" in rule
    nodes += [node("n3", 8, "taints: [{key: gpu, effect: NoSchedule}]", "c")] if tainted else []
    found = explained(tmp_path, *nodes, deployment(3, f"{{{container('1')}, {rule}}}"))
    assert said(found) - {
        ("pods of default/web do not tolerate the taints of n3", "spec.template.spec.tolerations")
    } == {
        (text, field),
        ("Deployment default/web wants 3 pods", "spec.replicas"),
        (few, "metadata.labels"),
    }
    few = "Fewer than 3 values of zone count (minDomains), so none may have more than 1: n1, n2 have 1 at most each."
    assert (few in found.because) == ("minDomains" in rule)


def test_a_minimum_that_counts_as_zero_says_why(tmp_path: Path) -> None:
    rule = (
        "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, minDomains: 3, "
        "whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]"
    )
    nodes = node("n1", 8), node("n2", 8, zone="b")
    found = explained(tmp_path, *nodes, deployment(3, f"{{{container('1')}, {rule}}}"))
    assert {blocker.detail.partition(":")[0] for blocker in found.blockers} == {
        f"zone={zone} has 1 of the matching pods, and the minimum counts as 0, because minDomains is 3 and only 2 "
        "values of zone are eligible (a, b)"
        for zone in "ab"
    }


PINNED = (
    "{%s, affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: "
    "[{matchFields: [{key: metadata.name, operator: In, values: [%s]}]}]}}}}"
)


HOSTS = (
    "{%s, affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: "
    "[{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [%s]}]}]}}}}"
)
SELECTED = "{%s, nodeSelector: {kubernetes.io/hostname: %s}}"


@pytest.mark.parametrize(("asked", "named"), [(SELECTED, "yew"), (HOSTS, "yew, ash")])
def test_a_node_by_its_host_name_that_is_not_there(asked: str, named: str, tmp_path: Path) -> None:
    found = explained(tmp_path, node("n1", 4), node("n2", 4), deployment(1, asked % (container("1"), named)))
    names = " or ".join(sorted(named.split(", ")))
    wanted = f"pods of default/web ask for the node {names} by its label, and no such node is in the input"
    assert wanted in {text for text, _ in said(found)}
    assert all(each.detail.startswith(f"there is no node {names} in the input, and ") for each in found.blockers)


@pytest.mark.parametrize(("asked", "named"), [(SELECTED, "n1"), (HOSTS, "yew, n1")])
def test_a_host_name_that_some_node_has(asked: str, named: str, tmp_path: Path) -> None:
    found = explained(tmp_path, node("n1", 2), node("n2", 4), deployment(1, asked % (container("3"), named)))
    assert not any("no such node" in text for text, _ in said(found))
    assert not any("there is no node" in each.detail for each in found.blockers)


def test_places_for_pods_are_no_amount(tmp_path: Path) -> None:
    full = node("n1", 4).replace('pods: "20"', 'pods: "1"')
    found = explained(tmp_path, full, RUNNING, deployment(1, f"{{{container('1')}}}"))
    assert {text for text, _ in said(found)} == {
        "n1 has no place for a pod free, of 1, beside the pods that run",
        "each pod of default/web takes 1 of the places for pods of its node",
    }
    assert [each.detail for each in found.blockers] == [
        "n1 takes no more pods: 0 of its places for pods are free, and default/web needs 1"
    ]


def test_a_node_by_name_that_is_not_there(tmp_path: Path) -> None:
    found = explained(tmp_path, node("n1", 4), node("n2", 4), deployment(1, PINNED % (container("1"), "yew")))
    assert ("there are 2 nodes: n1, n2", "metadata.labels") in said(found)
    assert any("ask for the node yew by its name, and no such node is in the input" in text for text, _ in said(found))
    assert {blocker.node for blocker in found.blockers} == {"n1", "n2"}
    assert all("there is no node yew" in blocker.detail for blocker in found.blockers)


def test_a_node_by_name_that_is_too_small(tmp_path: Path) -> None:
    found = explained(tmp_path, node("n1", 2), node("n2", 16), deployment(1, PINNED % (container("6"), "n1")))
    texts = {text for text, _ in said(found)}
    assert "n1 can hold at most 2 of cpu" in texts
    assert "pods of default/web ask for the node n1 by its name" in texts
    assert not any("@" in text or "#" in text for text in texts)
    assert any(blocker.node == "n2" and "which n2 is not" in blocker.detail for blocker in found.blockers)


RUNTIME = "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: cage}\nhandler: cage\n"
OVERHEAD = "overhead: {podFixed: {cpu: 2}}\n---\n"


@pytest.mark.parametrize(
    ("spec", "made_of"),
    [
        (f"{{runtimeClassName: cage, {container('3')}}}", ": 3 of container c and 2 overhead of RuntimeClass cage"),
        (
            f"{{{container('1')}, initContainers: [{{name: warm, image: i, resources: {{requests: {{cpu: 5}}}}}}]}}",
            ": 5 of init container warm, which is more than all others",
        ),
        (
            f"{{{container('3')}, initContainers: [{{name: side, image: i, restartPolicy: Always, "
            "resources: {requests: {cpu: 2}}}]}",
            ": 3 of container c and 2 of sidecar side",
        ),
        (
            f"{{{container('1')}, initContainers: [{{name: side, image: i, restartPolicy: Always, "
            "resources: {requests: {cpu: 2}}}, {name: warm, image: i, resources: {requests: {cpu: 3}}}, "
            "{name: late, image: i, restartPolicy: Always, resources: {requests: {cpu: 1}}}]}",
            ": 3 of init container warm and 2 of sidecar side beside it, together more than what runs after it",
        ),
        (f"{{{container('5')}}}", ""),
    ],
    ids=["overhead", "init", "sidecar", "init beside a sidecar", "as written"],
)
def test_amounts_that_nobody_wrote_name_their_source(spec: str, made_of: str, tmp_path: Path) -> None:
    found = explained(tmp_path, node("n1", 4), RUNTIME + OVERHEAD, deployment(1, spec))
    assert f"each pod of default/web requests 5 of cpu{made_of}" in {text for text, _ in said(found)}


def test_two_spreads_that_allow_five_of_six(tmp_path: Path) -> None:
    """Because only n3 is in zone b: with a skew of 1 it takes three of six, but its host then has one too many."""
    spreads = ", ".join(
        f"{{maxSkew: 1, topologyKey: {key}, whenUnsatisfiable: DoNotSchedule, "
        "labelSelector: {matchLabels: {app: web}}}"
        for key in ("zone", "kubernetes.io/hostname")
    )
    nodes = node("n1", 8), node("n2", 8), node("n3", 8, zone="b")
    spec = f"{{{container('100m')}, topologySpreadConstraints: [{spreads}]}}"
    found = explained(tmp_path, *nodes, deployment(6, spec))
    texts = {text for text, _ in said(found)}
    assert found.verdict in ("no-room", "movable")
    assert {
        "Deployment default/web wants 6 pods",
        "there are 2 values of zone: a, b",
        "there are 3 nodes: n1, n2, n3",
    } <= texts
    assert len([text for text in texts if "have to be spread over" in text]) == 2


def test_a_taint_alone_is_told_with_the_node_that_has_it(tmp_path: Path) -> None:
    taint = "taints: [{key: team, value: a, effect: NoSchedule}]"
    found = explained(tmp_path, node("n1", 4, taint), node("n2", 4, taint), deployment(1, container("1")))
    assert ("n1, n2 have the taint team=a:NoSchedule", "spec.taints") in said(found)
    assert len(found.conflict) == 2


def test_labels_alone_are_told_with_the_nodes_that_there_are(tmp_path: Path) -> None:
    found = explained(tmp_path, node("n1", 4), deployment(1, container("1") + "\n      nodeSelector: {disk: nvme}"))
    assert ("there is 1 node: n1", "metadata.labels") in said(found)


def test_never_is_proved_without_taints_that_go_by_themselves(tmp_path: Path) -> None:
    taint = "taints: [{key: node.cloudprovider.kubernetes.io/uninitialized, effect: NoSchedule}]"
    found = explained(tmp_path, node("n1", 1, taint), deployment(1, container("2")))
    assert found.verdict == "never"
    assert {text for text, _ in said(found)} == {
        "n1 can hold at most 1 of cpu",
        "each pod of default/web requests 2 of cpu",
    }
    assert [each.summary for each in found.repairs] == ["add a node like n1 with 2 of cpu"]


def test_the_amount_is_that_of_the_node_that_is_meant(tmp_path: Path) -> None:
    """Nodes may be alike in all but what they hold: which of them has room is said, and where it is missing."""
    apart = (
        "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
        "[{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}}]}}"
    )
    found = explained(tmp_path, node("n1", 1), node("n2", 4), deployment(2, container("2") + f"\n      {apart}"))
    assert any("only 1 of the 2 nodes like n1 has 2 of cpu free: n2" in text for text, _ in said(found))


def bare(name: str, spec: str) -> str:
    return f"---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def asked(tmp_path: Path, pod: str, *parts: str) -> Explanation:
    path = tmp_path / "all.yaml"
    path.write_text("".join(parts))
    return explain(load([str(path)]), f"default/{pod}")


def test_what_nodes_hold_at_most_is_told_of_the_one_that_holds_it(tmp_path: Path) -> None:
    found = asked(tmp_path, "web", node("n1", 3), node("n2", 5), bare("web", f"{{{container('9')}}}"))
    member = next(each for each in found.conflict if "at most" in each.text)
    assert member.text == "each of the 2 nodes like n2 can hold at most 5 of cpu"
    assert member.object == "Node n2"


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (
            "{resources: {requests: {cpu: 9}}, containers: [{name: c, image: i, resources: {requests: {cpu: 1}}}]}",
            "spec.resources.requests.cpu",
        ),
        (
            "{containers: [{name: c, image: i, resources: {limits: {cpu: 9}}}]}",
            "spec.containers[0].resources.limits.cpu",
        ),
        (
            "{containers: [{name: b, image: i}, {name: c, image: i, resources: {limits: {example.com/gpu: 2}}}]}",
            "spec.containers[1].resources.limits[example.com/gpu]",
        ),
    ],
    ids=["pod", "limit", "device"],
)
def test_a_request_is_shown_where_it_is_written(spec: str, field: str, tmp_path: Path) -> None:
    found = asked(tmp_path, "web", node("n1", 4), bare("web", spec))
    assert field in {place for text, place in said(found) if "requests" in text}


def test_one_holder_of_a_port_is_enough(tmp_path: Path) -> None:
    """Without the first of two pods whose addresses differ it would be no better, so that only one is needed."""
    ports = (
        "{{nodeName: n1, containers: [{{name: c, image: i, ports: [{{containerPort: 1, hostPort: 80, hostIP: {}}}]}}]}}"
    )
    there = [bare(name, ports.format(address)) for name, address in (("p", "10.0.0.1"), ("q", "10.0.0.2"))]
    side = "{name: s, image: i, restartPolicy: Always, ports: [{containerPort: 1, hostPort: 80}]}"
    new = bare("web", f"{{initContainers: [{side}], containers: [{{name: c, image: i}}]}}")
    found = asked(tmp_path, "web", node("n1", 4), *there, new)
    assert said(found) == {
        ("pods of default/web need ports of their node", "spec.initContainers[0].ports[0].hostPort"),
        ("there is 1 node: n1", "metadata.labels"),
        ("default/p runs on n1", "metadata.name"),
    }
    assert {blocker.witness["Other"] for blocker in found.blockers} == {"default/p", "default/q"}


@pytest.mark.parametrize("name", ["one", "two", "three"])
def test_of_pods_that_are_alike_the_one_asked_about_is_cited(name: str, tmp_path: Path) -> None:
    spec = f"{{nodeSelector: {{disk: fast}}, {container('9')}}}"
    found = asked(tmp_path, name, node("n1", 4), *(bare(each, spec) for each in ("one", "two", "three")))
    lines = (tmp_path / "all.yaml").read_text().splitlines()
    at = next(n for n, line in enumerate(lines, 1) if f"name: {name}}}" in line) + 1
    assert len(found.blockers) == 2
    for blocker in found.blockers:
        places = [place for written in blocker.places for place in written.places]
        assert at in {place.line for place in places}, blocker.detail
        assert {place.line for place in places} <= {at, 5}


PORT = "ports: [{containerPort: 1, hostPort: 80}]"
SPREAD = (
    "topologySpreadConstraints: [{maxSkew: 1, topologyKey: rack, whenUnsatisfiable: DoNotSchedule, "
    "labelSelector: {matchLabels: {app: web}}}]"
)


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        (
            [
                small.node("n1"),
                small.node("n2"),
                small.claim("data", bound="d1", modes=["ReadWriteOncePod"]),
                small.volume("d1", claim="data", modes=["ReadWriteOncePod"]),
                small.workload("Deployment", "web", small.spec("1", volumes=small.uses("data")), replicas=2),
            ],
            {
                ("only one pod may use claim default/data", "spec.accessModes"),
                ("Deployment default/web wants 2 pods", "spec.replicas"),
            },
        ),
        (
            [
                small.node("n1"),
                small.csi_node("n1", 1),
                *(small.claim(each, bound=f"of-{each}") for each in ("c1", "c2")),
                *(small.volume(f"of-{each}", claim=each) for each in ("c1", "c2")),
                small.pod("there", small.spec("1", volumes=small.uses("c1")), on="n1"),
                small.pod("web", small.spec("1", volumes=small.uses("c2"))),
            ],
            {
                ("n1 attaches at most 1 volume of disk.example.com", ""),
                ("default/web needs 1 more volume of disk.example.com on n1, which has 1 already", "spec.volumes"),
            },
        ),
        (
            [
                *(small.node(name, labels={small.ZONE: zone}) for name, zone in (("n1", "a"), ("n2", "b"))),
                *(small.claim(each, bound=f"of-{each}") for each in ("c1", "c2")),
                small.volume("of-c1", claim="c1", zone="a"),
                small.volume("of-c2", claim="c2", zone="b"),
                small.pod("web", small.spec("1", volumes=[*small.uses("c1"), {**small.uses("c2")[0], "name": "e"}])),
            ],
            {
                ("of-c2 of default/c2 cannot be used on n1", "spec.volumes"),
                ("of-c1 of default/c1 cannot be used on n2", "spec.volumes"),
            },
        ),
    ],
    ids=["a claim for one pod", "attached volumes", "volumes apart"],
)
def test_volumes_are_named_with_what_limits_them(
    objects: list[small.Document], expected: set[tuple[str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(yaml.safe_dump_all(objects))
    found = said(explain(load([str(path)]), "default/web"))
    assert {(text, place if text.find("attaches") < 0 else "") for text, place in found} == expected


def test_a_pod_that_asks_for_one_node_is_told_who_has_its_port_there(tmp_path: Path) -> None:
    """More nodes would be no better, and who has the port of another node is in nobody's way."""
    there = [bare(n, f"{{nodeName: {n}, containers: [{{name: c, image: i, {PORT}}}]}}") for n in ("n1", "n2")]
    terms = "[{matchFields: [{key: metadata.name, operator: In, values: [n1]}]}]"
    required = f"requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: {terms}}}"
    affinity = f"affinity: {{nodeAffinity: {{{required}}}}}"
    new = bare("web", f"{{{affinity}, containers: [{{name: c, image: i, {PORT}}}]}}")
    found = asked(tmp_path, "web", node("n1", 4), node("n2", 4), node("n3", 4), *there, new)
    assert {text for text, _ in said(found)} == {
        "pods of default/web ask for the node n1 by its name",
        "pods of default/web need ports of their node",
        "default/n1 runs on n1",
    }


def test_a_label_that_no_node_has_is_told_as_that(tmp_path: Path) -> None:
    """Nobody wrote a minDomains."""
    found = explained(tmp_path, node("n1", 4), deployment(1, f"{container('1')}\n      {SPREAD}"))
    assert "no node has the label rack" in {text for text, _ in said(found)}


def test_the_rollout_of_a_dump_is_a_party_of_its_conflict(tmp_path: Path) -> None:
    """The new pod stands in the input, too: how many there are to be is said by the Deployment."""
    made = plan(load([_dump(tmp_path)])).cluster
    path = tmp_path / "dump.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": dumps.exported(made)}))
    found = explain(load([str(path)]), "default/web")
    assert ("Deployment default/web wants 2 pods", "spec.replicas") in said(found)
    assert any(text.startswith("its rollout starts a new pod beside 2 pods that run") for text, _ in said(found))


def _dump(tmp_path: Path) -> str:
    path = tmp_path / "all.yaml"
    top = deployment(2, f"{container('1')}\n      {APART}").replace("{name: web}", "{name: web, uid: dep}", 1)
    strategy = "spec:\n  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}\n"
    parts = [
        node("n1", 4),
        node("n2", 4),
        top.replace("spec:\n", strategy, 1),
        OLD,
        *map(old_pod, ("o1", "o2"), ("n1", "n2")),
    ]
    path.write_text("".join(parts))
    return str(path)


@pytest.mark.parametrize(
    ("allocatable", "asks", "verdict", "words"),
    [
        (
            "1",
            "1",
            "no-room",
            "g has 0 of example.com/gpu free, of 1, beside the pods that run; 3 of its 4 devices are not healthy",
        ),
        ("0", "1", "waiting", "until its device plugin calls more of them healthy; 4 of its 4 devices are not healthy"),
        ("3", "5", "never", "g can hold at most 3 of example.com/gpu; 1 of its 4 devices is not healthy"),
    ],
)
def test_devices_that_are_not_healthy(allocatable: str, asks: str, verdict: str, words: str) -> None:
    """They are not kept for the system, and come back: who asks for no more than there are waits for them."""
    held = {"cpu": "4", "memory": "8Gi", "pods": "20"}
    there = small.node("g")
    there["status"] |= {"allocatable": {**held, GPU: allocatable}, "capacity": {**held, GPU: "4"}}
    users = [small.pod("user", _device("1"), on="g")] if allocatable == "1" else []
    found = explain(load([there, *users, small.pod("web", _device(asks))]), "default/web")
    assert found.verdict == verdict
    texts = [each.text for each in (*found.conflict, *found.waits_for)]
    assert any(words in text for text in texts), texts
    assert not any("kept for the system" in text for text in texts)


GPU = "example.com/gpu"


def _device(number: str) -> small.Document:
    return {"containers": [{"name": "c", "image": "i", "resources": {"limits": {GPU: number}}}]}
