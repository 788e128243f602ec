"""kube-scheduler's own line about a pod that found no node, character for character. The way back: ``events``.

Our better explanation is in ``kubelogic.explain.blockers``; this is for people who compare, search or paste.
Source: kube-scheduler 1.36, FitError, DefaultPreemption and the order of its default plugins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import msgspec
from msgspec.structs import replace

from kubelogic.cluster import Object
from kubelogic.explain.filters import Relations, filled, moved, reached, switched_off
from kubelogic.facts.filters import Filter, filters, point_of
from kubelogic.placement.placement import Refusal

NO_NODES = "no nodes available to schedule pods"
GATED = "Scheduling is blocked due to non-empty scheduling gates"
NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"
LAST = 2**31
"""Comes after what has an index among volumes or constraints."""

EVENT_LIMIT = 1024
"""Events keep this many characters; the pod's condition has them all."""

INELIGIBLE: Mapping[str, str] = {
    "never": "not eligible due to preemptionPolicy=Never.",
    "leaving": "not eligible due to a terminating pod on the nominated node.",
    "placements": "not eligible due to placement-based pod group scheduling limitation",
    "as group": "not eligible due to workload aware preemption enabled",
}
"""Why a pod may not preempt now, in the scheduler's words."""

POST_FILTERS = ("{Claims}", "preemption: {Outcome}")
"""What the plugins say that are asked once no node passes, in their order: ``last_resort`` in the rules."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the filters say of a pod, as the scheduler reports it.

    Attributes:
        nodes: how many nodes there are.
        gated: scheduling gates hold the pod back.
        everywhere: the words that turn it away as a whole, or empty.
        last: all plugins that are asked afterwards know so.
        reasons: for each node that does not pass, the words of the first plugin that rejects it, sorted.
        again: by node and plugin, of those that say the same of a node without its pods (``reports_again``): what each
            says of a node that it rejects, whether or not another plugin was first.
        post_filters: what the plugins say that are asked once no node passes.
    """

    nodes: int
    gated: bool = False
    everywhere: str = ""
    last: bool = False
    reasons: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    again: Mapping[tuple[str, str], tuple[str, ...]] = msgspec.field(default_factory=dict)
    post_filters: tuple[str, ...] = POST_FILTERS


class _Word(msgspec.Struct, frozen=True, kw_only=True, order=True):
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


