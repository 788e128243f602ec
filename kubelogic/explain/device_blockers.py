"""What keeps the devices of nodes from a pod: which device would do, but for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kubelogic.explain.blockers import Blocker
from kubelogic.placement.devices.model import DeviceError, Failure
from kubelogic.placement.placement import Refusal
from kubelogic.placement.problem import Pod, Problem

if TYPE_CHECKING:
    from kubelogic.placement.kube.devices import Desk

CODE = "KL214"
_NAMED = 3
"""Nodes up to which it is told where the devices of a claim are."""

IN_USE, LACKING = "devices_in_use", "lacks_devices"
"""Predicates of blockers: whether a node would do with all of its devices free."""


def device_blockers(given: Problem, pod: str, refusal: Refusal, *, subject: str = "") -> tuple[Blocker, ...]:
    """Why nodes have no devices for a pod, node by node.

    Args:
        given: the placement problem.
        pod: its key.
        refusal: why the one-by-one scheduler turned it down.
        subject: what to call it; empty for its key.
    """
    asked = next((each for each in given.waiting if each.name == pod), None)
    if asked is None or given.devices is None:
        return ()
    plugin = next((each.name for each in given.filters if each.kind == "devices"), "devices")
    if refusal.error:
        return (
            _blocker(plugin, "", refusal.error, f"the search for devices ends with an error: {refusal.error}", LACKING),
        )
    if refusal.before:
        return (_blocker(plugin, "", refusal.before, refusal.before, LACKING),)
    from kubelogic.placement.kube.devices import Desk

    desk, empty = Desk(given), Desk(given, free=True)
    found = []
    for rejection in refusal.rejections:
        if rejection.reason != "devices":
            continue
        for node in rejection.nodes:
            held = _would_do(empty, asked, node)
            detail = f"{subject or pod}: {_detail(desk, asked, node)}"
            found.append(_blocker(plugin, node, rejection.subject, detail, IN_USE if held else LACKING))
    return tuple(sorted(found, key=lambda blocker: blocker.node))


def _would_do(desk: Desk, pod: Pod, node: str) -> bool:
    """Whether a node has what a pod asks for. Where the scheduler would end the attempt with an error, it has not."""
    try:
        return not isinstance(desk.on(pod, node), Failure)
    except DeviceError:
        return False


def _detail(desk: Desk, pod: Pod, node: str) -> str:
    elsewhere = desk.elsewhere(pod, node)
    if elsewhere:
        nodes = {name for each in desk.claims() if each.name in elsewhere for name in each.nodes or ()}
        there = f"are of {', '.join(sorted(nodes))} and " if 0 < len(nodes) <= _NAMED else ""
        return f"the devices of {', '.join(elsewhere)} {there}cannot be used on {node}"
    lines: Sequence[str] = desk.reasons(pod, node)
    return f"{node}: {'; '.join(lines)}" if lines else f"{node} has no devices"


def _blocker(plugin: str, node: str, reason: str, detail: str, predicate: str) -> Blocker:
    return Blocker(
        node=node,
        code=CODE,
        reason=reason,
        detail=detail,
        gist=detail,
        plugin=plugin,
        predicate=predicate,
        witness={},
    )
