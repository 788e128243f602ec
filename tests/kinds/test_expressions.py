"""CEL as kube-apiserver evaluates it in policies: what the library lacks is rewritten."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.kinds.cel_syntax import plain
from kubelogic.kinds.expressions import Failed, evaluate, wrong

OBJECT = {
    "metadata": {"name": "web", "labels": {"app": "web"}},
    "spec": {
        "replicas": 3,
        "ports": [80, 443],
        "containers": [
            {"name": "a", "image": "x:1", "resources": {"limits": {"cpu": "1"}}},
            {"name": "b", "image": "y"},
        ],
    },
}
VARIABLES: dict[str, Any] = {
    "object": OBJECT,
    "oldObject": None,
    "params": {"data": {"most": "5"}},
    "variables": {"limit": 3},
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("object.spec.replicas <= 5", True),
        ("object.spec.?replicas.orValue(1)", 3),
        ("object.?status.?ready.orValue(7)", 7),
        ("object.spec.?ports[1].orValue(9)", 443),
        ("object.metadata.labels[?'tier'].orValue('none')", "none"),
        ("object.spec.containers.all(c, c.?resources.limits.cpu.hasValue())", False),
        ("object.spec.?replicas.optMap(v, v + 1).orValue(0)", 4),
        ("object.spec.?missing.optMap(v, v + 1).orValue(0)", 0),
        ("object.spec.containers.exists(c, c.name in ['a'])", True),
        ("object.spec.containers.map(c, c.name).join('+')", "a+b"),
        ("cel.bind(n, object.spec.replicas, n * n)", 9),
        ("Object{spec: Object.spec{replicas: object.spec.replicas + 1}}", {"spec": {"replicas": 4}}),
        (
            "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: 'x'}]",
            [{"op": "add", "path": "/metadata/labels/a~1b", "value": "x"}],
        ),
        ("{'a': 1, ?'b': optional.none(), ?'c': optional.of(3)}", {"a": 1, "c": 3}),
        ("[?optional.none(), 3, ?optional.of(4)]", [3, 4]),
        ("'%s has %d'.format(['web', 3])", "web has 3"),
        ("[1, 2, 3].sum()", 6),
        ("oldObject == null || object.spec.replicas >= oldObject.spec.replicas", True),
        ("int(params.data.most) > variables.limit", True),
        ("quantity('1Gi').isGreaterThan(quantity('1Mi'))", True),
        ("has(object.metadata.labels) && 'app' in object.metadata.labels", True),
        ("false && object.nothing", False),
        ("// a note\nobject.spec.replicas == 3 ? 'three' : 'more'", "three"),
    ],
)
def test_what_expressions_come_to(expression: str, value: Any) -> None:
    assert evaluate(expression, VARIABLES) == value


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("object.spec.missing > 1", "no such key: missing"),
        ("1 / 0 > 1", "division by zero"),
        ("object.spec.replicas + 'a' == 'b'", "no such overload"),
        ("authorizer.group('').resource('pods').check('get').allowed()", "undeclared reference to 'authorizer'"),
        ("object.spec.(", "compilation error: Syntax error: missing ')'"),
    ],
)
def test_what_cannot_be_evaluated_says_why(expression: str, why: str) -> None:
    assert evaluate(expression, VARIABLES) == Failed(why=why)


@pytest.mark.parametrize("expression", ["object.(", "'open", "a[", "Object{1: 2}", "{'a' 1}", "a b", "§", ")", "}", ""])
def test_what_is_no_expression_is_told(expression: str) -> None:
    assert wrong(expression)


def test_texts_are_left_alone() -> None:
    assert plain("'a.?b in [?c] Object{' + r'\\d'") == "'a.?b in [?c] Object{'+r'\\d'"


@pytest.mark.parametrize(("depth", "items", "ends"), [(2, 60, True), (3, 60, True), (4, 60, False), (2, 2_000, False)])
def test_loops_in_loops_end_at_the_budget(depth: int, items: int, ends: bool) -> None:
    expression = "true"
    for level in range(depth):
        expression = f"object.items.all(x{level}, {expression})"
    found = evaluate(expression, {"object": {"items": list(range(items))}})
    assert found == (True if ends else Failed(why="operation cancelled: actual cost limit exceeded"))
