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
    Evict,
    Operation,
    Patch,
    Pause,
    Scale,
    SetImage,
    Undo,
)
from kubelogic.verbs.scenario_choices import about, pods
from kubelogic.verbs.scenario_fields import Fields, kind_named
from kubelogic.verbs.scenario_word import KIND, NAME, POD, word

SCALABLE = ("Deployment", "ReplicaSet", "ReplicationController", "StatefulSet")
_ROLLED = ("Deployment", "StatefulSet", "DaemonSet")
_TEMPLATED = (*SCALABLE, "DaemonSet")
_POD_FIELDS = ("of", "selector", "node", "count")


@word(
    "- {at: 1m, apply: {files: extra-node.yaml, silent: true}}",
    {
        "files": "a file beside the scenario, or a list; `apply: FILE` for short",
        "serverSide": "`false`: the patch of three documents that kubectl makes without `--server-side`",
        "lastApplied": "what was applied the last time (files), where the cluster does not say it",
        "silent": "`true`: Nodes in the files are registered and never report",
    },
)
def apply(fields: Fields) -> Operation:
    """As `kubectl apply --server-side --force-conflicts`: fields that the manifest never had stay, whoever else changed
    those that it has.
    """
    before = _objects(fields, "lastApplied") if "lastApplied" in fields.value else ()
    return Apply(
        objects=_objects(fields, "files"),
        server_side=fields.flag("serverSide") is not False and not before,
        last_applied=before,
        silent=bool(fields.flag("silent")),
    )


@word(
    "- {at: 1m, replace: web-2.yaml}",
    {"files": "a file beside the scenario, or a list; `replace: FILE` for short"},
)
def replace(fields: Fields) -> Operation:
    """As `kubectl replace`: the object becomes what the file says; its status stays."""
    return Apply(objects=_objects(fields, "files"), replace=True)


def _objects(fields: Fields, name: str) -> tuple[Object, ...]:
    value = fields.value.get(name)
    files = value if isinstance(value, list) else [value]
    names = [each for each in files if isinstance(each, str)]
    if not files or len(names) < len(files):
        raise fields.wrong("must be a file or a list of files", name)
    return load([str(fields.directory / each) for each in names], namespace=fields.namespace).objects


@word(
    "- {at: 1m, patch: {name: web, patch: {spec: {minReadySeconds: 5}}}}\n"
    "- {at: 1m, patch: {kind: Service, name: web, type: json, "
    "patch: [{op: add, path: /metadata/labels, value: {tier: front}}]}}",
    {
        **KIND,
        **NAME,
        "type": "`strategic` (kubectl's own), `merge`, or `json`",
        "patch": "the patch; for `json` a list of operations",
        "subresource": "`status`: the patch is about the status alone, which others leave as it is",
    },
)
def patch(fields: Fields) -> Operation:
    """As `kubectl patch`."""
    change = fields.value.get("patch")
    kind = _kind(fields, "Deployment")
    key = key_of(fields, kind)
    how = fields.choice("type", ("strategic", "merge", "json"), "strategic")
    part = fields.choice("subresource", ("status",)) if "subresource" in fields.value else ""
    if not part and isinstance(change, Mapping) and change.keys() == {"status"}:
        raise fields.wrong("changes nothing: a status takes `subresource: status`", "patch")
    if how == "json":
        if not isinstance(change, list) or not all(isinstance(each, Mapping) for each in change):
            raise fields.wrong("must be a list of operations", "patch")
        return Patch(kind=kind, key=key, patch={}, how=how, operations=tuple(change), subresource=part)
    if not isinstance(change, Mapping):
        raise fields.wrong("must be a mapping", "patch")
    return Patch(kind=kind, key=key, patch=change, how=how, subresource=part)


