"""Reach: may the one open connections to the other, and which policies say so."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from kubelogic.cluster import Cluster
from kubelogic.cluster.owners import workload
from kubelogic.cluster.state import State
from kubelogic.explain.origins import GOALS, Origins
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.facts.services import named_ports
from kubelogic.logic import Evaluation, Row, Rulebook, Value
from kubelogic.logic.proofs import Proof, Prover
from kubelogic.reconcile.relations import Relations
from kubelogic.text import Location
from kubelogic.verbs.ends import End, Port, declared_ports, inside, resolved, service_ports, with_stand_ins
from kubelogic.verbs.missing import NOTHING, Lacking, lacking
from kubelogic.verbs.reconciled import Options, begin, reconcile

Verdict = Literal["yes", "no", "unknown"]

PORT = re.compile(r"(?P<number>[0-9]{1,5})(?:/(?P<protocol>TCP|UDP|SCTP))?", re.IGNORECASE)
"""A port as one types it: ``80``, ``53/UDP``."""

_ASKED = (
    "accepts",
    "admits",
    "governs",
    "listener",
    "on_the_node_of",
    "pair",
    "pod_peer",
    "policy_block",
    "port_spoken_of",
    "sends",
    "speaker",
    "talks",
    "peer_unaddressed",
)

NO_POLICIES = (
    "There is no NetworkPolicy in the input: without policies every pod reaches every other "
    "(kubectl get networkpolicies -A -o yaml brings those of a cluster)."
)


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One reason for an answer, with the policy's place."""

    text: str
    location: Location | None = None


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one peer may open connections to another, on one port.

    Attributes:
        source: who opens them: workloads, or a block of addresses.
        target: who accepts them.
        port: as typed, or declared; ``any other`` for those that nothing names.
        verdict: whether it may.
        reasons: why, or why not.
    """

    source: str
    target: str
    port: str
    verdict: Verdict
    reasons: tuple[Reason, ...]


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

    Raises:
        UnknownPodError: nobody has such a name, or the target has no such port.
        RuleErrors: if the rules or the parameters are faulty.

    Source: networking.k8s.io/v1 NetworkPolicy; rules/network/network_policy.dl.
    """
    book = load_rulebook(rules, parameters)
    options = Options(rules=rules, parameters=parameters, clock=time.monotonic)
    state = reconcile(cluster, options).run.state if settled else begin(cluster, book)[0]
    lacks = lacking(cluster, state.cluster)
    state = replace(state, cluster=with_stand_ins(state.cluster))
    ends = resolved(state.cluster, source, namespace), resolved(state.cluster, target, namespace)
    asked = _Question(state=state, source=ends[0], target=ends[1], ports=_ports(state.cluster, ends[1], port))
    answer = Reach(rulebook=book, source=ends[0].told, target=ends[1].told, port=port, verdict="no", lacking=lacks)
    for end in ends:
        if end.nobody:
            what = "no pod or address is behind it" if end.service else "it makes no pod"
            remarks = (f"{end.told}: {what}, so there is nobody to ask about.",)
            return replace(answer, verdict="no" if end.service else "unknown", remarks=remarks)
    shut = _inside_only(book, state, *ends)
    if shut:
        what = "nobody outside has a route to it; a type such as NodePort or LoadBalancer would open it"
        remark = f"{ends[1].told} has an address of the cluster only, {', '.join(shut)}: {what}."
        return replace(answer, verdict="no", remarks=(remark,))
    if not asked.ports:
        return replace(answer, remarks=(f"{ends[1].told} has no port {port}.",))
    evaluation = Relations.of(book, asked.state_with_question(), [*_ASKED, *GOALS])
    ways, proved = _ways(asked, evaluation)
    verdicts = {way.verdict for way in ways}
    proof = None
    if proved is not None:
        proof = Prover(evaluation, origin=Origins(state, evaluation, loaded=cluster)).prove("talks", proved)
    return replace(
        answer,
        verdict="yes" if "yes" in verdicts else "unknown" if "unknown" in verdicts else "no",
        ways=ways,
        proof=proof,
        remarks=tuple(_remarks(state.cluster, ways)),
    )


