"""What a scenario expects: measured in each state, held against what was said, told with both numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.pods import is_active, is_ready, node_of
from kubelogic.reconcile.ailments import condition_of, ready_endpoints
from kubelogic.reconcile.choices import pods_of, restarts_of
from kubelogic.reconcile.rollouts import is_up_to_date
from kubelogic.reconcile.scenario import ObjectOperation
from kubelogic.reconcile.times import clock
from kubelogic.text.location import Location

Amount = int | bool | str | None
"""What is measured; None if there is nothing to measure, as the object is not there."""

When = Literal["at", "always", "once"]

MEASURES: Mapping[str, str] = {
    "ready": "how many of its pods are Ready and not being deleted; of a Pod or Node: whether it is Ready",
    "pods": "how many pods it has that have not ended and are not being deleted; of a Node: that run on it",
    "pending": "how many of its pods have no node; without a name: of all pods",
    "restarts": "how often containers of its pods were restarted, in all",
    "replicas": "how many it wants (spec.replicas)",
    "complete": "whether its rollout is complete (with `OnDelete`: all pods are ready and have the present template); "
    "of a Job: whether it is Complete",
    "failed": "of a Job: whether it has failed",
    "endpoints": "how many ready endpoints a Service has",
    "phase": "the phase of a Pod, claim, volume or Namespace",
    "node": "the node of a Pod",
    "exists": "whether there is such an object",
}
"""What can be expected, and what it counts."""


class Expectation(ObjectOperation, frozen=True, kw_only=True):
    """One thing that is expected.

    Attributes:
        kind: of the object; empty for the whole cluster.
        key: of the object.
        measure: one of ``MEASURES``.
        sign: ``==``, ``>=``, ``<=``, ``!=``.
        wanted: what the measure is held against.
        when: ``at`` one moment, ``always``, or ``once`` between ``since`` and ``until``.
        since: milliseconds from the start; None for ``always``: from the moment at which it holds first.
        until: milliseconds from the start; None: the end of the simulation.
        location: the line that says so.
    """

    measure: str
    sign: str = "=="
    wanted: Amount = True
    when: When = "at"
    since: int | None = None
    until: int | None = None
    location: Location | None = None

    def holds(self, amount: Amount) -> bool:
        """Whether a measured amount is as expected. What is not there has no pods and is not as expected otherwise."""
        if amount is None:
            amount = 0 if isinstance(self.wanted, int) and not isinstance(self.wanted, bool) else None
        match self.sign:
            case ">=":
                return isinstance(amount, int) and isinstance(self.wanted, int) and amount >= self.wanted
            case "<=":
                return isinstance(amount, int) and isinstance(self.wanted, int) and amount <= self.wanted
            case "!=":
                return amount != self.wanted
        return amount == self.wanted

    def __str__(self) -> str:
        whose = f"{self.kind} {self.key}" if self.kind else "the cluster"
        words = {"==": "", ">=": "at least ", "<=": "at most ", "!=": "not "}[self.sign]
        return f"{self.measure} of {whose} {words}{shown(self.wanted)}"


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an expectation.

    Attributes:
        expectation: what was expected.
        held: whether it was so.
        amount: what was found instead, at its first break; or at the end.
        broken_at: when it broke first, in milliseconds from the start.
        mended_at: when it held again after that.
        breaks: how often it broke.
        held_since: for one moment: since when it held.
        reached: whether the run came to the moment at which it was to be looked at.
    """

    expectation: Expectation
    held: bool
    amount: Amount = None
    broken_at: int | None = None
    mended_at: int | None = None
    breaks: int = 0
    held_since: int | None = None
    reached: bool = True


def shown(amount: Amount) -> str:
    """An amount as people write it.

    >>> shown(True), shown(3), shown(None)
    ('true', '3', 'nothing, as it is not there')
    """
    if amount is None:
        return "nothing, as it is not there"
    return str(amount).lower() if isinstance(amount, bool) else str(amount)


def measured(cluster: Cluster, kind: str, key: str, measure: str) -> Amount:
    """What a measure is in a cluster; None if the object is not there, or has no such measure."""
    if not kind:
        return sum(1 for pod in cluster.objects("Pod").values() if is_active(pod) and not node_of(pod))
    obj = cluster.get(kind, key)
    if measure == "exists":
        return obj is not None
    if obj is None:
        return None
    match kind, measure:
        case "Service", "endpoints":
            return ready_endpoints(cluster).get(key, 0)
        case "Pod", "ready":
            return is_ready(obj)
        case _, "phase":
            unsaid = "Active" if kind == "Namespace" else "Pending"
            return str((obj.document.get("status") or {}).get("phase") or unsaid)
        case "Pod", "node":
            return node_of(obj)
        case "Node", "ready":
            return condition_of(obj, "Ready").get("status") == "True"
        case "Job", "complete" | "failed":
            return condition_of(obj, measure.capitalize()).get("status") == "True"
        case _, "complete":
            return is_up_to_date(obj)
        case _, "replicas":
            found = (obj.document.get("spec") or {}).get("replicas")
            return 1 if found is None else int(found)
    return _of_pods(list(_pods(cluster, obj)), measure)


