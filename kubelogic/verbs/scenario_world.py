"""Steps of scenario files about nodes, images, measurements and components: what the world does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubelogic.facts.autoscalers import amount
from kubelogic.kinds.validation.policy import SYSTEM_PRIORITIES
from kubelogic.patterns import regex
from kubelogic.reconcile.components import COMPONENTS, component_of
from kubelogic.reconcile.machines import STATES, Machine, Shutdown
from kubelogic.reconcile.scenario import (
    Behave,
    FailNode,
    HealNode,
    Measure,
    Operation,
    Taint,
    TellPod,
)
from kubelogic.reconcile.world_steps import Down, Fill, MeasureObject, Reboot, Report
from kubelogic.text.location import Path as FieldPath
from kubelogic.verbs.scenario_choices import about_nodes, about_pods, nodes, pods
from kubelogic.verbs.scenario_fields import Fields, WrongFieldError, milliseconds, no_duration
from kubelogic.verbs.scenario_requests import SCALABLE, key_of
from kubelogic.verbs.scenario_targets import fail_probe, heal_probe
from kubelogic.verbs.targets import WORKLOADS

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_AWAY = 60_000
"""Milliseconds that a reboot takes unless told otherwise."""


def on_nodes(template: Operation) -> Callable[[Fields], Operation]:
    """A reader of operations that say nothing but which nodes they are about."""
    return lambda fields: about_nodes(template, nodes(fields))


def no_fields(fields: Fields) -> Operation:
    """``stop`` and ``start`` take no fields."""
    raise WrongFieldError(fields.path, f"must be one of {', '.join(COMPONENTS)}")


def component(word: str, value: object, path: FieldPath) -> Operation:
    """``stop`` or ``start`` of a component."""
    found = component_of(value) if isinstance(value, str) else None
    if found is None:
        raise WrongFieldError(path, f"must be one of {', '.join(COMPONENTS)}, is {value!r}", code="KL121")
    return Down(component=found, down=word == "stop")


def _only_nodes(fields: Fields, word: str) -> None:
    for name in fields.value:
        if name not in ("node", "nodes", "zone", "selector"):
            message = f"goes with probe only; {word} is about nodes without it"
            raise WrongFieldError((*fields.path, name), message, on_key=True, code="KL142")


def fail(fields: Fields) -> Operation:
    """``fail`` with fields: a probe, or nodes."""
    if "probe" in fields.value:
        return fail_probe(fields)
    _only_nodes(fields, "fail")
    return about_nodes(FailNode(node=""), nodes(fields))


def heal(fields: Fields) -> Operation:
    """``heal`` with fields."""
    if "probe" in fields.value:
        return heal_probe(fields)
    _only_nodes(fields, "heal")
    return about_nodes(HealNode(node=""), nodes(fields))


def reboot(fields: Fields) -> Operation:
    """``reboot``."""
    takes = fields.duration("takes") if "takes" in fields.value else _AWAY
    return about_nodes(Reboot(node="", takes=takes), nodes(fields))


def short_reboot(node: str) -> Operation:
    """``reboot`` of a node without more words."""
    return Reboot(node=node, takes=_AWAY)


def machine(fields: Fields) -> Operation:
    """``machine``."""
    state = fields.choice("state", STATES) if "state" in fields.value else ""
    zone = fields.text("inZone", "")
    if not state and not zone:
        raise WrongFieldError(fields.path, "needs state or inZone", code="KL142")
    return about_nodes(Machine(node="", state=state, zone=zone), nodes(fields))


def shutdown(fields: Fields) -> Operation:
    """``shutdown``: with one period for all pods and a part of it for critical ones, or with periods by priority."""
    ways = [way for way in ("grace", "byPriority") if way in fields.value]
    if len(ways) != 1:
        said = "both" if ways else "none"
        raise WrongFieldError(fields.path, f"needs one of grace and byPriority, has {said}", code="KL142")
    periods = _by_priority(fields) if ways == ["byPriority"] else _with_critical(fields)
    if not any(period for _, period in periods):
        message = "leaves no pod any time: that is machine with state stopped"
        raise WrongFieldError((*fields.path, ways[0]), message, code="KL142")
    return about_nodes(Shutdown(node="", periods=periods), nodes(fields))


def _with_critical(fields: Fields) -> tuple[tuple[int, int], ...]:
    grace = fields.duration("grace")
    critical = fields.duration("criticalGrace") if "criticalGrace" in fields.value else 0
    if critical > grace:
        message = "is a part of grace, and cannot be longer"
        raise WrongFieldError((*fields.path, "criticalGrace"), message, code="KL142")
    return (0, grace - critical), (SYSTEM_PRIORITIES["system-cluster-critical"], critical)


def _by_priority(fields: Fields) -> tuple[tuple[int, int], ...]:
    if "criticalGrace" in fields.value:
        message = "goes with grace; byPriority says what critical pods get"
        raise WrongFieldError((*fields.path, "criticalGrace"), message, on_key=True, code="KL142")
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


def report(fields: Fields) -> Operation:
    """``report``."""
    template = Report(
        node="",
        ready=fields.flag("ready"),
        memory_pressure=fields.flag("memoryPressure"),
        disk_pressure=fields.flag("diskPressure"),
        pid_pressure=fields.flag("pidPressure"),
    )
    if template == Report(node=""):
        raise WrongFieldError(fields.path, "needs ready or one of the pressures", code="KL142")
    return about_nodes(template, nodes(fields))


def taint(fields: Fields) -> Operation:
    """``taint``."""
    template = Taint(
        node="",
        taint=fields.text("key"),
        value=fields.text("value", ""),
        effect=fields.choice("effect", _EFFECTS),
    )
    return about_nodes(template, nodes(fields))


def untaint(fields: Fields) -> Operation:
    """``untaint``."""
    effect = fields.choice("effect", _EFFECTS)
    return about_nodes(Taint(node="", taint=fields.text("key"), effect=effect, present=False), nodes(fields))


_SERVICE = regex(r"([a-z0-9-]+)(?:\.([a-z0-9-]+)(?:\.svc(?:\.cluster\.local)?)?)?\.?")
"""A name by which pods ask for a Service."""


def _service_name(fields: Fields) -> tuple[str, str]:
    name = fields.text("waitsFor")
    found = _SERVICE.fullmatch(name)
    if found is None:
        message = f"must be a Service as pods ask for it, such as db or db.shop.svc.cluster.local, is {name!r}"
        raise WrongFieldError((*fields.path, "waitsFor"), message, code="KL143")
    return found[1], found[2] or ""


def image(fields: Fields) -> Operation:
    """``image``."""
    given = fields.value
    of_memory = fields.flag("oomKilled")
    code = fields.number("exitCode", 137 if of_memory else 0)
    if of_memory and code != 137:
        message = f"goes with exit code 137 only, not with {code}"
        raise WrongFieldError((*fields.path, "oomKilled"), message, code="KL142")
    if "exitCode" in given and "exitAfter" not in given:
        raise WrongFieldError((*fields.path, "exitCode"), "goes with exitAfter", on_key=True, code="KL142")
    if len(given) == 1:
        raise WrongFieldError(fields.path, "needs something that is different from now on", code="KL142")
    return Behave(
        image=fields.text("name"),
        pull=fields.flag("pull"),
        start=fields.flag("start"),
        exits=fields.flag("exits"),
        waits_for=_service_name(fields) if "waitsFor" in given else None,
        ready=fields.flag("ready"),
        stops=fields.flag("stops"),
        ready_after=fields.duration("readyAfter") if "readyAfter" in given else None,
        exit_after=fields.duration("exitAfter") if "exitAfter" in given else None,
        exit_code=code,
        of_memory=of_memory,
    )


def pod(fields: Fields) -> Operation:
    """``pod``."""
    code = fields.number("exitCode") if "exitCode" in fields.value else None
    ready = fields.flag("ready")
    if code is None and ready is None:
        raise WrongFieldError(fields.path, "needs ready or exitCode", code="KL142")
    return about_pods(TellPod(key="", ready=ready, exit_code=code), pods(fields))


def metric(fields: Fields) -> Operation:
    """``metric``: of a workload, of an object, or from outside the cluster."""
    ways = [way for way in ("name", "object", "external") if way in fields.value]
    if len(ways) != 1:
        said = " and ".join(ways) or "none"
        raise WrongFieldError(fields.path, f"needs one of name, object and external, has {said}", code="KL142")
    gone = bool(fields.flag("gone"))
    if ways == ["name"]:
        return _of_workload(fields, gone=gone)
    for name in ("each", "total", "container", "kind"):
        if name in fields.value:
            message = f"goes with the name of a workload; {ways[0]} has a value"
            raise WrongFieldError((*fields.path, name), message, on_key=True, code="KL142")
    namespace = fields.text("namespace", fields.namespace)
    if ways == ["external"]:
        name = fields.text("external")
        return MeasureObject(kind="", key=namespace, metric=name, value=_value(fields, name, gone=gone))
    value = fields.value["object"]
    if not isinstance(value, Mapping):
        raise WrongFieldError((*fields.path, "object"), f"must be {{kind, name}}, is {value!r}")
    described = Fields(value=value, path=(*fields.path, "object"), namespace=namespace, directory=fields.directory)
    described.check(("kind", "name"))
    kind, name = described.text("kind"), fields.text("resource")
    return MeasureObject(kind=kind, key=key_of(described, kind), metric=name, value=_value(fields, name, gone=gone))


def fill(fields: Fields) -> Operation:
    """``fillVolume``: how much an emptyDir holds."""
    kind, key = fields.reference(WORKLOADS)
    each = _quantity(fields, "each", "ephemeral-storage")
    if each is None:
        raise WrongFieldError(fields.path, "needs each: how much the volume of each pod holds", code="KL120")
    if each < 0:
        raise WrongFieldError((*fields.path, "each"), f"must be at least 0, is {fields.value['each']!r}")
    return Fill(kind=kind, key=key, volume=fields.text("volume"), each=each)


def _value(fields: Fields, metric: str, *, gone: bool) -> int | None:
    value = _quantity(fields, "value", metric)
    if (value is None) != gone:
        raise WrongFieldError(fields.path, "needs one of value and gone", code="KL142")
    return value


def _of_workload(fields: Fields, *, gone: bool) -> Operation:
    kind, key = fields.reference(SCALABLE)
    if "value" in fields.value:
        message = "is for object and external; pods use each, or share a total"
        raise WrongFieldError((*fields.path, "value"), message, on_key=True, code="KL142")
    name = fields.text("resource", "cpu")
    each, total = (_quantity(fields, part, name) for part in ("each", "total"))
    for part, found in (("each", each), ("total", total)):
        if found is not None and found < 0:
            raise WrongFieldError((*fields.path, part), f"must be at least 0, is {fields.value[part]!r}")
    if (each is not None) + (total is not None) + gone != 1:
        raise WrongFieldError(fields.path, "needs one of each and total")
    container = fields.text("container", "")
    return Measure(kind=kind, key=key, metric=name, each=each, total=total, container=container, gone=gone)


def _quantity(fields: Fields, name: str, metric: str) -> int | None:
    value = fields.value.get(name)
    if value is None:
        return None
    try:
        return amount(metric, value)
    except (TypeError, ValueError) as error:
        raise WrongFieldError((*fields.path, name), f"must be a quantity such as 250m, is {value!r}") from error