def _kind(fields: Fields, default: str | None = None) -> str:
    prefix, slash, _ = fields.text("name", "").partition("/")
    kind = kind_named(prefix) if slash else fields.text("kind", default)
    meant = kind_named(kind)
    if not any(name == kind for _, name in served()) and (meant != kind or not kind[:1].isupper()):
        hint = f"; did you mean {meant}?" if meant != kind else ""
        raise fields.wrong(f"must be a kind such as Deployment, is {kind!r}{hint}", "kind", code="KL121")
    return kind


def key_of(fields: Fields, kind: str) -> str:
    """The key of the object that ``name`` names: without a namespace for kinds that are in none."""
    scopes = {each.namespaced for (_, name), each in served().items() if name == kind}
    return fields.text("name").rpartition("/")[2] if scopes == {False} else fields.key()


@word(
    "- {at: 1m, delete: {of: web}}\n- {at: 1m, delete: {kind: Pod, name: db-0, force: true}}\n"
    "- {at: 1m, delete: {kind: ConfigMap, name: settings}}",
    {
        "kind": "of the object, unless `name` says it (`cm/settings`); `Pod` with `of`",
        **POD,
        "propagation": "`Background`, `Foreground` or `Orphan`",
        "grace": "seconds for a pod to end",
        "force": "`true`: a pod is removed at once, whatever its kubelet does; pods that are being deleted are "
        "meant, too, after the others",
    },
)
def delete(fields: Fields) -> Operation:
    """As `kubectl delete`."""
    several = "of" in fields.value or "selector" in fields.value
    if not fields.value.keys() - {"node"} and (node := fields.text("node", "")):
        message = f"kind is needed: {{kind: Node, name: {node}}} is the node; pods on it take of or selector besides"
        raise fields.wrong(message, code="KL120")
    kind = _kind(fields, "Pod" if several else None)
    force = bool(fields.flag("force"))
    for field in _POD_FIELDS:
        if field in fields.value and kind != "Pod":
            raise fields.wrong(f"is about pods, not about a {kind}", field, on_key=True)
    grace = fields.number("grace") if "grace" in fields.value else None
    if force:
        if grace:
            raise fields.wrong("force goes with grace 0 only", "force", code="KL142")
        grace = 0
    if grace is not None and kind != "Pod":
        field = "grace" if "grace" in fields.value else "force"
        raise fields.wrong(f"only pods have a grace period, not a {kind}", field, on_key=True)
    propagation = fields.choice("propagation", ("", "Background", "Foreground", "Orphan"), "")
    if kind != "Pod":
        return Delete(kind=kind, key=key_of(fields, kind), propagation=propagation)
    meant = pods(fields)
    if force and isinstance(meant, PodChoice):
        meant = replaced(meant, ending=True)
    return about(Delete(kind=kind, key="", propagation=propagation, grace=grace), meant)


@word("- {at: 1m, scale: {name: web, replicas: 4}}", {**KIND, **NAME, "replicas": "how many"})
def scale(fields: Fields) -> Operation:
    """As `kubectl scale`."""
    kind, key = fields.reference(SCALABLE)
    return Scale(kind=kind, key=key, replicas=fields.number("replicas"))


@word(
    '- {at: 1m, setImage: {name: web, container: app, image: "web:2"}}',
    {**KIND, **NAME, "container": "of this name; all of them if left out", "image": "the image"},
)
def set_image(fields: Fields) -> Operation:
    """As `kubectl set image`."""
    kind, key = fields.reference(_TEMPLATED)
    return SetImage(kind=kind, key=key, container=fields.text("container", ""), image=fields.text("image"))


@word(
    "- {at: 1m, setResources: {name: web, container: app, requests: {cpu: 200m}}}",
    {
        **KIND,
        **NAME,
        "container": "of this name; all of them if left out",
        "requests": "by resource",
        "limits": "by resource",
    },
)
def set_resources(fields: Fields) -> Operation:
    """As `kubectl set resources`."""
    kind, key = fields.reference(_TEMPLATED)
    wanted, limits = _amounts(fields, "requests"), _amounts(fields, "limits")
    if not wanted and not limits:
        raise fields.wrong("needs requests or limits", code="KL142")
    return SetResources(kind=kind, key=key, container=fields.text("container", ""), requests=wanted, limits=limits)


