"""The facts of a KubeSchedulerConfiguration: what its profiles say, as written. Rules say what holds without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubelogic.cluster import Object
from kubelogic.facts.base import Fact, FactModule
from kubelogic.facts.node_terms import node_term

_DEFAULT = "default-scheduler"


def configuration_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one configuration."""
    document = obj.document
    yield "scheduler_configuration", (obj.key,)
    profiles: Sequence[Mapping[str, Any]] = document.get("profiles") or ({},)
    for profile in profiles:
        name = profile.get("schedulerName") or _DEFAULT
        yield "given_profile", (name,)
        yield from _plugins(name, profile.get("plugins") or {})
        arguments = {entry["name"]: entry.get("args") or {} for entry in profile.get("pluginConfig") or ()}
        yield from _fit(name, arguments.get("NodeResourcesFit", {}))
        balanced = arguments.get("NodeResourcesBalancedAllocation", {}).get("resources") or ()
        for index, resource in enumerate(balanced):
            yield "given_balanced_resource", (name, index, resource["name"])
        yield from _spread(name, arguments.get("PodTopologySpread", {}))
        yield from _affinity(name, arguments.get("NodeAffinity", {}).get("addedAffinity") or {})
        between = arguments.get("InterPodAffinity", {})
        if (weight := between.get("hardPodAffinityWeight")) is not None:
            yield "given_hard_affinity_weight", (name, weight)
        if between.get("ignorePreferredTermsOfExistingPods"):
            yield "ignores_wishes_of_others", (name,)


def _plugins(profile: str, sets: Mapping[str, Any]) -> Iterator[Fact]:
    for point, chosen in sets.items():
        for turn, plugin in enumerate(chosen.get("enabled") or ()):
            yield "enables_plugin", (profile, point, plugin["name"], plugin.get("weight") or 0)
            yield "lists_plugin", (profile, point, plugin["name"], turn)
        for plugin in chosen.get("disabled") or ():
            yield "disables_plugin", (profile, point, plugin["name"])


def _fit(profile: str, args: Mapping[str, Any]) -> Iterator[Fact]:
    for resource in args.get("ignoredResources") or ():
        yield "ignores_resource", (profile, resource)
    for group in args.get("ignoredResourceGroups") or ():
        yield "ignores_resource_group", (profile, group)
    strategy = args.get("scoringStrategy")
    if not strategy:
        return
    yield "given_fit_strategy", (profile, strategy["type"])
    for index, resource in enumerate(strategy.get("resources") or ()):
        yield "given_fit_resource", (profile, index, resource["name"], resource.get("weight") or 1)
    for point in (strategy.get("requestedToCapacityRatio") or {}).get("shape") or ():
        yield "fit_point", (profile, point.get("utilization") or 0, point.get("score") or 0)


def _spread(profile: str, args: Mapping[str, Any]) -> Iterator[Fact]:
    if args.get("defaultingType") == "List":
        yield "lists_default_constraints", (profile,)
    for index, constraint in enumerate(args.get("defaultConstraints") or ()):
        key = constraint["topologyKey"]
        yield "given_constraint", (profile, index, key, constraint["maxSkew"], constraint["whenUnsatisfiable"])
        yield "topology_key", (key,)
        yield "given_min_domains", (profile, index, constraint.get("minDomains") or 1)
        if constraint.get("nodeAffinityPolicy") == "Ignore":
            yield "given_ignores_affinity", (profile, index)
        if constraint.get("nodeTaintsPolicy") == "Honor":
            yield "given_honors_taints", (profile, index)


def _affinity(profile: str, added: Mapping[str, Any]) -> Iterator[Fact]:
    shared: dict[Fact, None] = {}
    mentions: set[tuple[str, str, str]] = set()
    required = added.get("requiredDuringSchedulingIgnoredDuringExecution")
    for term in (required.get("nodeSelectorTerms") or [{}]) if required is not None else ():
        yield "added_node_term", (profile, node_term(term, shared, mentions))
    for index, wish in enumerate(added.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
        liked = node_term(wish.get("preference") or {}, shared, mentions)
        yield "added_preference", (profile, index, liked, wish["weight"])
    yield from shared
    for mention in sorted(mentions):
        yield "node_label_mentioned", mention


MODULE = FactModule(name="scheduler_configuration", extractors={"KubeSchedulerConfiguration": configuration_facts})
