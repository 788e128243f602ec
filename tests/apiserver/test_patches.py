"""Strategic merge patches, JSON patches and merge patches of single documents."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kubelogic.apiserver.patches.errors import PatchError
from kubelogic.apiserver.patches.plain import json_patch, merge_patch
from kubelogic.apiserver.patches.strategic import strategic_merge


def pod(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}


def named(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": name, **more} for name in names]


def strategic(spec: dict[str, Any], change: dict[str, Any]) -> Any:
    document, patch = pod(**spec), {"spec": change}
    before = copy.deepcopy((document, patch))
    result = strategic_merge(document, patch)
    assert (document, patch) == before, "arguments are left alone"
    return result["spec"]


@pytest.mark.parametrize(
    ("spec", "change", "result"),
    [
        pytest.param(
            {"containers": [{"name": "a", "image": "x:1", "tty": True}, {"name": "b", "image": "y:1"}]},
            {"containers": [{"name": "a", "image": "x:2"}]},
            {"containers": [{"name": "a", "image": "x:2", "tty": True}, {"name": "b", "image": "y:1"}]},
            id="a container is found by its name",
        ),
        pytest.param(
            {"containers": named("a")},
            {"containers": named("b")},
            {"containers": named("b", "a")},
            id="new items come first where no order is said",
        ),
        pytest.param(
            {"containers": named("a", "b")},
            {"containers": [{"name": "a", "$patch": "delete"}]},
            {"containers": named("b")},
            id="an item is deleted",
        ),
        pytest.param(
            {"containers": named("a", "b")},
            {"containers": [{"$patch": "replace"}, {"name": "c"}]},
            {"containers": named("c")},
            id="a list is replaced",
        ),
        pytest.param(
            {"containers": named("a", "b", "c")},
            {"$setElementOrder/containers": named("c", "a"), "containers": [{"name": "a", "image": "x"}]},
            {"containers": [{"name": "b"}, {"name": "c"}, {"name": "a", "image": "x"}]},
            id="an order moves what it names; the others keep their place before what follows them",
        ),
        pytest.param(
            {"containers": named("a", "b")},
            {"$setElementOrder/containers": named("b", "a")},
            {"containers": named("b", "a")},
            id="an order alone",
        ),
        pytest.param(
            {"tolerations": [{"key": "a"}, {"key": "b"}]},
            {"tolerations": [{"key": "c"}]},
            {"tolerations": [{"key": "c"}]},
            id="tolerations are replaced",
        ),
        pytest.param(
            {"nodeSelector": {"a": "1", "b": "2"}},
            {"nodeSelector": {"a": None, "c": "3"}},
            {"nodeSelector": {"b": "2", "c": "3"}},
            id="mappings are joined and null removes",
        ),
        pytest.param(
            {"nodeSelector": {"a": "1"}},
            {"nodeSelector": {"$patch": "replace", "c": "3"}},
            {"nodeSelector": {"c": "3"}},
            id="a mapping is replaced",
        ),
        pytest.param(
            {"nodeSelector": {"a": "1"}}, {"nodeSelector": {"$patch": "delete"}}, {"nodeSelector": {}}, id="or emptied"
        ),
        pytest.param(
            {"volumes": [{"name": "v", "emptyDir": {}}]},
            {"volumes": [{"name": "v", "hostPath": {"path": "/x"}, "$retainKeys": ["name", "hostPath"]}]},
            {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]},
            id="fields that are not retained go",
        ),
        pytest.param(
            {"volumes": [{"name": "v", "emptyDir": {}}]},
            {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]},
            {"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/x"}}]},
            id="without retained keys both sources stay (and validation refuses them)",
        ),
        pytest.param(
            {"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]},
            {"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "web"}, {"containerPort": 81}]}]},
            {
                "containers": [
                    {
                        "name": "a",
                        "ports": [{"containerPort": 80, "protocol": "TCP", "name": "web"}, {"containerPort": 81}],
                    }
                ]
            },
            id="lists inside of items merge by their own key",
        ),
        pytest.param(
            {"containers": [{"name": "a", "env": named("x", value="1")}]},
            {"containers": [{"name": "a", "env": [{"name": "x", "value": None, "valueFrom": {"k": 1}}]}]},
            {"containers": [{"name": "a", "env": [{"name": "x", "valueFrom": {"k": 1}}]}]},
            id="env by name",
        ),
        pytest.param(
            {}, {"containers": [{"name": "a", "image": None}]}, {"containers": named("a")}, id="nulls of new things go"
        ),
        pytest.param({"priority": 1}, {"priority": None}, {}, id="null removes a value"),
    ],
)
def test_strategic_merge_of_a_pod(spec: dict[str, Any], change: dict[str, Any], result: dict[str, Any]) -> None:
    assert strategic(spec, change) == result


def test_plain_values_of_merging_lists_are_added_deleted_and_ordered() -> None:
    document = {**pod(), "metadata": {"name": "a", "finalizers": ["x/a", "x/b"]}}
    add = strategic_merge(document, {"metadata": {"finalizers": ["x/c", "x/a"]}})
    assert add["metadata"]["finalizers"] == ["x/c", "x/a", "x/b"]
    gone = strategic_merge(document, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["x/a"]}})
    assert gone["metadata"]["finalizers"] == ["x/b"]
    both = {
        "$deleteFromPrimitiveList/finalizers": ["x/a"],
        "$setElementOrder/finalizers": ["x/d", "x/b"],
        "finalizers": ["x/d"],
    }
    assert strategic_merge(document, {"metadata": both})["metadata"]["finalizers"] == ["x/d", "x/b"]


def test_conditions_merge_by_type_and_ports_of_a_service_by_port() -> None:
    node = {"apiVersion": "v1", "kind": "Node", "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    result = strategic_merge(node, {"status": {"conditions": [{"type": "Ready", "status": "False"}]}})
    assert result["status"]["conditions"] == [{"type": "Ready", "status": "False"}]
    service = {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80, "nodePort": 30080}]}}
    result = strategic_merge(service, {"spec": {"ports": [{"port": 80, "targetPort": 8080}]}})
    assert result["spec"]["ports"] == [{"port": 80, "nodePort": 30080, "targetPort": 8080}]


def test_a_deployments_strategy_retains_what_is_named() -> None:
    old = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}
    document = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"strategy": old}}
    change = {"spec": {"strategy": {"type": "Recreate", "$retainKeys": ["type"]}}}
    assert strategic_merge(document, change)["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize(
    ("change", "message", "status"),
    [
        ({"containers": [{"image": "x"}]}, "does not contain declared merge key: name", 400),
        ({"nodeSelector": {"$patch": "merge"}}, "Unknown patch type: merge", 400),
        ({"containers": [{"name": "a", "$patch": "merge"}]}, "merging lists cannot yet be specified", 400),
        (
            {"$setElementOrder/containers": named("b"), "containers": named("a")},
            "doesn't match $setElementOrder/containers",
            400,
        ),
        ({"volumes": [{"name": "v", "emptyDir": {}, "$retainKeys": ["name"]}]}, "in its $retainKeys", 400),
    ],
)
def test_malformed_strategic_patches_say_what_is_wrong(change: dict[str, Any], message: str, status: int) -> None:
    spec = {"containers": named("a"), "nodeSelector": {"a": "1"}, "volumes": [{"name": "v", "emptyDir": {}}]}
    with pytest.raises(PatchError) as raised:
        strategic(spec, change)
    assert message in raised.value.message
    assert raised.value.status == status


def test_custom_kinds_have_no_strategic_merge() -> None:
    with pytest.raises(PatchError) as raised:
        strategic_merge({"apiVersion": "example.com/v1", "kind": "Light"}, {"spec": {}})
    assert raised.value.status == 415


@pytest.mark.parametrize(
    ("operations", "result"),
    [
        ([{"op": "add", "path": "/spec/x", "value": 1}], {"spec": {"l": [1, 2], "x": 1}}),
        ([{"op": "add", "path": "/spec/l/-", "value": 3}], {"spec": {"l": [1, 2, 3]}}),
        ([{"op": "remove", "path": "/spec/l/0"}], {"spec": {"l": [2]}}),
        ([{"op": "test", "path": "/spec/l/0", "value": 1}, {"op": "remove", "path": "/spec"}], {}),
    ],
)
def test_json_patches(operations: list[dict[str, Any]], result: dict[str, Any]) -> None:
    document = {"spec": {"l": [1, 2]}}
    assert json_patch(document, operations) == result
    assert document == {"spec": {"l": [1, 2]}}


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ([{"op": "remove", "path": "/spec/none"}], 422),
        ([{"op": "test", "path": "/spec/a", "value": 2}], 422),
        ([{"op": "add", "path": "/other/a", "value": 2}], 422),
        ([{"op": "add", "path": "spec", "value": 2}], 422),
        ([{"op": "replace", "path": "/spec/l/7", "value": 2}], 422),
        ([{"op": "replace", "path": "/spec/a/b", "value": 2}], 422),
        ([{"op": "copy", "from": "/spec/a"}], 400),
        ([{"op": "copy", "path": "/spec/a"}], 400),
        ([{"op": "add", "path": 5, "value": 2}], 400),
        ([{"op": 5, "path": "/spec/a"}], 400),
        ([{"op": ["add"], "path": "/spec/a"}], 400),
        ([{"path": "/spec/a"}], 400),
        ([{"op": "grow", "path": "/spec/a"}], 400),
        ([{"op": "add", "path": "/spec/a"}], 400),
        ({"op": "add"}, 400),
        (["add"], 400),
        ([{"op": "replace", "path": "", "value": 3}], 422),
    ],
)
def test_json_patches_that_fail(operations: Any, status: int) -> None:
    with pytest.raises(PatchError) as raised:
        json_patch({"spec": {"a": 1}}, operations)
    assert raised.value.status == status


def test_a_json_patch_that_fails_names_the_operation_and_not_the_document() -> None:
    document = {"spec": {"a": 1}, "kept": "secret"}
    add, test = {"op": "add", "path": "/spec/b", "value": 2}, {"op": "test", "path": "/spec/c", "value": 3}
    for second, told in (
        (test, "operation 1 (test /spec/c)"),
        ({"op": "move", "from": "/x", "path": "/y"}, "/x to /y"),
    ):
        with pytest.raises(PatchError) as raised:
            json_patch(document, [add, second])
        assert told in raised.value.message
        assert "secret" not in raised.value.message
    assert document == {"spec": {"a": 1}, "kept": "secret"}


def test_merge_patches_replace_lists() -> None:
    spec = {"containers": named("a", "b"), "priority": 3}
    assert merge_patch(pod(**spec), {"spec": {"containers": named("c"), "priority": None}})["spec"] == {
        "containers": named("c")
    }