def _amounts(fields: Fields, name: str) -> dict[str, str]:
    value = fields.value.get(name, {})
    if not isinstance(value, Mapping):
        raise fields.wrong(f"must be amounts by resource such as {{cpu: 200m}}, is {value!r}", name)
    for resource, amount in value.items():
        try:
            parse(amount)
        except (TypeError, ValueError):
            raise fields.wrong(f"must be a quantity such as 250m, is {amount!r}", name, resource) from None
    return {str(resource): str(amount) for resource, amount in sorted(value.items())}


@word(
    "- {at: 1m, restart: {name: sts/db}}",
    {"kind": "`Deployment` if left out, `StatefulSet` or `DaemonSet`", **NAME},
)
def restart(fields: Fields) -> Operation:
    """As `kubectl rollout restart`: all pods are made anew, by the strategy of the workload."""
    kind, key = fields.reference(_ROLLED)
    return Restart(kind=kind, key=key)


@word(
    '- {at: 1m, setImage: {name: ds/agent, image: "agent:2"}}\n- {at: 3m, undo: {name: ds/agent}}',
    {
        "kind": "`Deployment` if left out, `StatefulSet` or `DaemonSet`",
        **NAME,
        "revision": "its number; the one before the present if left out",
    },
)
def undo(fields: Fields) -> Operation:
    """As `kubectl rollout undo`."""
    kind, key = fields.reference(_ROLLED)
    return Undo(kind=kind, key=key, revision=fields.number("revision", 0))


@word("- {at: 1m, for: 1m, pause: {name: web}}", NAME)
def pause(fields: Fields) -> Operation:
    """As `kubectl rollout pause`."""
    return Pause(key=fields.reference(("Deployment",))[1], paused=True)


@word("- {at: 1m, pause: {name: web}}\n- {at: 2m, resume: {name: web}}", NAME)
def resume(fields: Fields) -> Operation:
    """As `kubectl rollout resume`."""
    return Pause(key=fields.reference(("Deployment",))[1], paused=False)


@word(
    "- {at: 1m, autoscale: {name: sts/db, min: 2, max: 4, cpu: 70}}",
    {
        **KIND,
        **NAME,
        "min": "replicas at least",
        "max": "replicas at most",
        "cpu": "percent of the request; kubectl's 80 if neither is said",
        "memory": "percent of the request",
    },
)
def autoscale(fields: Fields) -> Operation:
    """As `kubectl autoscale`: an autoscaler is made."""
    kind, key = fields.reference(SCALABLE)
    most = fields.number("max")
    least = fields.number("min") if "min" in fields.value else None
    if most < 1:
        raise fields.wrong("must be at least 1, is 0", "max")
    if least is not None and least > most:
        raise fields.wrong(f"must be at most max, {most}, is {least}", "min", code="KL122")
    goals = {name: fields.number(name) for name in ("cpu", "memory") if name in fields.value}
    return Autoscale(kind=kind, key=key, name="", least=least, most=most, goals=goals)


@word(
    "- {at: 1m, runCronJob: {name: nightly, job: by-hand}}",
    {"name": "of the CronJob", "namespace": "else that of `-n`, or `default`", "job": "the name of the Job"},
)
def run_cron_job(fields: Fields) -> Operation:
    """As `kubectl create job NAME --from=cronjob/X`."""
    return RunCronJob(key=fields.reference(("CronJob",), "CronJob")[1], name=fields.text("job"))


@word("- {at: 1m, evict: {of: web}}", POD)
def evict(fields: Fields) -> Operation:
    """An eviction of a pod is asked for, which a budget may refuse."""
    return about(Evict(key=""), pods(fields))
