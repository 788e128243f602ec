"""Repairs of pods that wait for devices: what is offered was tried, in small clusters each with one thing wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kubelogic.api import explain, load
from tests.explain.small import Document, node, pod, spec, workload

DRIVER = "gpu.example.com"
API = "resource.k8s.io/v1"


def gpu(name: str, *, model: str = "a100", memory: str = "40Gi", **more: Any) -> Document:
    return {"name": name, "attributes": {"model": {"string": model}}, "capacity": {"memory": {"value": memory}}, **more}


def slice_of(name: str, *devices: Document) -> Document:
    pool = {"name": name, "generation": 1, "resourceSliceCount": 1}
    return {
        "apiVersion": API,
        "kind": "ResourceSlice",
        "metadata": {"name": f"slice-{name}"},
        "spec": {"driver": DRIVER, "nodeName": name, "pool": pool, "devices": list(devices)},
    }


def device_class(name: str, model: str = "") -> Document:
    expression = f'device.driver == "{DRIVER}"'
    if model:
        expression = f'device.attributes["{DRIVER}"].model == "{model}"'
    return {
        "apiVersion": API,
        "kind": "DeviceClass",
        "metadata": {"name": name},
        "spec": {"selectors": [{"cel": {"expression": expression}}]},
    }


def wants(name: str = "gpu", **more: Any) -> Document:
    return {"requests": [{"name": "r", "exactly": {"deviceClassName": name, **more}}]}


def template(devices: Document) -> Document:
    meta = {"name": "one", "namespace": "default"}
    return {
        "apiVersion": API,
        "kind": "ResourceClaimTemplate",
        "metadata": meta,
        "spec": {"spec": {"devices": devices}},
    }


def claim(name: str, devices: Document, **more: Any) -> Document:
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    return {"apiVersion": API, "kind": "ResourceClaim", "metadata": meta, "spec": {"devices": devices}, **more}


def held(device: str, *pods: str) -> Document:
    result = {"request": "r", "driver": DRIVER, "pool": "n1", "device": device}
    users = [{"resource": "pods", "name": name, "uid": f"uid-{name}"} for name in pods]
    return {"status": {"allocation": {"devices": {"results": [result]}}, **({"reservedFor": users} if users else {})}}


def selects(expression: str) -> Document:
    return {"selectors": [{"cel": {"expression": expression}}]}


def model_is(model: str) -> Document:
    return selects(f'device.attributes["{DRIVER}"].model == "{model}"')


def with_template() -> Document:
    return spec("1", resourceClaims=[{"name": "g", "resourceClaimTemplateName": "one"}])


def summaries(*documents: Document, about: str = "deploy/web") -> list[str]:
    return [each.summary for each in explain(load(list(documents)), about).repairs]


WEB = workload("Deployment", "web", with_template())


@pytest.mark.parametrize(
    ("documents", "wanted"),
    [
        pytest.param(
            [slice_of("n1", gpu("g0")), template(wants(**model_is("h100")))],
            "ask for model a100 instead of h100 (request r of claim g): with a claim template one-2",
            id="another model",
        ),
        pytest.param(
            [slice_of("n1", gpu("g0"), gpu("g1")), template(wants(count=4))],
            "ask for count 2 instead of 4 (request r of claim g): with a claim template one-2",
            id="fewer devices",
        ),
        pytest.param(
            [device_class("gpu-b", "b200"), slice_of("n1", gpu("g0", model="a100")), template(wants("gpu-b"))],
            "ask for gpu (request r of claim g): with a claim template one-2",
            id="another class",
        ),
        pytest.param(
            [
                slice_of("n1", gpu("g0", memory="40Gi")),
                template(
                    wants(**selects(f'device.capacity["{DRIVER}"].memory.compareTo(quantity("80Gi")) >= 0')),
                ),
            ],
            "ask for 40Gi of memory instead of 80Gi (request r of claim g): with a claim template one-2",
            id="less memory",
        ),
        pytest.param(
            [
                slice_of("n1", gpu("g0", taints=[{"key": "sick", "value": "yes", "effect": "NoSchedule"}])),
                template(wants()),
            ],
            "tolerate the taint sick=yes:NoSchedule of devices (request r of claim g): with a claim template one-2",
            id="a taint of devices",
        ),
        pytest.param(
            [
                slice_of("n1", gpu("g0", model="a100"), gpu("g1", model="b200")),
                template({**wants(count=2), "constraints": [{"matchAttribute": f"{DRIVER}/model"}]}),
            ],
            f"do without devices of the same {DRIVER}/model (claim g): with a claim template one-2",
            id="a constraint",
        ),
        pytest.param(
            [slice_of("n1", gpu("g0"), gpu("g1")), claim("old", wants(), **held("g0")), template(wants(count=2))],
            "free the claim default/old, which has devices and no pod (delete it)",
            id="a claim of nobody",
        ),
        pytest.param(
            [
                slice_of("n1", gpu("g0"), gpu("g1")),
                claim("old", wants(), **held("g0")),
                template(wants(allocationMode="All")),
            ],
            "ask for one device instead of all (request r of claim g): with a claim template one-2",
            id="all of them",
        ),
    ],
)
def test_what_is_wrong_with_the_claim_is_offered_to_be_mended(documents: list[Document], wanted: str) -> None:
    assert wanted in summaries(node("n1"), device_class("gpu"), *documents, WEB)


def test_a_pod_that_uses_the_device_may_go_and_a_node_with_devices_come() -> None:
    user = pod("user", spec("1", resourceClaims=[{"name": "g", "resourceClaimName": "old"}]), on="n1", uid="uid-user")
    found = summaries(
        node("n1"),
        device_class("gpu"),
        slice_of("n1", gpu("g0")),
        claim("old", wants(), **held("g0", "user")),
        user,
        template(wants()),
        WEB,
    )
    assert "free the claim default/old: delete pod default/user, which uses it" in found
    assert "add a node like n1, with devices like its own" in found


def test_a_claim_that_a_pod_names_is_made_anew() -> None:
    bare = pod("p", spec("1", resourceClaims=[{"name": "g", "resourceClaimName": "mine"}]))
    found = summaries(
        node("n1"),
        device_class("gpu"),
        slice_of("n1", gpu("g0")),
        claim("mine", wants(count=2)),
        bare,
        about="pod/p",
    )
    assert found[0] == (
        "ask for count 1 instead of 2 (request r of claim g): delete the claim default/mine and make it anew"
    )


def test_nothing_is_offered_that_does_not_help() -> None:
    found = summaries(node("n1"), device_class("gpu"), slice_of("n1", gpu("g0")), template(wants(count=2)), WEB)
    assert any(each.startswith("ask for count 1") for each in found)
    assert not any("model" in each or "taint" in each or "node like" in each or "free" in each for each in found)


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        ("h100", "let the DeviceClass gpu ask for model a100 instead of h100"),
        ('a100" || device.driver != "other', ""),
    ],
)
def test_the_selector_of_a_class_that_nothing_passes_is_offered_to_be_changed(model: str, wanted: str) -> None:
    found = summaries(node("n1"), device_class("gpu", model), slice_of("n1", gpu("g0")), template(wants()), WEB)
    assert [each for each in found if "DeviceClass" in each] == [wanted] * bool(wanted)


def test_the_driver_of_a_class_is_offered_to_be_changed() -> None:
    other = device_class("gpu")
    other["spec"] = selects('device.driver == "gpu.example.org"')
    found = summaries(node("n1"), other, slice_of("n1", gpu("g0")), template(wants()), WEB)
    assert f"let the DeviceClass gpu ask for the driver {DRIVER} instead of gpu.example.org" in found


@pytest.mark.parametrize(
    ("of_class", "of_claim", "start"),
    [
        pytest.param("h100", {}, "expression: device.attributes", id="of the class"),
        pytest.param("", model_is("h100"), "expression: device.attributes", id="of the claim"),
        pytest.param("", {"count": 2}, "count: 2", id="no selector is at fault: the request"),
    ],
)
def test_the_place_is_told_of_what_no_device_passes(
    tmp_path: Path, of_class: str, of_claim: Document, start: str
) -> None:
    path = tmp_path / "dump.yaml"
    documents = [node("n1"), device_class("gpu", of_class), slice_of("n1", gpu("g0")), template(wants(**of_claim)), WEB]
    path.write_text(yaml.safe_dump_all(documents))
    (blocker,) = explain(load([path]), "deploy/web").blockers
    (written,) = blocker.places
    line = path.read_text().splitlines()[written.places[0].line - 1]
    assert start in line


def test_a_pod_alone_that_is_made_anew_does_not_meet_the_claim_of_the_one_before() -> None:
    alone = pod("one", spec(resourceClaims=[{"name": "g", "resourceClaimTemplateName": "one"}]))
    documents = [node("n1"), device_class("gpu"), slice_of("n1", gpu("g0")), template(wants(count=2)), alone]
    found = explain(load(documents), "default/one")
    assert [each.summary.partition(" (")[0] for each in found.repairs] == ["ask for count 1 instead of 2"]


@pytest.mark.parametrize("quote", ["'", '"'])
def test_selectors_are_read_in_either_quotes(quote: str) -> None:
    expression = f'device.attributes["{DRIVER}"].model == "h100"'.replace('"', quote)
    wanted = wants(selectors=[{"cel": {"expression": expression}}])
    documents = [node("n1"), device_class("gpu"), slice_of("n1", gpu("g0")), template(wanted), WEB]
    summaries = [each.summary for each in explain(load(documents), "deploy/web").repairs]
    assert any(each.startswith("ask for model a100 instead of h100") for each in summaries)
