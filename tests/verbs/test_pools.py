"""The cheapest nodes to add: what counts, what does not, and how types of nodes are written."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from kubelogic.apiserver.node_types import NodeTypes, read_node_types
from kubelogic.apiserver.reading import load
from kubelogic.cli import main
from kubelogic.cluster import Cluster
from kubelogic.report.pools import render_pools
from kubelogic.text.location import InputError
from kubelogic.verbs.plan import plan
from kubelogic.verbs.pools import Pools, cheapest_pools, scaled_up

POOLS = Path(__file__).resolve().parents[2] / "fixtures" / "pools"

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  containers: [{{name: c, image: c:1, resources: {{requests: {{cpu: "{cpu}"}}}}}}]
  {more}
"""
NODE = """
apiVersion: v1
kind: Node
metadata:
  name: {name}
  labels: {{kubernetes.io/os: linux, node.kubernetes.io/instance-type: {name}}}
  annotations: {{kubelogic.dev/price: "{price}"}}
status: {{allocatable: {{cpu: "{cpu}", memory: 64Gi, pods: "110"}}}}
"""
MACHINES = """
apiVersion: cluster.x-k8s.io/v1beta1
kind: MachineDeployment
metadata:
  name: workers
  annotations:
    capacity.cluster-autoscaler.kubernetes.io/cpu: "4"
    capacity.cluster-autoscaler.kubernetes.io/memory: 16Gi
    capacity.cluster-autoscaler.kubernetes.io/labels: tier=web
    capacity.cluster-autoscaler.kubernetes.io/taints: team=a:NoSchedule
    cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size: "5"
spec: {replicas: 3}
"""
PROVISIONER = """
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: spot}
spec:
  template:
    metadata: {labels: {team: a}}
    spec:
      taints: [{key: spot, effect: NoSchedule}]
      requirements:
        - {key: node.kubernetes.io/instance-type, operator: NotIn, values: [huge]}
        - {key: topology.kubernetes.io/zone, operator: In, values: [a, b]}
  limits: {cpu: "9"}
"""


def pod(name: str, cpu: str, more: str = "") -> str:
    return POD.format(name=name, cpu=cpu, more=more)


def node(name: str, cpu: int, price: str) -> str:
    return NODE.format(name=name, cpu=cpu, price=price)


def types(tmp_path: Path, *documents: str) -> NodeTypes:
    file = tmp_path / "pools.yaml"
    file.write_text("---".join(documents), encoding="utf-8")
    return read_node_types([str(file)])


def asked(tmp_path: Path, cluster: str, *documents: str) -> Pools:
    file = tmp_path / "cluster.yaml"
    file.write_text(cluster, encoding="utf-8")
    read = types(tmp_path, *documents)
    return cheapest_pools(Cluster.of(load([str(file)]).objects), read.types, pools=read.pools)


@pytest.fixture(scope="module")
def shown() -> Pools:
    cluster = Cluster.of(load([str(POOLS / "cluster.yaml")]).objects)
    return cheapest_pools(cluster, read_node_types([str(POOLS / "pools.yaml")]).types)


def test_nodes_that_are_there_come_first_and_daemons_take_their_share(shown: Pools) -> None:
    """Two of six pods fit on the old node; four of 0.9 fit on 4 CPUs with the agent's 0.2 because 3.8 are left."""
    assert [(each.pool, each.nodes, len(each.pods)) for each in shown.bought] == [("large", 1, 4)]
    assert (shown.waiting, shown.cost, shown.least, shown.enough) == (4, Fraction("0.19"), Fraction("0.19"), True)


def test_what_no_type_takes_is_told_with_every_reason(shown: Pools) -> None:
    (lost,) = shown.hopeless
    assert lost.owner == "Deployment default/train"
    assert list(lost.reasons) == ["gpu", "large", "small"]
    assert lost.reasons["gpu"] == (
        "gpu has the taint nvidia.com/gpu:NoSchedule, which default/train does not tolerate",
    )
    assert "new-" not in render_pools(shown)


