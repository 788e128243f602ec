"""Who reaches whom before and after an edit, and while its rollout replaces one pod after the other.

A rollout has pods of both templates at once. Policies are there at once: before the first pod is replaced, or, if they
are applied last, after the last one. So four moments are asked about: before, after, and all pods under the old and
under the new policies.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.supposing import supposed
from kubelogic.cluster import Cluster, Object
from kubelogic.facts.peers import POLICIES, Mentions
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Value
from kubelogic.verbs.ends import with_stand_ins
from kubelogic.verbs.missing import NOTHING, Lacking
from kubelogic.verbs.reach import Reach, Way, answered
from kubelogic.verbs.reach_reasons import Reason, Verdict
from kubelogic.verbs.reconciled import Options, expect_cluster, reconcile
from kubelogic.verbs.talkers import admitted
from kubelogic.verbs.targets import UnknownPodError

_Pair = tuple[str, str, str]
"""From whom, to whom, on which port."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A way that is not what it was.

    Attributes:
        source: who opens connections: a workload, or a block.
        target: who accepts them.
        port: as told.
        before: whether it may; ``none`` if there was no such way.
        after: the same after the edit.
        meanwhile: for ways that are open, or shut, before and after: what they are for some time of the rollout.
        reasons: why it is what it is after, or meanwhile.
    """

    source: str
    target: str
    port: str
    before: Verdict | str
    after: Verdict | str
    meanwhile: Verdict | str = ""
    reasons: tuple[Reason, ...] = ()


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What an edit changes in who reaches whom.

    Attributes:
        before: the answer before; None if nobody of that name was there.
        after: the answer after.
        opened: ways that are open after, and were not before.
        shut: ways that were open before, and are not after.
        unsure: ways of which that is not known.
        meanwhile: ways that are for some time of the rollout what they are neither before nor after.
        lacking: what the input before or after does not have, and what else the two answers rest on.
    """

    before: Reach | None
    after: Reach | None
    opened: tuple[Change, ...] = ()
    shut: tuple[Change, ...] = ()
    unsure: tuple[Change, ...] = ()
    meanwhile: tuple[Change, ...] = ()
    lacking: Lacking = NOTHING

    @property
    def verdict(self) -> Verdict:
        """``yes`` if all is as it was, at every moment; ``no`` if something is not; ``unknown`` otherwise."""
        if self.opened or self.shut or self.meanwhile:
            return "no"
        return "unknown" if self.unsure else "yes"


def reach_changes(
    old: Cluster,
    new: Cluster,
    question: tuple[str, str, str],
    *,
    namespace: str = "default",
    rules: Sequence[Path] = (),
    parameters: Mapping[str, Value] | None = None,
    settled: bool = False,
) -> Changes:
    """What an edit changes in who reaches whom.

    Args:
        old: the objects before.
        new: the objects after.
        question: from whom, to whom, on which port, as ``reach`` takes them.
        namespace: of names without one.
        rules: directories of further rules.
        parameters: rule parameters that differ from the built-in ones.
        settled: ask about both as ``plan`` leaves them.

    Raises:
        UnknownPodError: nobody has such a name, neither before nor after.
        RuleErrors: if the rules or the parameters are faulty.
    """
    expect_cluster(old)
    expect_cluster(new)
    book = load_rulebook(rules, parameters)
    options = Options(rules=rules, parameters=parameters, clock=time.monotonic)
    whole = [
        with_stand_ins(reconcile(each, options).run.state.cluster if settled else admitted(each, book))
        for each in (old, new)
    ]
    blocks = sorted({str(block) for each in whole for block in Mentions.of(each).blocks.blocks})

    def asked(there: Cluster, loaded: Cluster) -> Reach | None:
        try:
            return answered(book, there, loaded, question, namespace=namespace, blocks=blocks)
        except UnknownPodError:
            return None

    found = [asked(there, loaded) for there, loaded in zip(whole, (old, new), strict=True)]
    if found[0] is None and found[1] is None:
        answered(book, whole[1], new, question, namespace=namespace)
    moments = [asked(each, new) for each in _between(*whole)]
    before, after = (_merged(each) for each in found)
    changes = list(_changes(before, after, [_spread(each) for each in moments]))
    return Changes(
        before=found[0],
        after=found[1],
        opened=tuple(each for each in changes if not each.meanwhile and each.after == "yes"),
        shut=tuple(each for each in changes if not each.meanwhile and each.before == "yes" and each.after != "unknown"),
        unsure=tuple(each for each in changes if "unknown" in (each.before, each.after) and each.after != "yes"),
        meanwhile=tuple(each for each in changes if each.meanwhile),
        lacking=_lacking([each for each in found if each is not None]),
    )


