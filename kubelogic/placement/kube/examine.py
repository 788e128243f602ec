"""One waiting pod in full: where it may go, what each scorer says, and whom it would push out."""

from __future__ import annotations

import msgspec
import numpy as np

from kubelogic.placement.devices.model import DeviceError, Granted
from kubelogic.placement.kube.engine import Engine
from kubelogic.placement.kube.preemption import Preemption
from kubelogic.placement.placement import Refusal
from kubelogic.placement.problem import Problem


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """What a node is worth: ``total``, and ``parts`` by scorer, weighted. Scorers that stand aside are absent."""

    node: str
    total: int
    parts: dict[str, int]


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """A node that would have room without its ``victims`` (sorted), ``violations`` of them protected by a budget."""

    node: str
    victims: tuple[str, ...]
    violations: int


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """What a scheduler that is asked for one pod now finds.

    Attributes:
        pod: its name.
        feasible: the nodes that pass all filters, sorted. With one, there are no scores.
        scores: of the feasible nodes, in the same order.
        best: the nodes with the highest total; the pod goes to one of them.
        refusal: why the other nodes do not pass, and what stood in the way of making room.
        rooms: where room could be made, if no node is feasible and the pod may preempt.
        nominees: the nodes among those on which room is made at the least harm.
        devices: what each claim on devices would get, by feasible node.
    """

    pod: str
    feasible: tuple[str, ...] = ()
    scores: tuple[Scored, ...] = ()
    best: tuple[str, ...] = ()
    refusal: Refusal
    rooms: tuple[Room, ...] = ()
    nominees: tuple[str, ...] = ()
    devices: dict[str, tuple[Granted, ...]] = {}


def examine(problem: Problem, pod: str) -> Examination:
    """Ask for one waiting pod, all others being where they are.

    Args:
        problem: with the pod among those that wait; the other waiting ones count only if a node is promised to them.
        pod: its name.

    Raises:
        KeyError: if there is no such pod.
    """
    engine = Engine(problem)
    names = engine.tables.names
    asked = engine.tables.pods[pod]
    shape = engine.tables.shape_number[asked.shape]
    promised = engine.promised.get(pod)
    try:
        nodes = np.flatnonzero(engine.feasible(pod, shape))
    except DeviceError as error:
        return Examination(pod=pod, refusal=Refusal(shape=asked.shape, rejections=(), error=error.message))
    if not len(nodes):
        preemption = Preemption(engine)
        budgets = {budget.name: budget.allowed for budget in problem.budgets}
        refusal, found = preemption.refuse(pod, shape, budgets)
        rooms = tuple(
            Room(node=names[c.node], victims=tuple(sorted(v.name for v in c.victims)), violations=c.violations)
            for c in found
        )
        nominees = tuple(names[c.node] for c in preemption.choose(found))
        return Examination(pod=pod, refusal=refusal, rooms=rooms, nominees=nominees)
    refusal = Refusal(shape=asked.shape, rejections=engine.rejections(pod, shape))
    feasible = tuple(names[node] for node in nodes.tolist())
    devices = {names[node]: granted for node in nodes.tolist() if (granted := engine.granted(pod, node))}
    if promised is not None and names[promised] in feasible:
        return Examination(pod=pod, feasible=feasible, best=(names[promised],), refusal=refusal, devices=devices)
    best = tuple(names[node] for node in engine.best(shape, nodes, pod).tolist())
    if len(nodes) == 1:
        return Examination(pod=pod, feasible=feasible, best=best, refusal=refusal, devices=devices)
    parts: list[dict[str, int]] = [{} for _ in feasible]
    for scorer, score in engine.scores(shape, nodes, pod):
        for row, value in zip(parts, np.broadcast_to(score, len(nodes)).tolist(), strict=True):
            row[scorer.name] = value
    scores = tuple(
        Scored(node=node, total=sum(row.values()), parts=row) for node, row in zip(feasible, parts, strict=True)
    )
    return Examination(pod=pod, feasible=feasible, scores=scores, best=best, refusal=refusal, devices=devices)
