"""Reach: may the one open connections to the other, and which policies say so."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import Workloads
from kubelogic.cluster.state import State
from kubelogic.explain.origins import GOALS, Origins
from kubelogic.facts.peers import POLICIES, Mentions
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.facts.services import named_ports
from kubelogic.logic import Evaluation, Row, Rulebook, Value
from kubelogic.logic.proofs import Proof, Prover
from kubelogic.reconcile.network import block_within
from kubelogic.reconcile.relations import Relations
from kubelogic.verbs.ends import End, Port, declared_ports, inside, resolved, service_ports, with_stand_ins, without
from kubelogic.verbs.missing import NOTHING, Lacking, lacking_pods
from kubelogic.verbs.reach_reasons import ASKED, Doubt, Reason, Reasons, Verdict
from kubelogic.verbs.reconciled import Options, expect_cluster, reconcile
from kubelogic.verbs.talkers import Talkers, admitted, talkers

PORT = re.compile(r"(?P<number>[0-9]{1,5})(?:/(?P<protocol>TCP|UDP|SCTP))?", re.IGNORECASE)
"""A port as one types it: ``80``, ``53/UDP``."""

_ASKED = (*ASKED, "listener", "on_the_node_of", "pair", "pod_peer", "port_spoken_of", "speaker")

OUTSIDE = "outside, "
"""What stands before a block of addresses outside the cluster."""

NO_POLICIES = (
    "There is no NetworkPolicy in the input: without policies every pod reaches every other "
    "(kubectl get networkpolicies -A -o yaml brings those of a cluster)."
)


_DOUBTS: Mapping[Doubt, str] = {
    "addresses": (
        "Policies name blocks of addresses, and some of these pods have none yet: --settled asks about the cluster "
        "as plan leaves it, where they have."
    ),
    "names": "A policy allows domain names, and which addresses they stand for outside is not known here.",
    "priorities": (
        "Policies of the whole cluster that have one priority disagree, and a network plugin may heed either: give "
        "each a priority of its own."
    ),
}
"""What an answer hangs on that is not known, and what helps."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one peer may open connections to another, on one port.

    Attributes:
        source: who opens them: workloads, or a block of addresses.
        target: who accepts them.
        port: as typed, or declared; ``any other`` for those that nothing names.
        verdict: whether it may.
        reasons: why, or why not.
        doubt: what the answer hangs on, if it is not known.
        sources: all workloads that open them, or the block.
        targets: all workloads that accept them, or the block.
    """

    source: str
    target: str
    port: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    doubt: Doubt = ""
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: ``yes`` if there is a way, with the proof of the first one; ``unknown`` if an address decides."""

    rulebook: Rulebook
    source: str
    target: str
    port: str
    verdict: Verdict
    ways: tuple[Way, ...] = ()
    proof: Proof | None = None
    remarks: tuple[str, ...] = ()
    lacking: Lacking = NOTHING
    only: tuple[str, ...] = ()


def reach(
    cluster: Cluster,
    source: str,
    target: str,
    port: str = "",
    *,
    namespace: str = "default",
    rules: Sequence[Path] = (),
    parameters: Mapping[str, Value] | None = None,
    settled: bool = False,
    only: Sequence[str] = (),
) -> Reach:
    """Whether one may open connections to the other.

    Args:
        cluster: the objects to ask about.
        source: who opens connections: a pod or workload, a Service's pods, an address or block, or ``any``.
        target: who accepts them. Of a Service the pods behind it count, on their own ports.
        port: a number, ``number/PROTOCOL``, or a name; empty for all that the target declares.
        namespace: of names without one.
        rules: directories of further rules.
        parameters: rule parameters that differ from the built-in ones.
        settled: ask about the cluster as ``plan`` leaves it: pods have addresses then, which blocks may name.
        only: pods, workloads or blocks that are left out of the source: whether anybody *else* may.

    Raises:
        UnknownPodError: nobody has such a name, or the target has no such port.
        RuleErrors: if the rules or the parameters are faulty.

    Source: networking.k8s.io/v1 NetworkPolicy, sigs.k8s.io/network-policy-api; rules/network/reachability.dl.
    """
    expect_cluster(cluster)
    book = load_rulebook(rules, parameters)
    options = Options(rules=rules, parameters=parameters, clock=time.monotonic)
    whole = reconcile(cluster, options).run.state.cluster if settled else admitted(cluster, book)
    return answered(book, with_stand_ins(whole), cluster, (source, target, port), namespace=namespace, only=only)


