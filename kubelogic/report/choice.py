"""Why a pod is on its node and not on another, score by score, as text and as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.explain.choice import TOTAL, Choice, Rival
from kubelogic.report.style import PLAIN, Style
from kubelogic.report.tables import short_names, table

_RIVALS_SHOWN = 4


def render_choice(
    found: Choice,
    scores: Mapping[str, Mapping[str, int]],
    style: Style = PLAIN,
    *,
    by: str,
    only: str = "",
) -> str:
    """Who chose the node, a table of the scores, what tells the nodes apart, and what would move the pod.

    Args:
        found: the comparison.
        scores: by node and scorer.
        style: how it looks.
        by: who chose the node, as ``Explanation.chosen_by`` has it.
        only: the one other node that is asked about; without it the best few.
    """
    rivals = [each for each in found.rivals if not only or each.node == only][:_RIVALS_SHOWN]
    nodes = [found.node, *(each.node for each in rivals)]
    names, ending = short_names(nodes, style.width)
    scorers = sorted({scorer for node in nodes for scorer, points in scores[node].items() if points} - {TOTAL})
    rows = [["SCORER", *names]]
    rows += [[scorer, *(str(scores[node].get(scorer, 0)) for node in nodes)] for scorer in scorers]
    rows += [[TOTAL, *(str(scores[node][TOTAL]) for node in nodes)]]
    lines = [style.bold("Why here"), f"  {_CHOSEN[by].format(found.node)}"]
    lines += [style.bold("kube-scheduler's scores"), *(f"  {line}" for line in table(rows, style))]
    if len(found.rivals) > len(rivals) and not only:
        lines.append(style.dim(f"  ... and {len(found.rivals) - len(rivals)} more nodes; -o json has them all"))
    if ending:
        lines.append(style.dim(f"  The names of these nodes end in {ending}"))
    lines += [f"  - {_against(each, found.node)}" for each in rivals]
    lines += [style.bold("What would move it"), *(f"  - {each}" for each in _moves(found))]
    return "\n".join(lines)


_CHOSEN: Mapping[str, str] = {
    "input": "{} is its node in the input; these are kube-scheduler's scores with all else as at the end.",
    "kube": "kube-scheduler chose {} when the pod had its turn; these are its scores with all else as at the end.",
    "optimal": "The joint scheduler chose {}, for all pods that waited at once: as many as possible get a node, and "
    "wishes come after that. kube-scheduler's scores did not decide: they are what it would give this pod with all "
    "else as at the end.",
}
"""By who chose a node, what the scores are then."""


def _against(rival: Rival, node: str) -> str:
    if not rival.lead:
        said = f"{rival.node} scores the same as {node}"
    else:
        more, less = (rival.node, node) if rival.lead > 0 else (node, rival.node)
        points = "point" if abs(rival.lead) == 1 else "points"
        said = f"{more} scores {abs(rival.lead)} {points} more than {less}"
    parts = ", ".join(f"{scorer} {points:+}" for scorer, points in rival.differences)
    said += f" ({rival.node}: {parts})" if parts else ""
    if rival.decided_by:
        said += f"; without {' or '.join(rival.decided_by)} it would be the other way round, or a tie"
    return said


def _moves(found: Choice) -> Iterator[str]:
    yield "the scheduler moves no pod that has a node: it stays until it is deleted, evicted or preempted"
    if found.node in found.anew:
        others = [each for each in found.anew if each != found.node]
        lot = f" or to {_some(others)}, which the lot decides" if others else ""
        yield f"made anew with all else as it is now, kube-scheduler would put it on {found.node} again{lot}"
    else:
        yield f"made anew with all else as it is now, kube-scheduler would put it on {_some(found.anew)}"
    yield f"if {found.node} took no pods (cordoned, drained), it would go to {_some(found.instead)}"


def _some(names: list[str] | tuple[str, ...]) -> str:
    return " or ".join(names[:3]) + (f" or {len(names) - 3} more" if len(names) > 3 else "")


def choice_document(found: Choice | None, by: str) -> dict[str, Any] | None:
    """The same as data; ``by`` as for ``render_choice``."""
    if found is None:
        return None
    return {
        "by": by,
        "rivals": [
            {
                "node": each.node,
                "lead": each.lead,
                "differences": dict(each.differences),
                "decidedBy": list(each.decided_by),
            }
            for each in found.rivals
        ],
        "anew": list(found.anew),
        "instead": list(found.instead),
    }
