"""The order in which a cluster is upgraded, what blocks it, and whether every drain on the way is granted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.cluster import Cluster
from kubelogic.facts.hosts import minor
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.relations import Relations
from kubelogic.verbs.missing import NOTHING, Lacking, lacking
from kubelogic.verbs.reconciled import Options, begin
from kubelogic.verify.results import Verification
from kubelogic.verify.verifying import Question, verify

_GOALS = (
    "control_plane_elsewhere",
    "kubelet_ahead",
    "kubelet_lags",
    "kubelet_must_first",
    "kubelet_unknown",
    "upgrade_back",
    "upgrade_turn",
    "upgrade_version",
)

_ELSEWHERE = (
    "no node has the label node-role.kubernetes.io/control-plane: where the control plane runs is not known; it has to "
    "be upgraded first, and no step here does so"
)
_MOST = 100
"""So many minor versions at once are a slip of the pen: Kubernetes makes three a year."""


class UpgradeError(ValueError):
    """The question makes no sense: no such version, or nothing says which one runs."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do: a command on a node, at a version. ``drain`` says whether the node is drained before."""

    node: str
    command: str
    version: int
    drain: bool


class UpgradePlan(msgspec.Struct, frozen=True, kw_only=True):
    """The answer.

    Attributes:
        before: minor version of the API server now.
        after: the one that is wanted.
        steps: in their order.
        blocks: what has to be done before, or keeps the upgrade from being done.
        unknown: what is not known of the input.
        drains: whether all nodes can be drained in turn, with budgets kept; None if no node is drained.
        lacking: what the input does not have.
    """

    before: int
    after: int
    steps: tuple[Step, ...]
    blocks: tuple[str, ...]
    unknown: tuple[str, ...]
    drains: Verification | None
    lacking: Lacking = NOTHING

    @property
    def verdict(self) -> str:
        """``yes`` if the upgrade can be done as written, ``no``, or ``unknown``."""
        if self.blocks or (self.drains is not None and self.drains.verdict == "broken"):
            return "no"
        if self.unknown or (self.drains is not None and self.drains.verdict == "unknown"):
            return "unknown"
        return "yes"


def upgrade_plan(
    cluster: Cluster, to: str, *, before: str = "", options: Options, prove: bool = True, limit: float = 0.0
) -> UpgradePlan:
    """Plan an upgrade.

    Args:
        cluster: as it is.
        to: the version that is wanted, such as ``1.37``.
        before: the version of the API server; by itself that of the image of kube-apiserver, else of the newest kubelet
            of the control plane, else of all nodes.
        options: which rules, which limits.
        prove: whether to look for an order in which all nodes can be drained.
        limit: seconds for that search; 0 for no limit.

    Raises:
        UpgradeError: if a version cannot be read, or none is known.
        RuleErrors: if rules or parameters are faulty.
    """
    wanted = minor(to)
    if wanted is None:
        raise UpgradeError(f"{to} is no version such as 1.37")
    book = load_rulebook(options.rules, options.parameters)
    now = minor(before) if before else _running(cluster)
    if now is None:
        what = f"{before} is no version such as 1.36" if before else "nothing in the input says which version runs"
        raise UpgradeError(f"{what}; say it with --from")
    if wanted - now > _MOST:
        raise UpgradeError(f"{wanted - now} minor versions lie between 1.{now} and {to}: kubeadm takes one at a time")
    state = begin(cluster, book)[0]
    evaluation = Relations.of(book, state, _GOALS)
    evaluation.update({"upgrade_from": [(now,)], "upgrade_to": [(wanted,)]})
    rows = {goal: sorted(evaluation.rows(goal)) for goal in _GOALS}
    blocks = [f"1.{b} is older than 1.{a}: kubeadm does not go back" for a, b in rows["upgrade_back"]]
    blocks += [
        f"the kubelet of {node} is 1.{own}, newer than the API server, 1.{server}: upgrade the control plane first"
        for node, own, server in rows["kubelet_ahead"]
    ]
    first: dict[str, tuple[int, int]] = {}
    for node, own, version in rows["kubelet_must_first"]:
        first.setdefault(str(node), (int(own), int(version)))
    blocks += [
        f"the kubelet of {node} is 1.{own}: upgrade it before the API server becomes 1.{version}, three minors at most"
        for node, (own, version) in sorted(first.items())
    ]
    turns = sorted((int(turn), str(node), str(command)) for node, turn, command in rows["upgrade_turn"])
    steps = [
        Step(node=node, command=f"kubeadm upgrade {command}", version=int(version), drain=True)
        for (version,) in rows["upgrade_version"]
        for _, node, command in turns
    ]
    steps += [
        Step(node=str(node), command="kubeadm upgrade node", version=int(server), drain=True)
        for node, _, server in rows["kubelet_lags"]
    ]
    drains = None
    if prove and steps:
        drains = verify(cluster, Question(drain_all=True, limit=limit), options)
    unknown = tuple(f"which kubelet {node} runs is not known" for (node,) in rows["kubelet_unknown"])
    if steps and rows["control_plane_elsewhere"]:
        unknown = (_ELSEWHERE, *unknown)
    return UpgradePlan(
        before=now,
        after=wanted,
        steps=_ordered(steps, drains),
        blocks=tuple(blocks),
        unknown=unknown,
        drains=drains,
        lacking=lacking(cluster),
    )


def _ordered(steps: Sequence[Step], drains: Verification | None) -> tuple[Step, ...]:
    """The steps with nodes of one turn in the order in which their drains are proved to be granted."""
    proved = [node for node, _ in drains.order] if drains is not None and drains.verdict == "holds" else []
    rank = {node: number for number, node in enumerate(proved)}
    control = [each for each in steps if each.command.endswith("apply")]
    heads = {each.version: each.node for each in control}

    def place(step: Step) -> tuple[int, bool, int]:
        others = [each.node for each in steps if each.version == step.version]
        return step.version, step.node != heads.get(step.version), rank.get(step.node, others.index(step.node))

    return tuple(sorted(steps, key=place)) if proved else tuple(steps)


def _running(cluster: Cluster) -> int | None:
    """The minor version of the API server, as far as the input tells it."""
    servers = [
        found
        for pod in cluster.objects("Pod").values()
        for container in (pod.document.get("spec") or {}).get("containers") or ()
        if container.get("name") == "kube-apiserver"
        and (found := minor(str(container.get("image") or "").rpartition(":")[2])) is not None
    ]
    if servers:
        return min(servers)
    own: dict[bool, list[int]] = {True: [], False: []}
    for node in cluster.objects("Node").values():
        labels: Mapping[str, Any] = (node.document.get("metadata") or {}).get("labels") or {}
        info = (node.document.get("status") or {}).get("nodeInfo") or {}
        found = minor(info.get("kubeletVersion"))
        if found is not None:
            own["node-role.kubernetes.io/control-plane" in labels].append(found)
    return max(own[True] or own[False], default=None)