def answered(
    book: Rulebook,
    whole: Cluster,
    loaded: Cluster,
    question: tuple[str, str, str],
    *,
    namespace: str = "default",
    only: Sequence[str] = (),
    blocks: Sequence[str] = (),
) -> Reach:
    """``reach`` of a cluster that has all that it speaks of: addresses of Services, stand-ins for pods to come.

    Args:
        book: the rules.
        whole: who is there.
        loaded: the objects as they were read.
        question: from whom, to whom, on which port.
        namespace: of names without one.
        only: who is left out of the source.
        blocks: of addresses that are told apart, whether policies mention them or not.

    Raises:
        UnknownPodError: as ``reach``.
    """
    source, target, port = question
    ends = resolved(whole, source, namespace), resolved(whole, target, namespace)
    if only:
        ends = without(whole, ends[0], [resolved(whole, each, namespace) for each in only]), ends[1]
    lacks = lacking_pods(loaded)
    answer = Reach(
        rulebook=book,
        source=ends[0].told,
        target=ends[1].told,
        port=port,
        verdict="no",
        lacking=lacks,
        only=tuple(only),
    )
    for end in ends:
        if end.nobody and only:
            return replace(answer, remarks=(f"There is nobody but {', '.join(only)} to ask about.",))
        if end.nobody:
            what = "no pod or address is behind it" if end.service else "it makes no pod"
            remarks = (f"{end.told}: {what}, so there is nobody to ask about.",)
            return replace(answer, verdict="no" if end.service else "unknown", remarks=remarks)
    shut = _inside_only(book, whole, *ends)
    if shut:
        what = "nobody outside has a route to it; a type such as NodePort or LoadBalancer would open it"
        remark = f"{ends[1].told} has an address of the cluster only, {', '.join(shut)}: {what}."
        return replace(answer, verdict="no", remarks=(remark,))
    ports = _ports(whole, ends[1], port)
    if not ports:
        return replace(answer, remarks=(f"{ends[1].told} has no port {port}.",))
    who = talkers(whole, (None if end.everybody else end.pods for end in ends))
    asked = _Question(source=ends[0], target=ends[1], ports=ports, cluster=whole, who=who)
    state = asked.state(blocks)
    evaluation = Relations.of(book, state, [*_ASKED, *GOALS])
    ways, proved = _ways(asked, evaluation)
    verdicts = {way.verdict for way in ways}
    proof = None
    if proved is not None:
        proof = Prover(evaluation, origin=Origins(state, evaluation, loaded=loaded)).prove("talks", proved)
    return replace(
        answer,
        verdict="yes" if "yes" in verdicts else "unknown" if "unknown" in verdicts else "no",
        ways=ways,
        proof=proof,
        remarks=tuple(_remarks(whole, ways)),
    )


def _inside_only(book: Rulebook, cluster: Cluster, source: End, target: End) -> list[str]:
    """The addresses of a Service that only the cluster itself has a route to, if the source is outside of it."""
    if target.service is None or not source.blocks or source.pods or source.service is not None:
        return []
    nodes = [
        str(each.get("address"))
        for node in cluster.objects("Node").values()
        for each in (node.document.get("status") or {}).get("addresses") or ()
        if str(each.get("type")).endswith("IP")
    ]
    if any(inside(address, block) for address in nodes for block in source.blocks):
        return []
    alone = State(cluster=Cluster.of([target.service]))
    return sorted(str(ip) for _, ip in Relations.of(book, alone, ["inside_only"]).rows("inside_only"))


