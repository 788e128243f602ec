"""What is told of devices: of pods that have some, of claims that have theirs elsewhere, of constraints, of errors."""

from __future__ import annotations

from kubelogic.api import explain, load
from tests.explain.small import Document, node, pod, spec
from tests.explain.test_device_repairs import DRIVER, claim, device_class, gpu, slice_of, template, wants

OWN = {"name": "g", "resourceClaimTemplateName": "one"}
ALONE = pod("one", spec(resourceClaims=[OWN]))


def _numbered(name: str, numa: int) -> Document:
    return {"name": name, "attributes": {"numa": {"int": numa}}}


def test_a_placed_pod_is_explained_as_it_was_before_its_claim_had_devices() -> None:
    documents = [node("n1"), node("n2"), device_class("gpu"), slice_of("n1", gpu("g0")), template(wants()), ALONE]
    found = explain(load(documents), "default/one")
    assert (found.node, found.feasible) == ("n1", ("n1",))
    assert [each.detail for each in found.blockers] == ["default/one: n2: request r (1 of gpu): there is no device"]


def test_devices_of_a_claim_that_others_use_stay_where_they_are() -> None:
    used = pod("first", spec(resourceClaims=[{"name": "g", "resourceClaimName": "both"}]))
    documents = [
        *(node("n1"), node("n2"), device_class("gpu"), slice_of("n1", gpu("g0")), slice_of("n2", gpu("g0"))),
        *(claim("both", wants()), used, {**used, "metadata": {**used["metadata"], "name": "second"}}),
    ]
    found = explain(load(documents), "default/second")
    other = {"n1": "n2", "n2": "n1"}[found.node]
    assert found.feasible == (found.node,)
    assert [each.detail for each in found.blockers] == [
        f"default/second: the devices of default/both are of {found.node} and cannot be used on {other}"
    ]


def test_an_extended_resource_of_a_placed_pod_is_not_in_its_own_way() -> None:
    of_class = device_class("gpu")
    of_class["spec"]["extendedResourceName"] = "example.com/gpu"
    container = {"name": "app", "image": "a:1", "resources": {"limits": {"example.com/gpu": "1"}}}
    alone = pod("one", {"containers": [container]})
    documents = [node("n1"), node("n2"), of_class, slice_of("n1", gpu("g0")), alone]
    found = explain(load(documents), "default/one")
    assert found.feasible == ("n1",)
    assert [each.node for each in found.blockers] == ["n2"]


def test_a_constraint_that_no_choice_keeps_is_told_with_the_values() -> None:
    together = {**wants(count=2), "constraints": [{"matchAttribute": f"{DRIVER}/numa"}]}
    devices = _numbered("g0", 0), _numbered("g1", 1)
    documents = [node("n1"), device_class("gpu"), slice_of("n1", *devices), template(together), ALONE]
    (blocker,) = explain(load(documents), "default/one").blockers
    assert blocker.detail.endswith(
        f"the {DRIVER}/numa of devices for r is not of one value in any choice (g0: 0, g1: 1)"
    )
    (without,) = explain(load([*documents[:3], template(wants(count=3)), ALONE]), "default/one").blockers
    assert "numa" not in without.detail


def test_an_error_of_the_search_is_told_in_the_words_of_the_scheduler() -> None:
    wanted = wants(selectors=[{"cel": {"expression": f"device.attributes['{DRIVER}'].size == 'big'"}}])
    documents = [node("n1"), device_class("gpu"), slice_of("n1", gpu("g0")), template(wanted), ALONE]
    assert explain(load(documents), "default/one").message == (
        'running "DynamicResources" filter plugin: claim default/one-g: '
        "selector #0: CEL runtime error: no such key: size"
    )


def test_without_slices_there_is_no_device_anywhere() -> None:
    (blocker,) = explain(load([node("n1"), device_class("gpu"), template(wants()), ALONE]), "default/one").blockers
    assert blocker.detail.endswith("there is no device, as there is no ResourceSlice")


def test_a_conflict_about_an_extended_resource_knows_of_the_devices_that_stand_for_it() -> None:
    of_class = device_class("gpu")
    of_class["spec"]["extendedResourceName"] = "example.com/gpu"
    container = {"name": "app", "image": "a:1", "resources": {"limits": {"example.com/gpu": "2"}}}
    documents = [node("n1"), of_class, slice_of("n1", gpu("g0")), pod("one", {"containers": [container]})]
    texts = [each.text for each in explain(load(documents), "default/one").conflict]
    assert "n1 has no example.com/gpu, and too few devices of the class gpu stand for it" in texts


def test_a_search_that_ends_with_an_error_once_all_devices_are_free_is_a_no() -> None:
    """Some devices are in use, so nobody looks at the others; with all of them a constraint cannot be kept."""
    together = {**wants(allocationMode="All"), "constraints": [{"matchAttribute": f"{DRIVER}/numa"}]}
    devices = _numbered("g0", 0), _numbered("g1", 1)
    used = pod("first", spec(resourceClaims=[{"name": "g", "resourceClaimName": "used"}]))
    documents = [node("n1"), device_class("gpu"), slice_of("n1", *devices), claim("used", wants()), used]
    found = explain(load([*documents, template(together), ALONE]), "default/one")
    assert [(each.node, each.predicate) for each in found.blockers] == [("n1", "lacks_devices")]
