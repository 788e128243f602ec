"""Every reason why each node does not take a pod: the rejections that the filter rules derive, with their words.

``rules/scheduling/feasibility.dl`` lists the filters; each rejection is a row whose arguments are the witness, and
whose declaration has the sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from kubelogic.explain.filters import Relations, filled, moved, reached, switched_off
from kubelogic.explain.near_tolerations import near_words
from kubelogic.explain.units import amount
from kubelogic.facts.filters import filters, point_of
from kubelogic.logic import Row, Value
from kubelogic.logic.terms import PLACEHOLDER, Declaration

if TYPE_CHECKING:
    from kubelogic.explain.written import Written

_HOSTNAME = "kubernetes.io/hostname"
_CORDON_TAINT = "node.kubernetes.io/unschedulable"
_QUANTITIES = frozenset({"Requested", "Free", "Allocatable", "Amount", "Used"})
"""Arguments that are amounts of the argument ``Resource`` of the same row."""

_ANY_NODE = {"NodeClass": "the node", "Node": "the node"}
"""How a node is called where it does not matter which one it is."""


class Blocker(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why one node does not take a pod.

    Attributes:
        node: the node; empty if the reason is about the pod alone.
        code: permanent code of the filter.
        reason: kube-scheduler's text.
        detail: ours, with the numbers of both sides.
        gist: the detail without the node's name: equal for nodes that are alike in this.
        plugin: kube-scheduler's plugin.
        predicate: the relation that the rejection is a row of.
        witness: the arguments of the rejection by name.
        other: what the pods of another shape are called, where the shape's name is none that a person knows.
        absent: the nodes that are asked for by name, where none of them is there.
        places: where what it rests on was written, as far as that was traced (``evidence``).
    """

    node: str
    code: str
    reason: str
    detail: str
    gist: str
    plugin: str
    predicate: str
    witness: Mapping[str, Value] = msgspec.field(default_factory=dict)
    other: str = ""
    absent: tuple[str, ...] = ()
    places: tuple[Written, ...] = ()


def worth_telling(found: Iterable[Blocker]) -> list[Blocker]:
    """Blockers without the taint that the node controller gives to cordoned nodes, where the cordon itself is told."""
    known = list(found)
    cordoned = {each.node for each in known if each.predicate == "rejects_unschedulable"}
    return [each for each in known if not (each.node in cordoned and each.witness.get("Key") == _CORDON_TAINT)]


def blockers(relations: Relations, shape: str, *, subject: str = "") -> tuple[Blocker, ...]:
    """Every reason against every node for pods of a shape, those against all nodes first, then by node and filter.

    Args:
        relations: what the filter rules derive.
        shape: name of the shape, which is that of one of the workloads that have it.
        subject: what to call pods of the shape in sentences; empty for the shape's name.
    """
    found: list[tuple[str, int, Blocker]] = []
    nodes = sorted(str(row[0]) for row in relations.rows("node"))
    off, places = switched_off(relations, shape), moved(relations, shape)
    known = _Known(relations, shape)
    gists: dict[tuple[str, str, Row], str] = {}
    for each in filters(relations):
        if (each.plugin, point_of(each)) in off:
            continue
        declaration = relations.rulebook.declarations[each.predicate]
        names = [argument.name for argument in declaration.arguments]
        for row in sorted(relations.matching(each.predicate, {0: shape}), key=repr):
            witness = dict(zip(names, row, strict=True))
            said = known.declared(declaration, witness)
            called = {"Shape": subject or shape, **known.called(declaration, witness)}
            absent = known.absent(each.predicate, witness)
            start = f"there is no node {' or '.join(absent)} in the input, and " if absent else ""
            anywhere = {**witness, **called, **(_ANY_NODE if each.scope != "all nodes" else {})}
            alike = f"{start}{said.sentence}", each.predicate, tuple(anywhere.values())
            if alike not in gists:
                gists[alike] = start + sentence(said, anywhere)
            reason = filled(each.words, {**witness, "Plugins": each.plugin})
            about = [""] if each.scope == "everywhere" else reached(relations, each.scope, witness, nodes)
            for node in about:
                found.append(
                    (
                        node,
                        places.get((each.plugin, point_of(each)), each.stage),
                        Blocker(
                            node=node,
                            code=each.code,
                            reason=reason,
                            detail=start + sentence(said, {**witness, **called, "NodeClass": node}),
                            gist=gists[alike],
                            plugin=each.plugin,
                            predicate=each.predicate,
                            witness=witness,
                            other=called.get("Other", ""),
                            absent=absent,
                        ),
                    )
                )
    found.sort(key=lambda item: (item[0], item[1], item[2].detail))
    return tuple(blocker for _, _, blocker in found)


