"""What pods ask of one another, as constraints that every placement keeps to: affinity, anti-affinity, spread."""

from __future__ import annotations

from itertools import combinations

import z3

from kubelogic.placement.optimal.terms import Terms, reaches
from kubelogic.placement.problem import Affinity, Spread


def add(terms: Terms) -> None:
    """Add the rules between pods."""
    for i, rule in enumerate(terms.problem.affinities):
        if rule.anti:
            _anti_affinity(terms, i, rule)
        else:
            _affinity(terms, i, rule)
    for i, spread in enumerate(terms.problem.spreads):
        if spread.owner in terms.count:
            _spread(terms, i, spread)


def _affinity(terms: Terms, index: int, rule: Affinity) -> None:
    if rule.owner not in terms.count:
        return
    domains = terms.domains(rule.key)
    if domains is None:
        return
    literal = terms.literal("affinity", rule.owner, rule.key, index=index)
    there = terms.running(rule.matches, rule.key, every=True)
    seeds = []
    for domain, groups in sorted(domains.items(), key=repr):
        mine = terms.sum([rule.owner], groups)
        if domain is None:
            terms.under([literal], mine <= 0)
        elif not there[domain]:
            company = terms.sum([name for name in terms.count if name in rule.matches - {rule.owner}], groups)
            seed = z3.Bool(f"s{index}_{domain}", terms.context)
            seeds.append(seed)
            terms.under([literal], z3.Or(mine <= 0, company > 0, seed))
    for one, other in combinations(seeds, 2):
        terms.under([literal], z3.Or(z3.Not(one), z3.Not(other)))
    if not rule.self_satisfied:
        terms.under([literal], *(z3.Not(seed) for seed in seeds))
    for number, other_rule in enumerate(terms.problem.affinities):
        if other_rule.owner == rule.owner and not other_rule.anti:
            # A pod that matches is there already, so the next one is no first.
            running = terms.running(other_rule.matches, other_rule.key, every=False)
            if any(domain is not None for domain in running):
                known = terms.literal("affinity", rule.owner, other_rule.key, index=number)
                terms.under([literal, known], *(z3.Not(seed) for seed in seeds))


def _anti_affinity(terms: Terms, index: int, rule: Affinity) -> None:
    waiting = [name for name in terms.count if name in rule.matches]
    if rule.owner not in terms.count and not waiting:
        return
    literal = terms.literal("anti_affinity", rule.owner, rule.key, index=index)
    matched = terms.running(rule.matches, rule.key, every=False)
    owned = terms.running(frozenset({rule.owner}), rule.key, every=False)
    mine = [rule.owner] if rule.owner in terms.count else []
    domains = terms.domains(rule.key)
    if domains is None:
        for g, members in enumerate(terms.groups):
            here = [terms.problem.nodes[n].topology.get(rule.key) for n in members]
            open_ = {domain for domain in here if not matched[domain]} if None not in here else None
            if open_ is not None and rule.owner in rule.matches & terms.count.keys():
                terms.under([literal], terms.x[rule.owner, g] <= len(open_))
            free = [domain for domain in here if domain is None or not owned[domain]]
            for name in waiting if not free else ():
                terms.under([literal], terms.x[name, g] <= 0)
        return
    for domain, groups in sorted(domains.items(), key=repr):
        if domain is None:
            continue
        if mine and matched[domain]:
            terms.under([literal], terms.sum(mine, groups) <= 0)
        if owned[domain]:
            terms.under([literal], terms.sum(waiting, groups) <= 0)
        if mine and waiting:
            own = terms.sum(mine, groups)
            if rule.owner in rule.matches:
                terms.under([literal], own <= 1)
            others = terms.sum([name for name in waiting if name != rule.owner], groups)
            terms.under([literal], z3.Or(own <= 0, others <= 0))


def _spread(terms: Terms, index: int, spread: Spread) -> None:
    domains = terms.domains(spread.key)
    if domains is None:
        return
    literal = terms.literal("spread", spread.owner, spread.key, index=index)
    nodes = terms.problem.nodes
    counted = {g: any(reaches(spread.eligible, nodes[n]) for n in members) for g, members in enumerate(terms.groups)}
    surely = {g: all(reaches(spread.eligible, nodes[n]) for n in members) for g, members in enumerate(terms.groups)}
    valid = sorted(d for d, groups in domains.items() if d is not None and any(counted[g] for g in groups))
    all_there = terms.running(spread.matches, spread.key, every=True, eligible=spread.eligible)
    sure_there = terms.running(spread.matches, spread.key, every=False, eligible=spread.eligible)
    waiting = [name for name in terms.count if name in spread.matches]
    least = terms.number(f"m{index}")
    if len(valid) < spread.min_domains or not valid:
        terms.under([literal], least <= 0)
    for known in valid:
        new = terms.sum(waiting, [g for g in domains[known] if counted[g]])
        terms.under([literal], least <= all_there[known] + new)
    for domain, groups in sorted(domains.items(), key=repr):
        mine = terms.sum([spread.owner], groups)
        if domain is None:
            terms.under([literal], mine <= 0)
            continue
        counts = [g for g in groups if surely[g]] if spread.owner in waiting else []
        before = sure_there[domain] + int(spread.counts_self)
        skew = before + terms.sum([spread.owner], counts) - 1 - least if counts else before - least
        terms.under([literal], z3.Or(mine <= 0, skew <= spread.max_skew))
