"""What a pod gets from its runtime class: overhead, node labels and tolerations.

Source: plugin/pkg/admission/runtimeclass/admission.go and pkg/util/tolerations of Kubernetes 1.36. Decided by
``rules/admission/runtime_class.dl``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kubelogic.apiserver.admission.default_toleration_seconds import asked_tolerations
from kubelogic.apiserver.answers import Obstacle, Status, forbidden
from kubelogic.apiserver.deciding import IT, Answer, decide
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited
from kubelogic.facts.base import Fact
from kubelogic.kinds.quantity import amount
from kubelogic.kinds.validation.problems import nearest

Toleration = Mapping[str, Any]

_GOALS = (
    "grants_node_selector",
    "grants_overhead",
    "grants_toleration",
    "refuses_lone_overhead",
    "refuses_node_selector",
    "refuses_overhead",
    "refuses_runtime_class",
)
_OVERHEAD = ("spec", "overhead")


def admit(tx: Transaction, pod: Object, old: Object | None) -> Status | None:
    """Write what the runtime class says into a new pod, or refuse the pod if the two do not agree."""
    spec = pod.document.get("spec") or {}
    if pod.kind != "Pod" or old is not None or not spec.get("runtimeClassName"):
        return None
    answer = _answer(tx, spec)
    for _, name in answer["refuses_runtime_class"]:
        near = nearest(str(name), tx.state.cluster.objects("RuntimeClass"))
        remedy = f"create it, or name {near}" if near else "create it"
        missing = Obstacle(kind="RuntimeClass", key=str(name), path=(), remedy=remedy)
        why = f'pod rejected: RuntimeClass "{name}" not found'
        return forbidden(pod, why, obstacles=(missing,), path=("spec", "runtimeClassName"))
    for _ in answer["refuses_overhead"]:
        return forbidden(
            pod, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead", path=_OVERHEAD
        )
    for _, key, wanted, asked in answer["refuses_node_selector"]:
        where = f"runtimeClass.scheduling.nodeSelector[{key}] = {wanted}; pod.spec.nodeSelector[{key}] = {asked}"
        return forbidden(pod, f"conflict: {where}", path=("spec", "nodeSelector", str(key)))
    fields = _fields(tx, spec, answer)
    if fields:
        tx.put(edited(pod, ["spec"], fields))
    return None


def validate(tx: Transaction, pod: Object, old: Object | None) -> Status | None:
    """Refuse a new pod that says itself what its runtime costs."""
    spec = pod.document.get("spec") or {}
    if pod.kind != "Pod" or old is not None or not spec.get("overhead"):
        return None
    if _answer(tx, spec)["refuses_lone_overhead"]:
        why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
        return forbidden(pod, why, path=_OVERHEAD)
    return None


def _answer(tx: Transaction, spec: Mapping[str, Any]) -> Answer:
    asked: list[Fact] = [("asks_for_pod", (IT,))]
    if spec.get("runtimeClassName"):
        asked.append(("asks_runtime_class", (IT, spec["runtimeClassName"])))
    for name, value in sorted((spec.get("overhead") or {}).items()):
        asked.append(("asks_overhead", (IT, name, amount(name, value))))
    for key, value in sorted((spec.get("nodeSelector") or {}).items()):
        asked.append(("asks_node_selector", (IT, key, value)))
    return decide(tx, (*asked, *asked_tolerations(spec.get("tolerations") or ())), _GOALS)


def _fields(tx: Transaction, spec: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for _, name in answer["grants_overhead"]:
        chosen = tx.get("RuntimeClass", str(name))
        if chosen is not None:
            fields["overhead"] = chosen.document["overhead"]["podFixed"]
    selector = {str(key): value for _, key, value in answer["grants_node_selector"]}
    if selector:
        fields["nodeSelector"] = {**(spec.get("nodeSelector") or {}), **selector}
    granted = [_toleration(*row[1:]) for row in answer["grants_toleration"]]
    if granted:
        fields["tolerations"] = list(merged([*(spec.get("tolerations") or ()), *granted]))
    return fields


def _toleration(key: Any, operator: Any, value: Any, effect: Any, seconds: Any) -> Toleration:
    texts = {"key": key, "operator": operator, "value": value, "effect": effect}
    found: dict[str, Any] = {name: text for name, text in texts.items() if text}
    return found if seconds == -1 else {**found, "tolerationSeconds": seconds}


def merged(tolerations: Iterable[Toleration]) -> Iterator[Toleration]:
    """The tolerations without those that others make superfluous. Source: MergeTolerations.

    >>> both = [{"key": "a", "operator": "Exists"}, {"key": "a", "operator": "Exists", "effect": "NoSchedule"}]
    >>> list(merged(both))
    [{'key': 'a', 'operator': 'Exists'}]
    """
    given = list(tolerations)
    kept: list[Toleration] = []
    for number, each in enumerate(given):
        later = (other for other in given[number + 1 :] if _meaning(other) != _meaning(each))
        if not any(_covers(other, each) for other in (*kept, *later)):
            kept.append(each)
            yield each


def _meaning(toleration: Toleration) -> tuple[Any, ...]:
    texts = (toleration.get(name) or "" for name in ("key", "value", "effect"))
    return (*texts, toleration.get("operator") or "Equal", toleration.get("tolerationSeconds"))


def _covers(wide: Toleration, narrow: Toleration) -> bool:
    """Whether one toleration tolerates all that another one does, and as long."""
    key, value, effect, operator, seconds = _meaning(narrow)
    own_key, own_value, own_effect, own_operator, own_seconds = _meaning(wide)
    if _meaning(wide) == _meaning(narrow):
        return True
    if own_key != key and (own_key or own_operator != "Exists"):
        return False
    if own_effect not in ("", effect):
        return False
    if own_effect == "NoExecute" and own_seconds is not None and (seconds is None or seconds > own_seconds):
        return False
    return bool(own_operator == "Exists" or (operator == "Equal" and value == own_value))
