"""Lines of real clusters, given back: the wording of every release, and of autoscalers, counted as they count."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kubelogic.explain.blockers import Blocker
from kubelogic.explain.events import UNBOUND, matching_nodes, meaning, read

PREEMPTION = (
    " preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, "
    "2 No preemption victims found for incoming pod."
)
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
TAINTED = "node(s) had untolerated taint(s)"


def tainted(node: str, key: str, value: str = "") -> Blocker:
    witness = {"Key": key, "Value": value, "Effect": "NoSchedule"}
    return Blocker(
        node=node,
        code="KL203",
        reason=TAINTED,
        detail="",
        gist="",
        plugin="TaintToleration",
        predicate="rejects_taint",
        witness=witness,
    )


@pytest.mark.parametrize(
    "reason",
    [
        "node(s) had taint {node-role.kubernetes.io/control-plane: }, that the pod didn't tolerate",  # to 1.23
        "node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }",  # 1.24 to 1.35
        "node(s) had untolerated taint(s)",  # from 1.36
        "node(s) had taints that the pod didn't tolerate",  # before 1.18
    ],
)
def test_taints_of_every_release(reason: str) -> None:
    found = read(f"0/3 nodes are available: 1 {reason}, 2 Insufficient cpu.{PREEMPTION}")
    assert found is not None
    assert found.counts == {reason: 1, "Insufficient cpu": 2}
    assert found.preemption["No preemption victims found for incoming pod"] == 2
    first: Mapping[str, tuple[str, ...]] = {"cp": (TAINTED,), "w1": ("Insufficient cpu",), "w2": ("Insufficient cpu",)}
    assert matching_nodes(reason, first, [tainted("cp", CONTROL_PLANE)]) == (["cp"], [])
    assert matching_nodes("Insufficient cpu", first, []) == (["w1", "w2"], [])


def test_a_taint_in_braces_means_nodes_with_its_key_and_value() -> None:
    first = {"a": (TAINTED,), "b": (TAINTED,), "c": (TAINTED,)}
    blockers = [tainted("a", "pool", "ml"), tainted("b", "pool", "db"), tainted("c", "gpu")]
    assert matching_nodes("node(s) had untolerated taint {pool: ml}", first, blockers) == (["a"], [])
    assert matching_nodes("node(s) had untolerated taint {gpu: }", first, blockers) == (["c"], [])
    assert matching_nodes("node(s) had untolerated taint {disk: }", first, blockers) == ([], [])


def test_a_node_counts_with_its_first_filter_only() -> None:
    first = {"ash": ("node(s) were unschedulable",), "elm": (TAINTED,)}
    blockers = [tainted("ash", "node.kubernetes.io/unschedulable"), tainted("elm", "pool", "ml")]
    assert matching_nodes(TAINTED, first, blockers) == (["elm"], ["ash"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f'running "VolumeBinding" filter plugin for pod "db-0": {UNBOUND}', UNBOUND),
        (f"{UNBOUND} (repeated 2 times)", UNBOUND),
        (
            'Warning FailedScheduling 2m default-scheduler running PreBind plugin "VolumeBinding": binding volumes: '
            "timed out waiting for the condition.",
            "binding volumes: timed out waiting for the condition",
        ),
    ],
)
def test_a_line_about_the_pod_alone_counts_no_nodes(text: str, reason: str) -> None:
    found = read(text)
    assert found is not None
    assert (found.nodes, found.everywhere, found.counts) == (None, reason, {})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("node(s) didn't match node selector", "node(s) didn't match Pod's node affinity/selector"),
        ("node(s) didn't match Pod's node affinity", "node(s) didn't match Pod's node affinity/selector"),
        ("node(s) had volume node affinity conflict", "node(s) didn't match PersistentVolume's node affinity"),
        ("node(s) didn't match pod topology spread constraint", "node(s) didn't match pod topology spread constraints"),
        ("node(s) didn't match pod affinity/anti-affinity", "node(s) didn't match pod anti-affinity rules"),
        ("node(s) didn't match pod affinity/anti-affinity rules", "node(s) didn't match pod affinity rules"),
        ("Insufficient nvidia.com/gpu", "Insufficient nvidia.com/gpu"),
        ("Too many pods", "Too many pods"),
        ("pod has unbound immediate PersistentVolumeClaims", "pod has unbound immediate PersistentVolumeClaims"),
    ],
)
def test_older_words_mean_the_same(old: str, new: str) -> None:
    assert new in meaning(old)


@pytest.mark.parametrize(
    ("text", "who", "counts"),
    [
        (
            "Pod didn't trigger scale-up: 1 max node group size reached, 2 Insufficient memory",
            "cluster-autoscaler",
            {"max node group size reached": 1, "Insufficient memory": 2},
        ),
        (
            "pod didn't trigger scale-up (it wouldn't fit if a new node is added): "
            "1 node(s) had taint {dedicated: gpu}, that the pod didn't tolerate, 3 in backoff after failed scale-up",
            "cluster-autoscaler",
            {
                "node(s) had taint {dedicated: gpu}, that the pod didn't tolerate": 1,
                "in backoff after failed scale-up": 3,
            },
        ),
        (
            'Failed to schedule pod, incompatible with nodepool "gpu", daemonset overhead={"cpu":"1"}, '
            "did not tolerate gpu=true:NoSchedule",
            "Karpenter",
            {
                'incompatible with nodepool "gpu", daemonset overhead={"cpu":"1"}, '
                "did not tolerate gpu=true:NoSchedule": 1
            },
        ),
    ],
)
def test_lines_of_autoscalers(text: str, who: str, counts: Mapping[str, int]) -> None:
    found = read(f"Warning  NotTriggerScaleUp  2m  x  {text}")
    assert found is not None
    assert (found.autoscaler, found.counts) == (who, counts)


def test_what_is_no_such_line() -> None:
    assert read("Back-off restarting failed container") is None
