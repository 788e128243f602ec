"""What a diff says of edits: what is worse, because of which of them, and nothing where nothing is."""

from __future__ import annotations

import pickle

import pytest

from kubelogic.api import Diff, Options, diff, load, to_dict, to_text
from kubelogic.verbs.edits import edits, with_edits

NODE = (
    "{apiVersion: v1, kind: Node, metadata: {name: oak, labels: {kubernetes.io/hostname: oak, disk: fast}},"
    " spec: {taints: []}, status: {allocatable: {cpu: '4', memory: 8Gi, pods: '110'}}}"
)


def web(cpu: str = "1", replicas: int = 2, image: str = "web:1", more: str = "") -> str:
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      {more or "restartPolicy: Always"}
      containers: [{{name: app, image: '{image}', resources: {{requests: {{cpu: '{cpu}'}}}}}}]
"""


SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


def between(old: list[str], new: list[str]) -> Diff:
    before, after = (load("\n---\n".join(texts) + "\n") for texts in (old, new))
    return diff(before, after, Options(scheduler="kube"))


def causes(found: Diff) -> dict[str, list[str]]:
    return {each.what: [f"{cause.kind}.{cause.field}" for cause in each.causes] for each in found.worse}


CPU = "Deployment.spec.template.spec.containers[0].resources.requests.cpu"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param([NODE, web()], [NODE, web(image="web:2")], {}, id="another image harms nobody"),
        pytest.param([NODE, web()], [NODE, web("10", image="web:2")], {"pending": [CPU]}, id="one of two edits"),
        pytest.param(
            [NODE, web()],
            [NODE, web("1500m", 3, "web:2")],
            {"pending": ["Deployment.spec.replicas", CPU]},
            id="two that harm together only",
        ),
        pytest.param(
            [NODE, web(more="nodeSelector: {disk: fast}")],
            [NODE.replace("fast", "slow"), web(image="web:2", more="nodeSelector: {disk: fast}")],
            {"pending": ["Node.metadata.labels.disk"]},
            id="the label of a node",
        ),
        pytest.param(
            [NODE, web(), SERVICE],
            [NODE.replace("taints: []", "taints: [{key: a, effect: NoSchedule}]"), web(), SERVICE],
            {"pending": ["Node.spec.taints"], "unserved": ["Node.spec.taints"]},
            id="a taint, and who has no endpoints by it",
        ),
        pytest.param([NODE, web()], [web()], {}, id="without nodes nothing can be said"),
    ],
)
def test_what_is_worse_and_why(old: list[str], new: list[str], expected: dict[str, list[str]]) -> None:
    found = between(old, new)
    assert causes(found) == expected
    assert all(each.minimal for each in found.worse)


def test_many_edits_are_narrowed_down() -> None:
    labels = ", ".join(f"l{i}: '{i}'" for i in range(14))
    old, new = web(), web("10").replace("namespace: shop}", f"namespace: shop, labels: {{{labels}}}}}")
    assert causes(between([NODE, old], [NODE, new])) == {"pending": [CPU]}


def test_what_comes_goes_and_is_better() -> None:
    other = web().replace("web", "other")
    found = between([NODE, web("10"), other], [NODE, web()])
    assert [(each.subject, each.before, each.after) for each in found.better] == [("Deployment shop/web", 2, 0)]
    assert [(each.owner, each.before, each.after) for each in found.sizes] == [
        ("Deployment shop/other", 2, 0),
        ("Deployment shop/web", 0, 2),
    ]
    assert [(each.what, each.key) for each in found.edits] == [("goes", "shop/other"), ("changes", "shop/web")]


def test_other_nodes_are_told() -> None:
    found = between([NODE, web()], [NODE.replace("name: oak", "name: elm"), web()])
    assert [(each.owner, each.left, each.came) for each in found.places] == [
        ("Deployment shop/web", {"oak": 2}, {"elm": 2})
    ]


def test_equal_inputs_have_no_difference() -> None:
    stored = web().replace("namespace: shop}", "namespace: shop, resourceVersion: '7', generation: 3}")
    found = between([NODE, web()], [stored, NODE])
    assert (found.equal, to_text(found), to_dict(found)["edits"]) == (True, "No difference.", [])


def test_a_diff_is_a_value() -> None:
    found = between([NODE, web()], [NODE, web(image="web:2")])
    assert pickle.loads(pickle.dumps(found)) == found
    assert repr(found) == "<Diff: 1 edits, 0 worse, 0 better>"
    assert 'image: "web:1" -> "web:2"' in to_text(found)


def test_edits_lead_from_old_to_new_and_half_way_only_where_the_api_server_goes_along() -> None:
    pod = "containers: [{name: a, image: 'a:1', env: [{name: X, value: '1'}]}, {name: b, image: 'b:1'}]"
    more = "containers: [{name: b, image: 'b:2'}, {name: c, image: 'c:1'}]"
    whole = "{{apiVersion: v1, kind: Pod, metadata: {{name: p, namespace: d}}, spec: {{{}}}}}\n"
    old, new = load(whole.format(pod)), load(whole.format(more))
    made = edits(old, new)
    assert [each.field for each in made] == [
        "spec.containers[0]",
        "spec.containers[0].image",
        "spec.containers[1]",
    ]
    assert with_edits(old, new, [each.mark for each in made]) == new
    assert with_edits(old, new, []) == old
    other = (
        web()
        .replace("matchLabels: {app: web}", "matchLabels: {app: w}")
        .replace("labels: {app: web}", "labels: {app: w}")
    )
    first, second = load(web()), load(other)
    marks = [each.mark for each in edits(first, second)]
    assert with_edits(first, second, marks[:1]) is None
    assert with_edits(first, second, marks) == second
