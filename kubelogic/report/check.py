"""A check as text and as the document ``Check``: verdict first, then the findings, the worst first."""

from __future__ import annotations

from typing import Any

from kubelogic.explain.units import count
from kubelogic.kinds.codes import FORM
from kubelogic.report.documents import fields, header, location_document
from kubelogic.report.faults import window
from kubelogic.report.following import next_step
from kubelogic.report.style import PLAIN, Style
from kubelogic.report.terminal import one_line
from kubelogic.verbs.check import Check
from kubelogic.verbs.checking.findings import SEVERITIES, Finding
from kubelogic.verbs.checking.ignored import IN_VAIN, WITHOUT_REASON
from kubelogic.verbs.missing import NO_NODES

_WIDEST = 100
_SHOWN = 100
"""Findings of one severity in a text."""


def render_check(check: Check, style: Style = PLAIN, *, least: str = "warning", rules: str = "") -> str:
    """The findings for a person.

    Args:
        check: what was found.
        style: how the text looks.
        least: the least severity that is shown; all are counted.
        rules: the flags that name further rules, with a space before them.
    """
    parts = [_verdict(check, style)]
    if not check.nodes and check.objects:
        parts.append(NO_NODES)
    shown = SEVERITIES[: SEVERITIES.index(least) + 1]
    for severity in shown:
        alike = [each for each in check.findings if each.severity == severity]
        parts += [_finding(each, style) for each in alike[:_SHOWN]]
        if len(alike) > _SHOWN:
            parts.append(style.dim(f"... and {len(alike) - _SHOWN} more {severity}s; -o json has them all"))
    if check.ignored:
        lines = [style.bold("EXCUSED")]
        lines += [
            f"  {one_line(each.finding.message)} [{each.finding.code}]: {one_line(each.reason)}"
            for each in check.ignored
        ]
        parts.append("\n".join(lines))
    parts += _rest(check, shown, rules)
    return "\n\n".join(parts)


def _verdict(check: Check, style: Style) -> str:
    counts = [count(number, severity) for severity in SEVERITIES if (number := check.number(severity))]
    found = _and(counts) if counts else "nothing to find fault with"
    where = f" in {count(check.objects, 'object')}" if check.objects else "; no valid object is left to look at"
    if check.invalid:
        what = style.bad(f"Invalid input: {found}")
    elif check.failing:
        what = style.bad(f"Fails: {found}")
    elif check.undecided:
        what = style.warn(f"Not decided within the time limit: {found}")
    else:
        what = style.good(f"Passes: {found}")
    known = f"; {count(check.known, 'finding')} that the base has, too, left out" if check.known else ""
    return f"{what}{where}{known}."


def _and(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]


def _finding(each: Finding, style: Style) -> str:
    mark = {"error": style.bad, "warning": style.warn}.get(each.severity, style.dim)
    place = f"{style.bold(str(each.location))}: " if each.location else ""
    lines = [f"{place}{mark(each.severity)}: {one_line(each.message)} [{each.code}]"]
    if each.excerpt and each.location and each.location.column:
        widest = _WIDEST if style.width is None else min(_WIDEST, style.width - 10)
        line, caret = window(each.excerpt, each.caret, widest)
        lines += [f"    {line}", f"    {' ' * (caret - 1)}{style.bad('^')}"]
    if each.checked:
        lines.append(f"    tried, and it helps: {one_line(each.step)}")
    elif each.helps:
        lines.append(f"    helps: {one_line(each.helps)}")
    elif each.step:
        lines.append(f"    {next_step(one_line(each.step), word='next')}")
    return "\n".join(lines)


def _rest(check: Check, shown: tuple[str, ...], rules: str) -> list[str]:
    parts = []
    hidden = sum(each.severity not in shown for each in check.findings)
    if hidden:
        parts.append(f"{count(hidden, 'finding')} of less weight: --show note has them.")
    shown_codes = (each for each in check.findings if each.severity in shown and FORM.fullmatch(each.code))
    told = next(shown_codes, None)
    if told is not None:
        final = told.invalid or told.code in (WITHOUT_REASON, IN_VAIN)
        excuse = f'\nThe annotation kubelogic.dev/ignore: "{told.code} REASON" excuses an object.'
        means = next_step(f"kubelogic explain {told.code}{rules}", "what the code means")
        parts.append(means + ("" if final else excuse))
    return parts


def check_document(check: Check) -> dict[str, Any]:
    """A check as the document ``Check``."""
    return {
        **header("Check"),
        **fields(check, "passes", "fail_on", "objects", "nodes"),
        "counts": {severity: check.number(severity) for severity in SEVERITIES},
        "findings": [finding_document(each) for each in check.findings],
        "ignored": [{**finding_document(each.finding), "reason": each.reason} for each in check.ignored],
        "knownInBase": check.known,
    }


def finding_document(each: Finding) -> dict[str, Any]:
    """A finding within a document."""
    namespace, _, name = each.key.rpartition("/")
    return {
        **fields(each, "code", "severity", "message"),
        "location": location_document(each.location) if each.location is not None else None,
        "object": {"apiVersion": each.api_version, "kind": each.kind, "namespace": namespace, "name": name}
        if each.kind
        else None,
        "helps": each.helps,
        "next": {"text": each.step, "checked": each.checked} if each.step else None,
        "invalid": each.invalid,
        "count": each.weight,
    }
