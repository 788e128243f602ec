"""Who may do what, as text and as a document."""

from __future__ import annotations

from typing import Any

from kubelogic.facts.roles import MEMBER
from kubelogic.logic.words import Words
from kubelogic.report.documents import fields, header, location_document
from kubelogic.report.lacking import lacking_document, noticed_documents, said_beside
from kubelogic.report.proofs import place_document
from kubelogic.report.quantities import FORMATS
from kubelogic.report.style import PLAIN, Style
from kubelogic.report.tables import table
from kubelogic.report.terminal import one_line
from kubelogic.text import Location
from kubelogic.verbs.can_i import EVERYWHERE, NOWHERE, CanI, Grant


def render_can_i(found: CanI, style: Style = PLAIN, *, proof: bool = False) -> str:
    """The verdict, and the bindings and rules behind it."""
    parts = [_verdict(found, style)]
    if found.grants:
        rows = [["WHO", "WHERE", "BY", "RULE"], *map(_row, found.grants)]
        parts.append("\n".join(table(rows, style)))
    if proof and found.proof is not None:
        parts.append(Words(found.rulebook, FORMATS).proof(found.proof))
    parts += [*found.remarks, *said_beside(found.lacking, style)]
    return "\n\n".join(parts)


def _verdict(found: CanI, style: Style) -> str:
    what = f"{one_line(found.action)}{_places(found.namespace)}"
    if not found.user:
        who = {grant.user for grant in found.grants}
        groups = sum(each.startswith(MEMBER) for each in who)
        counts = [_count(len(who) - groups, "user"), _count(groups, "group")]
        word = style.good("yes") if who else style.bad("unknown" if found.unsure else "no")
        return f"{word}: {' and '.join(each for each in counts if each) or 'no user and no group'} may {what}"
    if found.allowed:
        return style.good("yes") + f": {one_line(found.user)} may {what}"
    if found.unsure:
        return style.bad("unknown") + f": no binding in the input lets {one_line(found.user)} {what}"
    return style.bad("no") + f": {one_line(found.user)} may not {what}: no binding grants it"


def _places(namespace: str) -> str:
    if namespace == NOWHERE:
        return ""
    return " in every namespace" if namespace == EVERYWHERE else f" in {namespace}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}" if number else ""


def _row(grant: Grant) -> list[str]:
    where = "everywhere" if grant.namespace == EVERYWHERE else grant.namespace
    rule = f"{grant.role}, rule {grant.rule}{_at(grant.rule_place)}"
    return [one_line(each) for each in (grant.user, where, f"{grant.binding}{_at(grant.binding_place)}", rule)]


def _at(place: Location | None) -> str:
    return f" ({place})" if place is not None else ""


def can_i_document(found: CanI) -> dict[str, Any]:
    """``kind: CanI``."""
    return {
        **header("CanI"),
        **fields(found, "user", "action", "namespace"),
        "verdict": "yes" if found.allowed else "unknown" if found.unsure else "no",
        "allowed": found.allowed,
        "grants": [_grant(each) for each in found.grants],
        "proof": None if found.proof is None else Words(found.rulebook).proof_document(found.proof, place_document),
        "remarks": list(found.remarks),
        "notices": noticed_documents(found.lacking),
        **lacking_document(found.lacking),
    }


def _grant(grant: Grant) -> dict[str, Any]:
    places = {"bindingLocation": grant.binding_place, "location": grant.rule_place}
    return {
        **fields(grant, "user", "namespace", "binding", "role", "rule"),
        **{key: location_document(place) for key, place in places.items() if place is not None},
    }
