"""Lists of endpoints that are recognised by their text come out as if each had been admitted on its own."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelogic.kinds.validation import Admitter, admit
from kubelogic.kinds.validation.own import FORMS, RULES
from tests.text.test_cached import TIME, long_list, put, read, told


def a_slice(number: int, *endpoints: Any, kind: str = "IPv4") -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"web-{number}", "namespace": "shop"},
        "addressType": kind,
        "ports": [{"port": 80}],
        "endpoints": list(endpoints),
    }


def endpoint(address: str, **more: Any) -> dict[str, Any]:
    target = {"kind": "Pod", "name": f"web-{address}", "uid": address}
    return {"addresses": [address], "conditions": {"ready": True}, "nodeName": "n1", "targetRef": target, **more}


def some_endpoints(number: int, *addresses: Any, kind: str = "addresses") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": f"web-{number}", "namespace": "shop"},
        "subsets": [{kind: list(addresses), "ports": [{"port": 80}]}],
    }


def address(ip: Any, **more: Any) -> dict[str, Any]:
    return {"ip": ip, "nodeName": "n1", "targetRef": {"kind": "Pod", "name": f"web-{ip}", "uid": str(ip)}, **more}


RIGHT = [endpoint(f"10.0.0.{number}") for number in range(1, 6)]
WRONG: list[Any] = [
    *(endpoint(each) for each in ("127.0.0.1", "169.254.1.1", "10.0.0.01", "10.0.0.256", "fd00::1", "web.example", "")),
    endpoint("10.0.0.9", nodeName="Not_a_node"),
    endpoint("10.0.0.9", nodeName=None),
    endpoint("10.0.0.9", nodeName=4),
    endpoint("10.0.0.9", zone=None),
    endpoint("10.0.0.9", hostname="h_"),
    endpoint("10.0.0.9", zoned="x"),
    endpoint("10.0.0.9", targetRef={"name": 5}),
    {**endpoint("10.0.0.9"), "addresses": []},
    {**endpoint("10.0.0.9"), "addresses": ["10.0.0.9"] * 101},
    {"addresses": None},
    None,
    "x",
]
LISTS = [
    *(a_slice(number, *RIGHT[number:]) for number in range(5)),
    *(a_slice(9, *RIGHT[:2], each, *RIGHT[2:]) for each in WRONG),
    *(a_slice(9, *RIGHT, kind=kind) for kind in ("IPv6", "FQDN", "IPv5")),
    a_slice(9),
    a_slice(9, *RIGHT * 201),
    {**a_slice(9), "endpoints": "x"},
    {**a_slice(9), "addressType": []},
    *(some_endpoints(number, *(address(each["addresses"][0]) for each in RIGHT[number:])) for number in range(5)),
    *(some_endpoints(9, address("10.0.0.1"), each) for each in (None, "x", {}, address("127.0.0.1"), address(None))),
    *(some_endpoints(9, address("10.0.0.1"), address("10.0.0.2", hostname=each)) for each in ("a", "a_", None)),
    some_endpoints(9, address("10.0.0.1"), address("10.0.0.2"), kind="notReadyAddresses"),
    some_endpoints(9, address("10.0.0.1"), address("10.0.0.2"), kind="addreses"),
    {**some_endpoints(9), "subsets": [None, {"addresses": None}]},
    {**some_endpoints(9), "subsets": {"a": 1}},
]


@given(st.permutations(LISTS))
@settings(max_examples=20)
def test_lists_of_endpoints_are_equal_to_those_admitted_alone(lists: list[Any]) -> None:
    admitter = Admitter()
    for each in lists:
        before = copy.deepcopy(each)
        assert admitter.admit(each) == admit(each)
        assert each == before


@pytest.mark.parametrize("rule", FORMS)
@given(data=st.data())
def test_expressions_of_own_strings_take_nothing_that_the_rules_refuse(rule: str, data: st.DataObject) -> None:
    octet = st.sampled_from(["0", "00", "01", "9", "10", "99", "127", "169", "199", "224", "249", "255", "256", "1000"])
    texts = st.lists(octet, min_size=3, max_size=5).map(".".join) | st.text("ab-.0_A\\ \x1f~\x7fé", max_size=8)
    value = data.draw(texts | st.integers(60, 66).map("a".__mul__))
    fits = re.fullmatch(FORMS[rule] + b'"', value.encode() + b'"') is not None
    plain = value.isascii() and value.isprintable() and "\\" not in value
    assert fits == bool(plain and RULES[rule][0](value))


@pytest.mark.parametrize("kind", ["addresses", "notReadyAddresses", "endpoints"])
@pytest.mark.parametrize("odd", [None, *range(len(WRONG))])
def test_an_odd_entry_among_many_is_told_as_if_admitted_alone(kind: str, odd: int | None) -> None:
    """Lists are recognised as a whole once their entries are known: what is odd hides at each end, and within."""
    entry = endpoint if kind == "endpoints" else address
    many = [entry(f"10.0.{number}.9", nodeName=f"n{number % 3}") for number in range(20)]
    admitter = Admitter()
    for place in (None, None, 0, 10, 20):
        entries = many if place is None or odd is None else [*many[:place], WRONG[odd], *many[place:]]
        document = a_slice(1, *entries) if kind == "endpoints" else some_endpoints(1, *entries, kind=kind)
        assert admitter.admit(document) == admit(document)
    assert admitter._used[document["kind"]] >= len(many) - 1


def test_entries_of_more_forms_than_are_tried_at_once() -> None:
    admitter = Admitter()
    entries = [endpoint(f"10.0.0.{number}", zone=f"z{number % 40}") for number in range(1, 200)]
    for each in (entries, entries[::-1], [*entries, WRONG[0]]):
        assert admitter.admit(a_slice(1, *each)) == admit(a_slice(1, *each))


def around(number: int, listing: dict[str, Any]) -> dict[str, Any]:
    """A list of endpoints as a cluster prints it, with what differs from one to the next."""
    metadata = {
        "name": f"web-{number}",
        "generateName": f"web{number}-",
        "namespace": "shop",
        "uid": f"uid-{number}",
        "resourceVersion": str(number),
        "creationTimestamp": TIME,
        "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": f"2026-01-01T00:00:{number % 60:02}Z"},
        "labels": {"kubernetes.io/service-name": f"web{number}", "app": f"App_{number}"},
        "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": f"web{number}", "uid": f"s-{number}"}],
    }
    return {**listing, "metadata": metadata}


def many_listings() -> list[dict[str, Any]]:
    """Each list of endpoints that may be wrong among others that are right, and what may be wrong around one."""
    entries = [endpoint(f"10.0.1.{number}", nodeName=f"n{number % 3}") for number in range(5)]
    addresses = [address(f"10.0.1.{number}", nodeName=f"n{number % 3}") for number in range(5)]
    right = [a_slice(0, *entries), some_endpoints(0, *addresses), a_slice(0, *entries, entries[0], kind="IPv4")]
    both = {**some_endpoints(0, *addresses), "subsets": [{"addresses": addresses, "notReadyAddresses": addresses[:2]}]}
    listings = [*right * 3, both, both, *LISTS, *right, both]
    listings += [dict(reversed(each.items())) for each in (*right * 2, *LISTS)]
    objects = [around(number, listing) for number, listing in enumerate(listings)]
    for path, value in [
        (("metadata", "name"), "Bad_name"),
        (("metadata", "uid"), None),
        (("metadata", "generateName"), "-"),
        (("metadata", "creationTimestamp"), "then"),
        (("metadata", "labels", "app"), "no label"),
        (("metadata", "labels", "app"), None),
        (("metadata", "labels", "more"), "x"),
        (("metadata", "ownerReferences", 0, "uid"), ""),
        (("metadata", "ownerReferences", 0, "name"), "Any Name"),
        (("metadata", "annotations"), None),
        (("ports",), [{"port": 99999999}]),
    ]:
        objects += [put(around(len(objects) + place, each), path, value) for place, each in enumerate(right)]
    return objects


@pytest.mark.parametrize("indent", [None, 4])
def test_listings_of_a_long_list_are_those_of_as_many_files(indent: int | None) -> None:
    objects = many_listings()
    separators = (",", ":") if indent is None else None
    expected = read(*(json.dumps(each).encode() for each in objects))
    found = read(json.dumps(json.loads(long_list(objects)), indent=indent, separators=separators).encode())
    assert told(found) == told(expected)
    documents = {str(obj): obj.document for obj in expected.objects}
    assert {str(obj): obj.document for obj in found.objects if obj.kind != "ConfigMap"} == documents


def test_most_lists_of_endpoints_are_not_checked_one_by_one() -> None:
    entries = [endpoint(f"10.0.1.{number}", nodeName=f"n{number % 3}") for number in range(20)]
    admitter, recalled = Admitter(namespace="shop"), 0
    for number in range(1, 30):
        document = around(number, a_slice(0, *entries[number % 7 :]))
        text = json.dumps(document, indent=2).encode()
        stored = admitter.recall(text, 0, len(text))
        recalled += stored is not None
        assert (stored or admitter.admit(document, text).document) == admit(document, namespace="shop").document
    assert recalled == 28


def test_what_comes_after_a_list_may_say_that_it_is_of_another_kind() -> None:
    """Addresses that were right in a list of one kind are not taken in one of another kind that begins alike."""
    admitter = Admitter(namespace="shop")
    entries = [endpoint(f"10.0.1.{number}") for number in range(3)]
    six = [endpoint(f"fd00::{number}") for number in range(3)]
    for kind, those in [("IPv4", entries), ("IPv6", six), ("IPv4", entries), ("IPv6", entries), ("FQDN", entries)] * 2:
        whole = around(1, a_slice(1, *those, kind=kind))
        document = {"endpoints": whole.pop("endpoints"), **whole}
        text = json.dumps(document).encode()
        stored = admitter.recall(text, 0, len(text))
        admission = admitter.admit(document, text)
        assert admission == admit(document, namespace="shop")
        assert stored is None or (not admission.problems and stored == admission.document)
