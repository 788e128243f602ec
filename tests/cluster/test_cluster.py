"""What makes two clusters differ: found from what was touched, or by looking at all objects, it is the same."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.cluster import Differences
from kubelogic.cluster.columns import Columns


def _object(kind: str, name: str) -> Object:
    document = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "d"}}
    return Object(api_version="v1", kind=kind, namespace="d", name=name, document=document)


def _sorted(found: Differences) -> Differences:
    gone, come = (sorted(objects, key=str) for objects in (found.gone, found.come))
    return Differences(gone=gone, come=come, replaced=sorted(found.replaced, key=str))


def test_differences_do_not_depend_on_how_a_cluster_came_about() -> None:
    dice = random.Random(5)
    for _ in range(60):
        clusters = [Cluster.of([_object(kind, str(n)) for kind in ("A", "B") for n in range(4)])]
        for _ in range(12):
            count = dice.choice((1, 1, 1, 2, 5))
            made = [_object(dice.choice("AABC"), str(dice.randrange(5))) for _ in range(count)]
            gone = [(dice.choice("AB"), f"d/{dice.randrange(5)}")] if dice.random() < 0.3 else []
            clusters.append(clusters[-1].replacing(made, without=gone))
        last = clusters[-1]
        copied = Cluster({kind: last.objects(kind) for kind in last.kinds()})
        for before in clusters:
            for kinds in (None, ("A",), ("B", "C")):
                assert _sorted(last.differences(before, kinds)) == _sorted(copied.differences(before, kinds))


def test_many_touched_objects_are_found_by_looking_at_all() -> None:
    first = Cluster.of([_object("A", str(n)) for n in range(1_500)])
    second = first.replacing([_object("A", str(n)) for n in range(600)])
    third = second.replacing([_object("A", str(n)) for n in range(400, 1_200)], without=[("A", "d/1499")])
    for last, before, replaced in ((second, first, 600), (third, second, 800), (third, first, 1_200)):
        found = last.differences(before)
        assert {now.key for _, now in found.replaced} == {
            obj.key for obj in last if before.get("A", obj.key) is not obj
        }
        assert len(found.replaced) == replaced
        assert [obj.key for obj in found.gone] == (["d/1499"] if last is third else [])
        assert not found.come


def test_one_touched_object_is_found_without_the_others() -> None:
    first = Cluster.of([_object("A", str(n)) for n in range(3)])
    old, new = first.objects("A")["d/1"], _object("A", "1")
    found = first.replacing([new]).replacing([_object("B", "x")], without=[("A", "d/none")]).differences(first)
    assert [(was, now) for was, now in found.replaced] == [(old, new)]
    assert [obj.key for obj in found.come] == ["d/x"]
    assert not found.gone


def test_equal_objects_are_shared() -> None:
    first = Cluster.of([_object("A", "1"), _object("A", "2"), _object("B", "1")])
    other = msgspec.structs.replace(_object("A", "2"), document={"metadata": {"name": "2"}, "spec": {}})
    second = Cluster.of([_object("A", "1"), other, _object("A", "3")]).sharing(first)
    assert second.get("A", "d/1") is first.get("A", "d/1")
    assert second.get("A", "d/2") is other
    assert sorted(map(str, second)) == ["A d/1", "A d/2", "A d/3"]


def _said(columns: Columns) -> Sequence[str]:
    return columns.values("metadata.says")


def _saying(name: str, says: str) -> Object:
    found = _object("A", name)
    about = {**found.document["metadata"], "says": says}
    return msgspec.structs.replace(found, document={**found.document, "metadata": about})


def test_what_is_read_of_each_object_is_taken_over_where_the_object_is() -> None:
    dice = random.Random(7)
    for _ in range(40):
        clusters = [Cluster.of([_saying(str(n), dice.choice(("", "x", "y"))) for n in range(6)])]
        for _ in range(8):
            made = [_saying(str(dice.randrange(8)), dice.choice(("", "x", "y"))) for _ in range(2)]
            gone = [("A", f"d/{dice.randrange(8)}")] if dice.random() < 0.4 else []
            clusters.append(clusters[-1].replacing(made, without=gone))
            if dice.random() < 0.5:
                clusters[-1].of_each("says", "A", _said)
        for each in clusters:
            names = {key: obj.document["metadata"]["says"] for key, obj in each.objects("A").items()}
            assert each.of_each("says", "A", _said) == {key: name for key, name in names.items() if name}


def test_of_clusters_with_one_origin_most_objects_are_read_once() -> None:
    read: list[str] = []

    def noted(columns: Columns) -> list[str]:
        read.extend(obj.key for obj in columns.objects)
        return [obj.name for obj in columns.objects]

    first = Cluster.of([_object("A", str(n)) for n in range(100)])
    for number in range(3):
        found = first.replacing([_object("A", str(number))]).replacing([_object("A", f"new-{number}")])
        assert len(found.of_each("names", "A", noted)) == 101
    assert len(read) == 100 + 3 * 2