def test_what_the_input_lacks_is_a_paragraph_of_its_own() -> None:
    groups = Cluster.of(load([str(POOLS.parent / "groups" / "sixteen-gpus.yaml")]).objects)
    found = cheapest_pools(groups, read_node_types(["4:64cpu:256Gi:8nvidia.com/gpu"]).types)
    assert "\n\nNOT IN THE INPUT\n" in render_pools(found)


def test_nothing_waits(tmp_path: Path) -> None:
    found = asked(tmp_path, "---".join([node("old", 8, "1"), pod("a", "1")]), node("new", 8, "1"))
    assert (found.bought, found.cost, found.enough) == ((), 0, True)
    assert render_pools(found).startswith("Nothing waits for a node.")


@pytest.mark.parametrize(("value", "told"), [(-11, True), (-10, False)])
def test_pods_for_which_the_autoscaler_adds_no_node_are_told(tmp_path: Path, value: int, told: bool) -> None:
    low = f"apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {{name: low}}\nvalue: {value}\n"
    cluster = "---\n".join([node("old", 1, "1"), low, pod("spare", "2", "priorityClassName: low")])
    found = asked(tmp_path, cluster, node("new", 8, "1"))
    assert found.expendable == (("default/spare",) if told else ())
    assert ("cluster-autoscaler adds no node for default/spare" in render_pools(found)) is told


def test_pods_that_have_to_be_apart_get_a_node_each(tmp_path: Path) -> None:
    apart = (
        "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
        "[{topologyKey: kubernetes.io/hostname, labelSelector: {}}]}}"
    )
    cluster = "---".join([node("old", 1, "1"), *(pod(f"p{i}", "1500m", apart) for i in range(3))])
    found = asked(tmp_path, cluster, node("small", 2, "0.1"), node("large", 8, "0.25"))
    assert [(each.pool, each.nodes) for each in found.bought] == [("small", 3)]


def test_a_machine_deployment_is_a_type(tmp_path: Path) -> None:
    (found,) = types(tmp_path, MACHINES).types
    assert (found.node.name, found.price, found.limit) == ("workers", 1, 2)
    assert found.node.document["metadata"]["labels"]["tier"] == "web"
    assert found.node.document["spec"]["taints"] == [{"key": "team", "value": "a", "effect": "NoSchedule"}]


def test_a_node_pool_chooses_types_and_zones(tmp_path: Path) -> None:
    found = types(tmp_path, PROVISIONER, node("m", 4, "0.2"), node("huge", 64, "3"))
    assert [each.node.name for each in found.types] == ["spot-m", "spot-m-2"]
    zones = [each.node.document["metadata"]["labels"]["topology.kubernetes.io/zone"] for each in found.types]
    assert zones == ["a", "b"]
    assert {each.limit for each in found.types} == {2}
    assert found.types[0].node.document["metadata"]["labels"]["karpenter.sh/nodepool"] == "spot"
    assert found.notices == ()
    assert [(each.name, each.weight, each.limits) for each in found.pools] == [("spot", 0, {"cpu": 9})]


WEIGHTED = """
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {{name: {name}}}
spec:
  weight: {weight}
  template:
    spec:
      taints: {taints}
      requirements: [{{key: node.kubernetes.io/instance-type, operator: In, values: {types}}}]
  limits: {limits}
"""


def pool(name: str, kinds: str, *, weight: object = "null", limits: str = "{}", taints: str = "[]") -> str:
    return WEIGHTED.format(name=name, weight=weight, types=kinds, limits=limits, taints=taints)


def bought(found: Pools) -> dict[str, int]:
    return {each.pool: each.nodes for each in found.bought}


MACHINES_AT_HAND = (node("small", 4, "1"), node("large", 8, "3"))


def waiting(number: int, cpu: str = "3", more: str = "") -> str:
    return "---".join(pod(f"p{i}", cpu, more) for i in range(number))


def test_limits_hold_for_all_types_of_a_pool_together(tmp_path: Path) -> None:
    found = asked(tmp_path, waiting(4), *MACHINES_AT_HAND, pool("all", "[small, large]", limits='{cpu: "12"}'))
    assert not found.enough
    assert bought(found) == {"all-large": 1, "all-small": 1} or bought(found) == {"all-small": 3}
    assert len(found.short) == 1
    assert found.reached == ("NodePool all (cpu 12)",)
    assert "No more node of NodePool all (cpu 12) is within its limit." in render_pools(found)


