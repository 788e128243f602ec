"""What actions do to a state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from kubelogic.apiserver import policies
from kubelogic.apiserver.answers import Refused
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster.state import State
from kubelogic.reconcile.actions import Action
from kubelogic.reconcile.apply import (
    devices,
    fields,
    jobs,
    lifecycle,
    objects,
    pods,
    reports,
    services,
    snapshots,
    workloads,
)
from kubelogic.reconcile.refusals import note_verdict
from kubelogic.reconcile.senders import sender_of

Applier = Callable[[Transaction, Any], None]

APPLIERS: Mapping[type[Action], Applier] = MappingProxyType(
    {
        **objects.APPLIERS,
        **pods.APPLIERS,
        **reports.APPLIERS,
        **devices.APPLIERS,
        **workloads.APPLIERS,
        **lifecycle.APPLIERS,
        **services.APPLIERS,
        **jobs.APPLIERS,
        **fields.APPLIERS,
        **snapshots.APPLIERS,
    }
)
"""What each class of action does."""


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the actions of a tick.

    Attributes:
        state: afterwards.
        done: the actions that were carried out.
        refused: those that the API server refused. What a controller did not try after that is in neither.
    """

    state: State
    done: tuple[Action, ...]
    refused: tuple[Refused, ...]


def carry_out(state: State, actions: Sequence[Action]) -> Carried:
    """Carry out actions in order. An action on an object that is gone by then does nothing.

    Args:
        state: as the tick saw it.
        actions: as the tick returned them.
    """
    tx = Transaction(state=state)
    judged = policies.present(tx)
    told = [] if judged else reports.first_of(actions)
    undone = set(reports.report(tx, told))
    for number, action in enumerate(actions[len(told) :], start=len(told)):
        if judged:
            tx.sender = sender_of(tx, action)
        APPLIERS[type(action)](tx, action)
        if judged:
            note_verdict(tx, action)
        if tx.undone:
            undone.add(number)
            tx.undone = False
    done = tuple(action for number, action in enumerate(actions) if number not in undone) if undone else tuple(actions)
    return Carried(state=tx.finish(), done=done, refused=tuple(tx.refused))


def apply(state: State, actions: Sequence[Action]) -> State:
    """The state after all actions; see ``carry_out``."""
    return carry_out(state, actions).state
