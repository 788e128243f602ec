"""The priority of pods, from their class.

Source: plugin/pkg/admission/priority/admission.go of Kubernetes 1.36. Decided by ``rules/admission/priority.dl``.
"""

from __future__ import annotations

from typing import Any

from kubelogic.apiserver.answers import Obstacle, Status, forbidden
from kubelogic.apiserver.deciding import IT, decide
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited
from kubelogic.facts.base import Fact
from kubelogic.kinds.validation.policy import SYSTEM_PRIORITIES
from kubelogic.kinds.validation.problems import nearest
from kubelogic.logic import Row

_GOALS = (
    "grants_default_class",
    "grants_preemption_policy",
    "grants_priority",
    "refuses_class",
    "refuses_preemption_policy",
    "refuses_priority",
)
_ASKED = {
    "asks_priority_class": "priorityClassName",
    "asks_priority": "priority",
    "asks_preemption_policy": "preemptionPolicy",
}
_FROM_CLASS = "must not be provided in pod spec; priority admission controller computed"


def admit(tx: Transaction, pod: Object, old: Object | None) -> Status | None:
    """Give a new pod the number and the policy of its class, or of the default one; a changed one keeps them."""
    if pod.kind == "PodGroup":
        return _admit_group(tx, pod) if old is None else None
    if pod.kind != "Pod":
        return None
    spec = pod.document.get("spec") or {}
    if old is not None:
        before = old.document.get("spec") or {}
        kept = {name: before[name] for name in ("priority", "preemptionPolicy") if name in before and name not in spec}
        if kept:
            tx.put(edited(pod, ["spec"], kept))
        return None
    asked: list[Fact] = [("asks_for_pod", (IT,))]
    asked += [(fact, (IT, spec[name])) for fact, name in _ASKED.items() if spec.get(name) not in (None, "")]
    answer = decide(tx, tuple(asked), _GOALS)
    for goal in ("refuses_class", "refuses_priority", "refuses_preemption_policy"):
        for row in answer[goal]:
            return _refusal(tx, pod, goal, row)
    fields: dict[str, Any] = {
        "priority": answer["grants_priority"][0][1],
        "preemptionPolicy": answer["grants_preemption_policy"][0][1],
    }
    for _, name in answer["grants_default_class"]:
        fields["priorityClassName"] = name
    tx.put(edited(pod, ["spec"], fields))
    return None


def _admit_group(tx: Transaction, group: Object) -> Status | None:
    """Give a new group of pods the number of its class, or of the default one.

    Source: plugin/pkg/admission/priority/admission.go, admitPodGroup (with WorkloadAwarePreemption).
    """
    spec = group.document.get("spec") or {}
    asked: list[Fact] = [("asks_for_pod", (IT,))]
    names = ("asks_priority_class", "asks_priority")
    asked += [(fact, (IT, spec[_ASKED[fact]])) for fact in names if spec.get(_ASKED[fact]) not in (None, "")]
    answer = decide(tx, tuple(asked), _GOALS)
    for goal in ("refuses_class", "refuses_priority"):
        for row in answer[goal]:
            return _refusal(tx, group, goal, row)
    fields: dict[str, Any] = {"priority": answer["grants_priority"][0][1]}
    for _, name in answer["grants_default_class"]:
        fields["priorityClassName"] = name
    tx.put(edited(group, ["spec"], fields))
    return None


def _refusal(tx: Transaction, pod: Object, goal: str, row: Row) -> Status:
    if goal == "refuses_class":
        name = str(row[1])
        near = nearest(name, {*tx.state.cluster.objects("PriorityClass"), *SYSTEM_PRIORITIES})
        missing = Obstacle(
            kind="PriorityClass", key=name, path=(), remedy=f"create it, or name {near}" if near else "create it"
        )
        why = f"no PriorityClass with name {name} was found"
        return forbidden(pod, why, obstacles=(missing,), path=("spec", "priorityClassName"))
    _, asked, granted = row
    if goal == "refuses_priority":
        why = f"the integer value of priority ({asked}) {_FROM_CLASS} {granted} from the given PriorityClass name"
        return forbidden(pod, why, path=("spec", "priority"))
    why = f"the string value of PreemptionPolicy ({asked}) {_FROM_CLASS} {granted} from the given PriorityClass name"
    return forbidden(pod, why, path=("spec", "preemptionPolicy"))


def validate(tx: Transaction, obj: Object, old: Object | None) -> Status | None:
    """Refuse a second PriorityClass for pods that name none."""
    del old
    if obj.kind != "PriorityClass" or not obj.document.get("globalDefault"):
        return None
    others = _without(tx, obj)
    for _, other in decide(others, (("asks_to_be_default", (obj.name,)),), ("refuses_second_default",))[
        "refuses_second_default"
    ]:
        why = f"PriorityClass {other} is already marked as default. Only one default can exist"
        standing = Obstacle(
            kind="PriorityClass", key=str(other), path=("globalDefault",), remedy="let only one class be the default"
        )
        return forbidden(obj, why, obstacles=(standing,), path=("globalDefault",))
    return None


def _without(tx: Transaction, obj: Object) -> Transaction:
    """What there is but for one object."""
    state = tx.state
    others = Transaction(state=state)
    others.changed.update({identity: each for identity, each in tx.changed.items() if identity[0] == obj.kind})
    others.changed[obj.kind, obj.key] = None
    return others