def test_another_pool_takes_what_a_limit_leaves_over(tmp_path: Path) -> None:
    pools = pool("cheap", "[small]", limits='{cpu: "8"}'), pool("dear", "[large]")
    found = asked(tmp_path, waiting(4), *MACHINES_AT_HAND, *pools)
    assert (found.enough, bought(found)) == (True, {"cheap-small": 2, "dear-large": 1})
    assert found.cost == 5


@pytest.mark.parametrize(("limits", "number"), [("{nodes: 2}", 2), ('{memory: "130Gi"}', 2), ("{nodes: 0}", 0)])
def test_limits_count_nodes_and_any_resource(tmp_path: Path, limits: str, number: int) -> None:
    found = asked(tmp_path, waiting(3), *MACHINES_AT_HAND, pool("a", "[small]", limits=limits))
    assert sum(bought(found).values()) == number
    assert len(found.short) == 3 - number if number else len(found.hopeless) == 3


def test_the_limit_of_a_type_is_told_where_pods_are_short(tmp_path: Path) -> None:
    cluster = "---".join([node("old", 1, "1"), *(pod(f"p{i}", "2") for i in range(3))])
    limited = node("new", 2, "1").replace("annotations: {", 'annotations: {kubelogic.dev/limit: "2", ')
    found = asked(tmp_path, cluster, limited)
    assert (found.enough, found.reached) == (False, ("new (2)",))
    assert "No more node of new (2) is within its limit." in render_pools(found)


def test_nodes_that_are_there_use_up_the_limits_of_their_pool(tmp_path: Path) -> None:
    there = node("old", 4, "1").replace("kubernetes.io/os: linux", "karpenter.sh/nodepool: a, full: x")
    full = pod("sits", "4", "nodeName: old").replace("metadata: {name: sits}", "metadata: {name: sits, uid: s}")
    cluster = "---".join([there, full, waiting(2)])
    found = asked(tmp_path, cluster, *MACHINES_AT_HAND, pool("a", "[small]", limits='{cpu: "8"}'))
    assert bought(found) == {"a-small": 1}
    assert len(found.short) == 1


def test_the_pool_of_the_highest_weight_comes_first_whatever_it_costs(tmp_path: Path) -> None:
    pools = pool("own", "[large]", weight=10), pool("spare", "[small]", weight=1)
    found = asked(tmp_path, waiting(2), *MACHINES_AT_HAND, *pools)
    assert bought(found) == {"own-large": 1}
    assert (found.cost, found.unweighted) == (3, 2)
    assert "by the weights of the pools; without them 2 would do" in render_pools(found)


