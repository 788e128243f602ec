"""The table of all fact modules. A new group of kinds is a new module and one line here."""

from __future__ import annotations

from collections.abc import Collection

from kubelogic.facts import (
    admission,
    aggregation,
    autoscalers,
    budgets,
    configs,
    cron_jobs,
    daemon_sets,
    devices,
    disruption,
    host_names,
    jobs,
    network_policies,
    networks,
    node_info,
    node_status,
    node_ttl,
    nodes,
    ownership,
    pod_groups,
    pod_status,
    pods,
    quota,
    roles,
    scheduler_configuration,
    selectors,
    services,
    shapes,
    snapshots,
    stateful_sets,
    storage,
    templates,
    tokens,
    volumes,
    workloads,
)
from kubelogic.facts.base import FactModule
from kubelogic.facts.mentions import mentions
from kubelogic.logic import Rulebook

MODULES: tuple[FactModule, ...] = (
    admission.MODULE,
    aggregation.MODULE,
    budgets.MODULE,
    pods.MODULE,
    pod_groups.MODULE,
    pod_status.MODULE,
    workloads.MODULE,
    stateful_sets.MODULE,
    daemon_sets.MODULE,
    shapes.MODULE,
    storage.MODULE,
    configs.MODULE,
    nodes.MODULE,
    node_status.MODULE,
    node_ttl.MODULE,
    services.MODULE,
    volumes.MODULE,
    snapshots.MODULE,
    tokens.MODULE,
    ownership.MODULE,
    quota.MODULE,
    disruption.MODULE,
    jobs.MODULE,
    cron_jobs.MODULE,
    autoscalers.MODULE,
    scheduler_configuration.MODULE,
    devices.MODULE,
    selectors.MODULE,
)
"""Every fact module. Stages run in this order, after the extractors of all modules; selectors are matched last."""


CHECKS: tuple[FactModule, ...] = (templates.MODULE,)
"""Fact modules that only checks read."""


ASKED: tuple[FactModule, ...] = (
    services.ENDPOINTS,
    host_names.MODULE,
    network_policies.MODULE,
    networks.MODULE,
    node_info.MODULE,
    roles.MODULE,
    tokens.IDENTITIES,
)
"""Fact modules whose facts are made only for questions that need them: for others they change nothing."""


def kinds_read() -> frozenset[str]:
    """The kinds of which a fact module reads anything that counts in a plan or answers a question."""
    return frozenset(kind for module in (*ASKED, *MODULES) for kind in module.extractors)


def modules_for(rulebook: Rulebook, wanted: Collection[str] | None = None) -> tuple[FactModule, ...]:
    """Every fact module, and what the rules themselves mention.

    Args:
        rulebook: the rules.
        wanted: the predicates that matter; without them all do.
    """
    asked = [each for each in (*CHECKS, *ASKED) if wanted is None or not each.gives.isdisjoint(wanted)]
    return (mentions(rulebook), *asked, *MODULES)
