"""A derivation of the solver in words: few sentences, each following from those before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kubelogic.explain.units import count, some
from kubelogic.placement.counts import Place, Step
from kubelogic.placement.derivation import Derivation

_SHORT = 8
"""Sentences up to which a derivation is told; a longer one explains nothing to a person."""
_LISTED = 4


def told(found: Derivation, *, subject: str, placed: int) -> tuple[str, ...]:
    """The derivation as sentences, the answer first; empty if it says nothing that can be told.

    Args:
        found: what counts tell.
        subject: the workload's ``namespace/name``.
        placed: how many of its pods have a node.
    """
    most = f"at most {found.reachable} can run at one time" if found.reachable is not None else ""
    if found.steps:
        chain = list(_chain(found.steps, found.wanted))
        if len(chain) > _SHORT:
            return ()
        answer = f"No choice of nodes holds {count(found.wanted, 'pod')} of {subject}"
        way = f"; placing and deleting them one by one, {most}" if most and found.reachable != found.wanted else ""
        return (f"{answer}{way}:", *chain)
    if found.legal is not None and found.reachable is not None and found.reachable <= placed:
        where = ", ".join(f"{many} on {node}" for node, many in sorted(found.legal.items()) if many)
        return (
            f"{count(found.wanted, 'pod')} of {subject} could be at once ({where}) and keep every rule; "
            f"but each has to fit when it comes, and so {most}, in whatever order they come and go.",
        )
    return ()


def _chain(steps: Sequence[Step], wanted: int) -> Iterator[str]:
    """One sentence for steps that differ in their place only; the last two are the contradiction."""
    body = [step for step in steps if step.reason != "total"]
    alike: dict[tuple[object, ...], list[Step]] = {}
    for step in body:
        alike.setdefault((step.low, step.high, step.reason, step.key, step.resource, not step.domain), []).append(step)
    last = body[-1].place
    for group in alike.values():
        if group[0].place != Place():
            yield _sentence(group, wanted)
    low = max((step.low for step in body if step.place == last), default=0)
    high = min((step.high for step in body if step.place == last), default=wanted)
    if last == Place():
        yield f"That is {high} in all, of {wanted}."
    else:
        yield f"{_named(last)} cannot have {low} or more and {high} or fewer."


def _sentence(steps: Sequence[Step], wanted: int) -> str:
    first = steps[0]
    names = [_named(step.place) for step in steps]
    who = some(names, _LISTED)
    have, take = ("has", "takes") if len(names) == 1 else ("have", "take")
    each = "" if len(names) == 1 else " each"
    bound = f"{first.low} or more" if first.low else ("none" if not first.high else f"{first.high} at most")
    key = _short(first.key)
    only = f"Because only {first.place.name} is in {key} {first.domain}" if first.domain else ""
    if first.reason == "room":
        room = f"room for {first.high} more" if first.high else "no room"
        return f"{who} {have} {room}{each}" + (f" ({first.resource})." if first.resource else ".")
    if first.reason == "barred":
        return f"{who} {take} none."
    if first.reason == "one":
        return f"{who} {take} one{each}" + (f": no two may share a {key}." if first.key else ".")
    if first.reason == "short":
        few = f"Fewer than {first.wanted} values of {key} count (minDomains)"
        return f"{few}, so none may have more than {first.skew}: {who} {have} {bound}{each}."
    if first.reason in ("even", "skew"):
        rule = f"counts per {key} may differ by {first.skew}"
        because = f"{only}, and {rule}" if only else f"Because {rule}"
        of = f" of {wanted}" if first.reason == "even" else ""
        return f"{because}, {who} {have} {bound}{of}{each}."
    return f"So {who} {have} {bound}{each}."


def _named(place: Place) -> str:
    return f"{_short(place.key)} {place.name}" if place.key else place.name or "all nodes together"


def _short(key: str) -> str:
    return key.rpartition("/")[2]


def derivation_document(found: Derivation) -> Mapping[str, object]:
    """The derivation as data: steps with the numbers of the steps that they rest on."""
    return {
        "wanted": found.wanted,
        "reachable": found.reachable,
        "legal": dict(sorted(found.legal.items())) if found.legal is not None else None,
        "steps": [
            {
                "place": _named(step.place),
                "atLeast": step.low,
                "atMost": step.high,
                "reason": step.reason,
                "key": step.key or None,
                "maxSkew": step.skew or None,
                "minDomains": step.wanted or None,
                "resource": step.resource or None,
                "after": list(step.after),
            }
            for step in found.steps
        ],
    }