class _PortAsked(msgspec.Struct, frozen=True, kw_only=True):
    """One port: how it is told, and its number by pod; ``everywhere`` for pods and addresses that name none."""

    told: str
    everywhere: Port | None
    on_pods: Mapping[str, Port] = msgspec.field(default_factory=dict)


class _Question(msgspec.Struct, frozen=True, kw_only=True):
    source: End
    target: End
    ports: Sequence[_PortAsked]
    cluster: Cluster
    who: Talkers

    def state(self, blocks: Sequence[str] = ()) -> State:
        """The state of those that stand for all, in which it is known what is asked."""
        mentioned = {str(block) for block in Mentions.of(self.who.cluster).blocks.blocks} if blocks else set()
        facts: list[tuple[str, Row]] = [("block_mentioned", (each,)) for each in blocks if each not in mentioned]
        for end, pods, outside in (
            (self.source, "asked_from", "asked_from_block"),
            (self.target, "asked_to", "asked_to_block"),
        ):
            if not end.everybody:
                standing = {self.who.stands[pod] for pod in end.pods if pod in self.who.stands}
                facts += [(pods, (pod,)) for pod in standing] + [
                    (outside, (each,)) for each in {*end.blocks, *end.left_out}
                ]
        numbers = {each.everywhere for each in self.ports} | {p for each in self.ports for p in each.on_pods.values()}
        facts += [("asked_port", port) for port in numbers if port is not None]
        return State(cluster=self.who.cluster).with_world(add=facts)


def _ports(cluster: Cluster, target: End, port: str) -> Sequence[_PortAsked]:
    """The ports that are asked about; none if the target has none of that name."""
    if target.service is not None and not target.blocks:
        found = service_ports(cluster, target.service, port)
        return [_PortAsked(told=told, everywhere=None, on_pods=on_pods) for told, on_pods in found if on_pods]
    if match := PORT.fullmatch(port):
        number, protocol = int(match["number"]), (match["protocol"] or "TCP").upper()
        return [_PortAsked(told=f"{number}/{protocol}", everywhere=(protocol, number))]
    declared = {} if target.everybody else declared_ports(cluster, target.pods)
    if port:
        named = {pod: each for pod in target.pods for each in _named(cluster, pod, port)}
        return [_PortAsked(told=port, everywhere=None, on_pods=named)] if named else []
    known = sorted({each for ports in declared.values() for each in ports})
    if not known:
        return [_PortAsked(told="any port", everywhere=("TCP", 0))]
    return [
        _PortAsked(
            told=f"{each[1]}/{each[0]}",
            everywhere=None,
            on_pods={pod: each for pod in declared if each in declared[pod]},
        )
        for each in known
    ]


def _named(cluster: Cluster, pod: str, name: str) -> Iterator[Port]:
    spec = cluster.objects("Pod")[pod].document.get("spec") or {}
    for (called, protocol), number in named_ports(spec).items():
        if called == name:
            yield protocol, number


def _ways(asked: _Question, evaluation: Evaluation) -> tuple[tuple[Way, ...], Row | None]:
    """Every pair of peers on every port, those with a way first; and the first that is allowed, to be proved."""
    of_pod = {str(pod): str(peer) for pod, peer in evaluation.rows("pod_peer")}
    sources, targets = _Names(asked, asked.source, of_pod), _Names(asked, asked.target, of_pod)
    talks = evaluation.rows("talks")
    reasons_for = Reasons(asked.cluster, evaluation)
    own_node = {(of_pod[str(a)], of_pod[str(b)]) for a, b in evaluation.rows("on_the_node_of")}
    verdict: Verdict
    reasons: tuple[Reason, ...]
    doubt: Doubt
    found: list[tuple[Way, Row]] = []
    for source, target in sorted(evaluation.rows("pair")):
        if _only_itself(asked, sources.pods.get(str(source), ()), targets.pods.get(str(target), ())) or _left_out(
            asked, str(source)
        ):
            continue
        for port, (protocol, number) in _of_peer(asked, targets.pods.get(str(target), ())):
            row: Row = (source, target, protocol, number)
            if row not in talks and _is_itself(sources.pods.get(str(source), ()), targets.pods.get(str(target), ())):
                verdict, reasons, doubt = "yes", (Reason(text="no policy keeps a pod from itself"),), ""
            elif row not in talks and (source, target) in own_node:
                verdict, reasons, doubt = "yes", (Reason(text="a node reaches the pods that run on it"),), ""
            else:
                verdict, reasons, doubt = reasons_for.of(row)
            way = Way(
                source=sources.told(source),
                target=targets.told(target),
                sources=sources.owners(source),
                targets=targets.owners(target),
                port=port,
                verdict=verdict,
                reasons=reasons,
                doubt=doubt,
            )
            found.append((way, row))
    found.sort(key=lambda each: ({"yes": 0, "unknown": 1, "no": 2}[each[0].verdict], each[0].source, each[0].target))
    first = next((row for way, row in found if way.verdict == "yes" and row in talks), None)
    return tuple(way for way, _ in found), first


