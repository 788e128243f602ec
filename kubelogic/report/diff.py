"""A diff as text and as the document ``Diff``: what is worse first, with the edits that cause it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kubelogic.explain.units import count
from kubelogic.report.documents import fields, header, location_document, notice_document
from kubelogic.report.following import next_step
from kubelogic.report.parts import cut, paragraphs, part
from kubelogic.report.plan import render_notices
from kubelogic.report.style import PLAIN, Style
from kubelogic.report.terminal import one_line
from kubelogic.verbs.diff import Diff, Effect
from kubelogic.verbs.edits import Edit
from kubelogic.verbs.missing import NO_NODES

_SHOWN = 30
_WIDEST = 60
"""Characters of a value that are shown."""


def render_diff(diff: Diff, style: Style = PLAIN, *, check: str = "kubelogic check NEW") -> str:
    """What edits change, for a person.

    Args:
        diff: what was found.
        style: for the terminal.
        check: the command that looks at rollouts.
    """
    if diff.equal:
        return paragraphs(style.good("No difference."), render_notices(diff.notices, style))
    moved = [f"  {each.owner}: {_nodes(each.left)} -> {_nodes(each.came)}" for each in diff.places]
    sizes = [f"  {each.owner}: {each.before} -> {count(each.after, 'pod')}" for each in diff.sizes]
    rolled = ""
    if _unrolled(diff):
        whose = f"the rollout of {diff.rolled[0]} gets" if len(diff.rolled) == 1 else f"{len(diff.rolled)} rollouts get"
        rolled = f"Not looked at: whether {whose} through from the old pods to the new ones.\n{next_step(check)}"
    return paragraphs(
        _verdict(diff, style),
        "" if diff.nodes else NO_NODES,
        part("WORSE", (line for each in diff.worse for line in _effect(each, diff)), style),
        part("BETTER", (f"  {one_line(each.message)}" for each in diff.better), style),
        part("OTHER NODES", cut(moved, _SHOWN), style),
        part("PODS ON NODES", cut(sizes, _SHOWN), style),
        part("EDITS", cut([f"  {_edit(each)}" for each in diff.edits], _SHOWN), style),
        render_notices(diff.notices, style),
        rolled,
    )


def _verdict(diff: Diff, style: Style) -> str:
    what = count(len(diff.edits), "edit")
    if diff.worse:
        return style.bad(
            f"Worse: {what}, {count(len(diff.worse), 'thing')} that {'is' if len(diff.worse) == 1 else 'are'} worse."
        )
    if diff.undecided:
        return style.warn(f"Not decided: {what}; whether every pod finds a node is not known.")
    changes = f"{count(len(diff.places), 'workload')} on other nodes" if diff.places else "no pod on another node"
    return style.good(f"Nothing is worse: {what}, {changes}.")


def _effect(each: Effect, diff: Diff) -> list[str]:
    lines = [f"  {one_line(each.message)}"]
    if not each.causes:
        return [*lines, "    which edits cause it was not found within the time limit"]
    all_of = "all" if len(each.causes) == len(diff.edits) else str(len(each.causes))
    tried = "tried: without any one of them it is not so" if each.minimal and len(each.causes) > 1 else "tried"
    if each.minimal and len(each.causes) == 1:
        tried = "tried: it alone is enough"
    if not each.minimal:
        tried = "tried; perhaps fewer are enough"
    lines.append(f"    because of {all_of} of {count(len(diff.edits), 'edit')} ({tried}):")
    return [*lines, *(f"      {_edit(cause)}" for cause in each.causes)]


def _edit(edit: Edit) -> str:
    place = edit.after or edit.before
    who = f"{edit.kind} {edit.key}"
    where = f"{place}: " if place else ""
    if not edit.path:
        return f"{where}{who} {edit.what}"
    old = f" (was at {edit.before})" if edit.before and edit.after and edit.before.file != edit.after.file else ""
    return f"{where}{who} {edit.field}: {_value(edit.old)} -> {_value(edit.new)}{old}"


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    text = msgspec.json.encode(value).decode("utf-8", "replace")
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


def _nodes(nodes: Mapping[str, int]) -> str:
    return ", ".join(name if number == 1 else f"{number} on {name}" for name, number in nodes.items())


def _unrolled(diff: Diff) -> tuple[str, ...]:
    """The workloads of which nobody has looked whether their rollout gets through; none where there are no nodes."""
    return diff.rolled if diff.nodes else ()


def diff_document(diff: Diff, *, check: str = "kubelogic check NEW") -> dict[str, Any]:
    """A diff as the document ``Diff``; ``check`` is the command that looks at rollouts."""
    return {
        **header("Diff"),
        "equal": diff.equal,
        "worse": [effect_document(each) for each in diff.worse],
        "better": [effect_document(each) for each in diff.better],
        "places": [{"owner": each.owner, "left": dict(each.left), "came": dict(each.came)} for each in diff.places],
        "sizes": [{"owner": each.owner, "before": each.before, "after": each.after} for each in diff.sizes],
        "edits": [edit_document(each) for each in diff.edits],
        "undecided": diff.undecided,
        "notices": [notice_document(each) for each in diff.notices],
        "unrolled": list(_unrolled(diff)),
        "next": check if _unrolled(diff) else None,
    }


def effect_document(each: Effect) -> dict[str, Any]:
    """Something worse or better within a document."""
    return {
        **fields(each, "what", "subject", "before", "after", "message"),
        "causes": [edit_document(cause) for cause in each.causes],
        "minimal": each.minimal,
    }


def edit_document(each: Edit) -> dict[str, Any]:
    """An edit within a document; of whole objects the values are left out."""
    return {
        "what": each.what,
        "object": f"{each.kind} {each.key}",
        "path": each.field,
        "old": each.old if each.path else None,
        "new": each.new if each.path else None,
        "oldLocation": location_document(each.before) if each.before is not None else None,
        "newLocation": location_document(each.after) if each.after is not None else None,
    }
