"""Numbers and ranges that are set to something else: what is refused, and what comes of the others."""

from __future__ import annotations

import pytest

from kubelogic.apiserver.loading import load_state
from kubelogic.cluster import Cluster
from kubelogic.cluster.objects import as_object
from kubelogic.facts.parameters import Assigned, ParameterErrors, described, parameters_of
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import RuleErrors, Value
from kubelogic.logic.terms import Place


@pytest.mark.parametrize(
    ("name", "value", "message", "hint"),
    [
        ("default_toleration_second", 10, "there is no parameter 'default_toleration_second'", "did you mean"),
        ("x", 10, "there is no parameter 'x'", "kubelogic rules parameters lists all"),
        ("default_toleration_seconds", "10s", "takes a whole number (s), not '10s'", "it says how long pods tolerate"),
        ("default_toleration_seconds", -1, "is 0 s at least, not -1", "it says"),
        ("node_monitor_period", 0, "is 1 ms at least, not 0", "it says how often"),
        ("unhealthy_zone_threshold", 101, "is 100 percent at most, not 101", "it says"),
        ("dynamic_provisioning", 2, "is 0 or 1, not 2", "it says whether"),
        ("cluster_cidr", "10.0.0.1/16", "takes a range such as 10.0.0.0/16, or two, not '10.0.0.1/16'", "it says"),
        ("cluster_cidr", "10.0.0.0/16,10.1.0.0/16", "takes a range such as 10.0.0.0/16, or two", "it says"),
        ("cluster_cidr", 24, "takes a range such as 10.0.0.0/16, or two, not 24", "it says"),
        ("service_node_port_range", "32767-30000", "takes ports such as 30000-32767", "it says"),
        ("service_node_port_range", "0-70000", "takes ports such as 30000-32767", "it says"),
    ],
)
def test_what_a_parameter_cannot_be(name: str, value: Value, message: str, hint: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        load_rulebook(parameters={name: value})
    (fault,) = caught.value.faults
    assert message in fault.message
    assert fault.hint.startswith(hint)
    assert str(fault.place) == f"parameters: {name}={value}"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cluster_cidr": "10.9.0.0/28"}, "cluster_cidr 10.9.0.0/28 is smaller than the range /24 of one node"),
        ({"node_cidr_mask_size": 4}, "is smaller than the range /4 of one node (node_cidr_mask_size)"),
        ({"node_cidr_mask_size": 33}, "node_cidr_mask_size is 32 bits at most, not 33"),
        ({"cluster_cidr": "10.9.0.0/16,fd00::/65"}, "cluster_cidr fd00::/65 is smaller than the range /64 of one node"),
        (
            {"cluster_cidr": "fd00::/47"},
            "has more ranges /64 (node_cidr_mask_size_ipv6) than are counted, which are 2^16",
        ),
        ({"cluster_cidr": "fd00::/48", "node_cidr_mask_size_ipv6": 65}, "kube-controller-manager does not start"),
    ],
)
def test_a_controller_manager_that_would_not_start_is_told(given: dict[str, Value], message: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        load_rulebook(parameters=given)
    (fault,) = caught.value.faults
    assert message in fault.message


@pytest.mark.parametrize(
    "given",
    [
        {"cluster_cidr": "10.9.0.0/24"},
        {"cluster_cidr": "10.9.0.0/28", "node_cidr_mask_size": 28},
        {"cluster_cidr": "10.9.0.0/28", "allocate_node_cidrs": 0},
        {"cluster_cidr": "fd00::/64,10.9.0.0/16"},
        {"cluster_cidr": "fd00::/48"},
        {"cluster_cidr": "fd00::/108", "node_cidr_mask_size_ipv6": 120},
        {"cluster_cidr": "10.0.0.0/8", "node_cidr_mask_size": 30},
    ],
)
def test_ranges_of_which_nodes_get_parts_are_taken(given: dict[str, Value]) -> None:
    assert parameters_of(load_rulebook(parameters=given))["cluster_cidr"] == given["cluster_cidr"]


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(RuleErrors) as caught:
        load_rulebook(parameters={"x": 1, "node_monitor_period": -3, "cluster_cidr": "?"})
    assert len(caught.value.faults) == 3


def test_numbers_and_ranges_are_set() -> None:
    given = {"replica_set_burst": 3, "cluster_cidr": "10.9.0.0/20,fd00::/48", "service_node_port_range": "400+9"}
    found = parameters_of(load_rulebook(parameters=given))
    assert {name: found[name] for name in given} == given


def test_pods_tolerate_as_long_as_is_set() -> None:
    pod = as_object(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p", "namespace": "default"},
            "spec": {"containers": [{"name": "c", "image": "c"}]},
        }
    )
    loaded = load_state(Cluster.of([pod]), rules=load_rulebook(parameters={"default_toleration_seconds": 10}))
    stored = loaded.state.cluster.get("Pod", "default/p")
    assert stored is not None
    assert [each["tolerationSeconds"] for each in stored.document["spec"]["tolerations"]] == [10, 10]


def test_a_fault_and_a_proof_name_where_a_parameter_was_set() -> None:
    at = Place(file="kubelogic.toml", line=3, column=1)
    with pytest.raises(ParameterErrors) as caught:
        load_rulebook(parameters=Assigned({"node_monitor_period": 0}, {"node_monitor_period": at}))
    assert [(name, fault.place) for name, fault in caught.value.named] == [("node_monitor_period", at)]
    book = load_rulebook(parameters=Assigned({"node_monitor_period": 7}, {"node_monitor_period": at}))
    (fact,) = (
        each for each in book.facts if each.row[:1] == ("node_monitor_period",) and each.predicate == "parameter"
    )
    assert (fact.row, fact.place) == (("node_monitor_period", 7), at)


def test_ranges_that_go_not_together_are_put_down_to_one_that_was_set() -> None:
    with pytest.raises(ParameterErrors) as caught:
        load_rulebook(parameters={"node_cidr_mask_size": 4})
    assert [name for name, _ in caught.value.named] == ["node_cidr_mask_size"]


def test_every_parameter_is_described() -> None:
    found = described(load_rulebook())
    assert {each.name: each.value for each in found} == parameters_of(load_rulebook())
    assert all(each.unit and each.meaning and each.source for each in found)
