"""Devices and claims of the placement problem, from documents that the facts hold and what rules say of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from kubelogic.kinds import quantity
from kubelogic.logic import Row
from kubelogic.placement.devices.model import (
    Allocated,
    Amount,
    Capacity,
    Claim,
    Constraint,
    Container,
    Counters,
    Device,
    Devices,
    Request,
    Selector,
    Slice,
    Taint,
    Toleration,
)
from kubelogic.placement.problem import Pod
from kubelogic.reconcile.problem_reads import Relations, number, text

_MICRO = 10**6
_LOOK = ("attributes", "capacity", "allowMultipleAllocations")

Document = Mapping[str, Any]


class DeviceReader:
    """Makes the devices of a problem from relations."""

    def __init__(self, relations: Relations, nodes_of: Callable[[str], frozenset[str]], nodes: frozenset[str]) -> None:
        """Read what there is.

        Args:
            relations: derived, for at least ``GOALS``.
            nodes_of: the nodes of a node class.
            nodes: all of them.
        """
        self._relations, self._nodes_of, self._nodes = relations, nodes_of, nodes
        self._looks: dict[str, tuple[str, Document]] = {}
        self._expressions: tuple[str, ...] = ()
        self._read: dict[str, bool] = {}
        self._classes = {text(name): _decoded(text(document)) for name, document, _ in relations.rows("device_class")}
        self._awaited = {text(row[0]) for row in relations.rows("claim_awaited")}

    def devices(self) -> Devices | None:
        """All that is known of devices; None where nobody asks for any and none is there."""
        relations = self._relations
        if not (relations.rows("device_slice") or relations.rows("device_claim") or relations.rows("device_class")):
            return None
        claims = tuple(self._claims())
        selectors = {name: self._class_selectors(name) for name in sorted(self._classes)}
        asked = {
            each.expression
            for claim in claims
            for alternatives in claim.requests
            for request in alternatives
            for each in request.selectors
        }
        extended = self._extended()
        asked.update(each.expression for name in set(extended.values()) for each in selectors[name])
        self._expressions = tuple(sorted(asked))
        slices = tuple(self._slices())
        from kubelogic.kinds.device_selectors import verdict

        verdicts = {
            expression: {
                look: verdict(expression, driver, document) for look, (driver, document) in sorted(self._looks.items())
            }
            for expression in sorted(asked)
        }
        return Devices(slices=slices, claims=claims, verdicts=verdicts, extended=extended, class_selectors=selectors)

    def waiting(self, pods: Sequence[Pod]) -> tuple[Pod, ...]:
        """The pods with what they ask for; those whose claims are not there yet are left out: nobody tries them."""
        relations = self._relations
        users = {text(pod): text(uid) for pod, uid in relations.rows("pod_device_user")}
        if not users:
            return tuple(pods)
        claims: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for pod, index, claim in relations.rows("pod_device_claim"):
            claims[text(pod)].append((number(index), text(claim)))
        containers = {text(pod): _containers(text(document)) for pod, document in relations.rows("pod_containers")}
        found: list[Pod] = []
        for each in pods:
            if each.name not in users or each.node:
                found.append(each)
            elif each.name not in self._awaited:
                found.append(
                    msgspec.structs.replace(
                        each,
                        uid=users[each.name],
                        device_claims=tuple(claim for _, claim in sorted(claims.get(each.name, ()))),
                        containers=containers.get(each.name, ()),
                    )
                )
        return tuple(found)

    # -- slices ----------------------------------------------------------------------------------------------

    def _slices(self) -> Iterator[Slice]:
        usable: dict[tuple[str, str], set[str]] = defaultdict(set)
        for name, device, node_class in self._relations.rows("slice_usable"):
            usable[text(name), text(device)] |= self._nodes_of(text(node_class))
        for name, document in sorted(self._relations.rows("device_slice")):
            yield self._slice(text(name), _decoded(text(document)), usable)

    def _slice(self, name: str, spec: Document, usable: Mapping[tuple[str, str], set[str]]) -> Slice:
        pool, driver = spec.get("pool") or {}, spec.get("driver") or ""
        each = bool(spec.get("perDeviceNodeSelection"))
        nodes, known = self._reach(name, "", spec, usable)
        return Slice(
            name=name,
            driver=driver,
            pool=pool.get("name") or "",
            generation=pool.get("generation") or 0,
            count=pool.get("resourceSliceCount") or 0,
            nodes=nodes,
            each=each and not known,
            known=known,
            counters=tuple(
                _counters(entry["name"], entry.get("counters") or {}) for entry in spec.get("sharedCounters") or ()
            ),
            devices=tuple(
                self._device(name, driver, device, usable, each=each and not known)
                for device in spec.get("devices") or ()
            ),
            local=bool(spec.get("nodeName")),
            selector=_selector(spec),
        )

    def _reach(
        self, name: str, device: str, holder: Document, usable: Mapping[tuple[str, str], set[str]]
    ) -> tuple[frozenset[str], bool]:
        """The nodes that a slice or device is for, and whether it says anything of that."""
        if node := holder.get("nodeName"):
            return frozenset({node}), True
        if holder.get("allNodes"):
            return self._nodes, True
        if holder.get("nodeSelector") is not None:
            return frozenset(usable.get((name, device), ())), True
        return frozenset(), False

    def _device(
        self, name: str, driver: str, device: Document, usable: Mapping[tuple[str, str], set[str]], *, each: bool
    ) -> Device:
        document = {key: self._looked_at(device[key]) for key in _LOOK if key in device}
        look = msgspec.json.encode([driver, document], order="deterministic").decode()
        self._looks[look] = driver, document
        return Device(
            name=device["name"],
            look=look,
            attributes={
                key: (kind, str(attribute[kind]))
                for key, attribute in (device.get("attributes") or {}).items()
                for kind in ("string", "int", "bool", "version")
                if kind in attribute
            },
            capacity={key: _capacity(entry) for key, entry in (device.get("capacity") or {}).items()},
            taints=tuple(
                Taint(key=taint.get("key") or "", value=taint.get("value") or "", effect=taint.get("effect") or "")
                for taint in device.get("taints") or ()
            ),
            consumes=tuple(
                _counters(entry["counterSet"], entry.get("counters") or {})
                for entry in device.get("consumesCounters") or ()
            ),
            shareable=bool(device.get("allowMultipleAllocations")),
            binding=device.get("bindingConditions") is not None,
            conditions=tuple(device.get("bindingConditions") or ()),
            failures=tuple(device.get("bindingFailureConditions") or ()),
            nodes=self._reach(name, device["name"], device, usable)[0] if each else None,
            local=bool(device.get("bindsToNode")) or (each and bool(device.get("nodeName"))),
            selector=_selector(device) if each else "",
        )

    def _looked_at(self, values: Any) -> Any:
        """What selectors read of attributes or capacity: devices that differ in nothing else are alike."""
        if not isinstance(values, Mapping):
            return values
        from kubelogic.kinds.device_selectors import read_by

        for name in values:
            if name not in self._read:
                self._read[name] = read_by(self._expressions, name)
        return {name: value for name, value in values.items() if self._read[name]}

    # -- claims ----------------------------------------------------------------------------------------------

    def _class_selectors(self, name: str) -> tuple[Selector, ...]:
        entries = self._classes.get(name, {}).get("selectors") or ()
        return _selectors(entries, f"class {name}")

    def _claims(self) -> Iterator[Claim]:
        relations = self._relations
        users: dict[str, list[str]] = defaultdict(list)
        for claim, uid in sorted(relations.rows("device_claim_user")):
            users[text(claim)].append(text(uid))
        usable: dict[str, set[str]] = defaultdict(set)
        for claim, node_class in relations.rows("claim_usable"):
            usable[text(claim)] |= self._nodes_of(text(node_class))
        unbindable = {text(row[0]) for row in relations.rows("claim_unbindable")}
        confined = unbindable | {text(row[0]) for row in relations.rows("device_claim_confined")}
        allocated = {
            text(claim): _decoded_list(text(results)) for claim, results in relations.rows("device_claim_allocated")
        }
        for name, document in sorted(relations.rows("device_claim")):
            key = text(name)
            requests, missing = self._requests(key, _decoded(text(document)))
            yield Claim(
                name=key,
                requests=requests,
                constraints=tuple(_constraints(_decoded(text(document)))),
                allocated=tuple(map(_allocated, allocated[key])) if key in allocated else None,
                nodes=frozenset(() if key in unbindable else usable.get(key, ())) if key in confined else None,
                users=tuple(users.get(key, ())),
                missing=missing,
            )

    def _requests(self, claim: str, devices: Document) -> tuple[tuple[tuple[Request, ...], ...], str]:
        """The requests of a claim, and what is said where a class is missing."""
        found: list[tuple[Request, ...]] = []
        missing = ""
        for entry in devices.get("requests") or ():
            alternatives = entry.get("firstAvailable") or ()
            parent = entry["name"] if alternatives else ""
            made = []
            for each in alternatives or ({**(entry.get("exactly") or {}), "name": entry["name"]},):
                request = self._request(claim, parent, each)
                if request.device_class not in self._classes:
                    words = f"request {request.full_name}: device class {request.device_class} does not exist"
                    missing = missing or words
                made.append(request)
            found.append(tuple(made))
        return tuple(found), missing

    def _request(self, claim: str, parent: str, entry: Document) -> Request:
        name = entry.get("deviceClassName") or ""
        capacity = (entry.get("capacity") or {}).get("requests") or {}
        count = entry.get("count")
        return Request(
            name=entry["name"],
            parent=parent,
            device_class=name,
            selectors=(*self._class_selectors(name), *_selectors(entry.get("selectors") or (), f"claim {claim}")),
            count=1 if count is None else count,
            every=entry.get("allocationMode") == "All",
            admin=bool(entry.get("adminAccess")) and not parent,
            tolerations=tuple(
                Toleration(
                    key=each.get("key") or "",
                    operator=each.get("operator") or "Equal",
                    value=each.get("value") or "",
                    effect=each.get("effect") or "",
                )
                for each in entry.get("tolerations") or ()
            ),
            capacity={key: amount(value) for key, value in capacity.items()},
        )

    def _extended(self) -> dict[str, str]:
        """The class of each extended resource: the one made last, of those the first by name."""
        created = {text(row[0]): number(row[2]) for row in self._relations.rows("device_class")}
        found: dict[str, str] = {}
        rows: list[Row] = list(self._relations.rows("device_resource"))
        for resource, name in sorted(rows, key=lambda row: (text(row[0]), -created[text(row[1])], text(row[1]))):
            found.setdefault(text(resource), text(name))
        return found


@lru_cache(maxsize=1 << 14)
def _decoded(document: str) -> Document:
    found: Document = msgspec.json.decode(document)
    return found


@lru_cache(maxsize=1 << 14)
def _decoded_list(document: str) -> Sequence[Document]:
    found: Sequence[Document] = msgspec.json.decode(document)
    return found


def amount(value: str | float) -> Amount:
    """A quantity as placement knows it."""
    found = quantity.read(value)
    return Amount(value=-(-found.nanos // _MICRO), text=found.text)


def _counters(name: str, counters: Document) -> Counters:
    return Counters(name=name, amounts={key: amount(entry.get("value") or 0).value for key, entry in counters.items()})


def _capacity(entry: Document) -> Capacity:
    policy = entry.get("requestPolicy")
    ranged = (policy or {}).get("validRange")

    def part(holder: Document | None, key: str) -> Amount | None:
        value = (holder or {}).get(key)
        return None if value is None else amount(value)

    return Capacity(
        value=amount(entry.get("value") or 0),
        default=part(policy, "default"),
        least=part(ranged, "min"),
        most=part(ranged, "max"),
        step=part(ranged, "step"),
        values=tuple(amount(value) for value in (policy or {}).get("validValues") or ()),
        ranged=ranged is not None,
        policy=policy is not None,
    )


def _selector(holder: Document) -> str:
    selector = holder.get("nodeSelector")
    return "" if selector is None else msgspec.json.encode(selector, order="deterministic").decode()


def _selectors(entries: Sequence[Document], origin: str) -> tuple[Selector, ...]:
    return tuple(
        Selector(expression=(entry.get("cel") or {}).get("expression") or "", origin=origin, index=index)
        for index, entry in enumerate(entries)
    )


def _constraints(devices: Document) -> Iterator[Constraint]:
    for entry in devices.get("constraints") or ():
        requests = frozenset(entry.get("requests") or ())
        for key in ("matchAttribute", "distinctAttribute"):
            if name := entry.get(key):
                yield Constraint(attribute=name, requests=requests, distinct=key == "distinctAttribute")


def _allocated(result: Document) -> Allocated:
    return Allocated(
        request=result.get("request") or "",
        driver=result.get("driver") or "",
        pool=result.get("pool") or "",
        device=result.get("device") or "",
        admin=bool(result.get("adminAccess")),
        shared=result.get("shareID") is not None,
        consumed={key: amount(value) for key, value in (result.get("consumedCapacity") or {}).items()},
    )


@lru_cache(maxsize=1 << 12)
def _containers(document: str) -> tuple[Container, ...]:
    return tuple(
        Container(
            name=each["name"],
            brief=each["brief"],
            requests={key: quantity.whole(value) for key, value in each["requests"].items()},
        )
        for each in msgspec.json.decode(document)
    )