def absent_hosts(relations: Relations, predicate: str, witness: Mapping[str, Value]) -> tuple[str, ...]:
    """The nodes that a pod or its volume asks for by their label ``kubernetes.io/hostname``, if none of them is there.

    Args:
        relations: what the filter rules derive.
        predicate: the rejection.
        witness: its values by argument.
    """
    if predicate == "rejects_node_selector" and witness["Key"] == _HOSTNAME:
        named = {str(witness["Value"])}
    elif predicate == "rejects_node_affinity":
        named = _named(relations, witness["Requirement"])
    elif predicate == "rejects_volume_node":
        terms = [
            {name for _, one in relations.matching("term_requirement", {0: term}) for name in _named(relations, one)}
            for _, term in relations.matching("volume_node_term", {0: witness["Volume"]})
        ]
        named = set().union(*terms) if all(terms) else set()
    else:
        named = set()
    there = {str(row[2]) for row in relations.matching("class_label", {1: _HOSTNAME})} if named else set()
    return () if named & there else tuple(sorted(named))


def _named(relations: Relations, requirement: Value) -> set[str]:
    """The host names of which a requirement asks for one; empty if it is about something else."""
    if not any(row[1:] == (_HOSTNAME, "In") for row in relations.matching("requirement", {0: requirement})):
        return set()
    return {str(row[1]) for row in relations.matching("requirement_value", {0: requirement})}


class _Known:
    """What sentences about rejections of one shape take from relations: looked up once, not for each node."""

    def __init__(self, relations: Relations, shape: str) -> None:
        self._relations, self._shape = relations, shape
        self._absent: dict[tuple[Value, ...], tuple[str, ...]] = {}
        self._spreads: dict[tuple[Value, bool], Declaration] = {}
        self._firsts: dict[tuple[str, Value | None], dict[Value, str]] = {}

    def absent(self, predicate: str, witness: Mapping[str, Value]) -> tuple[str, ...]:
        """``absent_hosts``."""
        asked = predicate, *(witness.get(name, "") for name in ("Value", "Requirement", "Volume"))
        if asked not in self._absent:
            self._absent[asked] = absent_hosts(self._relations, predicate, witness)
        return self._absent[asked]

    def declared(self, declaration: Declaration, witness: Mapping[str, Value]) -> Declaration:
        """The declaration of a rejection, with a truer sentence; for spreads the domains are counted once."""
        if declaration.predicate != "rejects_spread":
            return _declared(self._relations, declaration, self._shape, witness)
        asked = witness["Index"], witness["Least"] == 0
        if asked not in self._spreads:
            self._spreads[asked] = _declared(self._relations, declaration, self._shape, witness)
        return self._spreads[asked]

    def called(self, declaration: Declaration, witness: Mapping[str, Value]) -> dict[str, str]:
        """Pods to name instead of shapes whose names, ``shop/cart#2``, nobody but this program knows."""
        named = self._relations.matching
        return {
            argument.name: self._pod_of(str(witness[argument.name]), witness)
            for argument in declaration.arguments
            if argument.type == "shape"
            and (
                _is_no_name(other := str(witness[argument.name]), str(witness.get("Shape", "")))
                or (other != witness.get("Shape") and any(named("pod_shape", {0: other})))  # one of bare pods
            )
        }

    def _pod_of(self, shape: str, witness: Mapping[str, Value]) -> str:
        """The first pod of a shape in the domain, or on the node, of a rejection; its workload if none is there."""
        found = [
            self._first(shape, key).get(witness[where], "")
            for key, where in ((None, "Node"), (witness.get("Key", ""), "Domain"))
            if where in witness
        ]
        return min(filter(None, found), default=shape.partition("#")[0])

    def _first(self, shape: str, key: Value | None) -> dict[Value, str]:
        """The first pod of a shape in each domain of a topology key; on each node, for None."""
        if (shape, key) not in self._firsts:
            matching = self._relations.matching
            first = self._firsts[shape, key] = {}
            for pod in sorted(str(row[0]) for row in matching("pod_shape", {1: shape})):
                for _, node in matching("pod_node", {0: pod}):
                    there = [node] if key is None else [row[2] for row in matching("node_topology", {0: node, 1: key})]
                    for place in there:
                        first.setdefault(place, pod)
        return self._firsts[shape, key]


