"""Changes that get a pending workload placed, each tried: made through the API server's door, and everything run anew.

A repair is kept only if the API server takes each of its changes and every pod of the workload then gets a node, while
no other workload loses one, but for pods that the repair says will go. Of each kind of change and owner the cheapest is
shown. Single changes come first; pairs only for those (app or platform) who can do nothing alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import jsonpatch
import msgspec

from kubelogic.cluster import Object
from kubelogic.explain.proposals.case import Candidate, Case, Change, Create, Delete, Owner, Patch
from kubelogic.explain.proposals.covers import covers
from kubelogic.explain.proposals.patches import dig
from kubelogic.explain.proposals.registry import candidates
from kubelogic.explain.proposals.workloads import is_of_nobody_here, old_ones_first, template_path
from kubelogic.explain.remade import remade

__all__ = ["MOST_TRIALS", "Change", "Create", "Delete", "Outcome", "Patch", "Repair", "Sought", "Trial", "repairs"]

MOST_TRIALS = 60
"""Changes that are tried before giving up."""

MOST_PAIRS = 2
"""Pairs that are shown, or larger sets of changes."""

MOST_PAIRED = 300
"""Changes of which pairs are made: the cheapest, where each of thousands of nodes has one of its own."""

MOST_COVERS = 20
"""Larger sets of changes that are tried."""

_REMADE = frozenset({"Pod", "Job", "StatefulSet"})
"""Kinds of which a change that the API server refuses is made by deleting the object and making it anew."""

_RENEWED = frozenset({"ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet"})
"""Kinds that may leave a waiting pod as it is when their template changes."""


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """Changes that were proved to get the workload placed.

    Attributes:
        summary: what to do, in words.
        cost: how much is asked: smaller is less. Only the order means anything.
        owner: who can do it: ``app`` edits the workload, ``platform`` the cluster.
        changes: what to change in the user's objects, in this order.
        how: how it has to be done where a plain edit is refused; empty if nothing is special about it.
    """

    summary: str
    cost: int
    owner: Owner
    changes: tuple[Change, ...]
    how: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of changes that were tried.

    Attributes:
        works: whether every pod of the workload got a node and nobody else lost one.
        refused: the API server's words if it did not take a change.
        preempted: pods of lower priority that were pushed out for it.
    """

    works: bool = False
    refused: str = ""
    preempted: tuple[str, ...] = ()


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """What a search for repairs came to.

    Attributes:
        repairs: changes that were tried and work, the cheapest first.
        stopped: after how many trials the search stopped with others still to try; 0: it came to its end.
    """

    repairs: tuple[Repair, ...] = ()
    stopped: int = 0


class Trial(Protocol):
    """Tries changes."""

    def __call__(self, changes: Sequence[Change], *, evicts: frozenset[str]) -> Outcome:
        """Make the changes, run everything, and look.

        Args:
            changes: in their order.
            evicts: pods that may go.
        """

    def expired(self) -> bool:
        """Whether there is no time left for another trial."""


class _Search(msgspec.Struct, kw_only=True):
    case: Case
    trial: Trial
    budget: int
    tried: int = 0
    stopped: bool = False
    found: list[Repair] = msgspec.field(default_factory=list)

    def is_over(self) -> bool:
        """Whether nothing more may be tried."""
        return self.budget <= 0 or self.trial.expired()

    def attempt(self, combination: Sequence[Candidate]) -> Repair | None:
        """A repair out of candidates, in the first way that works."""
        refused = False
        evicts = frozenset[str]().union(*(each.evicts for each in combination))
        for plan in _plans(self.case, combination):
            if plan.only_if_refused and not refused:
                continue
            if self.is_over():
                self.stopped = True
                continue
            self.budget -= 1
            self.tried += 1
            outcome = self.trial(plan.changes, evicts=evicts)
            refused = refused or bool(outcome.refused)
            if outcome.works:
                return _repair(combination, plan, outcome)
        return None


def repairs(case: Case, *, trial: Trial, most: int | None = None, budget: int = MOST_TRIALS) -> Sought:
    """Look for changes that work.

    Args:
        case: the pending pod, its workload, and what is in its way.
        trial: tries changes.
        most: show so many, of whatever kinds; None for one of each kind, subject and owner.
        budget: how many trials there may be.
    """
    edited = not is_of_nobody_here(case.workload)
    singles = [each for each in candidates(case) if edited or not (each.edit or each.alters)]
    search = _Search(case=case, trial=trial, budget=budget)
    kinds: set[tuple[str, str, Owner]] = set()
    for each in singles:
        if search.stopped or (most is not None and len(search.found) >= most):
            break
        known = {kind for kind, _, _ in kinds}
        sort = (each.kind, each.subject, each.owner)
        if most is None and (sort in kinds or not known.isdisjoint(each.unless)):
            continue
        repair = search.attempt((each,))
        if repair is not None:
            kinds.add(sort)
            search.found.append(repair)
    if not any(each.owner == "app" for each in search.found):
        _pairs(search, singles, any_owner=not search.found)
    if not search.found:
        _covers(search, edited=edited)
    found = tuple(sorted(_minimal(search.found), key=lambda each: (each.cost, each.summary)))
    return Sought(repairs=found, stopped=search.tried if search.stopped else 0)


def _minimal(found: Sequence[Repair]) -> Iterator[Repair]:
    """The repairs of which no other one is a part: what works alone needs nothing beside it."""
    asks = [frozenset(_asks(each)) for each in found]
    for repair, own in zip(found, asks, strict=True):
        if not any(other < own for other in asks):
            yield repair