def _lacking(found: Sequence[Reach]) -> Lacking:
    """What is said beside two answers, each thing once."""
    remarks = (text for each in found for text in (*each.remarks, *each.lacking.remarks))
    notices = (notice for each in found for notice in each.lacking.notices)
    return Lacking(remarks=tuple(dict.fromkeys(remarks)), notices=tuple(dict.fromkeys(notices)))


def _between(old: Cluster, new: Cluster) -> Iterator[Cluster]:
    """All pods of before and after, under the old policies and under the new ones; nothing if no pod is replaced."""
    there = new.objects("Pod")
    replaced = [_leaving(pod) for key, pod in old.objects("Pod").items() if _is_replaced(pod, there.get(key))]
    if not replaced:
        return
    both = supposed(new, replaced)
    yield both
    policies = [obj for kind in POLICIES for obj in old.objects(kind).values()]
    gone = [(kind, key) for kind in POLICIES for key in new.objects(kind)]
    yield supposed(both, policies, without=gone)


def _is_replaced(pod: Object, successor: Object | None) -> bool:
    """Whether a pod is one that a controller replaces."""
    if not pod.document["metadata"].get("ownerReferences"):
        return False
    return successor is None or any(_of(pod, part) != _of(successor, part) for part in ("labels", "spec"))


def _of(pod: Object, part: str) -> object:
    return pod.document["metadata"].get("labels") if part == "labels" else pod.document.get("spec")


def _leaving(pod: Object) -> Object:
    """A pod that is about to go, under a name of its own."""
    name = f"{pod.name}~before"
    metadata = {**pod.document["metadata"], "name": name}
    return replace(pod, name=name, key="", document={**pod.document, "metadata": metadata})


def _merged(found: Reach | None) -> dict[_Pair, Way]:
    """Each workload with each: open if it is for any of their pods."""
    ways: dict[_Pair, Way] = {}
    for way in found.ways if found is not None else ():
        for pair in _pairs(way):
            if pair not in ways or _RANK[way.verdict] < _RANK[ways[pair].verdict]:
                ways[pair] = way
    return ways


def _spread(found: Reach | None) -> dict[_Pair, list[Way]]:
    ways: dict[_Pair, list[Way]] = {}
    for way in found.ways if found is not None else ():
        for pair in _pairs(way):
            ways.setdefault(pair, []).append(way)
    return ways


_RANK: Mapping[str, int] = {"yes": 0, "unknown": 1, "no": 2}


def _pairs(way: Way) -> Iterator[_Pair]:
    """Each workload with each; a single pod and itself are no question."""
    for source in way.sources:
        for target in way.targets:
            if source != target or not source.startswith("Pod "):
                yield source, target, way.port


def _changes(
    before: Mapping[_Pair, Way], after: Mapping[_Pair, Way], moments: Sequence[Mapping[_Pair, list[Way]]]
) -> Iterator[Change]:
    for pair in sorted({*before, *after}):
        old, new = before.get(pair), after.get(pair)
        was, will = old.verdict if old else "none", new.verdict if new else "none"
        change = Change(source=pair[0], target=pair[1], port=pair[2], before=was, after=will)
        if (was == "yes") != (will == "yes") or "unknown" in (was, will):
            if was != will or was == "unknown":
                shown = new or old
                yield replace(change, reasons=shown.reasons if shown is not None else ())
            continue
        other = "no" if was == "yes" else "yes"
        odd = next((way for each in moments for way in each.get(pair, ()) if way.verdict == other), None)
        if odd is not None and (was == will):
            yield replace(change, meanwhile=other, reasons=odd.reasons)