def _inside_only(book: Rulebook, state: State, source: End, target: End) -> list[str]:
    """The addresses of a Service that only the cluster itself has a route to, if the source is outside of it."""
    if target.service is None or not source.blocks or source.pods or source.service is not None:
        return []
    nodes = [
        str(each.get("address"))
        for node in state.cluster.objects("Node").values()
        for each in (node.document.get("status") or {}).get("addresses") or ()
        if str(each.get("type")).endswith("IP")
    ]
    if any(inside(address, block) for address in nodes for block in source.blocks):
        return []
    rows = Relations.of(book, state, ["inside_only"]).rows("inside_only")
    return sorted(str(ip) for service, ip in rows if service == target.service.key)


class _PortAsked(msgspec.Struct, frozen=True, kw_only=True):
    """One port: how it is told, and its number by pod; ``everywhere`` for pods and addresses that name none."""

    told: str
    everywhere: Port | None
    on_pods: Mapping[str, Port] = msgspec.field(default_factory=dict)


class _Question(msgspec.Struct, frozen=True, kw_only=True):
    state: State
    source: End
    target: End
    ports: Sequence[_PortAsked]

    def state_with_question(self) -> State:
        """The state in which it is known what is asked."""
        facts: list[tuple[str, Row]] = []
        for end, pods, blocks in (
            (self.source, "asked_from", "asked_from_block"),
            (self.target, "asked_to", "asked_to_block"),
        ):
            if not end.everybody:
                facts += [(pods, (pod,)) for pod in end.pods] + [(blocks, (each,)) for each in end.blocks]
        numbers = {each.everywhere for each in self.ports} | {p for each in self.ports for p in each.on_pods.values()}
        facts += [("asked_port", port) for port in numbers if port is not None]
        return self.state.with_world(add=facts)


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
    cluster = asked.state.cluster
    names = _Names(cluster, evaluation)
    talks = set(evaluation.rows("talks"))
    told = _Why(cluster, evaluation)
    own_node = {(names.of_pod[str(a)], names.of_pod[str(b)]) for a, b in evaluation.rows("on_the_node_of")}
    verdict: Verdict
    found: list[tuple[Way, Row]] = []
    for source, target in sorted(evaluation.rows("pair")):
        if _only_itself(asked, names, str(source), str(target)):
            continue
        for port, (protocol, number) in _of_peer(asked, names, str(target)):
            row: Row = (source, target, protocol, number)
            if row in talks:
                verdict, reasons = "yes", told.why(row)
            elif (source, target) in own_node:
                verdict, reasons = "yes", (Reason(text="a node reaches the pods that run on it"),)
            else:
                verdict, reasons = told.why_not(row)
            way = Way(source=names.told(source), target=names.told(target), port=port, verdict=verdict, reasons=reasons)
            found.append((way, row))
    found.sort(key=lambda each: ({"yes": 0, "unknown": 1, "no": 2}[each[0].verdict], each[0].source, each[0].target))
    first = next((row for way, row in found if way.verdict == "yes" and row in talks), None)
    return tuple(way for way, _ in found), first


def _only_itself(asked: _Question, names: _Names, source: str, target: str) -> bool:
    """Whether a pair is one pod and itself, which is no question; asked by its own name it is one."""
    pods = names.pods.get(source, ())
    return source == target and len(pods) == 1 and (asked.source.everybody or asked.target.everybody)


def _of_peer(asked: _Question, names: _Names, target: str) -> Iterator[tuple[str, Port]]:
    """The ports of one peer that are asked about: told, protocol and number."""
    pods = names.pods.get(target, ())
    for each in asked.ports:
        numbers = {each.on_pods[pod] for pod in pods if pod in each.on_pods}
        if each.everywhere is not None:
            numbers.add(each.everywhere)
        for port in sorted(numbers):
            own = f"{port[1]}/{port[0]}"
            yield (each.told if each.told == own or not port[1] else f"{each.told} ({own})"), port


