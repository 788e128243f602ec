"""Scenario files: YAML or JSON to a ``Scenario``, or every fault with its place."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.facts.autoscalers import amount
from kubelogic.kinds.table import served
from kubelogic.reconcile.scenario import (
    Apply,
    Behave,
    Cordon,
    Delete,
    Drain,
    Event,
    Evict,
    FailNode,
    HealNode,
    Measure,
    Operation,
    Patch,
    Pause,
    Scale,
    Scenario,
    SetImage,
    Taint,
    TellPod,
    Undo,
)
from kubelogic.text import sources as source_files
from kubelogic.text.documents import fault_at, trees
from kubelogic.text.location import Fault, InputError, Location
from kubelogic.text.location import Path as FieldPath
from kubelogic.text.origin import ItemOrigin
from kubelogic.verbs.scenario_fields import Fields, WrongFieldError, milliseconds, no_duration
from kubelogic.verbs.scenario_objects import check_objects
from kubelogic.verbs.scenario_targets import Known, condition, exits, fail_probe, heal_probe

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_SCALABLE = ("Deployment", "ReplicaSet", "ReplicationController", "StatefulSet")
_TEMPLATED = (*_SCALABLE, "DaemonSet")


def _workload(fields: Fields, kinds: tuple[str, ...]) -> tuple[str, str]:
    return fields.choice("kind", kinds, "Deployment"), fields.key()


def _scale(fields: Fields) -> Operation:
    fields.check(("kind", "name", "namespace", "replicas"))
    kind, key = _workload(fields, _SCALABLE)
    return Scale(kind=kind, key=key, replicas=fields.number("replicas"))


def _set_image(fields: Fields) -> Operation:
    fields.check(("kind", "name", "namespace", "container", "image"))
    kind, key = _workload(fields, _TEMPLATED)
    return SetImage(kind=kind, key=key, container=fields.text("container", ""), image=fields.text("image"))


def _patch(fields: Fields) -> Operation:
    fields.check(("kind", "name", "namespace", "type", "patch"))
    change = fields.value.get("patch")
    kind = fields.text("kind")
    how = fields.choice("type", ("strategic", "merge", "json"), "strategic")
    if how == "json":
        if not isinstance(change, list) or not all(isinstance(each, Mapping) for each in change):
            raise WrongFieldError((*fields.path, "patch"), "must be a list of operations")
        return Patch(kind=kind, key=_key_of(fields, kind), patch={}, how=how, operations=tuple(change))
    if not isinstance(change, Mapping):
        raise WrongFieldError((*fields.path, "patch"), "must be a mapping")
    return Patch(kind=kind, key=_key_of(fields, kind), patch=change, how=how)


def _delete(fields: Fields) -> Operation:
    fields.check(("kind", "name", "namespace", "propagation", "grace", "force"))
    kind = fields.text("kind")
    grace = fields.number("grace") if "grace" in fields.value else None
    if fields.flag("force"):
        if grace:
            raise WrongFieldError((*fields.path, "force"), "force goes with grace 0 only", code="KL142")
        grace = 0
    if grace is not None and kind != "Pod":
        field = "grace" if "grace" in fields.value else "force"
        raise WrongFieldError((*fields.path, field), f"only pods have a grace period, not a {kind}", on_key=True)
    propagation = fields.choice("propagation", ("", "Background", "Foreground", "Orphan"), "")
    return Delete(kind=kind, key=_key_of(fields, kind), propagation=propagation, grace=grace)


def _key_of(fields: Fields, kind: str) -> str:
    scopes = {each.namespaced for (_, name), each in served().items() if name == kind}
    return fields.text("name") if scopes == {False} else fields.key()


def _undo(fields: Fields) -> Operation:
    fields.check(("name", "namespace", "revision"))
    return Undo(key=fields.key(), revision=fields.number("revision", 0))


def _pause(fields: Fields) -> Operation:
    fields.check(("name", "namespace"))
    return Pause(key=fields.key(), paused=True)


def _resume(fields: Fields) -> Operation:
    fields.check(("name", "namespace"))
    return Pause(key=fields.key(), paused=False)


def _evict(fields: Fields) -> Operation:
    fields.check(("name", "namespace"))
    return Evict(key=fields.key())


def _taint(fields: Fields) -> Operation:
    fields.check(("node", "key", "value", "effect"))
    return Taint(
        node=fields.text("node"),
        taint=fields.text("key"),
        value=fields.text("value", ""),
        effect=fields.choice("effect", _EFFECTS),
    )


def _untaint(fields: Fields) -> Operation:
    fields.check(("node", "key", "effect"))
    effect = fields.choice("effect", _EFFECTS)
    return Taint(node=fields.text("node"), taint=fields.text("key"), effect=effect, present=False)


def _image(fields: Fields) -> Operation:
    fields.check(("name", "pull", "start", "ready", "readyAfter", "exitAfter", "exitCode", "exits", "stops"))
    given = fields.value
    return Behave(
        image=fields.text("name"),
        pull=fields.flag("pull"),
        start=fields.flag("start"),
        exits=fields.flag("exits"),
        ready=fields.flag("ready"),
        stops=fields.flag("stops"),
        ready_after=fields.duration("readyAfter") if "readyAfter" in given else None,
        exit_after=fields.duration("exitAfter") if "exitAfter" in given else None,
        exit_code=fields.number("exitCode", 0),
    )


def _pod(fields: Fields) -> Operation:
    fields.check(("name", "namespace", "ready", "exitCode"))
    code = fields.number("exitCode") if "exitCode" in fields.value else None
    return TellPod(key=fields.key(), ready=fields.flag("ready"), exit_code=code)


def _metric(fields: Fields) -> Operation:
    fields.check(("kind", "name", "namespace", "resource", "each", "total"))
    kind, key = _workload(fields, _SCALABLE)
    metric = fields.text("resource", "cpu")
    each, total = (_quantity(fields, name, metric) for name in ("each", "total"))
    if (each is None) == (total is None):
        raise WrongFieldError(fields.path, "needs one of each and total")
    return Measure(kind=kind, key=key, metric=metric, each=each, total=total)


def _quantity(fields: Fields, name: str, metric: str) -> int | None:
    value = fields.value.get(name)
    if value is None:
        return None
    try:
        return amount(metric, value)
    except (TypeError, ValueError) as error:
        raise WrongFieldError((*fields.path, name), f"must be a quantity such as 250m, is {value!r}") from error


def _drain(fields: Fields) -> Operation:
    fields.check(("node", "force", "deleteEmptyDirData", "ignoreDaemonSets"))
    ignore = fields.flag("ignoreDaemonSets")
    return Drain(
        node=fields.text("node"),
        force=bool(fields.flag("force")),
        delete_empty_dir=bool(fields.flag("deleteEmptyDirData")),
        ignore_daemon_sets=True if ignore is None else ignore,
    )


_WITH_FIELDS: Mapping[str, Callable[[Fields], Operation]] = {
    "scale": _scale,
    "setImage": _set_image,
    "patch": _patch,
    "delete": _delete,
    "undo": _undo,
    "pause": _pause,
    "resume": _resume,
    "evict": _evict,
    "taint": _taint,
    "untaint": _untaint,
    "image": _image,
    "pod": _pod,
    "metric": _metric,
    "exit": exits,
    "condition": condition,
}

_WITH_PROBE: Mapping[str, Callable[[Fields], Operation]] = {
    "fail": fail_probe,
    "heal": heal_probe,
    "drain": _drain,
}

_WITH_NODE: Mapping[str, Callable[[str], Operation]] = {
    "fail": lambda node: FailNode(node=node),
    "heal": lambda node: HealNode(node=node),
    "drain": lambda node: Drain(node=node),
    "cordon": lambda node: Cordon(node=node, unschedulable=True),
    "uncordon": lambda node: Cordon(node=node, unschedulable=False),
}

OPERATIONS = (*_WITH_NODE, "apply", "replace", *_WITH_FIELDS)
"""What a step can do."""


def node_operation(word: str, node: str) -> Operation:
    """The operation ``fail``, ``heal``, ``drain``, ``cordon`` or ``uncordon`` on a node."""
    return _WITH_NODE[word](node)


def read_scenario(
    name: str, *, namespace: str = "default", cluster: Cluster | None = None, stdin: bytes | None = None
) -> Scenario:
    """Read a scenario file.

    Args:
        name: path of the file; ``-`` for what is in ``stdin``.
        stdin: see ``name``.
        namespace: for objects that name none.
        cluster: where the scenario begins, to find out whether its steps mean anything there; None: not to.

    Raises:
        InputError: with every fault of the file, and of the files that it applies.
    """
    source = source_files.read(name, stdin)
    if isinstance(source, Fault):
        raise InputError([source])
    faults: list[Fault] = []
    documents = [(document, tree) for document, tree in trees(source, faults) if tree is not None]
    if faults:
        raise InputError(faults)
    if len(documents) != 1:
        message = f"a scenario is one document, here are {len(documents)}"
        raise InputError([Fault(location=Location(file=name), code="KL106", message=message)])
    document, tree = documents[0]
    origin = ItemOrigin(document=document)
    events: list[Event] = []
    horizon: int | None = None

    def report(error: WrongFieldError) -> None:
        faults.append(fault_at(origin, error.path, error.code, error.message, on_key=error.on_key))

    try:
        horizon, steps = _top(tree)
    except WrongFieldError as error:
        report(error)
        raise InputError(faults) from None
    placed: list[tuple[FieldPath, Operation]] = []
    base: FieldPath = ("steps",) if isinstance(tree, Mapping) else ()
    for number, step in enumerate(steps):
        try:
            event = _event(step, (*base, number), namespace, Path(name).parent)
        except WrongFieldError as error:
            report(error)
        except InputError as error:
            faults.extend(error.faults)
        else:
            events.append(event)
            placed.append(((*base, number, next(word for word in step if word != "at")), event.operation))
    if cluster is not None:
        for path, operation in placed:
            try:
                check_objects(cluster, [each for _, each in placed], operation, path)
            except WrongFieldError as error:
                report(error)
    if cluster is not None and not faults:
        known = Known.of(cluster, [operation for _, operation in placed])
        for path, operation in placed:
            try:
                known.check(operation, path)
            except WrongFieldError as error:
                report(error)
    if faults:
        raise InputError(faults)
    return Scenario(events=tuple(sorted(events, key=lambda event: event.at)), horizon=horizon)


def _top(tree: Any) -> tuple[int | None, list[Any]]:
    if isinstance(tree, list):
        return None, tree
    if not isinstance(tree, Mapping):
        raise WrongFieldError((), "a scenario is a list of steps, or a mapping with steps", code="KL106")
    for key in tree:
        if key not in ("horizon", "steps"):
            raise WrongFieldError((key,), "unknown field; there are horizon and steps", on_key=True, code="KL112")
    horizon = None
    if "horizon" in tree:
        horizon = milliseconds(tree["horizon"])
        if horizon is None:
            raise WrongFieldError(("horizon",), no_duration(tree["horizon"]))
    steps = tree.get("steps")
    if not isinstance(steps, list):
        raise WrongFieldError(("steps",), "must be a list of steps", code="KL120")
    return horizon, steps


def _event(step: Any, path: FieldPath, namespace: str, directory: Path) -> Event:
    if not isinstance(step, Mapping):
        raise WrongFieldError(path, "a step is a mapping with at and one operation")
    if "at" not in step:
        raise WrongFieldError(path, "at is needed: when the step happens", code="KL120")
    at = milliseconds(step["at"])
    if at is None:
        raise WrongFieldError((*path, "at"), no_duration(step["at"]))
    words = [str(word) for word in step if word != "at"]
    for word in words:
        if word not in OPERATIONS:
            near = difflib.get_close_matches(word, OPERATIONS, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(OPERATIONS)}"
            raise WrongFieldError((*path, word), f"unknown operation{hint}", on_key=True, code="KL112")
    if len(words) != 1:
        count = "nothing" if not words else " and ".join(words)
        raise WrongFieldError(path, f"a step does one thing, this one {count}", code="KL142")
    word, value = words[0], step[words[0]]
    return Event(at=at, operation=_operation(word, value, (*path, word), namespace, directory))


def _operation(word: str, value: Any, path: FieldPath, namespace: str, directory: Path) -> Operation:
    if word in _WITH_PROBE and isinstance(value, Mapping):
        return _WITH_PROBE[word](Fields(value=value, path=path, namespace=namespace, directory=directory))
    if word in _WITH_NODE:
        if not isinstance(value, str):
            more = {"drain": " or a mapping with node"}.get(word, " or a mapping about a probe")
            what = f"the name of a node{more if word in _WITH_PROBE else ''}"
            raise WrongFieldError(path, f"must be {what}, is {value!r}")
        return _WITH_NODE[word](value)
    if word in ("apply", "replace"):
        server_side = True
        if isinstance(value, Mapping):
            fields = Fields(value=value, path=path, namespace=namespace, directory=directory)
            fields.check(("files", "serverSide"))
            server_side = fields.flag("serverSide") is not False
            value, path = value.get("files"), (*path, "files")
        names = value if isinstance(value, list) else [value]
        if not names or not all(isinstance(each, str) for each in names):
            raise WrongFieldError(path, "must be a file or a list of files")
        found = load([str(directory / each) for each in names], namespace=namespace).objects
        return Apply(objects=found, server_side=server_side, replace=word == "replace")
    if not isinstance(value, Mapping):
        raise WrongFieldError(path, "must be a mapping")
    return _WITH_FIELDS[word](Fields(value=value, path=path, namespace=namespace, directory=directory))