def _is_no_name(other: str, shape: str) -> bool:
    """Whether a shape's name tells nobody which pods are meant: one of several of its workload, or of the same one."""
    return other != shape and ("#" in other or other == shape.partition("#")[0])


def before_the_queue(relations: Relations, pod: str) -> tuple[Blocker, ...]:
    """What keeps a pod from being looked at by the scheduler at all."""
    found = []
    for predicate, plugin, code in sorted(tuple(map(str, row)) for row in relations.rows("holds_back")):
        declaration = relations.rulebook.declarations[predicate]
        for row in sorted(relations.matching(predicate, {0: pod}), key=repr):
            witness = {argument.name: value for argument, value in zip(declaration.arguments, row, strict=True)}
            text = sentence(declaration, witness)
            found.append(
                Blocker(
                    node="",
                    code=code,
                    reason=text,
                    detail=text,
                    gist=text,
                    plugin=plugin,
                    predicate=predicate,
                    witness=witness,
                )
            )
    return tuple(found)


def awaited(early: Iterable[Blocker]) -> str:
    """What is said of a pod that waits for a claim on devices; empty if it waits for none."""
    return next((str(each.witness["Words"]) for each in early if each.predicate == "claim_awaited"), "")


def is_untold(early: Iterable[Blocker]) -> bool:
    """Whether a pod is kept from the queue by what is said nowhere: of gates and claims there is a line.

    Source: kube-scheduler 1.36, runPreEnqueuePlugins; SchedulingGates is told by the API server, when the pod is made.
    """
    return any(blocker.predicate not in ("pod_gate", "claim_awaited") for blocker in early)


def _declared(relations: Relations, declaration: Declaration, shape: str, witness: Mapping[str, Value]) -> Declaration:
    """The declaration of a rejection, with a truer sentence where a spread counts its minimum as 0, or is demanded, or
    where a toleration misses.
    """
    if declaration.predicate == "rejects_taint" and (near := near_words(relations, shape, witness)):
        return msgspec.structs.replace(declaration, sentence=declaration.sentence + near)
    if declaration.predicate != "rejects_spread":
        return declaration
    text = _uncounted(relations, shape, witness) or declaration.sentence
    index = "(constraint {Index})"
    for row in relations.matching("shape_spread", {0: shape, 1: witness["Index"]}):
        if relations.matching("demands_spread", {0: shape, 1: row[2], 2: row[3]}):
            text = text.replace(index, f"(a rule demands it of {row[2]})")
    return msgspec.structs.replace(declaration, sentence=text)


