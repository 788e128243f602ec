"""A state machine to subclass: Hypothesis decides what people and the world do to a cluster, step by step.

Steps are collected and run together when an example ends, as one scenario, so that what fails can be run again with
``kubelogic simulate`` as it is. Rules of a subclass call ``self.happens(operation)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from kubelogic.reconcile.scenario import Cordon, Drain, Event, FailNode, HealNode, Operation, Patch, Scale
from kubelogic.testing.trials import Trial, World, world
from kubelogic.verbs.load import Source
from kubelogic.verbs.reconciled import Options
from kubelogic.verify.invariants import Invariant, every_pod_placed, every_service_has_an_endpoint

_RESTARTED = "kubectl.kubernetes.io/restartedAt"
_WORKLOADS = ("Deployment", "StatefulSet")


class ClusterMachine(RuleBasedStateMachine):
    """A cluster to which anything happens.

    Set ``source`` in a subclass, ``holds`` and ``down`` as you like, and take ``TestCase`` of it.

    Attributes:
        source: the manifests, see ``kubelogic.load``.
        holds: what has to hold, or its name.
        options: how to reconcile.
        down: at most so many nodes are failed or cordoned at once.
    """

    source: ClassVar[Source] = ""
    holds: ClassVar[Sequence[Invariant | str]] = (every_pod_placed(), every_service_has_an_endpoint())
    options: ClassVar[Options | None] = None
    down: ClassVar[int] = 1
    _world: ClassVar[World | None] = None

    def __init__(self) -> None:
        super().__init__()
        kept = type(self).__dict__.get("_world")
        if kept is None:
            if not self.source:
                raise TypeError(f"{type(self).__name__} has no source: set it to the path of your manifests")
            kept = world(self.source, self.options)
            type(self)._world = kept
        self.world: World = kept
        self.now = 0
        self.events: list[Event] = []
        self.failed: set[str] = set()
        self.cordoned: set[str] = set()
        cluster = self.world.base.cluster
        self.nodes = sorted(cluster.objects("Node"))
        self.workloads = [(kind, key) for kind in _WORKLOADS for key in sorted(cluster.objects(kind))]

    def happens(self, operation: Operation) -> None:
        """Something happens now."""
        self.events.append(Event(at=self.now, operation=operation))

    def may_lose_a_node(self) -> bool:
        """Whether one more node may go."""
        return len(self.failed | self.cordoned) < min(self.down, len(self.nodes))

    @rule(seconds=st.sampled_from([60, 10, 300, 1, 600]))
    def wait(self, seconds: int) -> None:
        """Time goes on."""
        self.now += seconds * 1000

    @precondition(may_lose_a_node)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        """A node fails."""
        node = data.draw(st.sampled_from([each for each in self.nodes if each not in self.failed | self.cordoned]))
        self.failed.add(node)
        self.happens(FailNode(node=node))

    @precondition(may_lose_a_node)
    @rule(data=st.data())
    def drain(self, data: st.DataObject) -> None:
        """A node is drained."""
        node = data.draw(st.sampled_from([each for each in self.nodes if each not in self.failed | self.cordoned]))
        self.cordoned.add(node)
        self.happens(Drain(node=node, force=True, delete_empty_dir=True))

    @precondition(lambda self: self.failed)
    @rule(data=st.data())
    def heal(self, data: st.DataObject) -> None:
        """A node that failed is back."""
        node = data.draw(st.sampled_from(sorted(self.failed)))
        self.failed.discard(node)
        self.happens(HealNode(node=node))

    @precondition(lambda self: self.cordoned)
    @rule(data=st.data())
    def uncordon(self, data: st.DataObject) -> None:
        """A node that was drained takes pods again."""
        node = data.draw(st.sampled_from(sorted(self.cordoned)))
        self.cordoned.discard(node)
        self.happens(Cordon(node=node, unschedulable=False))

    @precondition(lambda self: self.workloads)
    @rule(data=st.data())
    def roll_out(self, data: st.DataObject) -> None:
        """A workload is rolled out anew."""
        kind, key = data.draw(st.sampled_from(self.workloads))
        stamp: dict[str, Any] = {
            "metadata": {"annotations": {_RESTARTED: f"2026-01-01T00:00:{len(self.events) % 60:02}Z"}}
        }
        self.happens(Patch(kind=kind, key=key, patch={"spec": {"template": stamp}}))

    @precondition(lambda self: self.workloads)
    @rule(data=st.data())
    def scale_back(self, data: st.DataObject) -> None:
        """A workload loses its replicas but one; ``scale_up`` is for subclasses that have room for more."""
        kind, key = data.draw(st.sampled_from(self.workloads))
        self.happens(Scale(kind=kind, key=key, replicas=1))

    def check(self, trial: Trial) -> None:
        """Run what has been collected; override it to look at more."""
        trial.check(*self.holds)

    def teardown(self) -> None:
        """Run the example."""
        if self.events:
            self.check(Trial(self.world, tuple(self.events)))
