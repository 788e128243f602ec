"""What rules mention takes part in telling nodes apart."""

from __future__ import annotations

from kubelogic.api import Options, load, plan
from kubelogic.cluster import Cluster, Object
from kubelogic.facts import FactBase, modules_for
from kubelogic.logic import Rulebook

RULES = """
#: input class_label(NodeClass: node_class, Key: str, Value: str) "{NodeClass} {Key} {Value}"
#: input class_number(NodeClass: node_class, Key: str, Number: int) "{NodeClass} {Key} {Number}"
#: input class_topology(NodeClass: node_class, Key: str) "{NodeClass} {Key}"
#: wanted(NodeClass: node_class) "{NodeClass}"
wanted(C) <= class_label(C, 'exact', 'yes') & class_label(C, 'some', _) & class_label(C, 'every', V) & (V != 'a')
wanted(C) <= class_number(C, 'size', N) & (N > 3) & class_topology(C, 'rack')
"""


def node(name: str, **labels: str) -> Object:
    document = {"metadata": {"name": name, "labels": labels}}
    return Object(api_version="v1", kind="Node", namespace="", name=name, document=document)


def test_labels_that_rules_name_are_facts_of_node_classes() -> None:
    base = FactBase(modules_for(Rulebook.parse({"r.dl": RULES})))
    cluster = Cluster.of(
        [
            node("a", exact="yes", some="x", every="b", size="5", rack="r1", other="1"),
            node("b", exact="no", some="y", other="2"),
        ]
    )
    added = base.update(cluster).added
    assert set(added["class_label"]) == {
        ("a", "exact", "yes"),
        ("a", "some", "*"),
        ("a", "every", "b"),
        ("a", "size", "5"),
        ("b", "exact", "*"),
        ("b", "some", "*"),
    }
    assert added["class_number"] == [("a", "size", 5)]
    assert added["class_topology"] == [("a", "rack")]
    assert base.update(cluster).added == {}


POD_RULES = """
#: input shape(Shape: shape) "{Shape}"
#: input shape_label(Shape: shape, Key: str, Value: str) "{Shape} {Key} {Value}"
#: input shape_annotation(Shape: shape, Key: str, Value: str) "{Shape} {Key} {Value}"
#: wanted(Shape: shape) "{Shape}"
wanted(S) <= shape_label(S, 'team', 'red') & ~shape_annotation(S, 'pass', _)
"""


def pod(name: str, annotations: dict[str, str], **labels: str) -> Object:
    document = {
        "metadata": {"name": name, "namespace": "d", "labels": labels, "annotations": annotations},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    return Object(api_version="v1", kind="Pod", namespace="d", name=name, document=document)


def test_labels_and_annotations_that_rules_name_tell_shapes_apart() -> None:
    base = FactBase(modules_for(Rulebook.parse({"r.dl": POD_RULES})))
    one, two, three = (
        pod("a", {"pass": "7", "other": "x"}, team="red"),
        pod("b", {"other": "y"}, team="red", tier="2"),
        pod("c", {}, team="red"),
    )
    added = base.update(Cluster.of([one, two, three])).added
    assert sorted(added["pod_shape"]) == [("d/a", "d/a"), ("d/b", "d/b"), ("d/c", "d/b")]
    assert sorted(added["shape_label"]) == [("d/a", "team", "red"), ("d/b", "team", "red")]
    assert added["shape_annotation"] == [("d/a", "pass", "7")]
    changed = base.update(Cluster.of([one, two, pod("c", {"pass": "7"}, team="red")]))
    assert (changed.removed["pod_shape"], changed.added["pod_shape"]) == ([("d/c", "d/b")], [("d/c", "d/a")])


def test_without_a_rule_that_reads_them_they_count_for_nothing() -> None:
    base = FactBase(modules_for(Rulebook.parse({"r.dl": RULES})))
    added = base.update(Cluster.of([pod("a", {"pass": "7"}, team="red"), pod("b", {})])).added
    assert len({row[1] for row in added["pod_shape"]}) == 1
    assert not {"shape_label", "shape_annotation"} & added.keys()


def test_groups_go_by_any_label_of_nodes() -> None:
    """A PodGroup may be for one rack: no pod has to name the label."""
    nodes = [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {"example.com/rack": rack}},
            "status": {"allocatable": {"cpu": "1", "memory": "4Gi", "pods": "10"}},
        }
        for name, rack in (("oak", "r1"), ("elm", "r2"), ("ash", "r2"))
    ]
    group = {
        "apiVersion": "scheduling.k8s.io/v1alpha2",
        "kind": "PodGroup",
        "metadata": {"name": "g"},
        "spec": {
            "schedulingPolicy": {"gang": {"minCount": 2}},
            "schedulingConstraints": {"topology": [{"key": "example.com/rack"}]},
        },
    }
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {
                "schedulingGroup": {"podGroupName": "g"},
                "containers": [{"name": "c", "image": "a:1", "resources": {"requests": {"cpu": "700m"}}}],
            },
        }
        for name in ("a", "b")
    ]
    for options in (Options(), Options(scheduler="kube")):
        found = plan(load([*nodes, group, *pods]), options)
        assert {each.node for each in found.placements} == {"elm", "ash"}
