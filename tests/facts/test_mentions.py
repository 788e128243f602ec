"""What rules mention takes part in telling nodes apart."""

from __future__ import annotations

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
