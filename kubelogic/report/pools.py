"""The cheapest nodes to add, as text and as a document."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

from kubelogic.explain.units import count, some
from kubelogic.report.documents import fields, header, notice_document
from kubelogic.report.lacking import lacking_document, lines_beside
from kubelogic.report.plan import render_notices
from kubelogic.report.style import PLAIN, Style
from kubelogic.report.tables import table
from kubelogic.verbs.autoscaler_holds import EXPENDABLE
from kubelogic.verbs.pools import Pools

_SHOWN = 8


def pools_document(found: Pools) -> dict[str, Any]:
    """The document ``Pools``. Amounts of money are texts, exact decimals."""
    return {
        **header("Pools"),
        **fields(found, "waiting", "enough"),
        "cost": money(found.cost),
        "least": money(found.least),
        "unweighted": None if found.unweighted is None else money(found.unweighted),
        "add": [
            {"pool": each.pool, "nodes": each.nodes, "price": money(each.price), "pods": list(each.pods)}
            for each in found.bought
        ],
        **fields(found, "short", "reached"),
        "hopeless": [
            {"pod": each.pod, "owner": each.owner, "against": {name: list(why) for name, why in each.reasons.items()}}
            for each in found.hopeless
        ],
        "unsure": list(found.unsure),
        "expendable": list(found.expendable),
        "notices": [notice_document(each) for each in found.notices],
        **lacking_document(found.lacking),
    }


def money(amount: Fraction) -> str:
    """An amount as a decimal; prices have six places at most, so it is exact.

    >>> money(Fraction(19, 100)), money(Fraction(3))
    ('0.19', '3')
    """
    digits = f"{amount.numerator * 10**6 // amount.denominator:07d}"
    return f"{digits[:-6]}.{digits[-6:]}".rstrip("0").rstrip(".")


def render_pools(found: Pools, style: Style = PLAIN) -> str:
    """The answer for a person."""
    lines = [_verdict(found, style), *lines_beside(found.lacking, style)]
    if found.unsure:
        who = some(found.unsure, _SHOWN)
        lines.append(style.warn(f"{who} ask for what is not modelled (see the notices): unknown."))
    if found.expendable and found.bought:
        low = f"whose priority is below {EXPENDABLE} (--expendable-pods-priority-cutoff)"
        lines.append(style.warn(f"cluster-autoscaler adds no node for {some(found.expendable, _SHOWN)}, {low}."))
    if found.bought:
        rows = [["POOL", "NODES", "PRICE", "COST", "PODS"]]
        rows += [
            [each.pool, str(each.nodes), money(each.price), money(each.price * each.nodes), str(len(each.pods))]
            for each in found.bought
        ]
        lines += ["", *table(rows, style)]
    if found.hopeless:
        lines += ["", style.bold("NO POOL TAKES")]
        alike = Counter((each.owner, tuple(each.reasons.items())) for each in found.hopeless)
        for each in found.hopeless:
            number = alike.pop((each.owner, tuple(each.reasons.items())), 0)
            if number:
                of = f"{count(number, 'pod')} of {each.owner}" if each.owner else each.pod
                lines.append(f"  {of}")
                lines += [
                    f"    {name}: {'; '.join(why)}" if name else f"    {'; '.join(why)}"
                    for name, why in each.reasons.items()
                ]
    if found.notices:
        lines += ["", render_notices(found.notices, style)]
    return "\n".join(lines)


def _verdict(found: Pools, style: Style) -> str:
    if not found.waiting:
        what = "Nothing that a new node could take waits for one." if found.hopeless else "Nothing waits for a node."
        return style.bold(what)
    if not found.enough:
        line = f"No way was found to give all {found.waiting} pods a node: {some(found.short, _SHOWN)} found none."
        reached = "".join(f"\nNo more node of {each} is within its limit." for each in found.reached)
        return style.warn(line + reached)
    if not found.bought:
        return style.bold("No node has to be added: all that waits finds room on those that are there.")
    total = sum(each.nodes for each in found.bought)
    proof = "no cheaper way" if found.cost == found.least else f"proved: not below {money(found.least)}"
    if found.unweighted is not None and found.unweighted < found.cost:
        proof = f"by the weights of the pools; without them {money(found.unweighted)} would do"
    held = "the pod that waits finds a node" if found.waiting == 1 else f"all {found.waiting} pods that wait find one"
    return style.bold(f"Add {count(total, 'node')} for {money(found.cost)} ({proof}): then {held}.")
