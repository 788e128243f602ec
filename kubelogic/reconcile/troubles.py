"""Steps of scenarios about containers that they describe: probes that fail, containers that end, conditions."""

from __future__ import annotations

from typing import Any

import msgspec

from kubelogic.cluster.state import State
from kubelogic.logic import Row
from kubelogic.reconcile.performing import Performed, done, perform
from kubelogic.reconcile.scenario import Operation


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Containers that a step means, those of pods to come included.

    Attributes:
        kind: kind of the workload whose pods are meant, or ``Pod``; empty for other ways to say it.
        key: key of the workload or pod.
        labels: instead: labels of the pods, as pairs in order.
        namespace: of pods that are meant by labels.
        image: instead: the image of the containers.
        container: name of the containers that are meant; empty for all.
    """

    kind: str = ""
    key: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    namespace: str = ""
    image: str = ""
    container: str = ""

    def __str__(self) -> str:
        """What is meant, in words.

        >>> str(Target(kind="Deployment", key="shop/web", container="app"))
        'container app of Deployment shop/web'
        """
        if self.image:
            pods = f"image {self.image}"
        elif self.labels:
            pods = f"pods of {self.namespace} with {self.label_text}"
        else:
            pods = f"{self.kind} {self.key}"
        return f"container {self.container} of {pods}" if self.container else pods

    @property
    def label_text(self) -> str:
        """The labels as the constant of a label set."""
        return ",".join(f"{key}={value}" for key, value in self.labels)

    def facts(self) -> list[tuple[str, Row]]:
        """What ``rules/facts/world.dl`` declares of targets."""
        name = str(self)
        found: list[tuple[str, Row]] = []
        if self.image:
            found.append(("target_image", (name, self.image)))
        elif self.labels:
            found.append(("target_labels", (name, self.namespace, self.label_text)))
        else:
            found.append(("target_workload", (name, self.kind, self.key)))
        if self.container:
            found.append(("target_container", (name, self.container)))
        return found


class Aimed(Operation, frozen=True, kw_only=True):
    """Something that is done to containers that it describes."""

    target: Target

    def arguments(self) -> dict[str, Any]:
        """Its arguments by field name; the target in words."""
        return {**Operation.arguments(self), "target": str(self.target)}


class FailProbe(Aimed, frozen=True, kw_only=True):
    """A probe is answered in some way from now on: what is no success makes it fail.

    Attributes:
        probe: ``liveness``, ``readiness`` or ``startup``.
        answer: ``status`` (of HTTP), ``exit code``, ``refused``, ``timeout``, or, for all kinds of probes, ``failure``.
        number: the status or exit code.
    """

    probe: str
    answer: str = "failure"
    number: int = 0


class HealProbe(Aimed, frozen=True, kw_only=True):
    """A probe succeeds from now on."""

    probe: str


class ExitContainers(Aimed, frozen=True, kw_only=True):
    """Containers that run end now; what is restarted after that runs on. ``of_memory``: they ran out of memory."""

    code: int
    of_memory: bool = False


class GiveCondition(Aimed, frozen=True, kw_only=True):
    """Pods have a condition from now on, as a controller outside the cluster sets it for readiness gates."""

    condition: str
    status: str


@perform.register
def _(operation: FailProbe, state: State) -> Performed:
    return _told(state, operation.target, "probe_told", (operation.probe, operation.answer, operation.number))


@perform.register
def _(operation: HealProbe, state: State) -> Performed:
    return _told(state, operation.target, "probe_told", (operation.probe, "success", 0))


@perform.register
def _(operation: ExitContainers, state: State) -> Performed:
    if operation.of_memory:
        state = state.with_world(add=[("memory_told", (str(operation.target), state.now))])
    return _told(state, operation.target, "exit_told", (operation.code,))


@perform.register
def _(operation: GiveCondition, state: State) -> Performed:
    return _told(state, operation.target, "condition_told", (operation.condition, operation.status))


def _told(state: State, target: Target, predicate: str, what: Row) -> Performed:
    row = (str(target), *what, state.now)
    return done(state.with_world(add=[*target.facts(), (predicate, row)]))
