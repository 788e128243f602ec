"""The table of proposals: for each relation that rejects, what would take the rejection away."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from kubelogic.explain.proposals.case import Candidate, Case, Proposal

_DEVICES = ("devices.ask_otherwise", "devices.other_classes", "devices.free_devices", "devices.nodes_with_devices")

PROPOSALS: Mapping[str, tuple[str, ...]] = {
    "pod_gate": ("queue.open_gate",),
    "pod_scheduler": ("queue.default_scheduler",),
    "rejects_taint": ("nodes.taints",),
    "rejects_unschedulable": ("nodes.uncordon",),
    "rejects_node_selector": ("nodes.selected_labels",),
    "rejects_node_affinity": ("nodes.node_affinity",),
    "rejects_outside_names": ("nodes.node_affinity",),
    "rejects_name_conflict": ("nodes.node_affinity",),
    "rejects_empty_term": ("nodes.node_affinity",),
    "rejects_fit": ("amounts.shrink", "amounts.do_without", "amounts.lower_defaults"),
    "rejects_port": ("neighbours.free_port",),
    "rejects_disk": ("neighbours.stand_in_line",),
    "rejects_exclusive_claim": ("neighbours.stand_in_line",),
    "rejects_anti_affinity": ("neighbours.prefer_apart",),
    "rejects_existing_anti_affinity": ("neighbours.kept_out",),
    "rejects_affinity": ("neighbours.drop_affinity",),
    "rejects_affinity_key": ("neighbours.drop_affinity",),
    "rejects_spread": ("spreading.spread",),
    "rejects_spread_key": ("spreading.spread",),
    "rejects_spread_promised": ("spreading.spread",),
    "rejects_missing_claim": ("storage.make_claims",),
    "rejects_unbound_claim": ("storage.give_class", "storage.fit_volumes", "storage.make_volumes"),
    "rejects_no_volume": ("storage.give_class", "storage.fit_volumes", "storage.make_volumes"),
    "rejects_zone": ("storage.leave_out_volume",),
    "rejects_volume_node": ("storage.leave_out_volume", "storage.renew_claims"),
    "rejects_lost_claim": ("storage.renew_claims",),
    "rejects_foreign_claim": ("storage.renew_claims",),
    "rejects_migrated_volume": ("storage.leave_out_volume",),
    "group_incomplete": ("groups.lower_minimum", "groups.group_priority"),
    "group_awaited": ("groups.lower_minimum", "groups.make_group"),
    "lacks_devices": _DEVICES,
    "devices_in_use": _DEVICES,
}
"""What is proposed for the rows of a relation that rejects: module and function, loaded when there is such a row."""

ALWAYS: tuple[str, ...] = (
    "levers.own_filters",
    "queue.class_that_preempts",
    "new_nodes.more_nodes",
    "new_nodes.nodes_for_daemons",
    "workloads.old_ones_first",
    "workloads.fewer_replicas",
    "workloads.leave_out",
)
"""What may help whatever is in the way."""


def candidates(case: Case) -> list[Candidate]:
    """Single changes that each take away some blocker, cheapest first."""
    there = {blocker.predicate for blocker in case.blockers}
    chosen: dict[str, None] = {}
    for predicate, proposals in PROPOSALS.items():
        if predicate in there:
            chosen.update(dict.fromkeys(proposals))
    chosen.update(dict.fromkeys(ALWAYS))
    found = {each.summary: each for name in chosen for each in proposal(name)(case)}
    return sorted(found.values(), key=lambda each: (each.cost, each.gives_up, each.summary))


@cache
def proposal(name: str) -> Proposal:
    """The function of a proposal, by its name in the table."""
    module, _, function = name.partition(".")
    found: Proposal = getattr(import_module(f"kubelogic.explain.proposals.{module}"), function)
    return found