class Particulars(msgspec.Struct, frozen=True, kw_only=True):
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
    unsatisfied: set[str] = set()
    everywhere: list[_Word] = []
    parts = {str(row[1]): (str(row[2]), int(row[3])) for row in relations.rows("reports_first")}
    turns = {row[1]: int(row[2]) for row in relations.matching("claim_turn", {0: shape})} if parts else {}
    off, places = switched_off(relations, shape), moved(relations, shape)
    asked = tuple(
        words
        for _, plugin, words in sorted(
            (places.get((str(plugin), "postFilter"), int(turn)), str(plugin), str(words))
            for turn, plugin, words in relations.rows("last_resort")
        )
        if (plugin, "postFilter") not in off
    )
    table = filters(relations)
    before = next(each for each in table if each.scope == "before")
    for each in table:
        if off and (each.plugin, point_of(each)) in off:
            continue
        part, turn = parts.get(each.predicate, ("", 0))
        names = [argument.name for argument in relations.rulebook.declarations[each.predicate].arguments]
        for row in relations.matching(each.predicate, {0: shape}):
            witness = dict(zip(names, row, strict=True))
            word = _Word(
                stage=each.stage if each.scope == "before" else places.get((each.plugin, point_of(each)), each.stage),
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
                unsatisfied.add(each.plugin)
                outside.update(reached(relations, each.scope, witness, nodes))
            else:
                for node in reached(relations, each.scope, witness, nodes):
                    found.setdefault(node, set()).add(word)
    if everywhere:
        words = min(everywhere).words
        return Verdict(nodes=len(nodes), everywhere=words, reasons=dict.fromkeys(nodes, (words,)))
    for pinned in own.pinned:
        unsatisfied.add(before.plugin)
        outside.update(node for node in nodes if node != pinned)
    all_of = {str(row[0]) for row in relations.rows("reports_all")}
    for promised in own.nominated:
        if promised in outside:
            outside.discard(promised)
            found.setdefault(promised, set()).add(_not_named(table, before))
        if promised in found:
            unsatisfied.add(min(found[promised]).plugin)
    reasons = {node: _reported(words, all_of) for node, words in found.items()}
    said = filled(before.words, {"Plugins": " ".join(sorted(unsatisfied))})
    reasons.update(dict.fromkeys(outside, (said,)))
    steady = sorted(str(row[0]) for row in relations.rows("reports_again"))
    again = {
        (node, plugin): [word for word in words if word.plugin == plugin]
        for node, words in found.items()
        for plugin in steady
    }
    return Verdict(
        nodes=len(nodes),
        reasons={node: reasons[node] for node in sorted(reasons)},
        again={spot: _reported(words, all_of) for spot, words in sorted(again.items()) if words},
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
        if rejection.reason == "devices"
        for node in rejection.nodes
        if node not in found.reasons
    }
    return replace(found, reasons=dict(sorted({**found.reasons, **lacking}.items()))) if lacking else found


def in_group(found: Verdict, refusal: Refusal, relations: Relations) -> Verdict:
    """A verdict on a pod of a group: its filters saw the pods of the group that were placed before it.

    Args:
        found: what the rules say, of the cluster as it is.
        refusal: why the scheduler turned the pod down.
        relations: for the words of the filters.
    """
    nodes = frozenset(refusal.among)
    table = by_reason(filters(relations))
    all_of = {str(row[0]) for row in relations.rows("reports_all")}
    said: dict[str, set[_Word]] = {}
    for index, rejection in enumerate(refusal.rejections):
        each = table.get(rejection.reason)
        words = rejection.subject if each is None else filled(each.words, {"Resource": rejection.subject})
        place = 0 if each is None else each.place
        word = _Word(stage=rejection.stage, index=index, place=place, plugin=rejection.filter, words=words)
        for node in rejection.nodes:
            said.setdefault(node, set()).add(word)
    reasons = {
        node: found.reasons[node] if node in found.reasons and "{" in min(words).words else _reported(words, all_of)
        for node, words in said.items()
    }
    if nodes:
        reasons = {node: each for node, each in reasons.items() if node in nodes}
    return replace(found, nodes=len(nodes) or found.nodes, reasons=dict(sorted(reasons.items())))


def _not_named(table: Iterable[Filter], before: Filter) -> _Word:
    """What is said of a node that a pod does not name but was promised: that one is looked at like any other.

    The plugin that rejects it is named together with the one that leaves out the nodes that the pod does not name.
    Source: kube-scheduler, findNodesThatFitPod and evaluateNominatedNode.
    """
    each = [each for each in table if each.plugin == before.plugin and each.scope == "class"][-1]
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


def recorded(pod: Object | None) -> str:
    """What kube-scheduler said of a pod, by the pod's own status; empty if it says nothing."""
    conditions = ((pod.document.get("status") or {}).get("conditions") or ()) if pod is not None else ()
    said = (each for each in conditions if each.get("type") == "PodScheduled" and each.get("status") == "False")
    return next((str(each.get("message") or "") for each in said), "")


def line(found: Verdict, refusal: Refusal | None = None, *, relations: Relations | None = None, told: str = "") -> str:
    """The message of the pod's condition ``PodScheduled``.

    Args:
        found: what the filters say.
        refusal: what came of preemption, for a pod that stays out. None if nothing was tried, or if room is
            being made for it, which the line does not mention.
        relations: needed with ``refusal``, for the words and names of the filters.
        told: ``recorded`` of the pod, which stands where no node is known.
    """
    if refusal is not None and refusal.error and relations is not None:
        search = next((str(plugin) for _, plugin, kind in relations.rows("searched") if kind == "devices"), "")
        return f'running "{search}" filter plugin: {refusal.error}'
    if found.gated:
        return GATED
    if refusal is not None and refusal.words:
        return refusal.words
    if not found.nodes:
        return told or NO_NODES
    if found.everywhere and not found.last:
        return f"0/{found.nodes} nodes are available: {found.everywhere}. not found"
    text = _fit_error(found.nodes, Counter(word for words in found.reasons.values() for word in words))
    if found.last:
        text = f"0/{found.nodes} nodes are available: {found.everywhere}."
    if refusal is None or relations is None:
        return text
    claims = "still not schedulable" if refusal.devices else "no new claims to deallocate"
    claims = "deallocation of ResourceClaim completed" if refusal.deallocates else claims
    said = []
    for words in found.post_filters:
        outcome = _preemption(found, refusal, relations) if "{Outcome}" in words else ""
        said.append(words.replace("{Outcome}", outcome).replace("{Claims}", claims))
    return f"{text} {', '.join(said)}" if said else text


def _preemption(found: Verdict, refusal: Refusal, relations: Relations) -> str:
    """What came of preemption."""
    if refusal.ineligible:
        return INELIGIBLE[refusal.ineligible]
    counts = Counter(word for words in _after_eviction(refusal, relations, found.again).values() for word in words)
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
    refusal: Refusal, relations: Relations, again: Mapping[tuple[str, str], tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """What remains in the way on each node where all pods of lower priority were thought away."""
    table = by_reason(filters(relations))
    all_of = {str(row[0]) for row in relations.rows("reports_all")}
    found: dict[str, set[_Word]] = {}
    for index, rejection in enumerate(refusal.preemption):
        if rejection.reason == "devices":
            word = _Word(stage=rejection.stage, index=index, place=0, plugin=rejection.filter, words=rejection.subject)
            for node in rejection.nodes:
                found.setdefault(node, set()).add(word)
            continue
        each = table[rejection.reason]
        word = _Word(
            stage=rejection.stage,
            index=index,
            place=each.place,
            plugin=rejection.filter,
            words=filled(each.words, {"Resource": rejection.subject}),
        )
        for node in rejection.nodes:
            said = again.get((node, word.plugin), (word.words,))
            found.setdefault(node, set()).update(replace(word, words=text) for text in said)
    return {node: _reported(found[node], all_of) for node in sorted(found)}


def by_reason(table: Iterable[Filter]) -> dict[str, Filter]:
    """The filter that says what a rejection of the one-by-one scheduler is for: the first one of a kind."""
    found: dict[str, Filter] = {}
    for each in table:
        found.setdefault(each.kind or each.assumption, each)
    return found
