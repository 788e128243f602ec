"""What a claim is told that it has: allocation results in the form that the API stores.

Source: k8s.io/dynamic-resource-allocation 1.36, structured: Allocate (results, configuration) and createNodeSelector.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubelogic.placement.devices.model import Granted

Document = Mapping[str, Any]


def allocation(
    granted: Granted, node: str, spec: Document, classes: Mapping[str, Document], *, shares: Sequence[str] = ()
) -> dict[str, Any]:
    """``status.allocation`` of a claim, without the time.

    Args:
        granted: what the claim got.
        node: where its pod goes.
        spec: ``spec.devices`` of the claim.
        classes: the specs of the device classes by name.
        shares: the ids of parts of devices, one for each that is shared.
    """
    ids = iter(shares)
    asked = {request["name"]: request for request in spec.get("requests") or ()}
    results = []
    for each in granted.devices:
        result: dict[str, Any] = {
            "request": each.request,
            "driver": each.driver,
            "pool": each.pool,
            "device": each.device,
        }
        if each.admin:
            result["adminAccess"] = True
        if tolerations := _asked(asked, each.request).get("tolerations"):
            result["tolerations"] = list(tolerations)
        if each.shared:
            result["shareID"] = next(ids, "")
        if each.consumed:
            result["consumedCapacity"] = {name: amount.text for name, amount in sorted(each.consumed.items())}
        if each.conditions:
            result["bindingConditions"] = list(each.conditions)
        if each.failures:
            result["bindingFailureConditions"] = list(each.failures)
        results.append(result)
    devices: dict[str, Any] = {"results": results}
    if config := list(_configuration(granted, spec, classes)):
        devices["config"] = config
    found: dict[str, Any] = {"devices": devices}
    if (selector := _selector(granted, node)) is not None:
        found["nodeSelector"] = selector
    return found


def _asked(requests: Mapping[str, Document], name: str) -> Document:
    first, _, second = name.partition("/")
    request = requests.get(first, {})
    if second:
        return next((each for each in request.get("firstAvailable") or () if each["name"] == second), {})
    return request.get("exactly") or {}


def _configuration(granted: Granted, spec: Document, classes: Mapping[str, Document]) -> Iterator[dict[str, Any]]:
    of_class: dict[str, list[dict[str, Any]]] = {}
    for index, request in enumerate(spec.get("requests") or ()):
        chosen, name = _chosen(granted, index, request)
        class_name = chosen.get("deviceClassName") or ""
        if class_name in of_class:
            for entry in of_class[class_name]:
                entry["requests"].append(name)
            continue
        of_class[class_name] = [
            {"source": "FromClass", "requests": [name], **_plain(config)}
            for config in classes.get(class_name, {}).get("config") or ()
        ]
    yield from (entry for entries in of_class.values() for entry in entries)
    for config in spec.get("config") or ():
        wanted = config.get("requests") or ()
        entry = {"source": "FromClaim", **({"requests": list(wanted)} if wanted else {}), **_plain(config)}
        if not wanted:
            yield entry
            continue
        for index, request in enumerate(spec.get("requests") or ()):
            if request["name"] in wanted or _chosen(granted, index, request)[1] in wanted:
                yield dict(entry)


def _chosen(granted: Granted, index: int, request: Document) -> tuple[Document, str]:
    """The alternative of a request that was taken, and its name."""
    alternatives = request.get("firstAvailable") or ()
    if not alternatives:
        return request.get("exactly") or {}, request["name"]
    chosen = alternatives[granted.chosen[index]]
    return chosen, f"{request['name']}/{chosen['name']}"


def _plain(config: Document) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key != "requests"}


def _selector(granted: Granted, node: str) -> dict[str, Any] | None:
    if granted.local:
        field = {"key": "metadata.name", "operator": "In", "values": [node]}
        return {"nodeSelectorTerms": [{"matchFields": [field]}]}
    term: dict[str, list[Any]] = {}
    for text in granted.selectors:
        for part in ("matchFields", "matchExpressions"):
            for one in ((json.loads(text).get("nodeSelectorTerms") or [{}])[0]).get(part) or ():
                if not any(_same(one, other) for other in term.get(part, ())):
                    term.setdefault(part, []).append(one)
    return {"nodeSelectorTerms": [term]} if term else None


def _same(one: Document, other: Document) -> bool:
    return (one["key"], one["operator"], set(one.get("values") or ())) == (
        other["key"],
        other["operator"],
        set(other.get("values") or ()),
    )
