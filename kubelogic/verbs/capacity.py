"""Capacity: how many more of a pod fit, and the fewest nodes that hold everything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver import requests
from kubelogic.apiserver.supposing import supposed, unbound
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.extent import MOST_PODS, TooManyPodsError
from kubelogic.cluster.pods import has_ended, node_of
from kubelogic.cluster.state import State
from kubelogic.explain.units import count
from kubelogic.explain.unmodelled import uncounted_devices, unmodelled
from kubelogic.facts.omitted import omitted
from kubelogic.facts.shapes import controller_of
from kubelogic.logic import Rulebook
from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.optimal.capacity import Fits, how_many
from kubelogic.placement.optimal.cheapest import Purchase, cheapest_nodes
from kubelogic.placement.optimal.limits import Limits
from kubelogic.placement.optimal.offers import Offer
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.problem import Amounts, Claim, Node, Pod, Problem, Reach
from kubelogic.reconcile.problem import GOALS, problem
from kubelogic.reconcile.relations import Relations
from kubelogic.text import Notice
from kubelogic.verbs.address_room import within_addresses
from kubelogic.verbs.arguments import COUNT, FLAG, expect, maybe
from kubelogic.verbs.claimed import own_volumes
from kubelogic.verbs.device_room import device_room
from kubelogic.verbs.idle_rules import idle_rules
from kubelogic.verbs.load import load
from kubelogic.verbs.missing import NO_NODES, NOTHING, Lacking, lacking
from kubelogic.verbs.more_of import expect_number, more_words
from kubelogic.verbs.moves import MovePlan, plan_moves
from kubelogic.verbs.node_types import by_type
from kubelogic.verbs.one_node_claims import one_node_claims
from kubelogic.verbs.plan import DEFAULT
from kubelogic.verbs.probe import NoPodError, Probe, admitted
from kubelogic.verbs.reconciled import Options, Reconciled, reconcile
from kubelogic.verbs.shown import Shown
from kubelogic.verbs.unknown_claims import unknown_claims, without_claims

_ASKED = 5_000
"""Pods up to which quotas are asked, one pod after the other."""


class Capacity(Shown, msgspec.Struct, frozen=True, kw_only=True):
    """How much more there is room for.

    Attributes:
        pod: what was asked about.
        means: for a workload, what more of its pods are: replicas, or pods of a Job at once; empty if that is plain.
        request: what it asks for, if it was only made for the question; it is then called after that.
        replicas: how many more of it were asked for.
        optimal: how many more fit if they are placed jointly; nobody is evicted for them.
        most: a proof that no more than this fit.
        kube: how many fit one by one, as kube-scheduler places them.
        nodes: the fewest nodes found, by type, that hold everything; None if it was not asked for, if even the
            most nodes that were tried do not, or if the API server takes no so many pods.
        short: pods that found no place on the most nodes that were tried, if even those are not enough.
        late: whether the time limit came before any nodes were found that hold everything: some may.
        least: fewer nodes than this in all do not hold everything, proved.
        moves: which running pods to move so that ``moves_for`` of the pod fit; None if it was not asked for.
        moves_for: how many of the pod the moves make room for.
        left_out: pods that no node of these types takes even alone; ``nodes`` does not count them.
        refusal: the API server's answer to one more than ``optimal``, if it takes no more.
        unsure: whether the pod asks for what is not modelled, counted or in the input, so that fewer may fit.
        notices: features that the input uses and that are not modelled.
        lacking: what the input does not have.
    """

    pod: str
    replicas: int
    optimal: int
    most: int
    kube: int
    nodes: Mapping[str, int] | None
    least: int
    left_out: tuple[str, ...] = ()
    moves: MovePlan | None = None
    moves_for: int = 0
    short: tuple[str, ...] = ()
    late: bool = False
    refusal: str = ""
    unsure: bool = False
    notices: tuple[Notice, ...] = ()
    lacking: Lacking = NOTHING
    request: str = ""
    means: str = ""

    def more(self, number: int) -> str:
        """So many more of what was asked about, in words."""
        return _more(number, self.pod, self.request)

    @property
    def nodeless(self) -> bool:
        """Whether nothing can be said of room, as there is no node in the input."""
        return NO_NODES in self.lacking.remarks

    def __repr__(self) -> str:
        return f"<Capacity of {self.pod}: {self.optimal} more fit, {self.kube} one by one>"


def capacity(
    cluster: Cluster,
    pod: Object | Mapping[str, Any] | None,
    options: Options = DEFAULT,
    *,
    replicas: int = 1,
    minimize: bool = True,
    allow_moves: int | None = None,
    notices: Sequence[Notice] = (),
    request: str = "",
) -> Capacity:
    """Reconcile a cluster, then see how many more of a pod it holds, and the fewest nodes for everything.

    Args:
        cluster: desired and observed objects.
        pod: a Pod, or an object with a pod template, as an object or as a manifest; it is admitted as the API server
            would. None asks only for the fewest nodes that hold everything that is there.
        options: how to reconcile.
        replicas: how many of the pod the fewest nodes have to hold, beside everything else.
        minimize: whether to look for the fewest nodes.
        allow_moves: also say which running pods to move, this many at most, for ``replicas`` of the pod to fit, or for
            one more than fit now.
        notices: what reading the cluster had to say; they go into the result.
        request: what the pod asks for, in words, if it was only made for this question; texts call it so.

    Raises:
        TooManyPodsError: more pods are asked for than any cluster has.
        NoPodError: if ``pod`` is neither, is a DaemonSet, or waits for something else than a node.
        InputError: if the manifest is faulty.
        TypeError: if it is no object at all.
        RuleErrors: if the rules or parameters are faulty.
    """
    if isinstance(pod, Mapping):
        pod = next(iter(load(pod)))
    if pod is not None and not isinstance(pod, Object):
        raise TypeError(f"a pod is an object of a cluster, or a manifest, not {type(pod).__name__}")
    if pod is not None:
        expect_number(pod)
    expect(COUNT, replicas=replicas)
    expect(FLAG, minimize=minimize)
    expect(maybe(COUNT), allow_moves=allow_moves)
    done = reconcile(cluster, options)
    book, final = done.rulebook, done.cluster
    told = (*notices, *omitted(cluster if pod is None else supposed(cluster, [pod]), book.omissions))
    if pod is None:
        return _of_all(done, (*told, *idle_rules(final)), options)
    told = (*told, *idle_rules(supposed(final, [pod]), [str(pod)]))
    sent = admitted(requests.trial(done.run.state), pod)
    beside = supposed(final, sent.claims)
    probe = without_claims(beside, sent.pod)
    room = device_room(done.run.state, sent, final, lambda changed: _problem(book, done.run.state, changed))
    uncounted = uncounted_devices(final, pod, counted=room is not None)
    unknown = unknown_claims(beside, [sent.pod])
    told = (*told, *uncounted, *unknown.values())
    if room is not None:
        asked, shape, copies = room.problem, room.shape, room.copies
    else:
        given = _problem(book, done.run.state, supposed(final, [probe, *sent.claims]))
        found = next((each.shape for each in given.pods if each.name == probe.key), None)
        if found is None:
            raise NoPodError(f"{pod} is not for the default scheduler, or a gate holds it back")
        shape, copies = found, None
        asked = replace(given, pods=tuple(each for each in given.pods if each.name != probe.key))
    asked, volumes = own_volumes(asked, shape, {claim.key for claim in sent.claims})
    asked, addresses = within_addresses(asked, final, probe)
    told = (*told, *addresses)
    fits = how_many(asked, shape, copies=copies, limits=Limits(timeout=options.left), clock=options.clock)
    moves_for = max(replicas, fits.more + 1)
    moves: MovePlan | None = None
    if allow_moves is not None and moves_for > MOST_PODS:
        raise TooManyPodsError(f"moves that make room for {moves_for:,} pods are not looked for: {MOST_PODS:,} at most")
    if allow_moves is not None:
        crowded = _with_more(asked, shape, fits, name=probe.key, number=moves_for)
        moves = plan_moves(final, crowded, options, rulebook=book, most=allow_moves, ignored=(), hypothetical=True)
    taken, refusal = _admissible(done.run.state, pod, sent, min(fits.most, volumes))
    kube = _one_by_one(asked, shape, fits, copies)
    needed: Purchase | None = None
    left_out: tuple[str, ...] = ()
    if minimize and room is None and replicas <= MOST_PODS and not taken < min(fits.most, volumes, replicas):
        needed, left_out = _needed(book, done.run.state, sent, replicas, options=options)
    unsure, over = unmodelled(supposed(final, [pod]), book, pod), options.over()
    said = one_node_claims(done, sent.pod) if min(fits.more, taken, volumes) > 1 else ()
    return replace(
        _result(
            done, needed, left_out, over, pod=str(pod), request=request, replicas=replicas, notices=told, said=said
        ),
        optimal=min(fits.more, taken, volumes),
        most=min(fits.most, taken, volumes),
        kube=min(kube, taken, volumes),
        means=more_words(done.before, pod),
        moves=moves,
        moves_for=moves_for if moves is not None else 0,
        refusal=refusal if taken < min(fits.most, volumes) else "",
        unsure=bool(unsure.notices or unknown or (uncounted and (room is None or moves is not None))),
    )


def _of_all(done: Reconciled, told: Sequence[Notice], options: Options) -> Capacity:
    needed, left_out = _needed(done.rulebook, done.run.state, None, 0, options=options)
    pods = [each for _, each in sorted(done.cluster.objects("Pod").items()) if not node_of(each)]
    unknown = unknown_claims(done.cluster, [each for each in pods if not has_ended(each)])
    rest = [each for kind, each in unknown.items() if kind != "StorageClass"]  # which is lacking anyway
    whole = _result(done, needed, left_out, options.over(), notices=(*told, *rest))
    return replace(whole, unsure=bool(unknown))


def _result(
    done: Reconciled,
    needed: Purchase | None,
    left_out: tuple[str, ...],
    over: bool,
    *,
    pod: str = "",
    request: str = "",
    replicas: int = 0,
    notices: tuple[Notice, ...],
    said: tuple[str, ...] = (),
) -> Capacity:
    """What is said of the nodes that are needed; ``over`` if the time was, when they had been looked for."""
    lacks = lacking(done.before, done.cluster, asked=bool(pod))
    enough = needed is None or needed.enough
    return Capacity(
        pod=pod,
        request=request,
        replicas=replicas,
        optimal=0,
        most=0,
        kube=0,
        nodes=by_type(done.cluster, needed) if needed is not None and needed.enough else None,
        least=needed.least if needed is not None else 0,
        left_out=left_out,
        late=over and not enough,
        short=()
        if needed is None or enough or over
        else _short([p.pod for p in needed.placement.unplaced], lambda number: _more(number, pod, request)),
        notices=notices,
        lacking=replace(lacks, remarks=(*lacks.remarks, *said)),
    )


def _more(number: int, pod: str, request: str) -> str:
    return f"{count(number, 'more pod')} with {request}" if request else f"{number:,} more of {pod}"


def _short(names: Sequence[str], more: Callable[[int], str]) -> tuple[str, ...]:
    """The pods that found no place; those that were only supposed have no names but the number of them."""
    supposed = sum("+" in name for name in names)
    there = sorted(name for name in names if "+" not in name)
    return (*there, *([more(supposed)] if supposed else []))


def _problem(book: Rulebook, state: State, cluster: Cluster) -> Problem:
    """The placement problem of a state, if its cluster were another."""
    return problem(Relations.of(book, replace(state, cluster=cluster), GOALS))


def _with_more(asked: Problem, shape: str, fits: Fits, *, name: str, number: int) -> Problem:
    """So many more pods of a shape, beside all that waits and can be placed."""
    left = {each.pod for each in fits.placement.unplaced if each.verdict != "waiting"}
    kept = tuple(each for each in asked.pods if each.node or each.name not in left)
    more = tuple(Pod(name=f"{name}+{n + 1}", shape=shape, order=len(kept) + n) for n in range(number))
    return msgspec.structs.replace(asked, pods=(*kept, *more))


def _admissible(state: State, pod: Object, first: Probe, most: int) -> tuple[int, str]:
    """How many more of a pod the API server takes, up to so many, and why not one more."""
    if first.refusal is not None:
        return 0, first.refusal.message
    if not state.cluster.objects("ResourceQuota"):
        return most, ""
    tx = requests.trial(state)
    for number in range(min(most, _ASKED)):
        answer = admitted(tx, pod).refusal
        if answer is not None:
            return number, answer.gist  # the pods that are tried have names that nobody knows
    return most, ""


def _one_by_one(given: Problem, shape: str, fits: Fits, copies: Sequence[Pod] | None) -> int:
    """How many pods the one-by-one scheduler places until the first that finds no node; it evicts nobody."""
    shapes = tuple(
        msgspec.structs.replace(each, preempts=False) if each.name == shape else each for each in given.shapes
    )
    running = tuple(each for each in given.pods if each.node)
    more = (
        copies if copies is not None else [Pod(name=f"{shape}+{n:06}", shape=shape, order=n) for n in range(fits.most)]
    )
    return len(schedule(msgspec.structs.replace(given, shapes=shapes, pods=(*running, *more[: fits.most]))).bindings)


# -- the fewest nodes ------------------------------------------------------------------------------------------


def _needed(
    book: Rulebook, state: State, sent: Probe | None, replicas: int, *, options: Options
) -> tuple[Purchase | None, tuple[str, ...]]:
    """The fewest nodes of the cluster's types for all its pods, placed anew, and some more of the probe.

    The pods of DaemonSets are part of a node: what they ask for is taken from what it offers.
    """
    cluster = state.cluster
    pods = [each for _, each in sorted(cluster.objects("Pod").items()) if not has_ended(each)]
    daemons = {each.key: node_of(each) for each in pods if controller_of(each.document)[0] == "DaemonSet"}
    loose = [without_claims(cluster, unbound(each)) for each in pods if each.key not in daemons]
    ended = [("Pod", key) for key, each in cluster.objects("Pod").items() if has_ended(each)]
    here = _problem(book, state, cluster)
    asked: tuple[Object, ...] = ()
    if sent is not None:
        asked = (without_claims(supposed(cluster, sent.claims), sent.pod), *sent.claims)
    anew = _problem(book, state, supposed(cluster, [*loose, *asked], without=ended))
    name = sent.pod.key if sent is not None else ""
    shape = next((each.shape for each in anew.pods if each.name == name), "")
    if sent is not None:
        anew, _ = own_volumes(anew, shape, {claim.key for claim in sent.claims})
    types = _types(anew, _overhead(here, daemons))
    if not types:
        return None, ()
    waiting = [each for each in anew.pods if not each.node and each.name not in daemons and each.name != name]
    more = tuple(Pod(name=f"{name}+{n:06}", shape=shape, order=len(waiting) + n) for n in range(replicas))
    whole = msgspec.structs.replace(
        anew,
        nodes=(),
        pods=(),
        allowed={name: _of_classes(reach) for name, reach in anew.allowed.items()},
        claims=tuple(_new_claim(each) for each in anew.claims),
        preferences=(),
        denials=(),
        devices=None,
    )
    limits = Limits(timeout=options.left)
    hopeless = _hopeless(whole, types, waiting, limits=limits)
    whole = msgspec.structs.replace(whole, pods=(*(each for each in waiting if each.shape not in hopeless), *more))
    left_out = tuple(each.name for each in waiting if each.shape in hopeless)
    offers = [Offer(node=each) for each in types]
    return cheapest_nodes(whole, offers, limits=limits, clock=options.clock), left_out


def _hopeless(whole: Problem, types: tuple[Node, ...], waiting: list[Pod], *, limits: Limits) -> set[str]:
    """The shapes of which not even one pod fits on an empty node of any type."""
    empty = msgspec.structs.replace(whole, nodes=types)

    def stays_out(shape: str) -> bool:
        alone = solve(msgspec.structs.replace(empty, pods=(Pod(name=shape, shape=shape),)), limits=limits)
        return any(each.verdict != "unknown" for each in alone.unplaced)

    return {shape for shape in sorted({each.shape for each in waiting}) if stays_out(shape)}


def _overhead(given: Problem, daemons: Mapping[str, str]) -> Mapping[str, Amounts]:
    """What the pods of DaemonSets ask for on each node."""
    requests = {each.name: each.requests for each in given.shapes}
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for pod in given.pods:
        if pod.name in daemons and pod.node:
            for resource, value in requests[pod.shape].items():
                found[pod.node][resource] += value
    return found


def _types(given: Problem, overhead: Mapping[str, Amounts]) -> tuple[Node, ...]:
    """One node of each type: those that offer the same to pods, by the name of the first."""
    found: dict[str, Node] = {}
    for node in sorted(given.nodes, key=lambda each: each.name):
        used = overhead.get(node.name, {})
        left = {name: max(0, amount - used.get(name, 0)) for name, amount in node.allocatable.items()}
        key = repr(
            (
                node.node_class,
                sorted(left.items()),
                sorted((name, value) for name, value in node.topology.items() if value != node.name),
                sorted(node.attach_limits.items()),
            )
        )
        found.setdefault(key, msgspec.structs.replace(node, allocatable=left, attached=()))
    return tuple(found.values())


def _of_classes(reach: Reach) -> Reach:
    return Reach(node_classes=reach.node_classes)


def _new_claim(claim: Claim) -> Claim:
    return msgspec.structs.replace(claim, provisions=_of_classes(claim.provisions))
