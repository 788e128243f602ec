"""Who may go where now: each filter over all nodes, or over some, at once."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from kubelogic.placement.kube.rules import Rules, SpreadRule
from kubelogic.placement.kube.state import State
from kubelogic.placement.kube.tables import Mask, Select


class Reason(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Why a filter turns a shape away. See ``kubelogic.placement.placement.Rejection``."""

    stage: int
    place: int
    filter: str
    reason: str
    subject: str = ""
    resolvable: bool = True


def lacking(state: State, words: str) -> Reason:
    """What a node without the devices that are asked for is turned down with."""
    return _reason(state, "devices", words, resolvable=False)


def feasible(state: State, rules: Rules, select: Select, fits: Mask) -> Mask:
    """Which of some nodes pass all filters.

    Args:
        state: what is placed.
        rules: of the shape.
        select: the nodes asked about.
        fits: which of them have room for the requests.
    """
    found = rules.allowed[select] & fits
    for counter in (counter for _, counter in rules.ports):
        found &= ~counter.present(select)
    for _, counter in rules.exclusive:
        if counter.total:
            found &= ~counter.present(select)
    for driver in sorted({driver for driver, _ in rules.attaches}):
        found &= ~_full(state, rules, driver, select)
    if rules.claims:
        found &= ~_unclaimable(state, rules, select)
    for rule in rules.spreads:
        found &= rule.topology.has[select] & ~_skewed(rule, select)
    if rules.affinities:
        found &= _befriended(rules, select)
    for _, counter in (*rules.repels, *rules.repelled):
        if counter.total:
            found &= ~counter.present(select)
    return found


def reasons(state: State, rules: Rules, select: Select) -> Iterator[tuple[Reason, Mask]]:
    """Every reason of every filter against some nodes, in the order of the filters, with the nodes it turns away."""
    yield from _denied(rules, select)
    for text, counter in rules.ports:
        yield _reason(state, "port", text), counter.present(select)
    yield from _short(state, rules, select)
    for use, counter in rules.exclusive:
        place = 0 if use.scope == "node" else 1
        yield _reason(state, f"exclusive_{use.scope}", use.token, place=place), counter.present(select)
    for driver in sorted({driver for driver, _ in rules.attaches}):
        yield _reason(state, "attach", driver), _full(state, rules, driver, select)
    if rules.claims:
        found = _unclaimable(state, rules, select)
        subject = ",".join(rules.claims)
        yield _reason(state, "claim", subject, place=1, resolvable=False), found
    yield from _uneven(state, rules, select)
    if rules.affinities:
        subject = ",".join(dict.fromkeys(key for key, _ in rules.affinities))
        yield _reason(state, "affinity", subject, resolvable=False), ~_befriended(rules, select)
    for key, counter in rules.repels:
        yield _reason(state, "anti_affinity", key, place=1), counter.present(select)
    for key, counter in rules.repelled:
        yield _reason(state, "existing_anti_affinity", key, place=2), counter.present(select)


def _reason(state: State, kind: str, subject: str = "", *, place: int = 0, resolvable: bool = True) -> Reason:
    """A reason of a kind; ``place`` orders those of one filter."""
    of = state.tables.filters[kind]
    return Reason(stage=of.stage, place=place, filter=of.name, reason=kind, subject=subject, resolvable=resolvable)


def _denied(rules: Rules, select: Select) -> Iterator[tuple[Reason, Mask]]:
    explained = np.zeros_like(rules.allowed[select])
    for denial, mask in rules.denials:
        explained |= mask[select]
        reason = Reason(
            stage=denial.stage,
            place=0,
            filter=denial.filter or denial.reason,
            reason=denial.reason,
            resolvable=denial.resolvable,
        )
        yield reason, mask[select]
    rest = ~rules.allowed[select] & ~explained
    yield Reason(stage=0, place=1, filter="allowed", reason="allowed", resolvable=False), rest


def _short(state: State, rules: Rules, select: Select) -> Iterator[tuple[Reason, Mask]]:
    """Source: kube-scheduler, NodeResourcesFit: the pod count first, then the resources."""
    tables = state.tables
    rows = [(tables.resources[resource], resource, amount) for resource, amount in tables.checked[rules.number]]
    for place, (name, resource, amount) in enumerate(sorted(rows, key=lambda row: (row[0] != "pods", row[0]))):
        lacks = state.free[resource, select] < amount
        if resource in tables.by_devices:
            lacks = lacks & (tables.allocatable[resource, select] > 0)
        never = tables.allocatable[resource, select] < amount
        kind = "pod_count" if name == "pods" else "resource"
        yield _reason(state, kind, name, place=place), lacks & ~never
        yield _reason(state, kind, name, place=place, resolvable=name == "pods"), lacks & never


def _uneven(state: State, rules: Rules, select: Select) -> Iterator[tuple[Reason, Mask]]:
    """Source: kube-scheduler, PodTopologySpread: the first constraint that fails is the node's reason."""
    passed = np.ones_like(rules.allowed[select])
    for place, rule in enumerate(rules.spreads):
        has = rule.topology.has[select]
        key = rule.spread.key
        lacks = _reason(state, "spread_key", key, place=place, resolvable=False)
        yield lacks, passed & ~has
        skewed = _skewed(rule, select)
        yield _reason(state, "spread", key, place=place), passed & has & skewed
        passed &= has & ~skewed


def _skewed(rule: SpreadRule, select: Select) -> Mask:
    spread = rule.spread
    counts = rule.counter.counts
    least = 0
    if len(rule.domains) and len(rule.domains) >= spread.min_domains:
        least = int(counts[rule.domains].min())
    over = counts > spread.max_skew + least - int(spread.counts_self)
    found: Mask = over[rule.topology.domain[select]]
    return found


def _befriended(rules: Rules, select: Select) -> Mask:
    """Nodes on which every affinity of the shape is met, or that the first of its group may use."""
    keyed = np.ones_like(rules.allowed[select])
    met = np.ones_like(keyed)
    for _, counter in rules.affinities:
        keyed &= counter.topology.has[select]
        met &= counter.present(select)
    if rules.first and not any(counter.total for _, counter in rules.affinities):
        return keyed
    return keyed & met


def _full(state: State, rules: Rules, driver: str, select: Select) -> Mask:
    volumes = [volume for name, volume in rules.attaches if name == driver]
    missing = state.missing(driver, volumes)[select]
    found: Mask = (missing > 0) & (state.attached(driver)[select] + missing > state.limits(driver)[select])
    return found


def _unclaimable(state: State, rules: Rules, select: Select) -> Mask:
    """Nodes on which some claim of the shape can have no volume; several claims may want the same one."""
    possible = np.ones_like(rules.allowed)
    for name in rules.claims:
        possible &= state.usable(state.claims[name])
    if sum(name not in state.given for name in rules.claims) > 1:
        for node in np.flatnonzero(possible):
            possible[node] = state.volumes(rules.claims, int(node)) is not None
    found: Mask = ~possible[select]
    return found
