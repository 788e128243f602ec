"""Lines about a pod that found no node, as kube-scheduler 1.20 to 1.37 and autoscalers write them, read back.

Source: kube-scheduler, FitError and the plugins' reasons by release; cluster-autoscaler, event_processor
(NotTriggerScaleUp); Karpenter, scheduler errors (FailedScheduling).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from kubelogic.explain.blockers import Blocker
from kubelogic.explain.message import GATED, NO_NODES
from kubelogic.patterns import regex

TAINTED = "node(s) had untolerated taint(s)"
UNBOUND = "pod has unbound immediate PersistentVolumeClaims"
_WHOLE = (NO_NODES, GATED, UNBOUND)
"""Lines that count no nodes. Source: kube-scheduler, ErrNoNodesAvailable; the plugin SchedulingGates."""


class Pasted(msgspec.Struct, frozen=True, kw_only=True):
    """A line, read.

    Attributes:
        nodes: how many nodes it speaks of; 0 for an autoscaler, which counts groups of nodes; None if it counts none.
        counts: reason to number of nodes.
        everywhere: the reason that turned the pod away as a whole, or empty.
        preemption: reason to number of nodes, of the second half.
        ineligible: why the pod may not preempt, or empty.
        cut: the line was cut off, so that counts are missing.
        autoscaler: who wrote it, if not the scheduler.
    """

    nodes: int | None
    counts: Mapping[str, int] = msgspec.field(default_factory=dict)
    everywhere: str = ""
    preemption: Mapping[str, int] = msgspec.field(default_factory=dict)
    ineligible: str = ""
    cut: bool = False
    autoscaler: str = ""


_HEAD = regex(r"0/(\d+) nodes are available: ")
_COUNT = regex(r"(\d+) (?=\S)")
_CLAIMS = "no new claims to deallocate|still not schedulable|deallocation of ResourceClaim completed"
_PREEMPTION = regex(rf"(?:{_CLAIMS})(?:, preemption: )?|preemption: ")
_SCALE_UP = regex(r"[Pp]od didn't trigger scale-?up(?: \(it wouldn't fit if a new node is added\))?:? ?")
_PLUGIN = regex(r'running (?:"\w+" \w+ plugin(?: for pod "[^"]*")?|\w+ plugin "\w+"): ')
"""A plugin that failed over the pod. Source: framework.go, RunFilterPlugins of 1.19 and 1.20, RunPreBindPlugins."""
_KARPENTER = regex(r"Failed to schedule pod, ")


def read(text: str) -> Pasted | None:
    """Read a line as kubectl shows it; None if it is not about nodes that are not available.

    >>> read("0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.").counts
    {'Insufficient cpu': 1, 'node(s) were unschedulable': 2}
    >>> read("pod didn't trigger scale-up: 2 Insufficient cpu, 1 max node group size reached").autoscaler
    'cluster-autoscaler'
    >>> read("Warning  FailedScheduling  2m  default-scheduler  no nodes available to schedule pods").nodes
    0
    >>> read('running PreBind plugin "VolumeBinding": binding volumes: timed out waiting for the condition').everywhere
    'binding volumes: timed out waiting for the condition'
    """
    text = " ".join(text.split())
    head = _HEAD.search(text)
    if head is None:
        whole = next((each for each in _WHOLE if each in text), "")
        if whole:
            return Pasted(nodes=0 if whole == NO_NODES else None, everywhere=whole)
        if failed := _PLUGIN.search(text):
            return Pasted(nodes=None, everywhere=text[failed.end() :].rstrip(" ."))
        return _of_an_autoscaler(text)
    nodes, rest = int(head[1]), text[head.end() :]
    cut = rest.endswith("...")
    rest = rest.removesuffix("...").rstrip()
    split = _PREEMPTION.search(rest)
    first, second = (rest[: split.start()].rstrip(), rest[split.end() :]) if split else (rest, "")
    counts = dict(_counts(first))
    if not counts:
        return Pasted(nodes=nodes, everywhere=first.removesuffix("not found").rstrip(" ."), cut=cut)
    after = _HEAD.search(second)
    return Pasted(
        nodes=nodes,
        counts=counts,
        preemption=dict(_counts(second[after.end() :])) if after else {},
        ineligible="" if after else second.rstrip("."),
        cut=cut,
    )


def _of_an_autoscaler(text: str) -> Pasted | None:
    scale_up = _SCALE_UP.search(text)
    if scale_up is not None:
        return Pasted(nodes=0, counts=dict(_counts(text[scale_up.end() :])), autoscaler="cluster-autoscaler")
    karpenter = _KARPENTER.search(text)
    if karpenter is not None:
        return Pasted(
            nodes=0,
            counts={reason.strip(" ."): 1 for reason in text[karpenter.end() :].split("; ") if reason.strip(" .")},
            autoscaler="Karpenter",
        )
    return None


def _counts(text: str) -> Iterator[tuple[str, int]]:
    """``2 this, 1 that`` as pairs. Reasons may contain commas, but not a comma before a number."""
    for part in re.split(r", (?=\d+ )", text.rstrip(" .")):
        match = _COUNT.match(part)
        if match:
            yield part[match.end() :], int(match[1])


# -- what reasons mean, whatever the release -----------------------------------------------------------------

_TAINT = regex(
    r"(?:node\(s\) had (?:untolerated )?taints? \{|did not tolerate (?:taint[ :]+)?)([^:}=\s]+)[:=] ?([^}:,\s]*)"
)

_WORDS: Sequence[tuple[str, tuple[str, ...]]] = (
    (r"node\(s\) had (?:untolerated )?taint|did(?: not|n't) tolerate|taints that the pod", (TAINTED,)),
    (r"^Insufficient |no instance type .*resources", ("Insufficient",)),
    (r"didn't match node selector|didn't match Pod's node affinity|incompatible requirements",
     ("node(s) didn't match Pod's node affinity/selector", "node(s) didn't satisfy plugin(s)")),
    (r"pod affinity/anti-affinity",
     ("node(s) didn't match pod affinity rules", "node(s) didn't match pod anti-affinity rules",
      "node(s) didn't satisfy existing pods anti-affinity rules")),
    (r"didn't match pod affinity rules", ("node(s) didn't match pod affinity rules",)),
    (r"didn't match pod anti-affinity rules", ("node(s) didn't match pod anti-affinity rules",)),
    (r"didn't satisfy existing pods anti-affinity", ("node(s) didn't satisfy existing pods anti-affinity rules",)),
    (r"topology spread constraints? \(missing required label\)",
     ("node(s) didn't match pod topology spread constraints (missing required label)",)),
    (r"topology spread constraint", ("node(s) didn't match pod topology spread constraints",)),
    (r"volume node affinity conflict|didn't match PersistentVolume's node affinity",
     ("node(s) didn't match PersistentVolume's node affinity",)),
    (r"max volume count", ("node(s) exceed max volume count",)),
    (r"free ports", ("node(s) didn't have free ports for the requested pod ports",)),
    (r"were unschedulable", ("node(s) were unschedulable",)),
    (r"not enough free storage|did not have enough free storage", ("node(s) did not have enough free storage",)),
    (r"unbound immediate PersistentVolumeClaims", ("pod has unbound immediate PersistentVolumeClaims",)),
)  # fmt: skip
"""Patterns of reasons of any release, and the words that 1.36 has for the same. The first that fits counts."""


_STEMS = ("Insufficient", "node(s) didn't satisfy plugin(s)")
"""Words that go on with what is lacking, or with the plugins."""


def meaning(reason: str) -> tuple[str, ...]:
    """The words of 1.36 for a reason of any release; itself if nothing else is known of it.

    >>> meaning("node(s) had taint {node-role.kubernetes.io/master: }, that the pod didn't tolerate")
    ('node(s) had untolerated taint(s)',)
    >>> meaning("node(s) had volume node affinity conflict")
    ("node(s) didn't match PersistentVolume's node affinity",)
    """
    if reason.startswith("Insufficient "):
        return (reason,)
    return next((words for pattern, words in _WORDS if re.search(pattern, reason)), (reason,))


def matching_nodes(
    reason: str, first: Mapping[str, Sequence[str]], blockers: Sequence[Blocker]
) -> tuple[list[str], list[str]]:
    """The nodes that a reason of a line means, and those that have it behind another reason.

    Args:
        reason: of any release; a taint in braces is looked for by key and value.
        first: what the scheduler reports of each node here: the reasons of the first filter that rejects it.
        blockers: every reason against every node.
    """
    words = meaning(reason)
    taint = _TAINT.search(reason)
    by_taint: set[str] | None = None
    if taint is not None:
        by_taint = {
            each.node
            for each in blockers
            if each.predicate == "rejects_taint"
            and (each.witness.get("Key"), each.witness.get("Value")) == (taint[1], taint[2])
        }

    def says(said: str) -> bool:
        return any(said == word or (word in _STEMS and said.startswith(f"{word} ")) for word in words)

    counted = sorted(node for node, found in first.items() if node and any(map(says, found)))
    having = sorted({each.node for each in blockers if each.node and says(each.reason)})
    if by_taint is not None:
        counted = [node for node in counted if node in by_taint]
        having = [node for node in having if node in by_taint]
    return counted, [node for node in having if node not in counted]
