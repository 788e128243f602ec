"""What is not to be told: codes that were not asked for, and what an annotation of an object excuses with a reason."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.kinds.codes import FORM
from kubelogic.patterns import regex
from kubelogic.verbs.checking.findings import Finding, place

ANNOTATION = "kubelogic.dev/ignore"
WITHOUT_REASON, IN_VAIN = "KL180", "KL181"

_PARTS = regex(r"[;\n]")
_CONTINUED = regex(r"(?<=[^;\s])[ \t]*\n[ \t]*(?=[^\s;])(?![A-Z][A-Z0-9]*[0-9][:,]?(?:[\s;]|\Z))")
"""The end of a line after which no code follows: its reason goes on."""


class Ignored(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that an annotation excuses, and the reason that it gives."""

    finding: Finding
    reason: str


def chosen(finding: Finding, select: Collection[str], ignore: Collection[str]) -> bool:
    """Whether a finding is asked for: the longest prefix of its code that is named decides.

    Args:
        finding: the finding.
        select: prefixes of codes; empty for all.
        ignore: prefixes of codes that are left out.
    """
    code = finding.code
    wanted = max((len(each) for each in select if code.startswith(each)), default=-1 if select else 0)
    unwanted = max((len(each) for each in ignore if code.startswith(each)), default=-1)
    return wanted > unwanted or (wanted == unwanted and wanted > 0 and unwanted < 0)


def unknown_codes(prefixes: Iterable[str], known: Collection[str]) -> list[str]:
    """What is wrong with prefixes with which no code begins, each with what may be meant."""
    found = []
    for each in prefixes:
        if not any(code.startswith(each) for code in known):
            upper = each.upper()
            meant = [upper] if any(code.startswith(upper) for code in known) else []
            near = meant or difflib.get_close_matches(upper, sorted(known), n=1)
            found.append(f"no code begins with {each}" + (f"; did you mean {near[0]}?" if near else ""))
    return found


def parse(text: str) -> tuple[dict[str, str], list[str]]:
    """The reasons by code, and the parts without a reason.

    >>> parse("KL410 one is enough; KL412")
    ({'KL410': 'one is enough'}, ['KL412'])

    A line that begins with no code goes on with the reason of the line before it.

    >>> parse("KL410\\tone is enough,\\nit is a cache\\nKL412 why")
    ({'KL410': 'one is enough, it is a cache', 'KL412': 'why'}, [])
    """
    reasons: dict[str, str] = {}
    bare: list[str] = []
    for part in filter(None, (each.strip() for each in _PARTS.split(_CONTINUED.sub(" ", text)))):
        code, reason = (*part.split(None, 1), "")[:2]
        code = code.rstrip(":,")
        if FORM.fullmatch(code) and reason.strip(" :-"):
            reasons[code] = reason.strip(" :-")
        else:
            bare.append(part)
    return reasons, bare


def excused(
    findings: Sequence[Finding], cluster: Cluster, known: Collection[str]
) -> tuple[list[Finding], tuple[Ignored, ...]]:
    """The findings that remain, with those about the annotations themselves, and those that annotations excuse.

    Args:
        findings: all that were found.
        cluster: as it was read.
        known: every code there is.
    """
    left: list[Finding] = []
    annotated: dict[tuple[str, str], tuple[Object, dict[str, str]]] = {}
    for obj in cluster:
        text = ((obj.document.get("metadata") or {}).get("annotations") or {}).get(ANNOTATION)
        if text is None:
            continue
        reasons, bare = parse(str(text))
        annotated[obj.kind, obj.key] = obj, reasons
        for part in bare:
            message = f"{ANNOTATION} of {obj} says {part!r}: it takes a code and a reason, as in KL410 one is meant"
            left.append(_about(cluster, obj, WITHOUT_REASON, message))
    used: set[tuple[str, str, str]] = set()
    gone: list[Ignored] = []
    for finding in findings:
        reasons = annotated[finding.kind, finding.key][1] if (finding.kind, finding.key) in annotated else {}
        code = next((each for each in sorted(reasons, key=len, reverse=True) if finding.code.startswith(each)), "")
        if code and not finding.invalid:
            used.add((finding.kind, finding.key, code))
            gone.append(Ignored(finding=finding, reason=reasons[code]))
        else:
            left.append(finding)
    for (kind, key), (obj, reasons) in annotated.items():
        for code in reasons:
            if (kind, key, code) not in used:
                near = "" if any(each.startswith(code) for each in known) else "; there is no such code"
                left.append(
                    _about(cluster, obj, IN_VAIN, f"{ANNOTATION} of {obj} excuses {code}, which was not found{near}")
                )
    return left, tuple(gone)


def _about(cluster: Cluster, obj: Object, code: str, message: str) -> Finding:
    return Finding(
        code=code,
        severity="error" if code == WITHOUT_REASON else "note",
        message=message,
        api_version=obj.api_version,
        kind=obj.kind,
        key=obj.key,
        location=place(cluster, obj, ("metadata", "annotations", ANNOTATION)),
        about=(message,),
    )
