"""What the filters say of waiting pods, node by node, as the scheduler reports it.

Source: kube-scheduler 1.36, FitError and the order of its default plugins.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from functools import cached_property

import msgspec

from kubelogic.explain.filters import Relations, filled, moved, reached, switched_off
from kubelogic.facts.filters import Filter, filters, point_of

LAST = 2**31
"""Comes after what has an index among volumes or constraints."""

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


class Word(msgspec.Struct, frozen=True, kw_only=True, order=True):
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


class _OfShape(msgspec.Struct, frozen=True, kw_only=True):
    """What the filters say of a shape, whatever nodes its pods name.

    Attributes:
        found: by node, why it does not pass.
        outside: the nodes that do not count, since a filter that is asked before all others leaves them out.
        unsatisfied: the plugins that leave them out.
        everywhere: the words that turn the shape away as a whole, or empty.
        post_filters: what is said by the plugins that are asked once no node passes.
    """

    found: Mapping[str, frozenset[Word]]
    outside: frozenset[str]
    unsatisfied: frozenset[str]
    everywhere: str
    post_filters: tuple[str, ...]


class Verdicts:
    """What the filters say of the waiting pods of one cluster; of a shape they are asked once."""

    def __init__(self, relations: Relations) -> None:
        """Nothing is asked yet.

        Args:
            relations: derived from the cluster's facts, for at least ``goals``.
        """
        self._relations = relations
        self._nodes = sorted(str(row[0]) for row in relations.rows("node"))
        self._table = filters(relations)
        self._before = next(each for each in self._table if each.scope == "before")
        self._parts = {str(row[1]): (str(row[2]), int(row[3])) for row in relations.rows("reports_first")}
        self._all_of = {str(row[0]) for row in relations.rows("reports_all")}
        self._steady = sorted(str(row[0]) for row in relations.rows("reports_again"))
        self._shapes: dict[str, _OfShape] = {}

    def of(self, pod: str) -> Verdict:
        """What the filters say of a waiting pod.

        Args:
            pod: its key.

        Raises:
            KeyError: if there is no such pod.
        """
        own = particulars(self._relations, pod)
        nodes = self._nodes
        if own.gated:
            return Verdict(nodes=len(nodes), gated=True)
        shape = self._of_shape(own.shape)
        if shape.everywhere:
            reasons = dict.fromkeys(nodes, (shape.everywhere,))
            return Verdict(nodes=len(nodes), everywhere=shape.everywhere, reasons=reasons)
        found, outside, unsatisfied = dict(shape.found), set(shape.outside), set(shape.unsatisfied)
        for pinned in own.pinned:
            unsatisfied.add(self._before.plugin)
            outside.update(node for node in nodes if node != pinned)
        for promised in own.nominated:
            if promised in outside:
                outside.discard(promised)
                found[promised] = found.get(promised, frozenset()) | {_not_named(self._table, self._before)}
            if promised in found:
                unsatisfied.add(min(found[promised]).plugin)
        said = {node: reported(words, self._all_of) for node, words in found.items()}
        words = filled(self._before.words, {"Plugins": " ".join(sorted(unsatisfied))})
        said.update(dict.fromkeys(outside, (words,)))
        again = {
            (node, plugin): [word for word in words if word.plugin == plugin]
            for node, words in found.items()
            for plugin in self._steady
        }
        return Verdict(
            nodes=len(nodes),
            reasons={node: said[node] for node in sorted(said)},
            again={spot: reported(words, self._all_of) for spot, words in sorted(again.items()) if words},
            post_filters=shape.post_filters,
        )

    def mark(self, pod: str) -> Hashable:
        """Pods with equal marks have the same verdict; where they name one node each, but for which node that is."""
        own = particulars(self._relations, pod)
        if own.gated or own.nominated or len(own.pinned) != 1:
            return own
        (node,), shape = own.pinned, self._of_shape(own.shape)
        return own.shape, node in self._nodes_there, node in shape.outside, shape.found.get(node)

    @cached_property
    def _nodes_there(self) -> frozenset[str]:
        return frozenset(self._nodes)

    def _of_shape(self, shape: str) -> _OfShape:
        if shape not in self._shapes:
            self._shapes[shape] = self._ask(shape)
        return self._shapes[shape]

    def _ask(self, shape: str) -> _OfShape:
        relations = self._relations
        found: dict[str, set[Word]] = {}
        outside: set[str] = set()
        unsatisfied: set[str] = set()
        everywhere: list[Word] = []
        turns = {row[1]: int(row[2]) for row in relations.matching("claim_turn", {0: shape})} if self._parts else {}
        off, places = switched_off(relations, shape), moved(relations, shape)
        asked = tuple(
            words
            for _, plugin, words in sorted(
                (places.get((str(plugin), "postFilter"), int(turn)), str(plugin), str(words))
                for turn, plugin, words in relations.rows("last_resort")
            )
            if (plugin, "postFilter") not in off
        )
        for each in self._table:
            if off and (each.plugin, point_of(each)) in off:
                continue
            part, turn = self._parts.get(each.predicate, ("", 0))
            names = [argument.name for argument in relations.rulebook.declarations[each.predicate].arguments]
            stage = each.stage if each.scope == "before" else places.get((each.plugin, point_of(each)), each.stage)
            for row in relations.matching(each.predicate, {0: shape}):
                witness = dict(zip(names, row, strict=True))
                word = Word(
                    stage=stage,
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
                    outside.update(reached(relations, each.scope, witness, self._nodes))
                else:
                    for node in reached(relations, each.scope, witness, self._nodes):
                        found.setdefault(node, set()).add(word)
        return _OfShape(
            found={node: frozenset(words) for node, words in found.items()},
            outside=frozenset(outside),
            unsatisfied=frozenset(unsatisfied),
            everywhere=min(everywhere).words if everywhere else "",
            post_filters=asked,
        )


def _not_named(table: Iterable[Filter], before: Filter) -> Word:
    """What is said of a node that a pod does not name but was promised: that one is looked at like any other.

    The plugin that rejects it is named together with the one that leaves out the nodes that the pod does not name.
    Source: kube-scheduler, findNodesThatFitPod and evaluateNominatedNode.
    """
    each = [each for each in table if each.plugin == before.plugin and each.scope == "class"][-1]
    return Word(stage=each.stage, index=LAST, place=each.place, plugin=each.plugin, words=each.words)


def reported(words: Iterable[Word], all_of: Collection[str]) -> tuple[str, ...]:
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