def test_what_the_first_pool_may_not_have_or_does_not_take_goes_to_the_next(tmp_path: Path) -> None:
    pools = pool("own", "[large]", weight=10, limits="{nodes: 1}"), pool("spare", "[small]")
    found = asked(tmp_path, waiting(4), *MACHINES_AT_HAND, *pools)
    assert bought(found) == {"own-large": 1, "spare-small": 2}
    tainted = pool("own", "[large]", weight=10, taints="[{key: a, effect: NoSchedule}]"), pool("spare", "[small]")
    assert bought(asked(tmp_path, waiting(2), *MACHINES_AT_HAND, *tainted)) == {"spare-small": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (pool("a", "[small]", weight=0), "is a whole number from 1 to 100"),
        (pool("a", "[small]", weight=101), "is a whole number from 1 to 100"),
        (pool("a", "[small]", weight="high"), "is a whole number from 1 to 100"),
        (pool("a", "[small]", limits="{cpu: many}"), "'many' is no quantity"),
    ],
)
def test_weights_and_limits_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        types(tmp_path, text, *MACHINES_AT_HAND)
    assert [fault for fault in caught.value.faults if message in fault.message]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (node("m", 2, "cheap"), "is a number such as 0.192"),
        (MACHINES.replace('capacity.cluster-autoscaler.kubernetes.io/cpu: "4"', "x: y"), "it lacks the annotations"),
        (PROVISIONER, "which machines it can choose from is not in the input"),
        (pod("a", "1"), "there is no type of node in it"),
        (node("m", 2, "1").replace('"2"', '"2x"'), "2x"),
    ],
)
def test_what_is_no_type_is_refused_with_its_place(tmp_path: Path, document: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        types(tmp_path, document)
    assert any(message in fault.message for fault in caught.value.faults)
    assert all(fault.location.file.endswith("pools.yaml") for fault in caught.value.faults)


CONTRADICTIONS = [
    ("{key: node.kubernetes.io/instance-type, operator: NotIn, values: [small, large]}", "instance-type"),
    ("{key: zone, operator: In, values: [a]}, {key: zone, operator: NotIn, values: [a]}", "without a zone that all"),
    ("{key: zone, operator: In, values: [a]}, {key: zone, operator: DoesNotExist}", "without a zone that all"),
    ("{key: zone, operator: In, values: [a]}, {key: zone, operator: In, values: [b]}", "without a zone that all"),
    (
        "{key: slots, operator: In, values: ['4']}, {key: slots, operator: Gt, values: ['4']}",
        "without a slots that all",
    ),
]


def required(text: str) -> str:
    spec = "spec: {template: {spec: {requirements: [" + text + "]}}}"
    return f"\napiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {{name: odd}}\n{spec}\n"


@pytest.mark.parametrize(("text", "message"), CONTRADICTIONS)
def test_a_node_pool_whose_requirements_contradict_takes_no_type(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        types(tmp_path, required(text), *MACHINES_AT_HAND)
    (fault,) = caught.value.faults
    assert "NodePool odd takes no type of node" in fault.message
    assert message in fault.message
    beside = types(tmp_path, required(text), pool("own", "[small]"), *MACHINES_AT_HAND)
    assert [each.node.name for each in beside.types] == ["own-small"]
    assert any(message in notice.message for notice in beside.notices)


def test_all_requirements_of_a_label_hold_together(tmp_path: Path) -> None:
    slots = "{key: slots, operator: In, values: ['2', '4', '8']}, {key: slots, operator: Gt, values: ['2']}"
    found = types(tmp_path, required(f"{slots}, {{key: slots, operator: NotIn, values: ['8']}}"), *MACHINES_AT_HAND)
    assert {each.node.document["metadata"]["labels"]["slots"] for each in found.types} == {"4"}


CLAIM = "\napiVersion: karpenter.sh/v1\nkind: NodeClaim\nmetadata: {name: c}\n"


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (required("text"), "requirements[0]: has a key"),
        (required("{key: a, operator: Is}"), "requirements[0].operator: is one of"),
        (required("{key: a, operator: In, values: [1]}"), "requirements[0].values: is a list of texts"),
        (required("").replace("[]", "7"), "spec.template.spec.requirements: is a list"),
        (required("").replace("{requirements: []}", "{taints: all}"), "spec.template.spec.taints: is a list"),
        (pool("a", "[small]", limits="[cpu]"), "spec.limits: is a mapping"),
        (MACHINES.replace("replicas: 3", "replicas: many"), "spec.replicas: is a whole number"),
        (MACHINES.replace("{replicas: 3}", "[]"), "spec: is a mapping"),
        (f"{CLAIM}status: {{capacity: 7}}\n", "status.capacity: is a mapping"),
        (f"{CLAIM}spec: {{taints: x}}\nstatus: {{capacity: {{cpu: 8}}}}\n", "spec.taints: is a list"),
    ],
)
def test_malformed_objects_are_refused_with_their_place(tmp_path: Path, document: str, path: str) -> None:
    with pytest.raises(InputError) as caught:
        types(tmp_path, document, *MACHINES_AT_HAND)
    (fault,) = [each for each in caught.value.faults if path in each.message]
    assert fault.location.line


GROUP = """
apiVersion: scheduling.k8s.io/v1alpha2
kind: PodGroup
metadata: {{name: g}}
spec: {{schedulingPolicy: {{gang: {{minCount: {least}}}}}}}
"""


