"""Devices while pods are placed one by one: what each node has for a pod's claims, and what was given away.

Source: kube-scheduler 1.36, DynamicResources: PreFilter, Filter, PostFilter, Reserve, Score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from msgspec.structs import replace

from kubelogic.placement.devices.model import (
    Claim,
    Constraint,
    DeviceError,
    Devices,
    Failure,
    Granted,
    Request,
    essence,
)
from kubelogic.placement.devices.pools import usable_on
from kubelogic.placement.devices.search import GOOD, Search, State, attribute
from kubelogic.placement.kube.extended_resources import extended_requests
from kubelogic.placement.kube.tables import Mask
from kubelogic.placement.problem import Pod, Problem

UNAVAILABLE = "resourceclaim not available on the node"
EXTENDED = "<extended-resources>"
"""Stands for the name of the claim that is made for extended resources."""

_USERS = 256
"""Pods that one claim can be reserved for."""

_ALTERNATIVES = 8
"""Alternatives that a request can have: the first one scores that much."""

Found = tuple[Granted, ...] | Failure


@dataclass(slots=True)
class _Known:
    """What claims get on nodes, and on which they get nothing; true up to a place in the journal."""

    at: int
    size: int
    found: dict[str, Found] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    checked: Mask = field(init=False)
    lacks: Mask = field(init=False)

    def __post_init__(self) -> None:
        self.checked = np.zeros(self.size, dtype=np.bool_)
        self.lacks = np.zeros(self.size, dtype=np.bool_)


class _Held(msgspec.Struct):
    """A claim as it stands."""

    claim: Claim
    users: set[str]
    signature: bytes


class Desk:
    """Answers questions about devices over one changing state of claims."""

    def __init__(self, problem: Problem, *, free: bool = False, names: Sequence[str] = ()) -> None:
        """Take over what is allocated.

        Args:
            problem: with devices.
            free: as if nothing were.
            names: of all nodes, in the order that masks have.
        """
        devices = problem.devices or Devices()
        self._devices = devices
        self._state = State()
        self._held = {claim.name: _Held(claim, set(claim.users), essence(claim)) for claim in devices.claims}
        for claim in devices.claims:
            self._state.add(() if free else claim.allocated or ())
        self._everyone = frozenset(node.name for node in problem.nodes)
        self._reported = {
            node.name: frozenset(name for name in devices.extended if node.allocatable.get(name, 0))
            for node in problem.nodes
        }
        self._known: dict[bytes, _Known] = {}
        self._journal: list[str] = []
        self._names = names
        self._number = {name: number for number, name in enumerate(names)}
        self._search = Search(devices, self._state)
        self._made: list[Claim] = []

    def count(self, resource: str, node: str) -> tuple[int, int]:
        """How many devices of a node stand for an extended resource, and how many of them are given away."""
        selectors = self._devices.class_selectors.get(self._devices.extended[resource], ())
        verdicts = self._devices.verdicts
        there = used = 0
        for pool in self._search.pools(node):
            for each in pool.slices:
                for device in each.devices:
                    if usable_on(device, each, node) and all(
                        verdicts[selector.expression][device.look] == "yes" for selector in selectors
                    ):
                        there += 1
                        used += self._state.has((pool.driver, pool.name, device.name))
        return there, used

    def concerns(self, pod: Pod) -> bool:
        """Whether a pod asks for devices."""
        return bool(pod.device_claims or self._wanted(pod))

    def _wanted(self, pod: Pod) -> frozenset[str]:
        """The extended resources of a pod that classes stand for."""
        return frozenset(
            name
            for each in pod.containers
            for name, amount in each.requests.items()
            if amount and name in self._devices.extended
        )

    def refuses(self, pod: Pod) -> str:
        """What turns a pod away from all nodes, before any is looked at; empty if nothing does."""
        for name in pod.device_claims:
            held = self._held[name]
            if held.claim.allocated is None:
                if held.claim.missing:
                    return held.claim.missing
            elif len(held.users) >= _USERS and pod.uid not in held.users:
                return "resourceclaim in use"
        return ""

    def on(self, pod: Pod, node: str) -> Found:
        """What the claims of a pod get on a node, or what is wrong with it.

        Raises:
            DeviceError: where the scheduler ends the attempt to place the pod.
        """
        asked, key = self._asked(pod)
        if extra := self._extended(pod, node):
            asked = [*asked, extra]
            key += b"\n" + essence(extra)
        found: tuple[Granted, ...] = ()
        if asked:
            answer = self._answer(asked, key, node)
            if isinstance(answer, Failure):
                return answer
            found = answer
        if self.elsewhere(pod, node):
            return Failure(words=UNAVAILABLE)
        found = tuple(
            replace(granted, claim=claim.name) if granted.claim != claim.name else granted
            for granted, claim in zip(found, asked, strict=True)
        )
        if extra:
            found = (*found[:-1], replace(found[-1], requests=tuple(self._requests(pod, node))))
        if len(found) > 1:
            first: dict[str, Granted] = {}
            for granted in found:
                first.setdefault(granted.claim, granted)
            found = tuple(first.values())
        return found

    def together(self, pods: Sequence[Pod], node: str) -> tuple[tuple[Granted, ...], ...] | None:
        """What the claims of several pods get on a node if all are asked for at once; None if that cannot be.

        A claim that several of them share goes to the first.
        """
        if any(self.elsewhere(pod, node) for pod in pods):
            return None
        claims: list[list[Claim]] = []
        seen: set[str] = set()
        for pod in pods:
            own = [claim for claim in self._asked(pod)[0] if claim.name not in seen]
            seen.update(claim.name for claim in own)
            extra = self._extended(pod, node)
            claims.append([*own, extra] if extra else own)
        found = self._search.allocate([claim for each in claims for claim in each], node)
        if isinstance(found, Failure):
            return None
        rest = iter(found)
        granted: list[tuple[Granted, ...]] = []
        for pod, mine in zip(pods, claims, strict=True):
            got = tuple(next(rest) for _ in mine)
            if mine and mine[-1].name.endswith(EXTENDED):
                got = (*got[:-1], replace(got[-1], requests=tuple(self._requests(pod, node))))
            granted.append(got)
        return tuple(granted)

    def _asked(self, pod: Pod) -> tuple[list[Claim], bytes]:
        """The claims of a pod that have no devices yet, and what they come to.

        One that the pod names twice is asked for twice, as the scheduler does, though it gets what it got first.
        """
        names = (name for name in pod.device_claims if self._held[name].claim.allocated is None)
        held = [self._held[name] for name in names]
        return [each.claim for each in held], b"\n".join(each.signature for each in held)

    def _answer(self, asked: list[Claim], key: bytes, node: str) -> Found:
        """What claims get on a node, found once for equal claims as long as nothing that matters is given away."""
        known = self._current(key)
        found = known.found.get(node)
        if found is None:
            found = known.found[node] = self._search.allocate(asked, node)
            if isinstance(found, Failure):
                known.failures[node] = found
        return found

    def _current(self, key: bytes) -> _Known:
        """What is known of claims, without that which may have changed since."""
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _Known(at=len(self._journal), size=len(self._names))
        for node in self._journal[known.at :]:
            if not node:
                known.found.clear()
                known.failures.clear()
                known.checked[:] = False
                known.lacks[:] = False
            elif node not in known.failures or any(pool.counters for pool in self._search.pools(node)):
                # Without counters, what is lacking stays lacking while more is given away.
                known.found.pop(node, None)
                known.failures.pop(node, None)
                if node in self._number:
                    known.checked[self._number[node]] = False
        known.at = len(self._journal)
        return known

    def lacking(self, pod: Pod, nodes: Sequence[str]) -> dict[str, Failure]:
        """Those of some nodes that do not have what a pod asks for, and why.

        Raises:
            DeviceError: where the scheduler ends the attempt.
        """
        if self._wanted(pod):
            every = ((node, self.on(pod, node)) for node in nodes)
            return {node: found for node, found in every if isinstance(found, Failure)}
        asked, key = self._asked(pod)
        confined = any(self._held[name].claim.nodes is not None for name in pod.device_claims)
        failures: dict[str, Failure] = {}
        if asked:
            known = self._current(key)
            for node in [node for node in nodes if node not in known.found]:
                self._answer(asked, key, node)
            failures = {node: known.failures[node] for node in nodes if node in known.failures}
        if confined:
            for node in nodes:
                if node not in failures and self.elsewhere(pod, node):
                    failures[node] = Failure(words=UNAVAILABLE)
        return failures

    def lacks(self, pod: Pod, nodes: Mask) -> Mask:
        """Which of some nodes do not have what a pod asks for, as ``lacking`` says it.

        Raises:
            DeviceError: where the scheduler ends the attempt.
        """
        found: Mask = np.zeros(len(self._names), dtype=np.bool_)
        if self._wanted(pod) or any(self._held[name].claim.nodes is not None for name in pod.device_claims):
            for name in self.lacking(pod, [self._names[n] for n in np.flatnonzero(nodes).tolist()]):
                found[self._number[name]] = True
            return found
        asked, key = self._asked(pod)
        if not asked:
            return found
        known = self._current(key)
        for number in np.flatnonzero(nodes & ~known.checked).tolist():
            known.lacks[number] = isinstance(self._answer(asked, key, self._names[number]), Failure)
            known.checked[number] = True
        lacking: Mask = nodes & known.lacks
        return lacking

    def ranks(self, pod: Pod) -> bool:
        """Whether a pod asks for devices with alternatives, of which the earlier ones are better."""
        claims = [self._held[name].claim for name in pod.device_claims]
        asks = any(claim.allocated is None for claim in claims)
        return asks and any(alternatives[0].parent for claim in claims for alternatives in claim.requests)

    def _requests(self, pod: Pod, node: str) -> list[tuple[Request, tuple[tuple[str, str], ...]]]:
        wanted = self._wanted(pod) - self._reported.get(node, frozenset())
        return extended_requests(pod.containers, sorted(wanted), self._devices)

    def elsewhere(self, pod: Pod, node: str) -> list[str]:
        """The claims of a pod whose devices cannot be used on a node."""
        found = []
        for name in pod.device_claims:
            claim = self._held[name].claim
            if claim.allocated is not None and claim.nodes is not None and node not in claim.nodes:
                found.append(name)
        return found

    def reasons(self, pod: Pod, node: str) -> list[str]:
        """For each request of a pod, which devices a node has and what is wrong with each, by itself and together."""
        claims = [self._held[name].claim for name in pod.device_claims if self._held[name].claim.allocated is None]
        if extra := self._extended(pod, node):
            claims.append(extra)
        none = "there is no device" if self._devices.slices else "there is no device, as there is no ResourceSlice"
        alone = [
            f"request {request.full_name} ({'all' if request.every else request.count} of {request.device_class}): "
            + (", ".join(self._search.devices(request, node)) or none)
            for claim in claims
            for alternatives in claim.requests
            for request in alternatives
        ]
        return [*alone, *(words for claim in claims for words in self._at_odds(claim, node))]

    def _at_odds(self, claim: Claim, node: str) -> list[str]:
        """The constraints of a claim without which, all at once, it would get devices of a node."""
        if not claim.constraints:
            return []
        try:
            tied, loose = (self._search.allocate([each], node) for each in (claim, replace(claim, constraints=())))
        except DeviceError:  # it ends the attempt to place the pod, and is told as that
            return []
        if not isinstance(tied, Failure) or isinstance(loose, Failure):
            return []
        return [self._odds(claim, each, node) for each in claim.constraints]

    def _odds(self, claim: Claim, constraint: Constraint, node: str) -> str:
        """A constraint that cannot be kept, with what the devices that would do have of its attribute."""
        requests = [
            request
            for alternatives in claim.requests
            for request in alternatives
            if not constraint.requests or {request.full_name, request.parent} & constraint.requests
        ]
        told = {
            device.name: (attribute(device, driver, constraint.attribute) or ("", "none"))[1]
            for request in requests
            for driver, device, what in self._search.judged(request, node)
            if what == GOOD
        }
        names = ", ".join(request.full_name for request in requests)
        kept = "is not of different values" if constraint.distinct else "is not of one value"
        values = ", ".join(f"{device}: {value}" for device, value in told.items())
        return f"the {constraint.attribute} of devices for {names} {kept} in any choice ({values})"

    def unused(self, pod: Pod, names: Sequence[str]) -> str:
        """The first of some claims whose devices could be taken away again, as nobody else has reserved it."""
        return next((name for name in names if self._held[name].users <= {pod.uid}), "")

    def give(self, pod: Pod, granted: Sequence[Granted]) -> None:
        """Let claims have what they got."""
        for each in granted:
            self._state.add(each.devices)
            held = self._held.get(each.claim)
            if held is not None:
                held.claim = msgspec.structs.replace(held.claim, allocated=each.devices, nodes=each.nodes)
            else:
                self._made.append(Claim(name=f"{each.claim} of {pod.name}", allocated=each.devices))
            confined = each.local and each.nodes is not None and not self._reaches_out(each)
            self._journal.extend(sorted(each.nodes or ()) if confined else ("",))
        for name in pod.device_claims:
            self._held[name].users.add(pod.uid)

    def claims(self) -> tuple[Claim, ...]:
        """All claims as they stand, those that were made for extended resources included."""
        held = tuple(
            msgspec.structs.replace(each.claim, users=tuple(sorted(each.users))) for each in self._held.values()
        )
        return (*held, *self._made)

    def _reaches_out(self, granted: Granted) -> bool:
        """Whether devices are of pools that other nodes use, too."""
        return any(not self._search.confined(each.driver, each.pool) for each in granted.devices)

    def score(self, pod: Pod, granted: Sequence[Granted]) -> int:
        """How early the alternatives are that the claims of a pod got, now or before. Source: computeScore."""
        devices = {each.claim: each.devices for each in granted}
        total = 0
        for name in pod.device_claims:
            claim = self._held[name].claim
            got = {each.request for each in (devices.get(name, ()) if claim.allocated is None else claim.allocated)}
            for alternatives in claim.requests:
                total += sum(
                    _ALTERNATIVES - index
                    for index, each in enumerate(alternatives)
                    if each.parent and each.full_name in got
                )
        return total

    # -- extended resources ----------------------------------------------------------------------------------

    def _extended(self, pod: Pod, node: str) -> Claim | None:
        """The claim that is made for extended resources which a node does not report."""
        requests = self._requests(pod, node)
        if not requests:
            return None
        namespace = pod.name.partition("/")[0]
        return Claim(name=f"{namespace}/{EXTENDED}", requests=tuple((request,) for request, _ in requests))


__all__ = ["EXTENDED", "UNAVAILABLE", "Desk", "extended_requests"]
