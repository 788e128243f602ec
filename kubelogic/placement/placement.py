"""What a scheduler answers: bindings, evictions, and a verdict on each pod that stays out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from kubelogic.placement.devices.model import Granted

Verdict = Literal["placed", "impossible", "waiting", "rejected", "unknown"]


class Binding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """``pod`` goes to ``node``. ``ties``: the equally good nodes it was chosen from, where a scheduler
    knows them: the first ones by name, of ``tied`` in all.

    ``volumes``: the volume that each claim got with this binding; an empty volume means a new one is made.
    ``devices``: what each claim on devices got.
    """

    pod: str
    node: str
    ties: tuple[str, ...] = ()
    tied: int = 0
    volumes: tuple[tuple[str, str], ...] = ()
    devices: tuple[Granted, ...] = ()


class Eviction(msgspec.Struct, frozen=True, kw_only=True):
    """``pod`` leaves ``node`` for the sake of ``beneficiary``. ``breaks``: budgets that this goes beyond.

    ``after``: how many bindings came before it; for those that follow, the pod is terminating. Negative: all.
    """

    pod: str
    node: str
    beneficiary: str = ""
    breaks: tuple[str, ...] = ()
    after: int = -1


class Assumption(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One thing that a person could edit, in a conflict: ``request(shop/cart, cpu)`` is kind and subjects.

    Kinds: ``request(shape, resource)``, ``count(shape)``, ``allowed(shape, node class)``, ``capacity(node
    class or node, resource)``, ``affinity(owner, key)``, ``anti_affinity(owner, key)``, ``spread(owner,
    key)``, ``port(shape, port)``, ``exclusive(token)``, ``attach(node class, driver)``, ``claim(claim)``,
    ``running(shape)``; for ``allowed`` the kind is the reason of a ``Denial`` if there is one.
    ``affinities`` and the like are indexed by ``index`` in the problem where that says which one; else -1.
    """

    kind: str
    subjects: tuple[str, ...]
    index: int = -1

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(self.subjects)})"


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """One filter turned a shape away from ``nodes`` (sorted) for one reason.

    ``stage``: the filter's place in the order in which filters are asked; a scheduler that stops at the first
    one reports, for each node, only the reasons of its lowest stage. ``filter``: its name. ``reason``: what
    kind of reason, and ``subject`` what it is about: a resource, a topology key, a port, a claim, a volume
    driver. ``resolvable``: that pods leave the node could help.
    """

    stage: int
    filter: str
    reason: str
    subject: str = ""
    resolvable: bool = True
    nodes: tuple[str, ...] = ()


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a pod of ``shape`` found no node: all ``rejections`` by all filters, in the order of the filters.

    ``preemption``: what stood in the way on the nodes where the scheduler tried to make room: the rejections that
    remain with all pods of lower priority gone. ``helpless``: nodes without any pod of lower priority. ``attempted``:
    whether it tried at all; if not, ``ineligible`` says why: ``never`` (the pod's own policy), ``leaving`` (pods are
    on their way out of the node that it was promised), ``placements`` and ``as group`` (pods of its group do not
    preempt by themselves), or empty (it was not its turn). ``devices``: the pod asks for
    devices, and nothing turned it away before they were looked for. ``deallocates``: the claim whose devices are
    taken away, so that it gets others. ``error``: what ended the attempt. ``before``: what turned the pod away before
    any node was looked at. ``words``: what is said of the pod instead of why single nodes do not pass, since it is its
    group that stays out. ``among``: the nodes that were looked at; empty for all.
    """

    shape: str
    rejections: tuple[Rejection, ...]
    attempted: bool = False
    ineligible: Literal["", "never", "leaving", "placements", "as group"] = ""
    preemption: tuple[Rejection, ...] = ()
    helpless: tuple[str, ...] = ()
    devices: bool = False
    deallocates: str = ""
    error: str = ""
    before: str = ""
    words: str = ""
    among: tuple[str, ...] = ()


class Unplaced(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that stays out, and the verdict on its shape.

    ``impossible``: proved that no more pods of its priority can be placed than were, whatever the choice, or that no
    node has room for it, were it alone.
    ``waiting``: it gets ``node`` when the evicted pods are gone. ``rejected``: no node passed all filters when
    its turn came, which says nothing about other choices for the pods before it. ``unknown``: a limit was
    reached. ``refusal``: the index of its ``Refusal`` in the placement, or -1.
    """

    pod: str
    shape: str
    verdict: Verdict
    node: str = ""
    refusal: int = -1


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """Why not all pods of ``shape`` can be placed: the ``core`` cannot hold together.

    With ``minimal``, it needs every member: without any one of them, the others can hold. ``placeable``: how many
    pods of the shape were placed all the same.
    """

    shape: str
    core: tuple[Assumption, ...]
    placeable: int
    minimal: bool = True


class GroupVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a group whose pods were tried: the condition that a scheduler sets on it.

    ``reason``: ``Scheduled`` (as many of its pods run as it needs), ``Unschedulable`` or ``SchedulerError``.
    """

    group: str
    scheduled: bool
    reason: str
    message: str = ""


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """Proven: at most ``most`` of the pending pods of this ``priority`` or higher can be placed.

    Given that no fewer of the higher priorities are placed. ``placed`` is how many were, less the evicted ones
    of this priority or higher; if it equals ``most``, nothing better is possible.
    """

    priority: int
    most: int
    placed: int


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a scheduler to a ``Problem``.

    ``bindings`` are in an order in which each pod passes all filters when its turn comes, with the evicted pods
    still in place. ``nominations`` follow them once the evicted and the terminating pods are gone, again in such
    an order. ``statistics`` are counts of work done, never times, so that equal problems give equal answers
    (``optimal``: ``questions`` to z3, ``neighbourhoods`` that repair looked at; ``kube``: ``attempts``).
    ``found`` says which stage of the joint scheduler the placement comes from, ``proof`` what shows that no placement
    places more pods by priority; empty where nothing does. ``groups``: of ``kube``, a
    verdict on each group that was tried.
    """

    scheduler: str
    bindings: tuple[Binding, ...] = ()
    evictions: tuple[Eviction, ...] = ()
    nominations: tuple[Binding, ...] = ()
    unplaced: tuple[Unplaced, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    bounds: tuple[Bound, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    complete: bool = True
    statistics: Mapping[str, int] = {}
    found: str = ""
    proof: str = ""
    groups: tuple[GroupVerdict, ...] = ()

    @property
    def makes_room(self) -> bool:
        """Whether pods are evicted, or some wait for others to go."""
        return bool(self.evictions or self.nominations or any(entry.verdict == "waiting" for entry in self.unplaced))