def _uncounted(relations: Relations, shape: str, witness: Mapping[str, Value]) -> str:
    """The sentence of a spread over fewer domains than minDomains; empty if there are enough.

    Source: kube-scheduler plugin PodTopologySpread, minMatchNum.
    """
    index = witness["Index"]
    rows = relations.matching("shape_spread", {0: shape, 1: index}) if witness["Least"] == 0 else ()
    least = max((int(row[5]) for row in rows), default=1)
    if least == 1:
        return ""
    classes = {row[2] for row in relations.matching("spread_eligible", {0: shape, 1: index})}
    nodes = {row[0] for name in classes for row in relations.matching("node_class", {1: name})}
    known = {str(row[2]) for row in relations.matching("node_topology", {1: witness["Key"]}) if row[0] in nodes}
    if len(known) >= least:
        return ""
    domains = ", ".join(sorted(known))
    return (
        "{Key}={Domain} has {Count} of the matching pods, and the minimum counts as 0, because minDomains is "
        f"{least} and only {'1 value of {Key} is' if len(known) == 1 else f'{len(known)} values of {{Key}} are'} "
        f"eligible ({domains}): "
        "one more of {Shape} breaks a skew of {MaxSkew} (constraint {Index})"
    )


def outside_names(relations: Relations, pod: str, *, subject: str = "") -> tuple[Blocker, ...]:
    """Why the nodes that a pod's affinity does not name are not asked, for a pod that may only go to one node.

    Args:
        relations: what the filter rules derive.
        pod: its key.
        subject: what to call it in sentences; empty for its key.

    Source: kube-scheduler plugin NodeAffinity, PreFilter.
    """
    pinned = sorted(str(row[1]) for row in relations.matching("pod_pinned", {0: pod}))
    nodes = sorted(str(row[0]) for row in relations.rows("node"))
    if not pinned:
        return ()
    each = next(each for each in filters(relations) if each.scope == "before")
    named = " or ".join(pinned)
    missing = "" if set(pinned) & set(nodes) else f"there is no node {named} in the input, and "
    text = "{missing}{subject} asks for {named} by its name (metadata.name), which {node} is not"
    values = {"missing": missing, "subject": subject or pod, "named": named}
    return tuple(
        Blocker(
            node=node,
            code=each.code,
            reason=filled(each.words, {"Plugins": each.plugin}),
            detail=text.format(**values, node=node),
            gist=text.format(**values, node="the node"),
            plugin=each.plugin,
            predicate=each.predicate,
            witness={"Named": named},
        )
        for node in nodes
        if node not in pinned
    )


@lru_cache(maxsize=1024)
def _parts(text: str) -> tuple[tuple[str, bool], ...]:
    """A sentence in parts, each with whether it is the name of an argument, which stood in braces."""
    return tuple((part, bool(i % 2)) for i, part in enumerate(PLACEHOLDER.split(text)))


def sentence(declaration: Declaration, values: Mapping[str, Value]) -> str:
    """A declaration's sentence with the values in it, amounts in people's units."""
    resource = str(values.get("Resource", ""))

    def shown(name: str, value: Value) -> str:
        if resource and name in _QUANTITIES and isinstance(value, int):
            return amount(resource, value)
        return str(value)

    names = {argument.name for argument in declaration.arguments}
    more = ""
    free = values.get("Free", 0)
    if isinstance(free, int) and free < 0:
        values = {**values, "Free": 0}
        over = f"{amount(resource, -free)} too much is asked of it" if resource else f"{-free} too many are on it"
        more = f" ({over} already)"
    text = "".join(
        shown(part, values[part]) if is_name and part in names else "{" + part + "}" if is_name else part
        for part, is_name in _parts(declaration.sentence + more)
    )
    # A taint without a value is written key:effect, and fields of nodes are told from labels by a mark.
    text = text.replace("=:", ":").replace("@metadata.name", "metadata.name")
    return text.replace(" needs 1 more volumes ", " needs 1 more volume ")
