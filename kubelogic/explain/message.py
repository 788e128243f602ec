"""kube-scheduler's own line about a pod that found no node, character for character. The way back: ``events``.

Our better explanation is in ``kubelogic.explain.blockers``; this is for people who compare, search or paste.
Source: kube-scheduler 1.36, FitError, DefaultPreemption and the order of its default plugins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from kubelogic.explain.events import Pasted, read
from kubelogic.explain.filters import Relations, filled, filters, goals, point_of, reached, switched_off
from kubelogic.placement.placement import Refusal, Rejection

__all__ = [
    "Pasted",
    "Verdict",
    "event",
    "goals",
    "line",
    "predicate_of",
    "read",
    "verdict",
]

GATED = "Scheduling is blocked due to non-empty scheduling gates"
NO_NODES = "no nodes available to schedule pods"
NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_CLAIMS = "no new claims to deallocate"
NO_VICTIMS = "No preemption victims found for incoming pod"
OUTSIDE_NAMES = "node(s) didn't satisfy plugin(s) [{}]"
NAMES_PLUGIN = "NodeAffinity"
NAME_CONFLICT = "pod affinity terms conflict"
BINDING = "VolumeBinding"
DEVICES_PLUGIN = "DynamicResources"
LAST = 2**31
"""Comes after what has an index among volumes or constraints."""

EVENT_LIMIT = 1024
"""Events keep this many characters; the pod's condition has them all."""

INELIGIBLE: Mapping[str, str] = {
    "never": "not eligible due to preemptionPolicy=Never.",
    "leaving": "not eligible due to a terminating pod on the nominated node.",
}
"""Why a pod may not preempt now, in the scheduler's words."""

POST_FILTERS = ("DynamicResources", "DefaultPreemption")
"""The plugins that are asked once no node passes, in their order."""

_PREDICATE_OF: Mapping[tuple[str, str], str] = {
    ("NodeUnschedulable", "unschedulable"): "rejects_unschedulable",
    ("TaintToleration", "toleration"): "rejects_taint",
    ("NodeAffinity", "added_affinity"): "rejects_added_affinity",
    ("NodeAffinity", "node_affinity"): "rejects_node_affinity",
    ("NodePorts", "port"): "rejects_port",
    ("NodeResourcesFit", "resource"): "rejects_fit",
    ("VolumeRestrictions", "exclusive_node"): "rejects_disk",
    ("VolumeRestrictions", "exclusive_cluster"): "rejects_exclusive_claim",
    ("NodeVolumeLimits", "attach"): "rejects_attach",
    ("VolumeBinding", "volume_node"): "rejects_volume_node",
    ("VolumeBinding", "claim"): "rejects_no_volume",
    ("VolumeZone", "volume_zone"): "rejects_zone",
    ("NodeDeclaredFeatures", "node_features"): "rejects_features",
    ("PodTopologySpread", "spread_key"): "rejects_spread_key",
    ("PodTopologySpread", "spread"): "rejects_spread",
    ("InterPodAffinity", "affinity"): "rejects_affinity",
    ("InterPodAffinity", "anti_affinity"): "rejects_anti_affinity",
    ("InterPodAffinity", "existing_anti_affinity"): "rejects_existing_anti_affinity",
}
"""Filter and reason of a ``Rejection`` to the predicate that says the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the filters say of a pod, as the scheduler reports it.

    Attributes:
        nodes: how many nodes there are.
        gated: scheduling gates hold the pod back.
        everywhere: the words that turn it away as a whole, or empty.
        last: all plugins that are asked afterwards know so.
        reasons: for each node that does not pass, the words of the first plugin that rejects it, sorted.
        volumes: what ``VolumeBinding`` says of each node that it rejects, whether or not another plugin was first.
            Evicting pods does not change that.
        post_filters: what is asked once no node passes.
    """

    nodes: int
    gated: bool = False
    everywhere: str = ""
    last: bool = False
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    volumes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    post_filters: tuple[str, ...] = POST_FILTERS


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class _Word:
    """One reason against one node.

    ``turn`` and ``index``: which of several constraints, for plugins that go through them. ``part``: those of a part
    stop each other, for plugins that report several reasons.
    """

    stage: int
    turn: int = 0
    index: int
    place: int
    plugin: str
    part: str = ""
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Particulars:
    """All of a pod that counts for its verdict: pods with equal particulars have the same.

    Attributes:
        shape: its shape.
        gated: whether it has scheduling gates.
        pinned: the node that its affinity names, if it names one.
        nominated: the node that it was promised, if any.
    """

    shape: str
    gated: bool
    pinned: tuple[str, ...]
    nominated: tuple[str, ...]


