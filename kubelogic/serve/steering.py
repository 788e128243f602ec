"""What only a simulated cluster can do: move its clock, fail its nodes, say why. Under ``/kubelogic/v1``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.cluster.clock import timestamp
from kubelogic.patterns import regex
from kubelogic.reconcile.performing import perform
from kubelogic.reconcile.scenario import Cordon, FailNode, HealNode, Measure, Operation
from kubelogic.report.about import render_about
from kubelogic.report.explanation_documents import about_document
from kubelogic.report.style import Style
from kubelogic.serve import bodies
from kubelogic.serve.cluster import Served
from kubelogic.serve.messages import Reply, Request
from kubelogic.serve.statuses import bad_request, failure, no_such_resource, nothing_called
from kubelogic.text.location import InputError
from kubelogic.verbs.about import explain_any
from kubelogic.verbs.scenario_fields import milliseconds, no_duration
from kubelogic.verbs.scenario_file import read_scenario
from kubelogic.verbs.targets import UnknownPodError

ROOT = "/kubelogic/v1"
_LONGEST = 366 * 86_400_000
_FASTEST = 1_000_000.0

_PATIENCE = 20.0
"""Seconds that a question may take: the control plane waits for it."""

_WIDTH = regex("[1-9][0-9]{1,4}")


async def answer(served: Served, request: Request, path: str) -> Reply | None:
    """The reply to a request to the simulation; None if it is another request.

    Raises:
        RequestError: it makes no sense.
    """
    if path != ROOT and not path.startswith(f"{ROOT}/"):
        return None
    steps = path.removeprefix(ROOT).strip("/").split("/")
    reads = request.method in ("GET", "HEAD")
    match steps:
        case ["clock"] if reads:
            return Reply(body=_clock(served))
        case ["clock"] if request.method == "POST":
            await _move(served, _body(request))
            return Reply(body=_clock(served))
        case ["perform"] if request.method == "POST":
            return _perform(served, _body(request))
        case ["explain", namespace, *words] if reads and len(words) in (1, 2):
            async with served.control.thinking:
                return await asyncio.to_thread(_explain, served, request, namespace, "/".join(words))
    raise no_such_resource()


def _body(request: Request) -> dict[str, Any]:
    found = bodies.parsed(request.body)
    if not isinstance(found, dict):
        raise bad_request("the body is a mapping")
    return found


def _clock(served: Served) -> dict[str, Any]:
    clock = served.control.clock
    return {"now": timestamp(clock.now()), "speed": clock.speed, "paused": clock.paused}


async def _move(served: Served, wanted: dict[str, Any]) -> None:
    """Do what a request to the clock asks for: ``step`` (as ``5m``), ``speed``, ``paused``.

    A step is over when the control plane has nothing to do any more, also one of no time; a clock that runs only jumps.
    """
    unknown = sorted(set(wanted) - {"step", "speed", "paused"})
    if unknown:
        raise bad_request(f"the clock knows step, speed and paused, not {', '.join(unknown)}")
    clock = served.control.clock
    step = 0
    if "step" in wanted:
        found = milliseconds(wanted["step"])
        if found is None:
            raise bad_request(no_duration(wanted["step"]))
        if found > _LONGEST:
            raise bad_request("a step is a year at most")
        step = found
    speed = wanted.get("speed", clock.speed)
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0 <= speed <= _FASTEST:
        raise bad_request(f"speed is a number from 0 to {_FASTEST:g}")
    paused = wanted.get("paused", clock.paused)
    if not isinstance(paused, bool):
        raise bad_request("paused is true or false")
    if (speed, paused) != (clock.speed, clock.paused):
        clock.start(clock.now())
        clock.speed, clock.paused = float(speed), paused
        served.control.keep_time()
        served.control.wake()
    if "step" in wanted:
        await served.control.pass_time(step)


_OPERATIONS: Mapping[str, Callable[[str], Operation]] = {
    "fail": lambda node: FailNode(node=node),
    "heal": lambda node: HealNode(node=node),
    "cordon": lambda node: Cordon(node=node, unschedulable=True),
    "uncordon": lambda node: Cordon(node=node, unschedulable=False),
}


def _perform(served: Served, wanted: dict[str, Any]) -> Reply:
    """Let something befall a node: ``{"operation": "fail", "node": "n1"}``."""
    if "step" in wanted:
        return _step(served, wanted)
    make = _OPERATIONS.get(str(wanted.get("operation")))
    if make is None:
        raise bad_request(f"operation is one of {', '.join(_OPERATIONS)}, not {wanted.get('operation')!r}")
    node = str(wanted.get("node") or "")
    if served.cluster.get("Node", node) is None:
        raise nothing_called("nodes", node)
    operation: Operation = make(node)
    done = perform(operation, served.control.present())
    if not done.answer.accepted:
        raise failure(done.answer.status, done.answer.reason, done.answer.message)
    served.control.commit(done.state)
    return Reply(body={"operation": wanted["operation"], "node": node, "now": timestamp(served.now)})


_STEPS = ("exit", "image", "metric")
"""Words of scenarios that may be sent: what the world does to pods, at once and without files of this machine."""


def _step(served: Served, wanted: dict[str, Any]) -> Reply:
    """Do what a step of a scenario says: ``{"step": {"metric": {"name": "web", "each": "250m"}}}``."""
    step = wanted["step"]
    if not isinstance(step, Mapping) or len(step) != 1 or next(iter(step)) not in _STEPS:
        raise bad_request(f"step is one of {', '.join(_STEPS)}, as in a scenario, and happens at once")
    namespace = str(wanted.get("namespace") or "default")
    state = served.control.present()
    try:
        scenario = read_scenario(
            "-",
            stdin=msgspec.json.encode([{"at": 0, **step}]),
            namespace=namespace,
            start=state.now,
        )
    except InputError as error:
        raise bad_request("; ".join(fault.message for fault in error.faults)) from error
    for event in scenario.events:
        about = event.operation
        if isinstance(about, Measure) and state.cluster.get(about.kind, about.key) is None:
            raise failure(404, "NotFound", f"{about.kind} {about.key} not found")
        done = perform(event.operation, state)
        if not done.answer.accepted:
            raise failure(done.answer.status, done.answer.reason, done.answer.message)
        state = done.state
    served.control.commit(state)
    return Reply(body={"step": dict(step), "now": timestamp(served.now)})


def _explain(served: Served, request: Request, namespace: str, what: str) -> Reply:
    """What ``kubelogic explain`` says of ``NAME`` or ``KIND/NAME``, under the rules that the cluster runs with."""
    options = replace(served.options, horizon=0, timeout=min(served.options.timeout, _PATIENCE))
    if options.clock is not None:
        options = replace(options, deadline=options.clock() + options.timeout)
    try:
        found = explain_any(served.cluster, what, options, namespace=namespace)
    except UnknownPodError as error:
        raise failure(404, "NotFound", str(error)) from error
    if request.accept.startswith("text/plain"):
        width = request.query.get("width", "")
        style = Style(width=int(width) if _WIDTH.fullmatch(width) else None)
        return Reply(body=(render_about(found, style) + "\n").encode(), content_type="text/plain; charset=utf-8")
    return Reply(body=about_document(found))
