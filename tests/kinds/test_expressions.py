"""CEL as kube-apiserver evaluates it in policies: what the library lacks is rewritten."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.kinds.cel_syntax import plain
from kubelogic.kinds.expressions import evaluate, undeclared_in, unread, wrong
from kubelogic.kinds.failed import Failed

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


@pytest.mark.parametrize(
    "expression",
    [
        "url('https://a.b:80/x?q=1').getHostname() == 'a.b'",
        "url('https://a.b:80/x?q=1').getHost() == 'a.b:80'",
        "url('https://a.b:80/x?q=1').getPort() == '80'",
        "url('https://a.b:80/x?q=1').getScheme() == 'https'",
        "url('https://a.b:80/x?q=1').getEscapedPath() == '/x'",
        "url('https://a.b:80/x?q=1').getQuery() == {'q': ['1']}",
        "isURL('https://a.b')",
        "!isURL('../x')",
        "ip('10.0.0.1').family() == 4",
        "ip('::1').isLoopback()",
        "ip('224.0.0.1').isLinkLocalMulticast()",
        "ip('169.254.1.1').isLinkLocalUnicast()",
        "ip('8.8.8.8').isGlobalUnicast()",
        "ip('0.0.0.0').isUnspecified()",
        "string(ip('10.0.0.1')) == '10.0.0.1'",
        "ip.isCanonical('127.0.0.1')",
        "cidr('10.0.0.0/8').containsIP('10.1.1.1')",
        "cidr('10.0.0.0/8').containsIP(ip('10.1.1.1'))",
        "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')",
        "cidr('10.0.0.0/8').containsCIDR(cidr('10.1.0.0/16'))",
        "cidr('10.0.0.0/8').prefixLength() == 8",
        "cidr('10.1.1.1/8').masked() == cidr('10.0.0.0/8')",
        "cidr('10.1.1.1/8').ip() == ip('10.1.1.1')",
        "format.dns1123Label().validate('a').hasValue() == false",
        "!format.named('dns1123Label').value().validate('a').hasValue()",
        "format.dns1123Subdomain().validate('A').value().size() > 0",
        "format.named('nosuch').hasValue() == false",
        "sets.contains([1,2],[1])",
        "sets.equivalent([1,1],[1])",
        "sets.intersects([1,2],[2,3])",
        "lists.range(3) == [0,1,2]",
        "[1,2,3,4].slice(1,3) == [2,3]",
        "[{'a':2},{'a':1}].sortBy(x, x.a)[0].a == 1",
        "[1,[2,[3]]].flatten(2) == [1,2,3]",
        "[1,2,1].lastIndexOf(1) == 2",
        "['a','b'].min() == 'a'",
        "[1,2].all(i, v, i < 5 && v > 0)",
        "[1,2].exists(i, v, i == 1 && v == 2)",
        "[1,2].existsOne(i, v, v == 2)",
        "{'a':1}.transformMap(k, v, v + 1)['a'] == 2",
        "[1,2].transformList(i, v, v + i) == [1,3]",
        "{'a':1}.transformMapEntry(k, v, {string(v): k}) == {'1':'a'}",
        "'abc'.matches('^a')",
        "'abc'.find('[bc]+') == 'bc'",
        "'abcb'.findAll('b', 1) == ['b']",
        "'a,b,c'.split(',', 2) == ['a','b,c']",
        "'aXbX'.replace('X','-',1) == 'a-bX'",
        "'hello'.indexOf('l',3) == 3",
        "'hello'.lastIndexOf('l',2) == 2",
        "strings.quote('a') == '\"a\"'",
        "'%s %d %.2f %x %b' .format(['a',1,1.5,255,5]) == 'a 1 1.50 ff 101'",
        "'%s'.format([[1,2]]) == '[1, 2]'",
        "timestamp('2020-01-01T00:00:00Z').getFullYear() == 2020",
        "duration('90m').getHours() == 1",
        "duration('1h').getMinutes() == 60",
        "semver('1.2.3').isLessThan(semver('1.3.0')) && isSemver('1.0.0')",
        "quantity('1Gi').isGreaterThan(quantity('1Mi')) && isQuantity('1Gi')",
        "'a' < 'b' && 1 < 2.5 && 1u < 2",
        "size('abc') == 3 && size([1]) == 1",
        "'abc'.size() == 3",
        "'ab'.startsWith('a') && 'ab'.endsWith('b')",
        "7 / 2 == 3 && -7 / 2 == -3 && 7 % 3 == 1 && -7 % 3 == -1",
        "[1,2].map(x, x > 1, x * 2) == [4]",
        "optional.none().orValue(3) == 3",
        "optional.ofNonZeroValue('').hasValue() == false",
        "[1,2][?5].hasValue() == false",
        "{'a':1}[?'b'].orValue(0) == 0",
        "optional.of(1).optMap(x, x + 1).value() == 2",
        "optional.of(1).or(optional.of(2)).value() == 1",
        "1 == 1.0 && 1 != 2.0",
        "'x' in {'x': 1}",
        "has({'a':1}.a)",
        "dyn('a') == 'a'",
        "int('12') + int(2.7) == 14",
        "int(timestamp('1970-01-01T00:00:01Z')) == 1",
        "bool('true')",
        "string(true) == 'true' && string(1) == '1' && string(1u) == '1' && string(2.0) == '2'",
        "bytes('a') == b'a'",
        "type(1) == int && type('') == string",
        "null == null",
        "0x10 == 16 && 1e3 == 1000.0",
        "object['spec']['replicas'] == 3",
        "cidr('10.0.0.0/8') != cidr('10.0.0.0/9')",
        "!isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0') && !isCIDR('10.0.0.1')",
        "!cidr('10.1.0.0/16').containsCIDR('10.0.0.0/8')",
        "{'a': 1, 'b': 2}.transformMap(k, v, v > 1, k + 'x') == {'b': 'bx'}",
        "[5, 6].transformList(i, v, i > 0, v) == [6]",
        "![1, 2].all(i, v, i < v - 1)",
        "{'a': 1}.exists(k, v, k == 'a' && v == 1)",
        "format.qualifiedName().validate('a.b/c').hasValue() == false",
        "format.labelValue().validate('-').hasValue()",
        "format.uuid().validate('x').hasValue()",
    ],
)
def test_libraries_that_kubernetes_has(expression: str) -> None:
    assert evaluate(expression, VARIABLES) is True


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("authorizer.path('/healthz').check('get').allowed()", "the authorizer"),
        ("has(object.spec) && authorizer.requestResource.check('x').allowed()", "the authorizer"),
        ("isImage('a')", "the library of images"),
        ("object.authorizer == 'authorizer'", ""),
        ("object.image", ""),
    ],
)
def test_what_is_not_modelled_is_told(expression: str, what: str) -> None:
    assert unread(expression) == what


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("foo(1)", "foo"),
        ("obj.spec.replicas > 1", "obj"),
        ("object.spec.replicas.isFoo()", "isFoo"),
        ("object.spec.all(c, d.name == 'x')", "d"),
        ("math.greatest(1, 2) == 2", "math"),
        ("object.spec.containers.all(c, c.image != '')", ""),
        ("object.spec.all(i, v, i < v)", ""),
        ("cel.bind(n, 3, n > 2)", ""),
        ("sets.contains([1], [1]) && format.named('x').hasValue()", ""),
        ("Object{spec: Object.spec{replicas: object.spec.replicas}}", ""),
        ("[JSONPatch{op: 'add', path: '/a', value: string(1)}]", ""),
        ("type(object.x) == int && object.?a.orValue(null) == null", ""),
        ("timestamp('2020-01-01T00:00:00Z').getFullYear() == 2020", ""),
        ("object.size() == size(object)", ""),
    ],
)
def test_names_that_nothing_declares(expression: str, name: str) -> None:
    assert undeclared_in(expression, {"object"}) == name