def particulars(relations: Relations, pod: str) -> Particulars:
    """What counts of a waiting pod.

    Raises:
        KeyError: if there is no such pod.
    """
    shape = next((str(row[1]) for row in relations.matching("pod_shape", {0: pod})), None)
    if shape is None:
        raise KeyError(pod)
    pinned, nominated = (
        tuple(sorted(str(row[1]) for row in relations.matching(predicate, {0: pod})))
        for predicate in ("pod_pinned", "pod_nominated")
    )
    gated = bool(relations.matching("pod_gate", {0: pod}))
    return Particulars(shape=shape, gated=gated, pinned=pinned, nominated=nominated)


def verdict(relations: Relations, pod: str) -> Verdict:
    """What the filters say of a waiting pod.

    Args:
        relations: derived from the cluster's facts, for at least ``goals``.
        pod: its key.

    Raises:
        KeyError: if there is no such pod.
    """
    own = particulars(relations, pod)
    shape = own.shape
    nodes = sorted(str(row[0]) for row in relations.rows("node"))
    if own.gated:
        return Verdict(nodes=len(nodes), gated=True)
    found: dict[str, set[_Word]] = {}
    outside: set[str] = set()
    everywhere: list[_Word] = []
    parts = {str(row[1]): (str(row[2]), int(row[3])) for row in relations.rows("reports_first")}
    turns = {row[1]: int(row[2]) for row in relations.matching("claim_turn", {0: shape})} if parts else {}
    off = switched_off(relations, shape)
    asked = tuple(plugin for plugin in POST_FILTERS if (plugin, "postFilter") not in off)
    for each in filters(relations):
        if off and (each.plugin, point_of(each)) in off:
            continue
        part, turn = parts.get(each.predicate, ("", 0))
        names = [argument.name for argument in relations.rulebook.declarations[each.predicate].arguments]
        for row in relations.matching(each.predicate, {0: shape}):
            witness = dict(zip(names, row, strict=True))
            word = _Word(
                stage=each.stage,
                turn=turn,
                index=turns.get(witness["Claim"], LAST) if part else int(witness.get("Index", LAST)),
                place=each.place,
                plugin=each.plugin,
                part=part,
                words=filled(each.words, witness),
            )
            if each.scope == "everywhere":
                everywhere.append(word)
            elif each.scope == "before":
                outside.update(reached(relations, each.scope, witness, nodes))
            else:
                for node in reached(relations, each.scope, witness, nodes):
                    found.setdefault(node, set()).add(word)
    if everywhere:
        words = min(everywhere).words
        return Verdict(nodes=len(nodes), everywhere=words, reasons=dict.fromkeys(nodes, (words,)))
    for pinned in own.pinned:
        outside.update(node for node in nodes if node != pinned)
    all_of = {str(row[0]) for row in relations.rows("reports_all")}
    unsatisfied = {NAMES_PLUGIN}
    for promised in own.nominated:
        if promised in outside:
            outside.discard(promised)
            found.setdefault(promised, set()).add(_outside_names(relations))
        if promised in found:
            unsatisfied.add(min(found[promised]).plugin)
    reasons = {node: _reported(words, all_of) for node, words in found.items()}
    reasons.update(dict.fromkeys(outside, (OUTSIDE_NAMES.format(" ".join(sorted(unsatisfied))),)))
    bound = {node: [word for word in words if word.plugin == BINDING] for node, words in found.items()}
    return Verdict(
        nodes=len(nodes),
        reasons={node: reasons[node] for node in sorted(reasons)},
        volumes={node: _reported(words, all_of) for node, words in sorted(bound.items()) if words},
        post_filters=asked,
    )


def with_devices(found: Verdict, refusal: Refusal) -> Verdict:
    """A verdict with what the search for devices says: no rule knows of that.

    Args:
        found: what the rules say.
        refusal: why a scheduler turned the pod down, or some nodes.
    """
    if refusal.before and not found.everywhere:
        nodes = {node for rejection in refusal.rejections for node in rejection.nodes} | found.reasons.keys()
        reasons = dict.fromkeys(sorted(nodes), (refusal.before,))
        return replace(found, everywhere=refusal.before, last=True, reasons=reasons)
    lacking = {
        node: (rejection.subject,)
        for rejection in refusal.rejections
        if rejection.filter == DEVICES_PLUGIN
        for node in rejection.nodes
        if node not in found.reasons
    }
    return replace(found, reasons=dict(sorted({**found.reasons, **lacking}.items()))) if lacking else found


def _outside_names(relations: Relations) -> _Word:
    """What is said of a node that a pod does not name but was promised: that one is looked at like any other.

    The plugin that rejects it is named together with the one that leaves out the nodes that the pod does not name.
    Source: kube-scheduler, findNodesThatFitPod and evaluateNominatedNode.
    """
    each = next(each for each in filters(relations) if each.predicate == "rejects_node_affinity")
    return _Word(stage=each.stage, index=LAST, place=each.place, plugin=each.plugin, words=each.words)