def _only_itself(asked: _Question, sources: Sequence[Object], targets: Sequence[Object]) -> bool:
    """Whether a pair is one pod and itself, which is no question; asked by its own name it is one."""
    return _is_itself(sources, targets) and (asked.source.anybody or asked.target.anybody)


def _is_itself(sources: Sequence[Object], targets: Sequence[Object]) -> bool:
    return len(sources) == len(targets) == 1 and sources[0] is targets[0]


def _left_out(asked: _Question, source: str) -> bool:
    """Whether a block lies in one that the question leaves out."""
    return any(block_within(source, each) for each in asked.source.left_out)


def _of_peer(asked: _Question, pods: Sequence[Object]) -> Iterator[tuple[str, Port]]:
    """The ports of one peer that are asked about: told, protocol and number."""
    for each in asked.ports:
        numbers = {each.on_pods[pod.key] for pod in pods if pod.key in each.on_pods}
        if each.everywhere is not None:
            numbers.add(each.everywhere)
        for port in sorted(numbers):
            own = f"{port[1]}/{port[0]}"
            yield (each.told if each.told == own or not port[1] else f"{each.told} ({own})"), port


class _Names:
    """How peers are told at one end: by the workloads of those of their pods that it means, or by their block."""

    def __init__(self, asked: _Question, end: End, of_pod: Mapping[str, str]) -> None:
        meant = None if end.everybody else frozenset(end.pods)
        self.pods: dict[str, list[Object]] = {
            of_pod[name]: group if meant is None else [pod for pod in group if pod.key in meant]
            for name, group in asked.who.groups.items()
        }
        self._workloads = Workloads(asked.cluster)
        self._owners: dict[str, tuple[str, ...]] = {}

    def told(self, peer: Value) -> str:
        """A few of the workloads of a peer's pods; a block with the word outside."""
        owners = self.owners(peer)
        more = f" and {len(owners) - 2} more" if len(owners) > 3 else ""
        return ", ".join(owners[: 2 if more else 3]) + more

    def owners(self, peer: Value) -> tuple[str, ...]:
        """The workloads of a peer's pods, or its block."""
        name = str(peer)
        if name not in self._owners:
            pods = self.pods.get(name)
            found = [f"{OUTSIDE}{name}"] if pods is None else sorted(self._workloads.of_all(pods))
            self._owners[name] = tuple(found)
        return self._owners[name]


def _remarks(cluster: Cluster, ways: Iterable[Way]) -> Iterator[str]:
    if not any(cluster.objects(kind) for kind in POLICIES):
        yield NO_POLICIES
    doubts = {way.doubt for way in ways}
    yield from (words for doubt, words in _DOUBTS.items() if doubt in doubts)


def grouped(ways: Sequence[Way]) -> list[tuple[Way, int]]:
    """Ways that say the same of several ports, once, with their number."""
    same = groupby(ways, key=lambda way: (way.source, way.target, way.verdict, way.reasons, way.port))
    return [(found[0], len(found)) for _, group in same if (found := list(group))]