def _asks(repair: Repair) -> Iterator[str]:
    """Everything that a repair changes, piece by piece."""
    for change in repair.changes:
        match change:
            case Create(document=document):
                yield f"create {document}"
            case Delete(target=target):
                yield f"delete {target}"
            case Patch(target=target, operations=operations):
                yield from (f"patch {target} {dict(each)}" for each in operations)


def _pairs(search: _Search, singles: Sequence[Candidate], *, any_owner: bool) -> None:
    """Two changes together, where one alone is not enough."""
    if search.is_over():
        return
    those = [each for each in singles if any_owner or each.owner == "app"][:MOST_PAIRED]
    two = sorted(
        (pair for pair in itertools.combinations(those, 2) if _go_together(pair)),
        key=lambda pair: (pair[0].cost + pair[1].cost, pair[0].summary, pair[1].summary),
    )
    shown = 0
    for pair in two:
        if shown == MOST_PAIRS or search.is_over():
            return
        repair = search.attempt(pair)
        if repair is not None:
            search.found.append(repair)
            shown += 1


def _covers(search: _Search, *, edited: bool) -> None:
    """Something against each thing that bars a node, where two changes are too few; with trials of its own."""
    search.budget += min(MOST_COVERS, search.budget + search.tried)
    shown: list[set[str]] = []
    for cover in covers(search.case):
        if len(shown) == MOST_PAIRS or search.is_over():
            return
        kinds = {each.kind for each in cover}
        if any(known <= kinds for known in shown) or not (edited or not any(c.edit or c.alters for c in cover)):
            continue
        repair = search.attempt(cover)
        if repair is not None:
            shown.append(kinds)
            search.found.append(repair)


def _go_together(pair: tuple[Candidate, Candidate]) -> bool:
    one, other = pair
    if one.kind == other.kind and one.kind not in ("toleration", "selector", "spread", "skew"):
        return False
    targets = [
        {(change.target.kind, change.target.key) for change in each.changes if not isinstance(change, Create)}
        for each in pair
    ]
    return targets[0].isdisjoint(targets[1])


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One way to make changes; ``how`` and ``then`` say what is special about it."""

    changes: tuple[Change, ...]
    how: str = ""
    then: str = ""
    only_if_refused: bool = False


def _plans(case: Case, combination: Sequence[Candidate]) -> Iterator[_Plan]:
    """The ways to make changes: as they are, with the waiting pods made anew, with the workload made anew."""
    plain = _plain(case, combination)
    if plain is None:
        return
    changes, document = plain
    top = case.workload
    edits = any(each.edit or each.alters for each in combination)
    renews = any(each.renews for each in combination)
    if not renews:
        yield _Plan(changes=changes)
    if edits:
        others = tuple(each for each in changes if not (isinstance(each, Patch) and each.target is top))
        for how, anew in made_anew(top, others, document):
            yield _Plan(changes=anew, how=how, only_if_refused=True)
    if top.kind == "Deployment" and edits and not any(each.alters for each in combination):
        for candidate in old_ones_first(case):
            with_order = _plain(case, (*combination, candidate))
            if with_order is not None:
                yield _Plan(changes=with_order[0], then=f" and {candidate.summary}")
    waiting = case.waiting
    if (renews or (edits and top.kind in _RENEWED)) and waiting and top.kind != "Pod":
        gone = tuple(Delete(target=pod) for pod in waiting)
        names = ", ".join(pod.name for pod in waiting[:3]) + (f" and {len(waiting) - 3} more" if waiting[3:] else "")
        then = f", then delete {'pod' if len(waiting) == 1 else 'pods'} {names}"
        yield _Plan(changes=(*changes, *gone), then=then)


def made_anew(
    top: Object, others: Sequence[Change], document: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[Change, ...]]]:
    """The way to change what the API server lets nobody change, in words and as changes; none for kinds that it does.

    Args:
        top: the object.
        others: what else is to be changed, first.
        document: as it ought to be.
    """
    if top.kind in _REMADE:
        yield f"delete {top} and make it anew", (*others, Delete(target=top), Create(document=remade(document)))


def _plain(case: Case, combination: Sequence[Candidate]) -> tuple[tuple[Change, ...], Any] | None:
    """The changes one after the other, and what becomes of the workload; None if one of them does not apply."""
    top = case.workload
    prefix = template_path(top)
    start = "".join(f"/{step}" for step in prefix)
    document: Any = top.document
    changes: list[Change] = []
    for each in combination:
        operations: list[Any] = []
        if each.edit is not None:
            made = each.edit(dig(document, prefix) or {})
            if not made:
                return None
            operations += [{**operation, "path": start + operation["path"]} for operation in made]
        if each.alters is not None:
            operations += each.alters(document)
        if operations:
            document = jsonpatch.apply_patch(document, operations)
            changes.append(Patch(target=top, operations=tuple(operations)))
        changes.extend(each.changes)
    return tuple(changes), document


def _repair(combination: Sequence[Candidate], plan: _Plan, outcome: Outcome) -> Repair:
    owners = {each.owner for each in combination}
    pushed = ", ".join(outcome.preempted[:3]) + (" and more" if outcome.preempted[3:] else "")
    victims = f"; it then preempts {pushed}" if pushed else ""
    return Repair(
        summary=" and ".join(each.summary for each in combination) + plan.then + victims,
        cost=sum(each.cost for each in combination) + bool(plan.how) + bool(plan.then) + 3 * bool(victims),
        owner="platform" if "platform" in owners else "app",
        changes=plan.changes,
        how=plan.how,
    )