def _reported(words: Iterable[_Word], all_of: Collection[str]) -> tuple[str, ...]:
    """The reasons that the first plugin gives."""
    first, *others = sorted(words)
    if first.plugin not in all_of:
        return (first.words,)
    said, parts = {first.words}, {first.part}
    for word in others:
        if word.plugin == first.plugin and not (word.part and word.part in parts):
            said.add(word.words)
            parts.add(word.part)
    return tuple(sorted(said))


# -- the line ----------------------------------------------------------------------------------------------


def line(found: Verdict, refusal: Refusal | None = None, *, relations: Relations | None = None) -> str:
    """The message of the pod's condition ``PodScheduled``.

    Args:
        found: what the filters say.
        refusal: what came of preemption, for a pod that stays out. None if nothing was tried, or if room is
            being made for it, which the line does not mention.
        relations: needed with ``refusal``, for the words of the filters.
    """
    if found.gated:
        return GATED
    if not found.nodes:
        return NO_NODES
    if found.everywhere and not found.last:
        return f"0/{found.nodes} nodes are available: {found.everywhere}. not found"
    text = _fit_error(found.nodes, Counter(word for words in found.reasons.values() for word in words))
    if found.last:
        text = f"0/{found.nodes} nodes are available: {found.everywhere}."
    if refusal is None or relations is None:
        return text
    claims = "still not schedulable" if refusal.devices else NO_CLAIMS
    claims = "deallocation of ResourceClaim completed" if refusal.deallocates else claims
    said = [claims] if "DynamicResources" in found.post_filters else []
    if "DefaultPreemption" in found.post_filters:
        said.append(f"preemption: {_preemption(found, refusal, relations)}")
    return f"{text} {', '.join(said)}" if said else text


def _preemption(found: Verdict, refusal: Refusal, relations: Relations) -> str:
    """What came of preemption."""
    if refusal.ineligible:
        return INELIGIBLE[refusal.ineligible]
    counts = Counter(word for words in _after_eviction(refusal, relations, found.volumes).values() for word in words)
    counts[NO_VICTIMS] += len(refusal.helpless)
    tried = {node for rejection in refusal.preemption for node in rejection.nodes}
    counts[NOT_HELPFUL] += found.nodes - len(refusal.helpless) - len(tried)
    return _fit_error(found.nodes, +counts)


def event(message: str) -> str:
    """The same as the event ``FailedScheduling`` has it: cut to 1,024 bytes.

    >>> len(event("x" * 2000)), event("short")
    (1024, 'short')
    """
    raw = message.encode()
    if len(raw) <= EVENT_LIMIT:
        return message
    return raw[: EVENT_LIMIT - 4].decode(errors="ignore") + " ..."


def _fit_error(nodes: int, counts: Mapping[str, int]) -> str:
    parts = sorted(f"{count} {words}" for words, count in counts.items())
    return f"0/{nodes} nodes are available: {', '.join(parts)}."


def _after_eviction(
    refusal: Refusal, relations: Relations, volumes: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """What remains in the way on each node where all pods of lower priority were thought away."""
    words = {row[2]: str(row[5]) for row in relations.rows("filter")}
    places = {row[2]: int(row[6]) for row in relations.rows("filter")}
    all_of = {str(row[0]) for row in relations.rows("reports_all")}
    found: dict[str, set[_Word]] = {}
    for index, rejection in enumerate(refusal.preemption):
        if rejection.filter == DEVICES_PLUGIN:
            word = _Word(stage=rejection.stage, index=index, place=0, plugin=rejection.filter, words=rejection.subject)
            for node in rejection.nodes:
                found.setdefault(node, set()).add(word)
            continue
        predicate = predicate_of(rejection)
        word = _Word(
            stage=rejection.stage,
            index=index,
            place=places[predicate],
            plugin=rejection.filter,
            words=filled(words[predicate], {"Resource": rejection.subject}),
        )
        for node in rejection.nodes:
            said = volumes.get(node, (word.words,)) if word.plugin == BINDING else (word.words,)
            found.setdefault(node, set()).update(replace(word, words=each) for each in said)
    return {node: _reported(found[node], all_of) for node in sorted(found)}


def predicate_of(rejection: Rejection) -> str:
    """The predicate that derives a scheduler's rejection."""
    if rejection.filter == "NodeResourcesFit" and rejection.subject == "pods":
        return "rejects_pod_count"
    return _PREDICATE_OF[rejection.filter, rejection.reason]
