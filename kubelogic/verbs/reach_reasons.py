"""Which policies are behind an answer about connections, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.facts.cluster_policies import DIRECTIONS
from kubelogic.logic import Evaluation, Row, Value
from kubelogic.reconcile.network import pods_may_have
from kubelogic.text import Location

Verdict = Literal["yes", "no", "unknown"]

ASKED = (
    "accepts",
    "admits",
    "admitted_in",
    "admitted_out",
    "contested",
    "decides",
    "governs",
    "may_say",
    "opens",
    "peer_unaddressed",
    "policy_block",
    "sends",
    "talks",
    "unsure",
)
"""The relations that reasons are made of."""

Doubt = Literal["", "addresses", "names", "priorities"]
"""Why an answer is not known: pods without addresses, domain names, or policies of one priority that disagree."""

_DOES = {"": "", "Accept": " allows it", "Deny": " denies it", "Pass": " passes it on"}


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One reason for an answer, with the policy's place."""

    text: str
    location: Location | None = None


class Reasons:
    """The policies behind answers, in one evaluation."""

    def __init__(self, cluster: Cluster, evaluation: Evaluation) -> None:
        """Index what reasons are made of.

        Args:
            cluster: with the policies.
            evaluation: has ``ASKED`` among its goals.
        """
        self._cluster = cluster
        self._governing: dict[tuple[Value, Value], list[str]] = {}
        for policy, direction, peer in sorted(evaluation.rows("governs")):
            self._governing.setdefault((direction, peer), []).append(str(policy))
        self._admitting: dict[tuple[Value, Value, Value], list[int]] = {}
        for policy, direction, index, peer in sorted(evaluation.rows("admits")):
            self._admitting.setdefault((policy, direction, peer), []).append(int(index))
        self._decisions: dict[tuple[Value, ...], list[tuple[str, int, str]]] = {}
        for tier, direction, *row, policy, index, action in sorted(evaluation.rows("decides")):
            self._decisions.setdefault((tier, direction, *row), []).append((str(policy), int(index), str(action)))
        self._perhaps: dict[Row, list[tuple[str, int, str]]] = {}
        for *row, policy, index, action in sorted(evaluation.rows("may_say")):
            self._perhaps.setdefault(tuple(row), []).append((str(policy), int(index), str(action)))
        self._opens = evaluation.rows("opens")
        self._unaddressed = {peer for (peer,) in evaluation.rows("peer_unaddressed")}
        self._by_block = {
            (policy, direction)
            for policy, direction, _, _, text in evaluation.rows("policy_block")
            if pods_may_have(str(text))
        }
        self._sends, self._accepts = evaluation.rows("sends"), evaluation.rows("accepts")
        self._talks, self._contested, self._unsure = (
            evaluation.rows(name) for name in ("talks", "contested", "unsure")
        )

    def of(self, row: Row) -> tuple[Verdict, tuple[Reason, ...], Doubt]:
        """Whether a peer reaches a port of another, why, and what the answer hangs on if it is not known.

        Args:
            row: from, to, protocol and number.
        """
        if row in self._talks:
            passed = tuple(each for direction in ("Egress", "Ingress") for each in self._passing(direction, row))
            return "yes", passed or (Reason(text="no policy governs either end"),), ""
        if row in self._contested:
            return "unknown", tuple(self._disagreeing(row)), "priorities"
        if row in self._unsure:
            found = [self._rule("Egress", each, ", if it is for this address") for each in self._perhaps[row]]
            return "unknown", tuple(found), "addresses" if row[1] in self._unaddressed else "names"
        verdict, reasons = self._why_not(row)
        return verdict, reasons, "addresses" if verdict == "unknown" else ""

    def _passing(self, direction: str, row: Row) -> Iterator[Reason]:
        """The policies of one end that let a connection pass."""
        tier = self._decisions.get(("Admin", direction, *row), ())
        yield from (self._rule(direction, each) for each in tier)
        if any(action == "Accept" for _, _, action in tier):
            return
        mine, other = _ends(direction, row)
        governing = self._governing.get((direction, mine), ())
        for policy in governing:
            rules = [
                index
                for index in self._admitting.get((policy, direction, other), ())
                if self._open(policy, direction, index, row)
            ]
            if rules:
                yield self._rule(direction, (policy, rules[0], ""))
        if not governing:
            last = self._decisions.get(("Baseline", direction, *row), ())
            yield from (self._rule(direction, each) for each in last)

    def _open(self, policy: str, direction: str, index: int, row: Row) -> bool:
        _, target, protocol, number = row
        return (policy, direction, index, target, protocol, number) in self._opens

    def _disagreeing(self, row: Row) -> Iterator[Reason]:
        for (_, direction, *about), found in self._decisions.items():
            if tuple(about) == row and len({action for _, _, action in found}) > 1:
                yield from (self._rule(str(direction), each) for each in found)

    def _why_not(self, row: Row) -> tuple[Verdict, tuple[Reason, ...]]:
        """The policies that stop it; unknown if only an address that is not there yet could say whether they do."""
        source, target, protocol, number = row
        stopped = [
            direction
            for direction, passes in (
                ("Egress", row in self._sends),
                ("Ingress", (target, source, protocol, number) in self._accepts),
            )
            if not passes
        ]
        reasons: list[Reason] = []
        surely = False
        for direction in stopped:
            mine, other = _ends(direction, row)
            governing = self._governing.get((direction, mine), ())
            denying = [
                each
                for tier in (("Admin",) if governing else ("Admin", "Baseline"))
                for each in self._decisions.get((tier, direction, *row), ())
                if each[2] == "Deny"
            ]
            if denying:
                reasons += [self._rule(direction, each) for each in denying]
                surely = True
                continue
            reasons += [self._stops(policy, direction, other) for policy in governing]
            blocks = any((policy, direction) in self._by_block for policy in governing)
            surely |= other not in self._unaddressed or not blocks
        return ("no" if surely else "unknown"), tuple(reasons)

    def _rule(self, direction: str, rule: tuple[str, int, str], more: str = "") -> Reason:
        policy, index, action = rule
        found = self._policy(policy)
        path = ("spec", DIRECTIONS[direction][0], index)
        own = _own_name(found, path)
        text = f"{direction} rule {index}{own} of {_called(policy)}{_DOES[action]}{more}"
        return Reason(text=text, location=found.place(path) if found is not None else None)

    def _stops(self, policy: str, direction: str, other: Value) -> Reason:
        rules = self._admitting.get((policy, direction, other))
        if rules:
            which = f"{direction} rule{'s' if len(rules) > 1 else ''} {', '.join(map(str, rules))}"
            text = f"policy {policy}: {which} for this peer, but not for this port"
        else:
            text = f"policy {policy} has no {direction} rule for this peer"
        found = self._policy(policy)
        return Reason(text=text, location=found.place(()) if found is not None else None)

    def _policy(self, policy: str) -> Object | None:
        kind, _, name = policy.partition("/")
        if kind[:1].isupper():
            return self._cluster.get(kind, name)
        return self._cluster.get("NetworkPolicy", policy)


def _ends(direction: str, row: Row) -> tuple[Value, Value]:
    """The end that policies of a direction govern, and the other one."""
    return (row[0], row[1]) if direction == "Egress" else (row[1], row[0])


def _called(policy: str) -> str:
    kind, _, name = policy.partition("/")
    return f"{kind} {name}" if kind[:1].isupper() else f"policy {policy}"


def _own_name(policy: Object | None, path: tuple[str | int, ...]) -> str:
    """The name that a rule was given, in brackets."""
    found: Any = policy.document if policy is not None else {}
    for step in path:
        found = found[step] if isinstance(step, int) else found.get(step) or ()
        if not found:
            return ""
    return f" ({found['name']})" if found.get("name") else ""