def gang(least: int, *cpus: str) -> str:
    members = [pod(f"p{number}", cpu, "schedulingGroup: {podGroupName: g}") for number, cpu in enumerate(cpus)]
    return "---".join([node("old", 2, "1"), GROUP.format(least=least), *members])


def test_pods_of_a_group_get_nodes_of_their_own(tmp_path: Path) -> None:
    """No node holds two of them: the group is no reason why a type would not take them."""
    found = asked(tmp_path, gang(2, "3", "3"), node("m", 4, "0.5"))
    assert [(each.pool, each.nodes) for each in found.bought] == [("m", 2)]
    assert (found.cost, found.enough, found.hopeless) == (1, True, ())


def test_a_group_whose_pods_no_type_takes_is_lost_as_a_whole(tmp_path: Path) -> None:
    found = asked(tmp_path, gang(2, "3", "9"), node("m", 4, "0.5"))
    assert (found.bought, [each.pod for each in found.hopeless]) == ((), ["default/p0", "default/p1"])
    assert "    the group default/g starts with 2 of its 2" in render_pools(found)
    fewer = asked(tmp_path, gang(1, "3", "9"), node("m", 4, "0.5"))
    assert ([each.pods for each in fewer.bought], [each.pod for each in fewer.hopeless]) == (
        [("default/p0",)],
        ["default/p1"],
    )


def test_nodes_that_hold_none_of_a_group_that_stays_out_are_not_bought(tmp_path: Path) -> None:
    limited = node("m", 4, "0.5").replace('price: "0.5"', 'price: "0.5", kubelogic.dev/limit: "1"')
    found = asked(tmp_path, gang(2, "3", "3"), limited)
    assert (found.enough, found.bought, found.cost, len(found.short)) == (False, (), 0, 2)


def test_a_file_that_is_named_twice_is_told(tmp_path: Path) -> None:
    file = tmp_path / "pools.yaml"
    file.write_text("---".join([node("m", 4, "0.5"), pod("a", "1")]), encoding="utf-8")
    read = load([str(file)])
    found = cheapest_pools(Cluster.of(read.objects), read_node_types([str(file)]).types)
    assert any("1 node in it counts as there already" in notice.message for notice in found.notices)
    file.write_text(required(""), encoding="utf-8")
    (notice,) = [each for each in load([str(file)]).notices if each.code == "KL108"]
    assert notice.message.endswith("which --pools and --scale-up read")


def test_what_is_added_holds_what_waited(shown: Pools) -> None:
    cluster = Cluster.of(load([str(POOLS / "cluster.yaml")]).objects)
    larger = scaled_up(cluster, read_node_types([str(POOLS / "pools.yaml")]).types, shown)
    assert sorted(larger.objects("Node")) == ["large-1", "old"]
    assert [pod.owner for pod in plan(larger).pending] == ["Deployment default/train"]


@pytest.mark.parametrize(
    ("option", "arguments"),
    [("--nodes", ["plan"]), ("--scale-up", ["plan"]), ("--pools", ["capacity"])],
)
def test_faults_and_assumptions_name_the_option(
    option: str, arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = tmp_path / "cluster.yaml"
    cluster.write_text("---".join([node("n1", 1, "1"), pod("waits", "2")]), encoding="utf-8")
    assert main([*arguments, str(cluster), option, "3:4xcpu"]) == 2
    assert capsys.readouterr().err.startswith(f"{option}:1:3: error: '4xcpu' is no amount")
    main([*arguments, str(cluster), option, "3:4cpu"])
    assert f"{option}: 3:4cpu does not say it, so its nodes have 16Gi of memory each" in capsys.readouterr().out


def test_an_amount_of_a_machine_deployment_has_a_place(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        types(tmp_path, MACHINES.replace("16Gi", "16x"))
    (fault,) = caught.value.faults
    assert (fault.code, fault.location.line) == ("KL113", 8)
    assert fault.object == "MachineDeployment workers"
    assert fault.message.endswith("'16x' is no quantity")
