"""References to ConfigMaps, Secrets, accounts and nodes that are not in the input: how sure it is that they are wrong.

Source: pkg/controller/podgc/gc_controller.go (gcOrphaned) of Kubernetes 1.36.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from msgspec.structs import replace

from kubelogic.cluster import Cluster
from kubelogic.verbs.checking.findings import Finding
from kubelogic.verbs.references import Lacking, lacking, written_templates

WRONG, UNSEEN, REFUSED = "KL197", "KL196", "KL161"
LISTED = "if the cluster has it already, list it under exists in the configuration"
_ABOUT_SECOND = frozenset({"KL155", "KL310"})
"""Codes whose findings tell first in which field an object is missing, then which."""
_CLOSE = 0.6
"""How alike a name is at least to one that may have been meant, where names are short: difflib's usual bound."""

_SINGLY = 3
"""So many of one kind that a workload refers to are told one by one."""


def of_references(cluster: Cluster, *, makers: bool) -> Iterator[Finding]:
    """References that do not resolve.

    A key that is not in an object that is there, a name that is almost that of another one, and a ConfigMap are errors.
    A Secret is a warning otherwise, as Secrets seldom stand beside manifests, and so is all that custom resources,
    which may make such objects, leave open.

    Args:
        cluster: as it was read.
        makers: whether the input has custom resources.
    """
    unseen: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for each in lacking(cluster):
        space, _, name = each.name.partition("/")
        others = [key.partition("/")[2] for key in cluster.objects(each.kind) if key.startswith(f"{space}/")]
        near = (
            difflib.get_close_matches(name, sorted(others), n=1, cutoff=0.75) if not each.key else _near(cluster, each)
        )
        sure = bool(each.key or near or (each.kind == "ConfigMap" and not makers))
        step = f"did you mean {near[0]}?" if near else ""
        found = Finding(
            code=WRONG if sure else UNSEEN,
            severity="error" if sure else "warning",
            message=each.message,
            api_version=each.user.api_version,
            kind=each.user.kind,
            key=each.user.key,
            location=each.user.place(each.path),
            helps=_meant(near, f"add it to the input; {LISTED}"),
            step=step,
            about=(each.kind, each.name, each.key),
            weight=each.count,
        )
        if sure:
            yield found
        else:
            unseen[each.user.kind, each.user.key, each.kind].append(found)
    for (_, _, kind), findings in unseen.items():
        yield from findings if len(findings) <= _SINGLY else [_together(kind, findings)]


def of_node_names(cluster: Cluster) -> Iterator[Finding]:
    """Manifests whose pods name a node themselves that is not in the input, which has others.

    Args:
        cluster: as it was read.
    """
    nodes = cluster.objects("Node")
    sure = "Node" not in cluster.unread
    for obj, spec, path in written_templates(cluster) if nodes else ():
        name = spec.get("nodeName")
        if not name or name in nodes:
            continue
        near = difflib.get_close_matches(name, sorted(nodes), n=1, cutoff=_CLOSE)
        anew = "" if obj.kind == "Pod" else ", over and over, as they are made anew"
        yield Finding(
            code=WRONG if sure else UNSEEN,
            severity="error" if sure else "warning",
            message=(
                f"Node {name} is not in the input: {obj} names it (nodeName), and where there is no such node, no "
                f"kubelet runs its pods, and the pod garbage collector deletes them{anew}"
            ),
            api_version=obj.api_version,
            kind=obj.kind,
            key=obj.key,
            location=obj.place((*path, "nodeName")),
            helps=_meant(
                near,
                f"name one that is there, or leave it to the scheduler; {LISTED}",
            ),
            step=f"did you mean {near[0]}?" if near else "",
            about=("Node", name, ""),
        )


def _meant(near: Sequence[str], helps: str) -> str:
    return f"did you mean {near[0]}? Else {helps}" if near else helps


def _together(kind: str, findings: Sequence[Finding]) -> Finding:
    """One finding for many of a kind that a workload refers to."""
    first = findings[0]
    names = sorted(each.about[1] for each in findings)
    message = (
        f"{len(names)} {kind}s to which {first.kind} {first.key} refers are not in the input: "
        f"{', '.join(names[:_SINGLY])} and {len(names) - _SINGLY} more"
    )
    return replace(first, message=message, about=(kind,), weight=len(names))


def _near(cluster: Cluster, each: Lacking) -> list[str]:
    found = cluster.get(each.kind, each.name)
    document = found.document if found is not None else {}
    keys = sorted({key for part in ("data", "binaryData", "stringData") for key in document.get(part) or ()})
    return difflib.get_close_matches(each.key, keys, n=1, cutoff=0.6)


def missed(cluster: Cluster, obstacles: Sequence[str]) -> tuple[str, str] | None:
    """The object for want of which something is refused, as its kind and its key; None if that is not the reason.

    Args:
        cluster: in which it is looked for.
        obstacles: what a refusal comes from, each as ``Kind key``.
    """
    kind, _, key = obstacles[0].partition(" ") if len(obstacles) == 1 else ("", "", "")
    return (kind, key) if kind and cluster.get(kind, key) is None else None


def would_be_here(cluster: Cluster, kind: str) -> bool:
    """Whether an object of a kind would be in the input if there were one: there are others, or the cluster's nodes.

    Classes are seldom written beside the workloads that name them.
    """
    return bool(cluster.objects(kind) or cluster.objects("Node"))


def exists(finding: Finding, declared: Collection[str]) -> bool:
    """Whether a configuration says that what a finding misses exists: ``Kind/name`` or ``Kind/namespace/name``."""
    if finding.code not in (WRONG, UNSEEN, REFUSED, *_ABOUT_SECOND) or len(finding.about) < 3:
        return False
    first = 1 if finding.code in _ABOUT_SECOND else 0
    kind, key = finding.about[first : first + 2]
    return f"{kind}/{key}" in declared or f"{kind}/{key.rpartition('/')[2]}" in declared
