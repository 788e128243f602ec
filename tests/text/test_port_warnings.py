"""What the API server takes with a warning: ports that are there twice in one pod, and parts of bytes."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.kinds.validation import admit

TWICE = "duplicate port definition with spec.containers[0].ports[0]"


def container(name: str, *ports: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "image": "app:1", "ports": list(ports)}


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ({"containerPort": 80}, {"containerPort": 80}, TWICE),
        ({"containerPort": 80}, {"containerPort": 80, "protocol": "TCP", "name": "web"}, TWICE),
        ({"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}, None),
        ({"containerPort": 80}, {"containerPort": 81}, None),
        ({"containerPort": 80, "hostPort": 8080}, {"containerPort": 80}, TWICE.replace("duplicate", "overlapping")),
        ({"containerPort": 80, "hostPort": 8080}, {"containerPort": 80, "hostPort": 8081}, None),
    ],
)
def test_two_containers_with_a_port(one: dict[str, Any], other: dict[str, Any], words: str | None) -> None:
    spec = {"containers": [container("a", one), container("b", other)]}
    answer = admit({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
    assert answer.problems == ()
    assert [(each.path, each.message) for each in answer.warnings] == (
        [(("spec", "containers", 1, "ports", 0), words)] if words else []
    )


def test_in_a_template_and_with_an_init_container() -> None:
    spec = {
        "initContainers": [container("first", {"containerPort": 80})],
        "containers": [container("a", {"containerPort": 80})],
    }
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    made = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
    answer = admit({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": made})
    assert [each.message for each in answer.warnings] == [
        "duplicate port definition with spec.template.spec.initContainers[0].ports[0]"
    ]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("memory", "512m", 'fractional byte value "512m" is invalid, must be an integer (m is '),
        ("ephemeral-storage", "1.5", 'fractional byte value "1500m" is invalid'),
        ("memory", "1.5Gi", ""),
        ("memory", "128", ""),
        ("cpu", "100M", "100M are 100,000,000 CPUs; m is the thousandth part of one"),
        ("cpu", "1Ki", "1Ki are 1,024 CPUs"),
        ("cpu", "100m", ""),
        ("cpu", "96", ""),
    ],
)
def test_amounts_that_nobody_means(name: str, value: str, words: str) -> None:
    amounts = {"requests": {name: value}}
    spec = {"containers": [{"name": "a", "image": "app:1", "resources": amounts}]}
    answer = admit({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
    assert answer.problems == ()
    assert [each.message.startswith(words) for each in answer.warnings] == ([True] if words else [])
    assert all(each.path[-2:] == ("requests", name) for each in answer.warnings)