class _Names:
    """How peers are told: by the workloads of their pods, or by their block."""

    def __init__(self, cluster: Cluster, evaluation: Evaluation) -> None:
        self.of_pod: dict[str, str] = {str(pod): str(peer) for pod, peer in evaluation.rows("pod_peer")}
        self.pods: dict[str, list[str]] = {}
        for pod, peer in sorted(self.of_pod.items()):
            self.pods.setdefault(peer, []).append(pod)
        self._cluster = cluster
        self._told: dict[str, str] = {}

    def told(self, peer: Value) -> str:
        """The workloads of a peer's pods; a block with the word outside."""
        name = str(peer)
        if name not in self._told:
            self._told[name] = self._tell(name)
        return self._told[name]

    def _tell(self, name: str) -> str:
        pods = self.pods.get(name)
        if pods is None:
            return f"outside, {name}"
        objects = self._cluster.objects("Pod")
        owners = sorted({workload(self._cluster, objects[pod]) for pod in pods})
        more = f" and {len(owners) - 2} more" if len(owners) > 3 else ""
        return ", ".join(owners[: 2 if more else 3]) + more


class _Why:
    """The policies behind an answer."""

    def __init__(self, cluster: Cluster, evaluation: Evaluation) -> None:
        self._cluster = cluster
        self._governing: dict[tuple[Value, Value], list[str]] = {}
        for policy, direction, peer in sorted(evaluation.rows("governs")):
            self._governing.setdefault((direction, peer), []).append(str(policy))
        self._admitting: dict[tuple[Value, Value, Value], list[int]] = {}
        for policy, direction, index, peer in sorted(evaluation.rows("admits")):
            self._admitting.setdefault((policy, direction, peer), []).append(int(index))
        self._unaddressed = {peer for (peer,) in evaluation.rows("peer_unaddressed")}
        self._by_block = {(policy, direction) for policy, direction, *_ in evaluation.rows("policy_block")}
        self._sends, self._accepts = set(evaluation.rows("sends")), set(evaluation.rows("accepts"))

    def _ends(self, row: Row) -> Iterator[tuple[str, Value, Value, bool]]:
        source, target, protocol, number = row
        yield "Egress", source, target, row in self._sends
        yield "Ingress", target, source, (target, source, protocol, number) in self._accepts

    def why(self, row: Row) -> tuple[Reason, ...]:
        """The policies that let a connection pass."""
        found = [
            Reason(
                text=f"{direction} rule {self._admitting[policy, direction, other][0]} of policy {policy}", location=at
            )
            for direction, mine, other, _ in self._ends(row)
            for policy in self._governing.get((direction, mine), ())
            if (policy, direction, other) in self._admitting
            for at in [self._place(policy)]
        ]
        return tuple(found) or (Reason(text="no policy governs either end"),)

    def why_not(self, row: Row) -> tuple[Verdict, tuple[Reason, ...]]:
        """The policies that stop it; unknown if only an address that is not there yet could say whether they do."""
        stopped = [each for each in self._ends(row) if not each[3]]
        surely = any(
            other not in self._unaddressed
            or not any((policy, direction) in self._by_block for policy in self._governing.get((direction, mine), ()))
            for direction, mine, other, _ in stopped
        )
        reasons = tuple(
            self._stops(policy, direction, other)
            for direction, mine, other, _ in stopped
            for policy in self._governing.get((direction, mine), ())
        )
        return ("no" if surely else "unknown"), reasons

    def _stops(self, policy: str, direction: str, other: Value) -> Reason:
        rules = self._admitting.get((policy, direction, other))
        if rules:
            which = f"{direction} rule{'s' if len(rules) > 1 else ''} {', '.join(map(str, rules))}"
            text = f"policy {policy}: {which} for this peer, but not for this port"
        else:
            text = f"policy {policy} has no {direction} rule for this peer"
        return Reason(text=text, location=self._place(policy))

    def _place(self, policy: str) -> Location | None:
        found = self._cluster.get("NetworkPolicy", policy)
        return found.origin.locate(()) if found is not None and found.origin else None


def _remarks(cluster: Cluster, ways: Iterable[Way]) -> Iterator[str]:
    if not cluster.objects("NetworkPolicy"):
        yield NO_POLICIES
    if any(way.verdict == "unknown" for way in ways):
        yield (
            "Policies name blocks of addresses, and some of these pods have none yet: --settled asks about the cluster "
            "as plan leaves it, where they have."
        )


def grouped(ways: Sequence[Way]) -> list[tuple[Way, int]]:
    """Ways that say the same of several ports, once, with their number."""
    same = groupby(ways, key=lambda way: (way.source, way.target, way.verdict, way.reasons, way.port))
    return [(found[0], len(found)) for _, group in same if (found := list(group))]
