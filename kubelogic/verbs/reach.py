"""Reach: may the one open connections to the other, and which policies say so."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.explain.origins import GOALS, Origins
from kubelogic.facts.peers import POLICIES, Mentions
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.facts.services import named_ports
from kubelogic.logic import Evaluation, Row, Rulebook, Value
from kubelogic.logic.proofs import Proof, Prover
from kubelogic.patterns import regex
from kubelogic.reconcile.network import block_within
from kubelogic.reconcile.relations import Relations
from kubelogic.verbs.ends import (
    End,
    Port,
    declared_ports,
    inside,
    own_ports,
    resolved,
    service_ports,
    with_stand_ins,
    without,
)
from kubelogic.verbs.missing import NOTHING, Lacking, lacking_pods
from kubelogic.verbs.reach_names import Names
from kubelogic.verbs.reach_reasons import ASKED, Doubt, Reason, Reasons, Verdict
from kubelogic.verbs.reconciled import Options, expect_cluster, reconcile
from kubelogic.verbs.services import port_nobody_has, selected
from kubelogic.verbs.talkers import Parts, Talkers, admitted, neighbours, talkers

PORT = regex(r"(?P<number>[0-9]{1,5})(?:/(?P<protocol>TCP|UDP|SCTP))?", re.IGNORECASE)
"""A port as one types it: ``80``, ``53/UDP``."""

_ASKED = (*ASKED, "listener", "on_the_node_of", "pair", "pod_peer", "port_spoken_of", "speaker")

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
        ends = without(ends[0], [resolved(whole, each, namespace) for each in only]), ends[1]
    lacks = loaded.kept("pods that are lacking", lambda: lacking_pods(loaded))
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
            return replace(answer, remarks=(_nobody_but(only),))
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
        return replace(answer, remarks=(_no_port(whole, ends[1], port),))
    who = talkers(whole, (None if end.everybody else end.pods for end in ends))
    parts = [_parts(whole, who, end) for end in ends]
    if only and not parts[0] and not ends[0].blocks:
        return replace(answer, remarks=(_nobody_but(only),))
    asked = _Question(
        source=ends[0], target=ends[1], ports=ports, cluster=whole, who=who, sources=parts[0], targets=parts[1]
    )
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


def _nobody_but(only: Sequence[str]) -> str:
    return f"There is nobody but {', '.join(only)} to ask about."


def _parts(cluster: Cluster, who: Talkers, end: End) -> Mapping[str, Parts]:
    """The pods of an end, by the one that stands for each of their groups."""
    pods = cluster.objects("Pod")
    if end.everybody:
        return who.but(pods[key] for key in end.spared) if end.spared else who.groups
    return who.among(pods[key] for key in end.pods)


def _inside_only(book: Rulebook, cluster: Cluster, source: End, target: End) -> list[str]:
    """The addresses of a Service that only the cluster itself has a route to, if the source is outside of it."""
    inside_too = source.everybody or source.pods or source.service is not None
    if target.service is None or not source.blocks or inside_too:
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
    sources: Mapping[str, Parts]
    targets: Mapping[str, Parts]

    def state(self, blocks: Sequence[str] = ()) -> State:
        """The state of those that stand for all, in which it is known what is asked."""
        mentioned = {str(block) for block in Mentions.of(self.who.cluster).blocks.blocks} if blocks else set()
        facts: list[tuple[str, Row]] = [("block_mentioned", (each,)) for each in blocks if each not in mentioned]
        for end, standing, pods, outside in (
            (self.source, self.sources, "asked_from", "asked_from_block"),
            (self.target, self.targets, "asked_to", "asked_to_block"),
        ):
            if not end.everybody or end.spared or end.left_out:
                facts += [(pods, (pod,)) for pod in standing]
                facts += [(outside, (each,)) for each in {*end.blocks, *end.left_out}]
        numbers = {each.everywhere for each in self.ports} | {p for each in self.ports for p in each.on_pods.values()}
        facts += [("asked_port", port) for port in numbers if port is not None]
        shown = self.who.with_pods(neighbours(self.sources, self.targets))
        return State(cluster=shown).with_world(add=facts)


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


def _no_port(cluster: Cluster, target: End, port: str) -> str:
    """Why there is nothing to connect to: the port is not there, or that of the Service leads nowhere."""
    pods = selected(cluster, target.service) if target.service is not None else []
    for each in own_ports(target.service, port) if target.service is not None else ():
        if words := port_nobody_has(each, pods):
            return f"{target.told} leads port {each['port']} to {words}."
    return f"{target.told} has no port {port}."


def _named(cluster: Cluster, pod: str, name: str) -> Iterator[Port]:
    spec = cluster.objects("Pod")[pod].document.get("spec") or {}
    for (called, protocol), number in named_ports(spec).items():
        if called == name:
            yield protocol, number


def _ways(asked: _Question, evaluation: Evaluation) -> tuple[tuple[Way, ...], Row | None]:
    """Every pair of peers on every port, those with a way first; and the first that is allowed, to be proved."""
    of_pod = {str(pod): str(peer) for pod, peer in evaluation.rows("pod_peer")}
    sources, targets = Names(asked.cluster, asked.sources, of_pod), Names(asked.cluster, asked.targets, of_pod)
    talks = evaluation.rows("talks")
    reasons_for = Reasons(asked.cluster, evaluation)
    own_node = {
        (of_pod[str(a)], of_pod[str(b)])
        for a, b in evaluation.rows("on_the_node_of")
        if asked.source.means(str(a)) and asked.target.means(str(b))
    }
    verdict: Verdict
    reasons: tuple[Reason, ...]
    doubt: Doubt
    found: list[tuple[Way, Row]] = []
    for source, target in sorted(evaluation.rows("pair")):
        pod = sources.single(str(source))
        is_itself = pod is not None and targets.single(str(target)) is pod
        if (is_itself and (asked.source.anybody or asked.target.anybody)) or _left_out(asked, str(source)):
            continue  # asked by its own name, a pod and itself are a question
        for port, (protocol, number) in _of_peer(asked, str(target), targets):
            row: Row = (source, target, protocol, number)
            if row not in talks and is_itself:
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


def _left_out(asked: _Question, source: str) -> bool:
    """Whether a block lies in one that the question leaves out."""
    return any(block_within(source, each) for each in asked.source.left_out)


def _of_peer(asked: _Question, peer: str, targets: Names) -> Iterator[tuple[str, Port]]:
    """The ports of one peer that are asked about: told, protocol and number."""
    for each in asked.ports:
        numbers = (
            {each.on_pods[pod.key] for pod in targets.pods(peer) if pod.key in each.on_pods} if each.on_pods else set()
        )
        if each.everywhere is not None:
            numbers.add(each.everywhere)
        for port in sorted(numbers):
            own = f"{port[1]}/{port[0]}"
            yield (each.told if each.told == own or not port[1] else f"{each.told} ({own})"), port


def _remarks(cluster: Cluster, ways: Iterable[Way]) -> Iterator[str]:
    if not any(cluster.objects(kind) for kind in POLICIES):
        yield NO_POLICIES
    doubts = {way.doubt for way in ways}
    yield from (words for doubt, words in _DOUBTS.items() if doubt in doubts)


def grouped(ways: Sequence[Way]) -> list[tuple[Way, int]]:
    """Ways that say the same of several ports, once, with their number."""
    same = groupby(ways, key=lambda way: (way.source, way.target, way.verdict, way.reasons, way.port))
    return [(found[0], len(found)) for _, group in same if (found := list(group))]
