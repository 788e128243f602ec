"""Devices of a pod that is only asked about: its claims, and as many copies of both as there may be room for.

Source: pkg/controller/resourceclaim/controller.go (handleClaim) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec

from kubelogic.apiserver import requests
from kubelogic.apiserver.supposing import supposed
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import edited, uid_of
from kubelogic.cluster.state import State
from kubelogic.placement.devices.model import Devices
from kubelogic.placement.problem import Pod, Problem
from kubelogic.reconcile.actions import Cause, CreateDeviceClaim
from kubelogic.reconcile.apply.devices import create_device_claim
from kubelogic.verbs.probe import Probe


class DeviceRoom(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that is asked about, as many times as there are devices for it at most.

    Attributes:
        problem: without the pod, with the claims of all its copies.
        shape: of the pod.
        copies: of the pod, each with claims of its own.
    """

    problem: Problem
    shape: str
    copies: tuple[Pod, ...]


def device_room(state: State, sent: Probe, final: Cluster, read: Callable[[Cluster], Problem]) -> DeviceRoom | None:
    """What is asked about a pod with claims on devices, if each pod takes a device that no other can have; else None.

    Args:
        state: in which the pod was tried.
        sent: the pod.
        final: the cluster as its controllers leave it.
        read: reads the placement problem of a cluster.
    """
    tx = requests.trial(state)
    named = edited(sent.pod, ["metadata"], {"uid": uid_of(sent.pod)})  # by which its claims name it
    if sent.refusal is not None or requests.send(tx, named) is not None:
        return None
    made = _made(tx, named)
    if not made:
        return None
    pod = tx.get("Pod", sent.pod.key) or sent.pod
    given = read(supposed(final, [pod, *made, *sent.claims]))
    like = next((each for each in given.pods if each.name == pod.key), None)
    own = {claim.key for claim in made}
    number = _most(given, own)
    if like is None or number is None:
        return None
    rest = msgspec.structs.replace(given, pods=tuple(each for each in given.pods if each.name != pod.key))
    problem, copies = _copies(rest, like, own, number)
    return DeviceRoom(problem=problem, shape=like.shape, copies=copies)


def _made(tx: Transaction, pod: Object) -> tuple[Object, ...]:
    """The claims that are made for a pod from templates; none if one that it names or a template is not there."""
    made: list[Object] = []
    for entry in (pod.document.get("spec") or {}).get("resourceClaims") or ():
        if name := entry.get("resourceClaimName"):
            if tx.get("ResourceClaim", f"{pod.namespace}/{name}") is None:
                return ()
            continue
        template = f"{pod.namespace}/{entry.get('resourceClaimTemplateName')}"
        cause = Cause(predicate="pod_claim_template", row=(pod.key, entry["name"], template))
        create_device_claim(tx, CreateDeviceClaim(cause=cause, pod=pod.key, entry=entry["name"], template=template))
        claim = tx.get("ResourceClaim", f"{pod.namespace}/{pod.name}-{entry['name']}")
        if claim is None:
            return ()
        made.append(claim)
    return tuple(made)


def _most(problem: Problem, own: Collection[str]) -> int | None:
    """More copies of a pod than this find no devices, as each needs one that no other has; None if that is not so.

    Args:
        problem: with the claims.
        own: those that each copy has for itself.
    """
    devices = problem.devices or Devices()
    there = [device for each in devices.slices for device in each.devices]
    alone = any(
        all(not request.admin for request in alternatives)
        for claim in devices.claims
        if claim.name in own
        for alternatives in claim.requests
    )
    return len(there) if alone and not any(device.shareable for device in there) else None


def _copies(problem: Problem, pod: Pod, own: Collection[str], number: int) -> tuple[Problem, tuple[Pod, ...]]:
    """So many copies of a pod, each with claims of its own, and the problem with these claims instead of the pod's.

    Args:
        problem: with the claims.
        pod: it asks for devices.
        own: the claims that each copy has for itself; others are shared.
        number: of copies.
    """
    devices = problem.devices or Devices()
    mine = [claim for claim in devices.claims if claim.name in own]
    pods = tuple(
        msgspec.structs.replace(
            pod,
            name=f"{pod.name}+{n:06}",
            uid=f"{pod.uid}+{n:06}",
            order=n,
            device_claims=tuple(f"{name}+{n:06}" if name in own else name for name in pod.device_claims),
        )
        for n in range(number)
    )
    claims = tuple(msgspec.structs.replace(claim, name=f"{claim.name}+{n:06}") for n in range(number) for claim in mine)
    rest = tuple(claim for claim in devices.claims if claim.name not in own)
    changed = msgspec.structs.replace(devices, claims=(*rest, *claims))
    return msgspec.structs.replace(problem, devices=changed), pods
