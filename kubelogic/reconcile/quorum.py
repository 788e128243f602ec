"""Whether the control plane can still write: what ``rules/node/etcd_quorum.dl`` says of its members."""

from __future__ import annotations

from kubelogic.cluster.pods import node_of
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.logic import Evaluation, Row

PARTS = ("etcd", "kube-apiserver")
"""The static pods of kubeadm without which nothing is written, by their label ``component``."""

_LOST = "control_plane_lost"
_WORLD = ("machine_gone", "machine_stopped", "node_silent_since")


def control_plane_lost(state: State) -> tuple[str, ...]:
    """Why nothing can be written, a sentence for each part; empty if it can, or if the control plane runs elsewhere."""
    members = _members(state)
    if not members or not any(state.world.get(name) for name in _WORLD):
        return ()
    evaluation = Evaluation(state.rules or builtin_rulebook(), {}, goals=(_LOST,))
    evaluation.update({"control_plane_part": members, **{name: sorted(state.world.get(name, ())) for name in _WORLD}})
    return tuple(
        f"{alive} of {members} members of {part} are left" for part, alive, members in sorted(evaluation.rows(_LOST))
    )


def _members(state: State) -> list[Row]:
    found = set()
    for pod in state.cluster.objects("Pod").values():
        labels = (pod.document.get("metadata") or {}).get("labels") or {}
        node = node_of(pod)
        if node and labels.get("tier") == "control-plane" and labels.get("component") in PARTS:
            found.add((str(node), str(labels["component"])))
    return sorted(found)
