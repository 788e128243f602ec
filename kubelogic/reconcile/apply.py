"""What actions do to a state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.reconcile import apply_jobs, apply_lifecycle, apply_objects, apply_pods, apply_services, apply_workloads
from kubelogic.reconcile.actions import Action
from kubelogic.reconcile.draft import Draft
from kubelogic.reconcile.state import State

Applier = Callable[[Draft, Any], None]

APPLIERS: Mapping[type[Action], Applier] = MappingProxyType(
    {
        **apply_objects.APPLIERS,
        **apply_pods.APPLIERS,
        **apply_workloads.APPLIERS,
        **apply_lifecycle.APPLIERS,
        **apply_services.APPLIERS,
        **apply_jobs.APPLIERS,
    }
)
"""What each class of action does."""


def apply(state: State, actions: Iterable[Action]) -> State:
    """The state after all actions, in order. An action on an object that is gone by then does nothing.

    Args:
        state: as the tick saw it.
        actions: as the tick returned them.
    """
    draft = Draft(state=state)
    for action in actions:
        APPLIERS[type(action)](draft, action)
    return draft.finish()
