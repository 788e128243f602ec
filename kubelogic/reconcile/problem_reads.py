"""What the placement problem reads from the rules."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from kubelogic.facts.filters import TABLES
from kubelogic.logic import Row, Value

LATE = 2**62
"""The start of pods that have not started: later than any that have."""

GOALS: tuple[str, ...] = (
    *TABLES,
    "allocation_term",
    "attach_limit",
    "attachment",
    "avoids",
    "balanced_resource",
    "budget_left",
    "candidate",
    "claim_access_mode",
    "claim_awaited",
    "claim_class",
    "claim_selected_node",
    "claim_turn",
    "claim_unbindable",
    "claim_usable",
    "class_topology",
    "class_topology_term",
    "companion",
    "considered",
    "counted_storage",
    "default_counted",
    "default_eligible",
    "default_spread",
    "denied_class",
    "denied_everywhere",
    "denied_node",
    "device_claim",
    "device_claim_allocated",
    "device_claim_confined",
    "device_claim_user",
    "device_class",
    "device_resource",
    "device_slice",
    "fit_point",
    "fit_resource",
    "group_awaited",
    "group_confined",
    "group_priority",
    "has_storage",
    "is_node_class",
    "kueue_awaited",
    "listed_spread",
    "moved_plugin",
    "never_evicts",
    "never_preempts",
    "node_allocatable",
    "node_class",
    "node_topology",
    "node_wish",
    "parameter",
    "pod_budget",
    "pod_containers",
    "pod_created",
    "pod_device_claim",
    "pod_device_user",
    "pod_displaced",
    "pod_gate",
    "pod_group",
    "pod_group_constrained",
    "pod_group_disrupted_whole",
    "pod_group_min_count",
    "pod_group_never_preempts",
    "pod_in_group",
    "pod_nominated",
    "pod_occupies",
    "pod_pending",
    "pod_pinned",
    "pod_shape",
    "pod_started",
    "pod_terminating",
    "preferred_affinity",
    "preferred_affinity_of_placed",
    "prefers",
    "prefers_node",
    "provisions",
    "requested_only",
    "required_affinity_of_placed",
    "requirement",
    "scored_request",
    "scored_usage",
    "scorer",
    "searched",
    "selects",
    "shape",
    "shape_affinity",
    "shape_anti_affinity",
    "shape_attaches",
    "shape_claim",
    "shape_disk",
    "shape_ephemeral_claim",
    "shape_host_port",
    "shape_priority",
    "shape_request",
    "shape_scheduler",
    "shape_soft_spread",
    "shape_spread",
    "slice_usable",
    "soft_eligible",
    "spread_eligible",
    "spreads_among",
    "term_requirement",
    "unchecked_resource",
    "unfiltered",
    "volume_attaches",
    "volume_capacity",
    "volume_in_tree",
    "volume_usable",
    "waiting_claim",
    "wishes",
)
"""The predicates that ``problem`` reads."""


class Relations(Protocol):
    """What rules derived. ``kubelogic.logic.Evaluation`` is one."""

    def rows(self, predicate: str) -> Collection[Row]:
        """All rows of a predicate."""


def text(value: Value) -> str:
    """A constant that is text."""
    assert isinstance(value, str)
    return value


def number(value: Value) -> int:
    """A constant that is a number."""
    assert isinstance(value, int)
    return value
