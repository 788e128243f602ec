"""A verification as text, and as the document ``Verification``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import msgspec

from kubelogic.reconcile.times import clock
from kubelogic.report.documents import fields, header, notice_document
from kubelogic.report.following import Again, next_step, unnamed
from kubelogic.report.parts import paragraphs, part
from kubelogic.report.plan import render_notices
from kubelogic.report.simulation import seconds
from kubelogic.report.style import PLAIN, Style
from kubelogic.verify.results import Counterexample, Verification

_SHOWN = 20
_FOLDER = "counterexample"
"""The folder that is proposed for what is to be kept."""


def verification_document(found: Verification) -> dict[str, Any]:
    """A verification as the document ``Verification``. Times are in seconds from the start."""
    return {
        **header("Verification"),
        **fields(found, "question", "verdict", "scope", "invariants", "cases", "tried", "alike"),
        **fields(found, "proved", "already", "reason"),
        "order": [{"node": node, "seconds": seconds(time)} for node, time in found.order],
        "counterexample": None if found.counterexample is None else _counterexample(found.counterexample),
        "notices": [notice_document(each) for each in found.notices],
        "missing": list(found.missing),
    }


def _counterexample(found: Counterexample) -> dict[str, Any]:
    return {
        "scenario": _scenario(found.steps, found.horizon),
        "objects": [msgspec.to_builtins(each) for each in found.objects],
        "violations": [
            {"time": seconds(each.time), **fields(each, "invariant", "message")} for each in found.violations
        ],
        **fields(found, "told", "scheduler", "replayed"),
    }


def render_verification(found: Verification, style: Style = PLAIN, *, again: Again = unnamed, kept: str = "") -> str:
    """The verdict, over what it holds or what breaks it, and what to do next.

    Args:
        found: what to tell.
        style: for the terminal.
        again: what names the same input.
        kept: the folder in which the counter-example is kept; empty: in none.
    """
    already = _some([f"  {each}" for each in found.already])
    order = [f"  {number}. {node} ({clock(time)})" for number, (node, time) in enumerate(found.order, 1)]
    return paragraphs(
        *map(style.warn, found.missing),
        _verdict(found, style),
        part("WHAT HAS TO HOLD", (f"  {each}" for each in found.invariants), style),
        part("BROKEN BEFORE ANYTHING HAPPENS, AND NOT HELD AGAINST IT", already, style),
        part("PROVED", (f"  {each}" for each in found.proved), style),
        part("ORDER", order, style),
        *(_broken(found.counterexample, style) if found.counterexample is not None else ()),
        render_notices(found.notices, style),
        _next(found.counterexample, again, kept) if found.counterexample is not None else "",
    )


def _some(rows: list[str]) -> list[str]:
    return [*rows[:_SHOWN], *([f"  and {len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else [])]


def _verdict(found: Verification, style: Style) -> str:
    marks = {"holds": style.good, "broken": style.bad, "unknown": style.warn}
    lines = [marks[found.verdict](f"{found.verdict}: {found.question}"), f"  {found.scope}"]
    if found.reason:
        lines.append(f"  {found.reason}")
    if 0 < found.tried <= found.cases and found.cases > 1 and not found.order:
        alike = f", {found.alike} more {'is' if found.alike == 1 else 'are'} like one of them" if found.alike else ""
        lines.append(f"  {found.tried} of {found.cases} cases {'was' if found.tried == 1 else 'were'} run{alike}")
    return "\n".join(lines)


def _broken(found: Counterexample, style: Style) -> list[str]:
    rows = [f"  {clock(each.time):>8}  {each.message} [{each.invariant}]" for each in found.violations]
    scenario = [scenario_text(found.steps, found.horizon).rstrip()] if found.steps else []
    return [
        part("WHAT IS BROKEN", _some(rows), style),
        part("THE RUN", (f"  {each}" for each in found.told), style),
        part("THE SCENARIO", scenario, style),
    ]


def _next(found: Counterexample, again: Again, kept: str) -> str:
    """The commands that show a counter-example: the first keeps it, if it is not kept."""
    if not (found.steps or found.objects):
        plan = f"kubelogic plan {again('plan', scheduler=found.scheduler)}"
        return next_step(plan, "the plan that shows it")
    folder = shlex.quote(kept or _FOLDER)
    if found.steps:
        objects = f" {folder}/objects.yaml" if found.objects else ""
        read = f"{again('simulate', scheduler=found.scheduler)}{objects} --scenario {folder}/scenario.yaml"
        sure = "it was run once more and broke the same" if found.replayed else "it is one run of the scheduler named"
        shows, what = f"kubelogic simulate {read}", f"the whole run ({sure})"
    else:
        nodes = again("plan", scheduler=found.scheduler, only_nodes=True)
        shows, what = f"kubelogic plan {folder}/objects.yaml {nodes}", "why the last one finds no place"
    if kept:
        return next_step(shows, what)
    keeps = f"kubelogic verify {again('verify')} --write {folder}"
    return f"{next_step(keeps, 'the counter-example as files')}\n{next_step(shows, what, word='Then')}"


def scenario_text(steps: tuple[Mapping[str, Any], ...], horizon: int = 0) -> str:
    """The steps as a scenario file.

    Args:
        steps: what happens when.
        horizon: milliseconds up to which the run goes; 0: nothing is said.
    """
    return documents_text([_scenario(steps, horizon)])


def _scenario(steps: tuple[Mapping[str, Any], ...], horizon: int) -> dict[str, Any]:
    limit = {"horizon": clock(horizon)} if horizon else {}
    return {**limit, "steps": [msgspec.to_builtins(step) for step in steps]}


def documents_text(documents: list[Any]) -> str:
    """Documents as YAML, one after the other."""
    import io

    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    parts = []
    for document in documents:
        written = io.StringIO()
        yaml.dump(document, written)
        parts.append(written.getvalue().removesuffix("...\n"))
    return "---\n".join(parts)
