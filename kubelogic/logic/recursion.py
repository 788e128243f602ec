"""Recursive groups of predicates: semi-naive evaluation, and delete-and-rederive under changes.

Derivations of recursive predicates cannot be counted (a row may support itself), so their relations are sets. When
rows below them disappear, everything that could have depended on those is taken out, what has another derivation is
put back, and insertion goes on from there (Gupta, Mumick and Subrahmanian's DRed).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from kubelogic.logic.endless import MOST_DERIVATIONS, runaway, watch
from kubelogic.logic.plan import Group
from kubelogic.logic.store import Counts, Store
from kubelogic.logic.terms import Row

Deltas = dict[str, Counts]

_SMALL = 64


class GroupChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is known to have changed when a recursive group is brought up to date, by predicate.

    ``lost`` and ``gained`` are rows with a derivation that is gone or new because of predicates outside the group;
    ``withdrawn`` and ``asserted`` are given rows.
    """

    lost: Mapping[str, Collection[Row]] = msgspec.field(default_factory=dict)
    gained: Mapping[str, Collection[Row]] = msgspec.field(default_factory=dict)
    withdrawn: Mapping[str, Collection[Row]] = msgspec.field(default_factory=dict)
    asserted: Mapping[str, Collection[Row]] = msgspec.field(default_factory=dict)


def fixpoint(store: Store, group: Group) -> None:
    """Evaluate a group whose relations hold only given rows."""
    delta: Deltas = {predicate: dict(store.counts(predicate)) for predicate in group.predicates}
    seeded = {rule for rule, _ in group.inside()}
    for rule in group.rules:
        if rule not in seeded:
            out: Counts = {}
            store.derive(rule, out)
            _enter(store, rule.head, out, delta)
    _saturate(store, group, delta)


def maintain(store: Store, group: Group, change: GroupChange, given: Mapping[str, Counts]) -> Deltas:
    """Bring a group up to date with predicates below it that have changed already.

    Returns:
        +1 for each row that appeared and -1 for each that disappeared, by predicate. The relations are left as
        they were before; the caller applies the changes.
    """
    deleted = _overdelete(store, group, change)
    total = sum(len(store.counts(predicate)) for predicate in group.predicates)
    if sum(map(len, deleted.values())) > _SMALL + total // 2:
        return _anew(store, group, given)
    for predicate, rows in deleted.items():
        store.relations[predicate].discard(rows)
    entered: Deltas = {predicate: {} for predicate in group.predicates}
    any_deleted = any(deleted.values())
    for predicate in group.predicates:
        counts = store.counts(predicate)
        own = given.get(predicate, {})
        lost = change.lost.get(predicate, ())
        sure: Counts = {}
        doubtful = dict(deleted[predicate])
        for row in change.gained.get(predicate, ()):
            if row not in counts:
                # A new derivation may have needed rows that are deleted now, or may itself be lost again.
                (doubtful if any_deleted or row in lost else sure)[row] = 1
        sure.update((row, 1) for row in change.asserted.get(predicate, ()) if row not in counts)
        sure.update((row, 1) for row in doubtful if row in own)
        for rule in group.rules:
            if rule.head == predicate:
                rest = [row for row in doubtful if row not in sure]
                if rest:
                    store.check(rule, rest, sure)
        entered[predicate] = sure
    delta: Deltas = {predicate: {} for predicate in group.predicates}
    for predicate, rows in entered.items():
        _enter(store, predicate, rows, delta)
    added = _saturate(store, group, delta)
    return _difference(store, deleted, added)


def _overdelete(store: Store, group: Group, change: GroupChange) -> Deltas:
    """Every row with a derivation that depends on something lost."""
    deleted: Deltas = {}
    for predicate in group.predicates:
        counts = store.counts(predicate)
        suspects = [*change.lost.get(predicate, ()), *change.withdrawn.get(predicate, ())]
        deleted[predicate] = {row: 1 for row in suspects if row in counts}
    frontier: Deltas = {predicate: dict(rows) for predicate, rows in deleted.items()}
    inside = group.inside()
    while any(frontier.values()):
        following: Deltas = {predicate: {} for predicate in group.predicates}
        for rule, asked in inside:
            rows = frontier[asked.predicate]
            if rows:
                out: Counts = {}
                store.reach(rule, asked.number, rows, out)
                counts, gone, new = store.counts(rule.head), deleted[rule.head], following[rule.head]
                for row in out:
                    if row in counts and row not in gone:
                        gone[row] = new[row] = 1
        frontier = following
    return deleted


def _enter(store: Store, predicate: str, out: Counts, delta: Deltas) -> None:
    relation = store.relations[predicate]
    new = [row for row in out if row not in relation.counts]
    for row in new:
        relation.counts[row] = 1
        delta[predicate][row] = 1
    relation.add(new)


def _saturate(store: Store, group: Group, delta: Deltas) -> Deltas:
    """Derive until nothing new follows from ``delta``; returns all that was entered, ``delta`` included."""
    inside = group.inside()
    added: Deltas = {predicate: dict(rows) for predicate, rows in delta.items()}
    blamed = next((rule.body.clause for rule, _ in inside if rule.body.clause is not None), None)
    rounds = derivations = 0
    while any(delta.values()):
        rounds += 1
        for rows in delta.values():
            watch(blamed, rounds, sum(map(len, added.values())), rows)
        fresh: Deltas = {predicate: {} for predicate in group.predicates}
        for rule, asked in inside:
            rows = delta[asked.predicate]
            if rows:
                out: Counts = {}
                store.reach(rule, asked.number, rows, out)
                derivations += sum(out.values())
                if derivations > MOST_DERIVATIONS:
                    raise runaway(blamed, f"grows without end: more than {MOST_DERIVATIONS:,} derivations")
                _enter(store, rule.head, out, fresh)
        for predicate, rows in fresh.items():
            added[predicate].update(rows)
        delta = fresh
    return added


def _difference(store: Store, deleted: Deltas, added: Deltas) -> Deltas:
    """The net changes; the relations are put back as they were."""
    result: Deltas = {}
    for predicate, gone in deleted.items():
        come = added[predicate]
        relation = store.relations[predicate]
        really_gone = [row for row in gone if row not in come]
        really_come = [row for row in come if row not in gone]
        relation.discard(really_come)
        relation.counts.update(dict.fromkeys(really_gone, 1))
        relation.add(really_gone)
        result[predicate] = {**dict.fromkeys(really_gone, -1), **dict.fromkeys(really_come, 1)}
    return result


def _anew(store: Store, group: Group, given: Mapping[str, Counts]) -> Deltas:
    """Evaluate the group from nothing, for changes so large that this is less work."""
    before = {predicate: store.clear(predicate) for predicate in group.predicates}
    for predicate in group.predicates:
        store.counts(predicate).update(dict.fromkeys(given.get(predicate, ()), 1))
    fixpoint(store, group)
    result: Deltas = {}
    for predicate, old in before.items():
        new = store.counts(predicate)
        store.relations[predicate] = old
        result[predicate] = {
            **{row: -1 for row in old.counts if row not in new},
            **{row: 1 for row in new if row not in old.counts},
        }
    return result
