"""What keeps a pod out because of its group: how many of the group's pods find a node, and how many it needs."""

from __future__ import annotations

from kubelogic.explain.blockers import Blocker
from kubelogic.explain.verdicts import Answer, Standing, Verdict
from kubelogic.logic import Evaluation
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem

CODE = "KL215"


def group_blockers(relations: Evaluation, given: Problem, pod: str, tried: Placement) -> tuple[Blocker, ...]:
    """What the group of a pod that stays out lacks; nothing for pods without such a group.

    Args:
        relations: derived for ``GOALS``.
        given: the placement problem.
        pod: its name.
        tried: what the one-by-one scheduler makes of it.
    """
    if not given.groups:
        return ()
    from kubelogic.placement.kube.groups import HELD

    own = next((each for each in given.waiting if each.name == pod), None)
    group = next((each for each in given.groups if own is not None and each.name == own.group), None)
    if own is None or group is None or not group.least:
        return ()
    running = sum(each.group == group.name for each in given.running)
    if running >= group.least and not group.key:
        return ()  # it has started: each further pod counts by itself
    members = {each.name for each in given.waiting if each.group == group.name}
    if any(binding.pod in members for binding in tried.bindings):
        return ()
    held = {
        entry.pod
        for entry in tried.unplaced
        if entry.pod in members and entry.refusal >= 0 and tried.refusals[entry.refusal].words == HELD
    }
    where = f" in one domain of {group.key}" if group.key else ""
    needs = group.least - running
    others = f", {running} more run" if running else ""
    detail = (
        f"the group {group.name} starts with {needs} of its {len(members)} waiting pods{where} or with none"
        f" (minCount {group.least}{others}); room at once is found for {len(held)}"
    )
    blocking = sorted(members - held)
    gist = f"{detail}; {blocking[0]} is the first that finds no node" if blocking and held else detail
    return (
        Blocker(
            node="",
            code=CODE,
            reason="pod group is unschedulable",
            detail=gist,
            gist=gist,
            plugin=next((str(row[1]) for row in relations.rows("holds_back") if row[2] == CODE), ""),
            predicate="group_incomplete",
            witness={"Group": group.name, "Least": group.least, "Found": len(held)},
        ),
    )


def judged(found: Verdict, standing: Standing, answer: Answer, group: tuple[Blocker, ...]) -> Verdict:
    """The verdict on a pod of a group: nodes that would take it alone do not help where its group has no room."""
    if found == "waiting" and group and answer == "impossible" and not standing.early and not standing.everywhere:
        return "no-room"
    return found
