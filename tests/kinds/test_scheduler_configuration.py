"""What kube-scheduler refuses of a KubeSchedulerConfiguration, with the places."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.facts.rulebook import load_rulebook
from kubelogic.kinds.validation import admit
from kubelogic.kinds.validation.scheduler_configuration import PLUGINS

HEAD = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
ARGS = ("profiles", 0, "pluginConfig", 0, "args")


def _args(plugin: str, **args: Any) -> dict[str, Any]:
    return {"profiles": [{"pluginConfig": [{"name": plugin, "args": args}]}]}


def _strategy(**strategy: Any) -> dict[str, Any]:
    return _args("NodeResourcesFit", scoringStrategy=strategy)


_ENABLED = ("profiles", 0, "plugins")


def _enabled(point: str, plugin: str) -> dict[str, Any]:
    return {"profiles": [{"plugins": {point: {"enabled": [{"name": plugin}]}}}]}


SHAPE = "requestedToCapacityRatio"
ZONE = "topology.kubernetes.io/zone"


@pytest.mark.parametrize(
    ("document", "path", "code"),
    [
        ({"percentageOfNodesToScore": 101}, ("percentageOfNodesToScore",), "KL122"),
        ({"parallelism": 0}, ("parallelism",), "KL122"),
        ({"podInitialBackoffSeconds": 5, "podMaxBackoffSeconds": 1}, ("podMaxBackoffSeconds",), "KL122"),
        ({"profile": []}, ("profile",), "KL112"),
        ({"profiles": [{}, {"schedulerName": "b"}]}, ("profiles", 0, "schedulerName"), "KL120"),
        (
            {"profiles": [{"schedulerName": "b"}, {"schedulerName": "b"}]},
            ("profiles", 1, "schedulerName"),
            "KL126",
        ),
        (
            {"profiles": [{"plugins": {"filter": {"enabled": [{"name": "VolumeZone"}, {"name": "VolumeZone"}]}}}]},
            ("profiles", 0, "plugins", "filter", "enabled", 1, "name"),
            "KL126",
        ),
        (
            {
                "profiles": [
                    {"plugins": {"multiPoint": {"disabled": [{"name": "*"}], "enabled": [{"name": "PrioritySort"}]}}}
                ]
            },
            ("profiles", 0, "plugins", "bind"),
            "KL120",
        ),
        (_strategy(type="Least"), (*ARGS, "scoringStrategy", "type"), "KL121"),
        (
            _strategy(type="MostAllocated", resources=[{"name": "cpu", "weight": 101}]),
            (*ARGS, "scoringStrategy", "resources", 0, "weight"),
            "KL122",
        ),
        (_strategy(type="RequestedToCapacityRatio"), (*ARGS, "scoringStrategy", SHAPE), "KL120"),
        (
            _strategy(type="RequestedToCapacityRatio", requestedToCapacityRatio={"shape": []}),
            (*ARGS, "scoringStrategy", SHAPE, "shape"),
            "KL120",
        ),
        (
            _strategy(type="LeastAllocated", requestedToCapacityRatio={"shape": [{"score": 1}]}),
            (*ARGS, "scoringStrategy", SHAPE),
            "KL127",
        ),
        (
            {"profiles": [{"plugins": {"filter": {"enabled": [{"name": "EBSLimits"}]}}}]},
            ("profiles", 0, "plugins", "filter", "enabled", 0, "name"),
            "KL121",
        ),
        (_args("VolumeBinding", shape=[{"score": 1}]), (*ARGS, "shape"), "KL127"),
        (
            _args("NodeResourcesBalancedAllocation", resources=[{"name": "cpu"}, {"name": "cpu"}]),
            (*ARGS, "resources", 1, "name"),
            "KL126",
        ),
        (
            _strategy(type="RequestedToCapacityRatio", requestedToCapacityRatio={"shape": [{"score": 11}]}),
            (*ARGS, "scoringStrategy", SHAPE, "shape", 0, "score"),
            "KL122",
        ),
        (
            _strategy(
                type="RequestedToCapacityRatio",
                requestedToCapacityRatio={"shape": [{"utilization": 5}, {"utilization": 5, "score": 1}]},
            ),
            (*ARGS, "scoringStrategy", SHAPE, "shape", 1, "utilization"),
            "KL122",
        ),
        (_args("NodeResourcesFit", ignoredResourceGroups=["a/b"]), (*ARGS, "ignoredResourceGroups", 0), "KL143"),
        (
            _args("NodeResourcesBalancedAllocation", resources=[{"name": "cpu", "weight": 2}]),
            (*ARGS, "resources", 0, "weight"),
            "KL122",
        ),
        (_args("InterPodAffinity", hardPodAffinityWeight=101), (*ARGS, "hardPodAffinityWeight"), "KL122"),
        (_args("InterPodAffinity", hardPodAffinityWeight="1"), (*ARGS, "hardPodAffinityWeight"), "KL110"),
        (
            _args("PodTopologySpread", defaultConstraints=[{"maxSkew": 1, "topologyKey": ZONE}]),
            (*ARGS, "defaultConstraints"),
            "KL127",
        ),
        (
            _args(
                "PodTopologySpread",
                defaultingType="List",
                defaultConstraints=[{"maxSkew": 0, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule"}],
            ),
            (*ARGS, "defaultConstraints", 0, "maxSkew"),
            "KL122",
        ),
        (
            _args(
                "NodeAffinity",
                addedAffinity={"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}},
            ),
            (*ARGS, "addedAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"),
            "KL120",
        ),
        (_args("DefaultPreemption", minCandidateNodesPercentage=0, minCandidateNodesAbsolute=0), ARGS, "KL142"),
        ({"leaderElection": {"resourceLock": "endpoints"}}, ("leaderElection", "resourceLock"), "KL121"),
        ({"extenders": [{"prioritizeVerb": "score"}]}, ("extenders", 0, "weight"), "KL122"),
        ({"extenders": [{"weight": "1"}]}, ("extenders", 0, "weight"), "KL110"),
        ({"extenders": [{"bindVerb": "bind"}, {"bindVerb": "bind"}]}, ("extenders",), "KL129"),
        (
            {"extenders": [{"managedResources": [{"name": "cpu"}]}]},
            ("extenders", 0, "managedResources", 0, "name"),
            "KL143",
        ),
        (
            {"extenders": [{"managedResources": [{"name": "a.b/c"}]}, {"managedResources": [{"name": "a.b/c"}]}]},
            ("extenders", 1, "managedResources", 0, "name"),
            "KL126",
        ),
        (
            {
                "profiles": [
                    {"schedulerName": "a", "plugins": {"queueSort": {"enabled": [{"name": "PrioritySort"}]}}},
                    {"schedulerName": "b"},
                ]
            },
            ("profiles", 1),
            "KL142",
        ),
        (_enabled("score", "NodeName"), (*_ENABLED, "score", "enabled", 0, "name"), "KL142"),
        (_enabled("filter", "ImageLocality"), (*_ENABLED, "filter", "enabled", 0, "name"), "KL142"),
        (_enabled("multiPoint", "tainttoleration"), (*_ENABLED, "multiPoint", "enabled", 0, "name"), "KL121"),
        (_enabled("score", "NodeResourceFit"), (*_ENABLED, "score", "enabled", 0, "name"), "KL121"),
        ({"profiles": [{"schedulerName": ""}]}, ("profiles", 0, "schedulerName"), "KL120"),
        (_args("InterPodAffinity", kind="NodeAffinityArgs"), (*ARGS, "kind"), "KL121"),
        (
            _args("InterPodAffinity", apiVersion="kubescheduler.config.k8s.io/v1beta3", kind="InterPodAffinityArgs"),
            (*ARGS, "apiVersion"),
            "KL121",
        ),
    ],
)
def test_what_is_refused(document: dict[str, Any], path: tuple[Any, ...], code: str) -> None:
    found = admit({**HEAD, **document}).problems
    assert (path, code) in {(problem.path, problem.code) for problem in found}


def test_what_is_not_known_is_told() -> None:
    plugins = {"score": {"enabled": [{"name": "Coscheduling", "weight": 3}]}}
    found = admit({**HEAD, "extenders": [{"urlPrefix": "http://e"}], "profiles": [{"plugins": plugins}]})
    assert not found.problems
    assert [warning.code for warning in found.warnings] == ["KL193", "KL193"]


def test_profiles_that_sort_the_queue_alike_and_extenders_that_say_what_they_must_are_accepted() -> None:
    sort = {"queueSort": {"enabled": [{"name": "PrioritySort"}], "disabled": [{"name": "*"}]}}
    profiles = [{"schedulerName": name, "plugins": sort} for name in ("a", "b")]
    extender = {"urlPrefix": "http://e", "prioritizeVerb": "score", "weight": 1, "bindVerb": "bind"}
    lock = {"leaderElect": False, "resourceLock": "endpoints"}
    assert not admit({**HEAD, "profiles": profiles, "extenders": [extender], "leaderElection": lock}).problems


def test_how_many_nodes_preemption_tries_is_told_not_read() -> None:
    (warning,) = admit({**HEAD, **_args("DefaultPreemption", minCandidateNodesAbsolute=3)}).warnings
    assert "--set preemption_candidates_percent=10 --set preemption_candidates_least=3" in warning.message
    assert not admit({**HEAD, **_args("DefaultPreemption", minCandidateNodesAbsolute=100)}).warnings


def test_resources_of_a_strategy_may_be_there_twice() -> None:
    """Nobody looks at their names: validateResources reads weights alone."""
    twice = [{"name": "cpu", "weight": 1}, {"name": "cpu", "weight": 2}]
    assert not admit({**HEAD, **_strategy(type="MostAllocated", resources=twice)}).problems


def test_one_profile_needs_no_name() -> None:
    found = admit({**HEAD, "profiles": [{"percentageOfNodesToScore": 7}]})
    assert found.document["profiles"] == [{"percentageOfNodesToScore": 7, "schedulerName": "default-scheduler"}]
    assert admit(HEAD).document["profiles"] == [{"schedulerName": "default-scheduler"}]


def test_names_that_are_nearly_those_of_plugins_are_told() -> None:
    profile = {
        "plugins": {"score": {"disabled": [{"name": "ImageLocalty"}]}},
        "pluginConfig": [{"name": "NodeResourcesFitt", "args": {"ignoredResources": ["a.b/c"]}}],
    }
    args, off = admit({**HEAD, "profiles": [profile]}).warnings
    assert off.message.endswith("did you mean ImageLocality?")
    assert args.message.endswith("did you mean NodeResourcesFit?")


def test_plugins_act_where_the_rules_say_too() -> None:
    """The points of the validation are those of ``extends``, as far as rules have them."""
    book = load_rulebook()
    extended = {(str(fact.row[0]), str(fact.row[1])) for fact in book.facts if fact.predicate == "extends"}
    assert extended <= {(plugin, point) for plugin, points in PLUGINS.items() for point in points}
    named = {plugin for plugin, _ in extended}
    acting = {(plugin, point) for plugin in named for point in PLUGINS[plugin] if point in ("preFilter", "filter")}
    assert acting <= extended
