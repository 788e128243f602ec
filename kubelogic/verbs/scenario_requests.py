"""Steps of scenario files that are requests to the API server, as kubectl makes them."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace as replaced

from kubelogic.apiserver.reading import load
from kubelogic.cluster import Object
from kubelogic.kinds.quantity import parse
from kubelogic.kinds.table import served
from kubelogic.reconcile.choices import PodChoice
from kubelogic.reconcile.kubectl_steps import Autoscale, Restart, RunCronJob, SetResources
from kubelogic.reconcile.scenario import (
    Apply,
    Delete,
    Drain,
    Evict,
    Operation,
    Patch,
    Pause,
    Scale,
    SetImage,
    Undo,
)
from kubelogic.verbs.scenario_choices import about_nodes, about_pods, nodes, pods
from kubelogic.verbs.scenario_fields import Fields, WrongFieldError, kind_named

SCALABLE = ("Deployment", "ReplicaSet", "ReplicationController", "StatefulSet")
_ROLLED = ("Deployment", "StatefulSet", "DaemonSet")
_TEMPLATED = (*SCALABLE, "DaemonSet")
_POD_FIELDS = ("of", "selector", "node", "count")


def apply(fields: Fields) -> Operation:
    """``apply``."""
    before = _objects(fields, "lastApplied") if "lastApplied" in fields.value else ()
    return Apply(
        objects=_objects(fields, "files"),
        server_side=fields.flag("serverSide") is not False and not before,
        last_applied=before,
        silent=bool(fields.flag("silent")),
    )


def replace(fields: Fields) -> Operation:
    """``replace``."""
    return Apply(objects=_objects(fields, "files"), replace=True)


def _objects(fields: Fields, name: str) -> tuple[Object, ...]:
    value = fields.value.get(name)
    files = value if isinstance(value, list) else [value]
    names = [each for each in files if isinstance(each, str)]
    if not files or len(names) < len(files):
        raise WrongFieldError((*fields.path, name), "must be a file or a list of files")
    return load([str(fields.directory / each) for each in names], namespace=fields.namespace).objects


def patch(fields: Fields) -> Operation:
    """``patch``."""
    change = fields.value.get("patch")
    kind = _kind(fields, "Deployment")
    key = key_of(fields, kind)
    how = fields.choice("type", ("strategic", "merge", "json"), "strategic")
    if how == "json":
        if not isinstance(change, list) or not all(isinstance(each, Mapping) for each in change):
            raise WrongFieldError((*fields.path, "patch"), "must be a list of operations")
        return Patch(kind=kind, key=key, patch={}, how=how, operations=tuple(change))
    if not isinstance(change, Mapping):
        raise WrongFieldError((*fields.path, "patch"), "must be a mapping")
    return Patch(kind=kind, key=key, patch=change, how=how)


def _kind(fields: Fields, default: str | None = None) -> str:
    prefix, slash, _ = fields.text("name", "").partition("/")
    kind = kind_named(prefix) if slash else fields.text("kind", default)
    if not any(name == kind for _, name in served()) and not kind[:1].isupper():
        meant = kind_named(kind)
        hint = f"; did you mean {meant}?" if meant != kind else ""
        message = f"must be a kind such as Deployment, is {kind!r}{hint}"
        raise WrongFieldError((*fields.path, "kind"), message, code="KL121")
    return kind


def key_of(fields: Fields, kind: str) -> str:
    """The key of the object that ``name`` names: without a namespace for kinds that are in none."""
    scopes = {each.namespaced for (_, name), each in served().items() if name == kind}
    return fields.text("name").rpartition("/")[2] if scopes == {False} else fields.key()


def delete(fields: Fields) -> Operation:
    """``delete``."""
    several = "of" in fields.value or "selector" in fields.value
    if not fields.value.keys() - {"node"} and (node := fields.text("node", "")):
        message = f"kind is needed: {{kind: Node, name: {node}}} is the node; pods on it take of or selector besides"
        raise WrongFieldError(fields.path, message, code="KL120")
    kind = _kind(fields, "Pod" if several else None)
    force = bool(fields.flag("force"))
    for field in _POD_FIELDS:
        if field in fields.value and kind != "Pod":
            raise WrongFieldError((*fields.path, field), f"is about pods, not about a {kind}", on_key=True)
    grace = fields.number("grace") if "grace" in fields.value else None
    if force:
        if grace:
            raise WrongFieldError((*fields.path, "force"), "force goes with grace 0 only", code="KL142")
        grace = 0
    if grace is not None and kind != "Pod":
        field = "grace" if "grace" in fields.value else "force"
        raise WrongFieldError((*fields.path, field), f"only pods have a grace period, not a {kind}", on_key=True)
    propagation = fields.choice("propagation", ("", "Background", "Foreground", "Orphan"), "")
    if kind != "Pod":
        return Delete(kind=kind, key=key_of(fields, kind), propagation=propagation)
    meant = pods(fields)
    if force and isinstance(meant, PodChoice):
        meant = replaced(meant, ending=True)
    return about_pods(Delete(kind=kind, key="", propagation=propagation, grace=grace), meant)


def scale(fields: Fields) -> Operation:
    """``scale``."""
    kind, key = fields.reference(SCALABLE)
    return Scale(kind=kind, key=key, replicas=fields.number("replicas"))


def set_image(fields: Fields) -> Operation:
    """``setImage``."""
    kind, key = fields.reference(_TEMPLATED)
    return SetImage(kind=kind, key=key, container=fields.text("container", ""), image=fields.text("image"))


def set_resources(fields: Fields) -> Operation:
    """``setResources``."""
    kind, key = fields.reference(_TEMPLATED)
    wanted, limits = _amounts(fields, "requests"), _amounts(fields, "limits")
    if not wanted and not limits:
        raise WrongFieldError(fields.path, "needs requests or limits", code="KL142")
    return SetResources(kind=kind, key=key, container=fields.text("container", ""), requests=wanted, limits=limits)


def _amounts(fields: Fields, name: str) -> dict[str, str]:
    value = fields.value.get(name, {})
    if not isinstance(value, Mapping):
        raise WrongFieldError((*fields.path, name), f"must be amounts by resource such as {{cpu: 200m}}, is {value!r}")
    for resource, amount in value.items():
        try:
            parse(amount)
        except (TypeError, ValueError):
            message = f"must be a quantity such as 250m, is {amount!r}"
            raise WrongFieldError((*fields.path, name, resource), message) from None
    return {str(resource): str(amount) for resource, amount in sorted(value.items())}


def restart(fields: Fields) -> Operation:
    """``restart``."""
    kind, key = fields.reference(_ROLLED)
    return Restart(kind=kind, key=key)


def undo(fields: Fields) -> Operation:
    """``undo``."""
    kind, key = fields.reference(_ROLLED)
    return Undo(kind=kind, key=key, revision=fields.number("revision", 0))


def pause(fields: Fields) -> Operation:
    """``pause``."""
    return Pause(key=fields.reference(("Deployment",))[1], paused=True)


def resume(fields: Fields) -> Operation:
    """``resume``."""
    return Pause(key=fields.reference(("Deployment",))[1], paused=False)


def autoscale(fields: Fields) -> Operation:
    """``autoscale``."""
    kind, key = fields.reference(SCALABLE)
    most = fields.number("max")
    least = fields.number("min") if "min" in fields.value else None
    if most < 1:
        raise WrongFieldError((*fields.path, "max"), "must be at least 1, is 0")
    if least is not None and least > most:
        message = f"must be at most max, {most}, is {least}"
        raise WrongFieldError((*fields.path, "min"), message, code="KL122")
    goals = {name: fields.number(name) for name in ("cpu", "memory") if name in fields.value}
    return Autoscale(kind=kind, key=key, name="", least=least, most=most, goals=goals)


def run_cron_job(fields: Fields) -> Operation:
    """``runCronJob``."""
    return RunCronJob(key=fields.reference(("CronJob",), "CronJob")[1], name=fields.text("job"))


def evict(fields: Fields) -> Operation:
    """``evict``."""
    return about_pods(Evict(key=""), pods(fields))


def drain(fields: Fields) -> Operation:
    """``drain`` with fields."""
    ignore = fields.flag("ignoreDaemonSets")
    if "podSelector" in fields.value:
        fields.selector("podSelector")
    selector = fields.value.get("podSelector", "")
    if isinstance(selector, Mapping):
        selector = ",".join(f"{name}={value}" for name, value in selector.items())
    template = Drain(
        node="",
        force=bool(fields.flag("force")),
        delete_empty_dir=bool(fields.flag("deleteEmptyDirData")),
        ignore_daemon_sets=True if ignore is None else ignore,
        disable_eviction=bool(fields.flag("disableEviction")),
        pod_selector=selector,
        grace=fields.number("gracePeriod") if "gracePeriod" in fields.value else None,
        timeout=fields.duration("timeout") if "timeout" in fields.value else None,
    )
    return about_nodes(template, nodes(fields))
