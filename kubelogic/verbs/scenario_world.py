"""Steps of scenario files about containers, images, pods and measurements: what the world does."""

from __future__ import annotations

from collections.abc import Mapping

from kubelogic.facts.autoscalers import amount
from kubelogic.patterns import regex
from kubelogic.reconcile.scenario import Behave, Measure, Operation, TellPod
from kubelogic.reconcile.troubles import ExitContainers, GiveCondition, Target
from kubelogic.reconcile.world_steps import Fill, MeasureObject
from kubelogic.verbs.scenario_choices import about, pods
from kubelogic.verbs.scenario_fields import Fields
from kubelogic.verbs.scenario_requests import SCALABLE, key_of
from kubelogic.verbs.scenario_targets import aimed
from kubelogic.verbs.scenario_word import KIND, NAME, POD, WHICH, word
from kubelogic.verbs.targets import WORKLOADS


@word(
    "- {at: 1m, exit: {of: web, oomKilled: true}}\n- {at: 1m, exit: {name: sts/db, code: 1}}",
    {
        **WHICH,
        "code": "the exit code; 137 if they ran out of memory",
        "oomKilled": "`true`: they ran out of memory",
    },
    also=("count", "node"),
    name="exit",
)
def exits(fields: Fields) -> Operation:
    """Containers that run end; policy and back-off act."""
    of_memory = bool(fields.flag("oomKilled"))
    code = fields.number("code", 137 if of_memory else None)
    if code > 255:
        raise fields.wrong(f"must be at most 255, is {code}", "code", code="KL122")
    if of_memory and code != 137:
        raise fields.wrong(f"goes with exit code 137 only, not with {code}", "oomKilled", code="KL142")
    return aimed(fields, ExitContainers(target=Target(), code=code, of_memory=of_memory))


_SERVICE = regex(r"([a-z0-9-]+)(?:\.([a-z0-9-]+)(?:\.svc(?:\.cluster\.local)?)?)?\.?")
"""A name by which pods ask for a Service."""


def _service_name(fields: Fields) -> tuple[str, str]:
    name = fields.text("waitsFor")
    found = _SERVICE.fullmatch(name)
    if found is None:
        message = f"must be a Service as pods ask for it, such as db or db.shop.svc.cluster.local, is {name!r}"
        raise fields.wrong(message, "waitsFor", code="KL143")
    return found[1], found[2] or ""


@word(
    '- {at: 1m, image: {name: "web:1", readyAfter: 30s}}\n'
    '- {at: 1m, image: {name: "agent:1", exitAfter: 1m, oomKilled: true}}',
    {
        "name": "the image",
        "pull": "whether it can be pulled",
        "start": "whether its containers can be started",
        "ready": "whether they become ready by themselves",
        "readyAfter": "how long that takes after each start, restarts included",
        "exitAfter": "how long after each start they end",
        "exitCode": "with which they end then; 0 if left out",
        "waitsFor": "a Service (`db`, or `db.shop`): they end with code 0 when its name is answered",
        "exits": "`false`: they run on, after all",
        "stops": "`false`: they do not stop when asked to",
        "oomKilled": "`true`: they end because they run out of memory (exit code 137)",
    },
)
def image(fields: Fields) -> Operation:
    """How containers of an image behave from now on; what is left out stays."""
    given = fields.value
    of_memory = fields.flag("oomKilled")
    code = fields.number("exitCode", 137 if of_memory else 0)
    if of_memory and code != 137:
        raise fields.wrong(f"goes with exit code 137 only, not with {code}", "oomKilled", code="KL142")
    if "exitCode" in given and "exitAfter" not in given:
        raise fields.wrong("goes with exitAfter", "exitCode", on_key=True, code="KL142")
    if len(given) == 1:
        raise fields.wrong("needs something that is different from now on", code="KL142")
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


@word(
    "- {at: 1m, pod: {of: web, ready: false}}",
    {**POD, "ready": "true or false", "exitCode": "with which its containers end"},
)
def pod(fields: Fields) -> Operation:
    """One pod becomes ready or unready, or its containers end."""
    code = fields.number("exitCode") if "exitCode" in fields.value else None
    ready = fields.flag("ready")
    if code is None and ready is None:
        raise fields.wrong("needs ready or exitCode", code="KL142")
    return about(TellPod(key="", ready=ready, exit_code=code), pods(fields))


@word(
    "- {at: 1m, condition: {name: gated, type: example.com/lb}}",
    {**WHICH, "type": "of the condition", "status": "`True` if left out, `False` or `Unknown`"},
)
def condition(fields: Fields) -> Operation:
    """Pods have a condition from now on that a readiness gate waits for."""
    status = fields.value.get("status", "True")
    if isinstance(status, bool):
        status = str(status)
    if status not in ("True", "False", "Unknown"):
        raise fields.wrong(f"must be one of True, False, Unknown, is {status!r}", "status", code="KL121")
    return aimed(fields, GiveCondition(target=Target(), condition=fields.text("type"), status=status))


