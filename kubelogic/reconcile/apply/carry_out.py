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
from kubelogic.reconcile import actions, job_actions, object_actions
from kubelogic.reconcile.actions import Action, actions_of
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

_MODULES = (devices, fields, jobs, lifecycle, objects, pods, services, snapshots, workloads)

_CLASSES = {
    predicate.removeprefix("action_"): each
    for module in (actions, job_actions, object_actions)
    for predicate, each in actions_of(vars(module)).items()
}

APPLIERS: Mapping[type[Action], Applier] = MappingProxyType(
    {
        **{_CLASSES[name]: each for module in _MODULES for name, each in vars(module).items() if name in _CLASSES},
        **reports.APPLIERS,
    }
)
"""What each class of action does: the function of its name. What kubelets report is carried out together."""


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
        if judged or tx.denied:
            note_verdict(tx, action)
        if tx.undone:
            undone.add(number)
            tx.undone = False
    done = tuple(action for number, action in enumerate(actions) if number not in undone) if undone else tuple(actions)
    return Carried(state=tx.finish(), done=done, refused=tuple(tx.refused))


def apply(state: State, actions: Sequence[Action]) -> State:
    """The state after all actions; see ``carry_out``."""
    return carry_out(state, actions).state
