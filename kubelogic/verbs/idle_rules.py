"""Rules that do nothing, as no node has the label that they go by: they keep no pods apart, or wish for nothing.

A node without the topology key of an anti-affinity is in no domain: pods there are kept apart from nobody. What is only
preferred draws to no node. Other rules over such a label keep pods out, which is told with those that wait.

Source: pkg/scheduler/framework/plugins: interpodaffinity/filtering.go (updateWithPod, satisfyPodAntiAffinity) and
scoring.go (processTerm), podtopologyspread/scoring.go (initPreScoreState: a node that lacks the label of one soft
constraint gets no score by any), nodeaffinity (Score), of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from kubelogic.cluster import Cluster
from kubelogic.facts.templates import asking, is_written
from kubelogic.kinds.references import TEMPLATES
from kubelogic.text import Notice
from kubelogic.text.location import value_at

CODE = "KL417"

_HARD, _SOFT = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"

_TERMS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("podAntiAffinity", _HARD, (), "its anti-affinity keeps no pods apart"),
    ("podAntiAffinity", _SOFT, ("podAffinityTerm",), "its preferred anti-affinity keeps no pods apart"),
    ("podAffinity", _SOFT, ("podAffinityTerm",), "its preferred affinity brings no pods together"),
)
"""Parts of an affinity, where in a term the topology key stands, and what comes of it where no node has the label."""

_SPREADS_NOTHING = "none of its constraints with ScheduleAnyway spreads pods"
_PREFERS_NOTHING = "that preferred node affinity prefers no node"
_NEED_THE_LABEL = frozenset({"In", "Exists", "Gt", "Lt"})

_Path = tuple[str | int, ...]


def idle_rules(cluster: Cluster, of: Collection[str] | None = None) -> Iterator[Notice]:
    """One notice for each rule over a label that no node has and that therefore does nothing; none where there is no
    node.

    Args:
        cluster: with the nodes.
        of: look only at these objects, ``Kind namespace/name``; None: at all.
    """
    nodes = cluster.objects("Node").values()
    labels = {key for node in nodes for key in (node.document.get("metadata") or {}).get("labels") or {}}
    if of is not None:
        cluster = Cluster.of(obj for each in of if (obj := cluster.get(*each.split(" ", 1))) is not None)
    for kind, path in TEMPLATES.items() if nodes else ():
        fields = ("affinity", "topologySpreadConstraints")
        asked = {obj.key: (obj, spec) for field in fields for obj, spec in asking(cluster, field, (kind,))}
        for _, (obj, spec) in sorted(asked.items(), key=lambda each: each[0]):
            if not is_written(obj):
                continue
            for where, key, so in _rules(spec):
                if key and key not in labels:
                    message = f"{obj}: no node of the input has the label {key}, so {so}"
                    yield Notice(code=CODE, message=message, location=obj.place((*path, *where)))


def _rules(spec: Mapping[str, Any]) -> Iterator[tuple[_Path, str, str]]:
    """The rules of a spec that do nothing where no node has a label: where the label stands, it, and what then."""
    affinity = spec.get("affinity") or {}
    for part, how, inside, so in _TERMS:
        for index, term in enumerate((affinity.get(part) or {}).get(how) or ()):
            found: _Path = (*inside, "topologyKey")
            yield ("affinity", part, how, index, *found), str(value_at(term, found) or ""), so
    for index, term in enumerate((affinity.get("nodeAffinity") or {}).get(_SOFT) or ()):
        for number, each in enumerate((term.get("preference") or {}).get("matchExpressions") or ()):
            if each.get("operator") in _NEED_THE_LABEL:
                found = ("preference", "matchExpressions", number, "key")
                yield ("affinity", "nodeAffinity", _SOFT, index, *found), str(each.get("key") or ""), _PREFERS_NOTHING
    for index, each in enumerate(spec.get("topologySpreadConstraints") or ()):
        if each.get("whenUnsatisfiable") == "ScheduleAnyway":
            found = ("topologySpreadConstraints", index, "topologyKey")
            yield found, str(each.get("topologyKey") or ""), _SPREADS_NOTHING