def _of_pods(pods: Iterable[Object], measure: str) -> Amount:
    if measure == "restarts":
        return sum(map(restarts_of, pods))
    alive = [pod for pod in pods if is_active(pod)]
    if measure == "ready":
        return sum(map(is_ready, alive))
    return len(alive) if measure == "pods" else sum(not node_of(pod) for pod in alive)


def _pods(cluster: Cluster, obj: Object) -> Iterator[Object]:
    if obj.kind == "Pod":
        yield obj
    elif obj.kind == "Node":
        yield from (pod for pod in cluster.objects("Pod").values() if node_of(pod) == obj.name)
    else:
        yield from pods_of(cluster, obj.kind, obj.key)


def told(found: Expected) -> str:
    """What was expected and what came of it, in words."""
    asked = found.expectation
    if asked.when == "at":
        when = "at the end" if asked.until is None else f"at {clock(asked.until)}"
        if not found.reached:
            return f"expected {asked} {when}: the run ended before"
        since = f", since {clock(found.held_since)}" if found.held and found.held_since else ""
        return f"{asked} {when}{since}" if found.held else f"expected {asked} {when}: it was {shown(found.amount)}"
    span = " ".join(
        f"{word} {clock(at)}" for word, at in (("from", asked.since), ("until", asked.until)) if at is not None
    )
    when = "all the time" if asked.when == "always" else "at some moment"
    when = f"{when} {span}" if span else when
    if not found.reached:
        return f"expected {asked} {when}: the run ended before"
    if found.held:
        return f"{asked} {when}"
    if found.broken_at is None:
        return f"expected {asked} {when}: it never was; the last is {shown(found.amount)}"
    end = f"to {clock(found.mended_at)}" if found.mended_at is not None else "on"
    again = {0: "", 1: ", and once more"}
    more = again.get(max(found.breaks - 1, 0), f", and {found.breaks - 1} times more")
    return f"expected {asked} {when}: it was {shown(found.amount)} from {clock(found.broken_at)} {end}{more}"


class Watch:
    """Follows one expectation through a run. Mutable, for one run.

    What is over at the very moment at which it began counts for nothing: it is between two requests.
    """

    def __init__(self, expectation: Expectation) -> None:
        self.expectation = expectation
        self.began = False
        self.broken: int | None = None
        self.amount: Amount = None
        self.first: tuple[int, int | None, Amount] | None = None
        self.breaks = 0
        self.since: int | None = None
        self.last: Amount = None
        self.closed = False
        self.over = False
        """Whether the time up to which it is looked at is over."""

    def see(self, cluster: Cluster, now: int) -> None:
        """Look at a state; ``now`` in milliseconds from the start."""
        asked = self.expectation
        if self.closed:
            return
        over = asked.until is not None and now > asked.until
        if self.since is not None and (over or now > max(self.since, asked.since or 0)):
            self.began = True
        if over:
            self.over = True
            return
        self.last = measured(cluster, asked.kind, asked.key, asked.measure)
        if asked.holds(self.last):
            self.since = now if self.since is None else self.since
            self._mend(now)
            return
        self.since = None
        if asked.when == "always" and self.broken is None and self._is_due(now):
            self.broken, self.amount = now, self.last

    def close(self) -> None:
        """Look at nothing any more."""
        self.closed = True

    def _is_due(self, now: int) -> bool:
        return self.began if self.expectation.since is None else now >= self.expectation.since

    def _mend(self, now: int) -> None:
        if self.broken is not None and self.broken < now:
            self.breaks += 1
            self.first = self.first or (self.broken, now, self.amount)
        self.broken = None

    def result(self, *, whole: bool = True) -> Expected:
        """What came of it, when the run is over; not ``whole``: it was given up before its end."""
        asked = self.expectation
        self.began = self.began or self.since is not None
        undecided = self.broken is None and self.first is None and not (asked.when == "once" and self.began)
        if not whole and not self.closed and not self.over and undecided:
            return Expected(expectation=asked, held=False, amount=self.last, reached=False)
        if asked.when == "once":
            return Expected(expectation=asked, held=self.began, amount=self.last, held_since=self.since)
        if asked.when == "at" and asked.until is not None and not self.closed:
            return Expected(expectation=asked, held=False, amount=self.last, reached=False)
        if asked.when == "at":
            held = asked.holds(self.last)
            return Expected(expectation=asked, held=held, amount=self.last, held_since=self.since)
        if self.broken is not None:
            self.breaks += 1
            self.first = self.first or (self.broken, None, self.amount)
        if self.first is None:
            return Expected(expectation=asked, held=self.began, amount=self.last)
        broken, mended, amount = self.first
        return Expected(
            expectation=asked, held=False, amount=amount, broken_at=broken, mended_at=mended, breaks=self.breaks
        )
