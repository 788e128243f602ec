"""kube-scheduler's own line about a pod that found no node, character for character. The way back: ``events``.

Our better explanation is in ``kubelogic.explain.blockers``; this is for people who compare, search or paste.
Source: kube-scheduler 1.36, FitError, DefaultPreemption and the order of its default plugins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from kubelogic.cluster import Object
from kubelogic.explain.filter_verdicts import Verdict, Word, reported
from kubelogic.explain.filters import Relations, filled
from kubelogic.facts.filters import Filter, filters
from kubelogic.placement.placement import Refusal

NO_NODES = "no nodes available to schedule pods"
GATED = "Scheduling is blocked due to non-empty scheduling gates"
NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"
EVENT_LIMIT = 1024
"""Events keep this many characters; the pod's condition has them all."""

INELIGIBLE: Mapping[str, str] = {
    "never": "not eligible due to preemptionPolicy=Never.",
    "leaving": "not eligible due to a terminating pod on the nominated node.",
    "placements": "not eligible due to placement-based pod group scheduling limitation",
    "as group": "not eligible due to workload aware preemption enabled",
}
"""Why a pod may not preempt now, in the scheduler's words."""


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
    said: dict[str, set[Word]] = {}
    for index, rejection in enumerate(refusal.rejections):
        each = table.get(rejection.reason)
        words = rejection.subject if each is None else filled(each.words, {"Resource": rejection.subject})
        place = 0 if each is None else each.place
        word = Word(stage=rejection.stage, index=index, place=place, plugin=rejection.filter, words=words)
        for node in rejection.nodes:
            said.setdefault(node, set()).add(word)
    reasons = {
        node: found.reasons[node] if node in found.reasons and "{" in min(words).words else reported(words, all_of)
        for node, words in said.items()
    }
    if nodes:
        reasons = {node: each for node, each in reasons.items() if node in nodes}
    return replace(found, nodes=len(nodes) or found.nodes, reasons=dict(sorted(reasons.items())))


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
    found: dict[str, set[Word]] = {}
    for index, rejection in enumerate(refusal.preemption):
        if rejection.reason == "devices":
            word = Word(stage=rejection.stage, index=index, place=0, plugin=rejection.filter, words=rejection.subject)
            for node in rejection.nodes:
                found.setdefault(node, set()).add(word)
            continue
        each = table[rejection.reason]
        word = Word(
            stage=rejection.stage,
            index=index,
            place=each.place,
            plugin=rejection.filter,
            words=filled(each.words, {"Resource": rejection.subject}),
        )
        for node in rejection.nodes:
            said = again.get((node, word.plugin), (word.words,))
            found.setdefault(node, set()).update(replace(word, words=text) for text in said)
    return {node: reported(found[node], all_of) for node in sorted(found)}


def by_reason(table: Iterable[Filter]) -> dict[str, Filter]:
    """The filter that says what a rejection of the one-by-one scheduler is for: the first one of a kind."""
    found: dict[str, Filter] = {}
    for each in table:
        found.setdefault(each.kind or each.assumption, each)
    return found
