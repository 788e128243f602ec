"""Pods have to keep the security level of their namespace; workloads whose pods would not are warned.

Source: k8s.io/pod-security-admission 1.36, admission/admission.go (ValidatePod, ValidatePodController,
ValidateNamespace). Decided by ``rules/admission/pod_security.dl``. Exemptions by user are left out: no request here
says who sent it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubelogic.apiserver.answers import Obstacle, Status, forbidden
from kubelogic.apiserver.deciding import IT, decide
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import metadata
from kubelogic.facts.pod_security import (
    LEVELS,
    PREFIX,
    Level,
    Settings,
    Standards,
    containers,
    security_facts,
    settings_of,
    standards_of,
)

READS = frozenset({"PodSecurityConfiguration", "AdmissionConfiguration"})
"""What configures the plugin."""

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Deployment": ("spec", "template"),
    "Job": ("spec", "template"),
    "PodTemplate": ("template",),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
}
"""Where kinds keep what they make pods of."""

_UNRESTRICTED = Standards()

_Reasons = Sequence[tuple[str, str]]


def validate(tx: Transaction, obj: Object, old: Object | None) -> Status | None:
    """Refuse a pod that breaks the level of its namespace; warn of a workload whose pods would."""
    if obj.kind == "Namespace":
        if old is not None:
            _raised(tx, obj, old)
        return None
    if obj.kind == "Pod":
        if old is not None and not _is_significant(obj, old):
            return None
        return _judge(tx, obj, obj.document, enforced=True)
    if obj.kind in TEMPLATES:
        template: Any = obj.document
        for name in TEMPLATES[obj.kind]:
            template = template.get(name) or {}
        if template:
            _judge(tx, obj, template, enforced=False)
    return None


def _judge(tx: Transaction, obj: Object, pod: Mapping[str, Any], *, enforced: bool) -> Status | None:
    namespace = tx.get("Namespace", obj.namespace)
    settings = _settings(tx)
    labels = metadata(namespace).get("labels") if namespace is not None else None
    standards = standards_of(labels, settings.defaults) if labels else settings.defaults
    if standards == _UNRESTRICTED or obj.namespace in settings.namespaces:
        return None
    spec = pod.get("spec") or {}
    if spec.get("runtimeClassName") in settings.runtime_classes:
        return None
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    if enforced:
        found = broken(tx, spec, annotations, standards.enforce)
        if found:
            why = f'violates PodSecurity "{standards.enforce}": {_detail(found)}'
            path = ("metadata", "labels", f"{PREFIX}enforce")
            remedy = "let the pod keep its level, or lower the level"
            standing = Obstacle(kind="Namespace", key=obj.namespace, path=path, remedy=remedy)
            return forbidden(obj, why, obstacles=(standing,) if namespace is not None else (), path=("spec",))
    if any(reference.get("controller") for reference in metadata(obj).get("ownerReferences") or ()):
        return None  # what warns of this object has warned of its owner
    found = broken(tx, spec, annotations, standards.warn)
    if found:
        tx.warn(obj, f'would violate PodSecurity "{standards.warn}": {_detail(found)}')
    return None


def broken(tx: Transaction, spec: Mapping[str, Any], annotations: Mapping[str, Any], level: Level) -> _Reasons:
    """Reason and detail of everything in a pod that a level forbids."""
    if level.level == LEVELS[0]:
        return ()
    mark = "security", level, tuple(sorted(annotations.items()))
    known: _Reasons | None = tx.known(mark, spec)
    if known is None:
        from kubelogic.apiserver.pod_security_words import Broken, reasons

        asked = ("asks_security_level", (IT, level.level, level.minor))
        answer = decide(tx, (asked, *security_facts(IT, spec, annotations)), ("breaks_security",))
        rows: dict[str, list[Broken]] = {}
        for _, check, part, place, value in answer["breaks_security"]:
            rows.setdefault(str(check), []).append((str(part), int(place), str(value)))
        names = {place: str(each.get("name") or "") for place, each in enumerate(containers(spec), start=1)}
        known = reasons(rows, names)
        tx.keep(mark, spec, known)
    return known


def _detail(found: _Reasons) -> str:
    return ", ".join(f"{reason} ({detail})" if detail else reason for reason, detail in found)


def _settings(tx: Transaction) -> Settings:
    objects = tx.state.cluster.objects
    for _, each in sorted(objects("PodSecurityConfiguration").items()):
        return settings_of(each.document)
    for _, each in sorted(objects("AdmissionConfiguration").items()):
        for plugin in each.document.get("plugins") or ():
            if plugin.get("name") == "PodSecurity" and plugin.get("configuration"):
                return settings_of(plugin["configuration"])
    return Settings()


def _is_significant(pod: Object, old: Object) -> bool:
    """Whether an update touches what the checks read: of what may change that is images and new containers."""
    new, was = pod.document.get("spec") or {}, old.document.get("spec") or {}
    if any(len(new.get(kind) or ()) != len(was.get(kind) or ()) for kind in ("containers", "initContainers")):
        return True
    images = {str(each.get("name")): each.get("image") for each in containers(was)}
    return any(images.get(str(each.get("name")), "") != each.get("image") for each in containers(new))


def _raised(tx: Transaction, obj: Object, old: Object) -> None:
    """Warn of pods that are there and break the level that a namespace has from now on."""
    settings = _settings(tx)
    new = standards_of(metadata(obj).get("labels") or {}, settings.defaults).enforce
    was = standards_of(metadata(old).get("labels") or {}, settings.defaults).enforce
    relaxed = new.version == was.version and LEVELS.index(new.level) <= LEVELS.index(was.level)
    if new == was or relaxed or new.level == LEVELS[0] or obj.name in settings.namespaces:
        return
    found: dict[str, list[str]] = {}
    for key in sorted({*tx.state.cluster.objects("Pod"), *(key for kind, key in tx.changed if kind == "Pod")}):
        pod = tx.get("Pod", key)
        if pod is None or pod.namespace != obj.name:
            continue
        spec = pod.document.get("spec") or {}
        if spec.get("runtimeClassName") in settings.runtime_classes:
            continue
        wrong = broken(tx, spec, metadata(pod).get("annotations") or {}, new)
        if wrong:
            found.setdefault(", ".join(reason for reason, _ in wrong), []).append(pod.name)
    if not found:
        return
    tx.warn(obj, f'existing pods in namespace "{obj.name}" violate the new PodSecurity enforce level "{new}"')
    for reason, names in sorted(found.items()):
        others = f" (and {len(names) - 1} other pod{'s' if len(names) > 2 else ''})" if len(names) > 1 else ""
        tx.warn(obj, f"{names[0]}{others}: {reason}")