@word(
    "- {at: 1m, metric: {name: web, each: 250m}}\n"
    "- {at: 1m, metric: {name: web, container: app, total: 900m}}\n"
    "- {at: 1m, metric: {name: sts/db, resource: memory, each: 2Gi}}\n"
    '- {at: 1m, metric: {external: queue-length, value: "40"}}\n'
    '- {at: 1m, metric: {object: {kind: Service, name: web}, resource: requests, value: "2k"}}\n'
    "- {at: 5m, metric: {external: queue-length, gone: true}}",
    {
        **KIND,
        "name": "of the workload, or instead",
        "object": "`{kind, name}`: the object that the metric describes",
        "external": "the name of a metric from outside the cluster",
        "namespace": "else that of `-n`, or `default`",
        "resource": "the metric: `cpu` if left out, `memory`, or any that a pod or the object has",
        "container": "what one container uses, not the pod as a whole",
        "each": "what each running pod uses",
        "total": "what the ready pods share, instead",
        "value": "of an object's metric, or one from outside",
        "gone": "`true`: nothing is measured any more",
    },
)
def metric(fields: Fields) -> Operation:
    """What autoscalers measure from now on: of a workload, of an object, or outside of the cluster. What pods use of
    `memory`, `ephemeral-storage` and `pids` their kubelets see, too, and evict where a node runs short.
    """
    way = fields.one_of("name", "object", "external")
    gone = bool(fields.flag("gone"))
    if way == "name":
        return _of_workload(fields, gone=gone)
    for name in ("each", "total", "container", "kind"):
        if name in fields.value:
            raise fields.wrong(f"goes with the name of a workload; {way} has a value", name, on_key=True, code="KL142")
    namespace = fields.text("namespace", fields.namespace)
    if way == "external":
        name = fields.text("external")
        return MeasureObject(kind="", key=namespace, metric=name, value=_value(fields, name, gone=gone))
    value = fields.value["object"]
    if not isinstance(value, Mapping):
        raise fields.wrong(f"must be {{kind, name}}, is {value!r}", "object")
    described = Fields(value=value, path=(*fields.path, "object"), namespace=namespace, directory=fields.directory)
    described.check(("kind", "name"))
    kind, name = described.text("kind"), fields.text("resource")
    return MeasureObject(kind=kind, key=key_of(described, kind), metric=name, value=_value(fields, name, gone=gone))


@word(
    "- {at: 1m, fillVolume: {name: ds/agent, volume: spool, each: 2Gi}}",
    {**KIND, **NAME, "volume": "name of the volume", "each": "how much that of each pod holds"},
)
def fill_volume(fields: Fields) -> Operation:
    """An emptyDir volume of each running pod of a workload holds so much from now on. Their kubelets evict pods whose
    volume holds more than its `sizeLimit`, and count it to what a pod uses of disk or memory.
    """
    kind, key = fields.reference(WORKLOADS)
    each = _quantity(fields, "each", "ephemeral-storage")
    if each is None:
        raise fields.wrong("needs each: how much the volume of each pod holds", code="KL120")
    if each < 0:
        raise fields.wrong(f"must be at least 0, is {fields.value['each']!r}", "each")
    return Fill(kind=kind, key=key, volume=fields.text("volume"), each=each)


def _value(fields: Fields, metric: str, *, gone: bool) -> int | None:
    value = _quantity(fields, "value", metric)
    if (value is None) != gone:
        raise fields.wrong("needs one of value and gone", code="KL142")
    return value


def _of_workload(fields: Fields, *, gone: bool) -> Operation:
    kind, key = fields.reference(SCALABLE)
    if "value" in fields.value:
        message = "is for object and external; pods use each, or share a total"
        raise fields.wrong(message, "value", on_key=True, code="KL142")
    name = fields.text("resource", "cpu")
    each, total = (_quantity(fields, part, name) for part in ("each", "total"))
    for part, found in (("each", each), ("total", total)):
        if found is not None and found < 0:
            raise fields.wrong(f"must be at least 0, is {fields.value[part]!r}", part)
    if (each is not None) + (total is not None) + gone != 1:
        raise fields.wrong("needs one of each and total")
    container = fields.text("container", "")
    return Measure(kind=kind, key=key, metric=name, each=each, total=total, container=container, gone=gone)


def _quantity(fields: Fields, name: str, metric: str) -> int | None:
    value = fields.value.get(name)
    if value is None:
        return None
    try:
        return amount(metric, value)
    except (TypeError, ValueError) as error:
        raise fields.wrong(f"must be a quantity such as 250m, is {value!r}", name) from error
