"""Steps of scenario files about nodes and components: what is done to them, and what befalls them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from kubelogic.kinds.validation.policy import SYSTEM_PRIORITIES
from kubelogic.reconcile.components import COMPONENTS, component_of
from kubelogic.reconcile.machines import STATES, Machine, Shutdown
from kubelogic.reconcile.scenario import Cordon, Drain, FailNode, HealNode, Operation, Taint
from kubelogic.reconcile.world_steps import Down, Reboot, Report
from kubelogic.text.location import Path as FieldPath
from kubelogic.verbs.scenario_choices import about, nodes
from kubelogic.verbs.scenario_fields import Fields, WrongFieldError, milliseconds, no_duration
from kubelogic.verbs.scenario_targets import fail_probe, heal_probe
from kubelogic.verbs.scenario_word import NODE, WHICH, Word, node_word, on_nodes, word

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_AWAY = 60_000
"""Milliseconds that a reboot takes unless told otherwise."""


@node_word("- {at: 1m, cordon: n1}", bare=True)
def cordon(_fields: Fields) -> Operation:
    """As `kubectl cordon`."""
    return Cordon(node="", unschedulable=True)


@node_word("- {at: 1m, cordon: zone=a}\n- {at: 2m, uncordon: zone=a}", bare=True)
def uncordon(_fields: Fields) -> Operation:
    """As `kubectl uncordon`."""
    return Cordon(node="", unschedulable=False)


@node_word(
    "- {at: 1m, drain: {node: n1, deleteEmptyDirData: true, timeout: 5m}}",
    {
        "force": "also pods that no controller makes anew",
        "deleteEmptyDirData": "also pods whose emptyDir volumes are lost with them",
        "ignoreDaemonSets": "`false`: refuse because of pods of DaemonSets",
        "disableEviction": "delete the pods, whatever budgets say",
        "podSelector": "only pods with these labels",
        "gracePeriod": "seconds that the pods get to end",
        "timeout": "give up after that",
    },
    bare=True,
)
def drain(fields: Fields) -> Operation:
    """As `kubectl drain --ignore-daemonsets`. What a budget refuses is tried again every 5 s; any other error ends the
    drain. Several nodes are drained side by side.
    """
    ignore = fields.flag("ignoreDaemonSets")
    if "podSelector" in fields.value:
        fields.selector("podSelector")
    selector = fields.value.get("podSelector", "")
    if isinstance(selector, Mapping):
        selector = ",".join(f"{name}={value}" for name, value in selector.items())
    return Drain(
        node="",
        force=bool(fields.flag("force")),
        delete_empty_dir=bool(fields.flag("deleteEmptyDirData")),
        ignore_daemon_sets=True if ignore is None else ignore,
        disable_eviction=bool(fields.flag("disableEviction")),
        pod_selector=selector,
        grace=fields.number("gracePeriod") if "gracePeriod" in fields.value else None,
        timeout=fields.duration("timeout") if "timeout" in fields.value else None,
    )


@node_word(
    "- {at: 1m, taint: {node: n1, key: pool, value: batch, effect: NoExecute}}",
    dict.fromkeys(("key", "value", "effect"), "of the taint"),
)
def taint(fields: Fields) -> Operation:
    """A taint is put on nodes."""
    return Taint(
        node="",
        taint=fields.text("key"),
        value=fields.text("value", ""),
        effect=fields.choice("effect", _EFFECTS),
    )


@node_word(
    "- {at: 1m, for: 1m, taint: {zone: b, key: slow, effect: NoSchedule}}\n"
    "- {at: 1m, taint: {node: n1, key: hot, effect: NoSchedule}}\n"
    "- {at: 2m, untaint: {node: n1, key: hot, effect: NoSchedule}}",
    dict.fromkeys(("key", "effect"), "of the taint"),
)
def untaint(fields: Fields) -> Operation:
    """A taint is taken off nodes."""
    effect = fields.choice("effect", _EFFECTS)
    return Taint(node="", taint=fields.text("key"), effect=effect, present=False)


@word(
    "- {at: 1m, fail: zone=a}\n- {at: 1m, for: 20s, repeat: {every: 1m, times: 3}, "
    "fail: {probe: readiness, name: web}}",
    {
        "probe": "`liveness`, `readiness` or `startup`; without it nodes are meant, as of `cordon`",
        **WHICH,
        "status": "the HTTP status that is answered",
        "exitCode": "with which the command ends",
        "refused": "`true`: no connection",
        "timeout": "`true`: no answer in time",
    },
    also=("node", "nodes", "zone", "count"),
    bare=partial(on_nodes, FailNode(node="")),
)
def fail(fields: Fields) -> Operation:
    """Nothing is heard of a node from now on; or, with `probe`, a probe of containers fails."""
    if "probe" in fields.value:
        return fail_probe(fields)
    _only_nodes(fields, "fail")
    return about(FailNode(node=""), nodes(fields))


@word(
    "- {at: 1m, fail: [n1, n2]}\n- {at: 2m, heal: [n1, n2]}",
    {"probe": "`liveness`, `readiness` or `startup`; without it nodes are meant", **WHICH},
    also=("node", "nodes", "zone", "count"),
    bare=partial(on_nodes, HealNode(node="")),
)
def heal(fields: Fields) -> Operation:
    """A node is heard of again; or, with `probe`, a probe succeeds again."""
    if "probe" in fields.value:
        return heal_probe(fields)
    _only_nodes(fields, "heal")
    return about(HealNode(node=""), nodes(fields))


def _only_nodes(fields: Fields, word: str) -> None:
    for name in fields.value:
        if name not in NODE:
            message = f"goes with probe only; {word} is about nodes without it"
            raise fields.wrong(message, name, on_key=True, code="KL142")


@node_word("- {at: 1m, reboot: {node: n1, takes: 90s}}", {"takes": "how long it is away; 1m if left out"}, bare=True)
def reboot(fields: Fields) -> Operation:
    """A node goes down and comes back: nothing is heard of it meanwhile, and its containers start anew."""
    takes = fields.duration("takes") if "takes" in fields.value else _AWAY
    return Reboot(node="", takes=takes)


@node_word(
    "- {at: 1m, machine: {node: n1, state: stopped}}\n- {at: 5m, machine: {node: n1, state: running}}\n"
    "- {at: 6m, machine: {zone: b, state: gone}}",
    {
        "state": "`gone`, `stopped` or `running`",
        "inZone": "the zone that the cloud says, for a node that is being set up",
    },
)
def machine(fields: Fields) -> Operation:
    """The machine of a node is gone or off, so that nothing is heard of the node, or runs again: its containers start
    anew. With `--set cloud_provider=1` the cloud is asked about a node that is not ready: if its machine is gone the
    node is deleted, if it is stopped the node gets a taint.
    """
    state = fields.choice("state", STATES) if "state" in fields.value else ""
    zone = fields.text("inZone", "")
    if not state and not zone:
        raise fields.wrong("needs state or inZone", code="KL142")
    return Machine(node="", state=state, zone=zone)


@node_word(
    "- {at: 1m, shutdown: {node: n1, grace: 30s, criticalGrace: 10s}}\n"
    "- {at: 2m, shutdown: {node: n2, byPriority: {0: 20s, 1000: 10s}}}",
    {
        "grace": "how long all pods get (`shutdownGracePeriod` of the kubelet)",
        "criticalGrace": "the part of it that is left for critical pods (`shutdownGracePeriodCriticalPods`)",
        "byPriority": "instead: a mapping of priorities to how long pods of at least this priority get "
        "(`shutdownGracePeriodByPodPriority`)",
    },
)
def shutdown(fields: Fields) -> Operation:
    """A machine is switched off in good order: its kubelet reports NotReady and ends the pods, those of low priority
    first; then nothing is heard of the node.
    """
    ways = [way for way in ("grace", "byPriority") if way in fields.value]
    if len(ways) != 1:
        said = "both" if ways else "none"
        raise fields.wrong(f"needs one of grace and byPriority, has {said}", code="KL142")
    periods = _by_priority(fields) if ways == ["byPriority"] else _with_critical(fields)
    if not any(period for _, period in periods):
        raise fields.wrong("leaves no pod any time: that is machine with state stopped", ways[0], code="KL142")
    return Shutdown(node="", periods=periods)


def _with_critical(fields: Fields) -> tuple[tuple[int, int], ...]:
    grace = fields.duration("grace")
    critical = fields.duration("criticalGrace") if "criticalGrace" in fields.value else 0
    if critical > grace:
        raise fields.wrong("is a part of grace, and cannot be longer", "criticalGrace", code="KL142")
    return (0, grace - critical), (SYSTEM_PRIORITIES["system-cluster-critical"], critical)


def _by_priority(fields: Fields) -> tuple[tuple[int, int], ...]:
    if "criticalGrace" in fields.value:
        message = "goes with grace; byPriority says what critical pods get"
        raise fields.wrong(message, "criticalGrace", on_key=True, code="KL142")
    given, path = fields.value["byPriority"], (*fields.path, "byPriority")
    if not isinstance(given, Mapping) or not given:
        raise WrongFieldError(path, f"must be a mapping of priorities to durations, is {given!r}")
    found: dict[int, int] = {}
    for name, value in given.items():
        try:
            priority = int(name)
        except (TypeError, ValueError):
            raise WrongFieldError((*path, name), f"must be a priority, is {name!r}", on_key=True) from None
        period = milliseconds(value)
        if period is None:
            raise WrongFieldError((*path, name), no_duration(value))
        found[priority] = period
    return tuple(sorted(found.items()))


@node_word(
    "- {at: 1m, report: {node: n1, ready: false}}\n- {at: 2m, report: {node: n1, ready: true}}",
    {
        "ready": "`false`: NotReady, though it works",
        "memoryPressure": "true or false",
        "diskPressure": "true or false",
        "pidPressure": "true or false",
    },
)
def report(fields: Fields) -> Operation:
    """The kubelet of a node reports something else from now on."""
    template = Report(
        node="",
        ready=fields.flag("ready"),
        memory_pressure=fields.flag("memoryPressure"),
        disk_pressure=fields.flag("diskPressure"),
        pid_pressure=fields.flag("pidPressure"),
    )
    if template == Report(node=""):
        raise fields.wrong("needs ready or one of the pressures", code="KL142")
    return template


def _component(value: Any, path: FieldPath, *, down: bool) -> Operation:
    found = component_of(value) if isinstance(value, str) else None
    if found is None:
        raise WrongFieldError(path, f"must be one of {', '.join(COMPONENTS)}, is {value!r}", code="KL121")
    return Down(component=found, down=down)


stop = Word(
    name="stop",
    does="A component does nothing from now on: `scheduler`, `controller-manager`, or one controller by its name in "
    "kube-controller-manager, such as `deployment`. It remembers what it knew.",
    example="- {at: 1m, for: 2m, stop: scheduler}\n- {at: 1m, stop: deployment}",
    bare=partial(_component, down=True),
)
start = Word(
    name="start",
    does="A component that was stopped works again.",
    example="- {at: 1m, stop: replicaset}\n- {at: 2m, start: replicaset}",
    bare=partial(_component, down=False),
)
