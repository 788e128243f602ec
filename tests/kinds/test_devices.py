"""What the API server refuses of claims, classes and slices of devices, and what it takes."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.kinds.validation import admit

GPU = {"deviceClassName": "gpu.example.com"}
ONE = {"name": "a", "exactly": GPU}
TWO = {"name": "b", "firstAvailable": [{"name": "big", **GPU}, {"name": "small", **GPU, "count": 2}]}


def _claim(*requests: Any, **devices: Any) -> dict[str, Any]:
    spec = {"devices": {"requests": list(requests), **devices}}
    return {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": {"name": "gpu"}, "spec": spec}


def _exactly(**says: Any) -> dict[str, Any]:
    return _claim({"name": "a", "exactly": {**GPU, **says}})


def _cel(expression: str) -> dict[str, Any]:
    return _exactly(selectors=[{"cel": {"expression": expression}}])


def _template(claim: dict[str, Any]) -> dict[str, Any]:
    return {**claim, "kind": "ResourceClaimTemplate", "spec": {"spec": claim["spec"]}}


def _class(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "gpu"}, "spec": spec}


def _slice(**says: Any) -> dict[str, Any]:
    pool = {"name": "oak", "generation": 1, "resourceSliceCount": 1}
    spec = {"driver": "gpu.example.com", "pool": pool, "nodeName": "oak", "devices": [{"name": "gpu-0"}], **says}
    spec = {key: value for key, value in spec.items() if value is not None}
    return {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": "oak"}, "spec": spec}


def _device(**says: Any) -> dict[str, Any]:
    return _slice(devices=[{"name": "gpu-0", **says}])


_EXPRESSION = "spec.devices.requests[0].exactly.selectors[0].cel.expression"
_HUNDRED = f"[{','.join(map(str, range(100)))}]"
_LOOPS = f"{_HUNDRED}.all(a,{_HUNDRED}.all(b,{_HUNDRED}.all(c,{_HUNDRED}.exists(d, a + b + c != d))))"


@pytest.mark.parametrize(
    "document",
    [
        _claim(ONE, TWO),
        _claim(ONE, TWO, constraints=[{"requests": ["a", "b/small"], "matchAttribute": "gpu.example.com/numa"}]),
        _claim(TWO, config=[{"requests": ["b"], "opaque": {"driver": "gpu.example.com", "parameters": {"a": 1}}}]),
        _exactly(allocationMode="All"),
        _exactly(allocationMode="ExactCount", count=3),
        _exactly(tolerations=[{"operator": "Exists"}, {"key": "a", "value": "b", "effect": "NoExecute"}]),
        _cel('device.attributes["gpu.example.com"].?model.orValue("") == "a100"'),
        _cel('cel.bind(gpu, device.attributes["gpu.example.com"], gpu.index > 1)'),
        _template(_claim(ONE)),
        _class(extendedResourceName="example.com/gpu", selectors=[{"cel": {"expression": "true"}}]),
        _slice(),
        _slice(pool={"name": "rack-1/oak", "resourceSliceCount": 2}, nodeName=None, allNodes=True),
        _slice(nodeName=None, perDeviceNodeSelection=True, devices=[{"name": "gpu-0", "nodeName": "oak"}]),
        _slice(devices=None, sharedCounters=[{"name": "pool", "counters": {"memory": {"value": "40Gi"}}}]),
        _device(attributes={"model": {"string": "a100"}, "x.example.com/v": {"version": "1.2.3-rc.1+b"}}),
        _device(capacity={"memory": {"value": "40Gi"}}, taints=[{"key": "example.com/bad", "effect": "NoSchedule"}]),
    ],
)
def test_what_the_api_server_takes(document: dict[str, Any]) -> None:
    assert admit(document).problems == ()


@pytest.mark.parametrize(
    ("document", "where", "what"),
    [
        (_claim(ONE, ONE), "spec.devices.requests[1]", 'Duplicate value: "a"'),
        (_cel("device.model == 1"), _EXPRESSION, "compilation failed: undefined field 'model'"),
        (_cel("gpu.index == 1"), _EXPRESSION, "compilation failed: undeclared reference to 'gpu'"),
        (_cel("isGpu(device)"), _EXPRESSION, "compilation failed: undeclared reference to 'isGpu'"),
        (_cel("device.driver"), _EXPRESSION, "must evaluate to bool or the unknown type, not string"),
        (_cel("1"), _EXPRESSION, "must evaluate to bool or the unknown type, not int"),
        (_cel(_LOOPS), _EXPRESSION, "too complex, exceeds cost limit"),
        (_claim({"name": "A", "exactly": GPU}), "spec.devices.requests[0].name", "lower case alphanumeric"),
        (_claim({"name": "a"}), "spec.devices.requests[0]", "Required value: exactly one of `exactly`"),
        (_claim({**TWO, "exactly": GPU}), "spec.devices.requests[0]", "but multiple fields are set"),
        (_claim({"name": "a", "exactly": {}}), "spec.devices.requests[0].exactly.deviceClassName", "Required value"),
        (_exactly(allocationMode="all"), "spec.devices.requests[0].exactly.allocationMode", "Unsupported value"),
        (_exactly(allocationMode="All", count=2), "spec.devices.requests[0].exactly.count", "must not be specified"),
        (_exactly(count=-1), "spec.devices.requests[0].exactly.count", "must be greater than zero"),
        (
            _exactly(tolerations=[{"key": "a", "operator": "Exists", "value": "b"}]),
            "spec.devices.requests[0].exactly.tolerations[0].value",
            "must be empty for operator",
        ),
        (_cel("device."), "spec.devices.requests[0].exactly.selectors[0].cel.expression", "compilation failed"),
        (_claim(ONE, constraints=[{"requests": ["z"], "matchAttribute": "a.b/c"}]), "", "name of a request in the"),
        (_claim(TWO, constraints=[{"requests": ["b/huge"], "matchAttribute": "a.b/c"}]), "", "name of a request in"),
        (_claim(ONE, constraints=[{"matchAttribute": "numa"}]), "", "a fully qualified name must be a domain"),
        (_claim(ONE, constraints=[{"requests": ["a"]}]), "spec.devices.constraints[0]", "Required value"),
        (_claim(ONE, config=[{"opaque": {"driver": "gpu"}}]), "spec.devices.config[0].opaque.parameters", "Required"),
        (_claim(*({"name": f"r{n}", "exactly": GPU} for n in range(33))), "spec.devices.requests", "Too many: 33"),
        (_template(_claim({"name": "a"})), "spec.spec.devices.requests[0]", "Required value"),
        (_class(selectors=[{}]), "spec.selectors[0].cel", "Required value"),
        (_class(extendedResourceName="cpu"), "spec.extendedResourceName", "valid extended resource name"),
        (_slice(driver=None), "spec.driver", "Required value"),
        (_slice(pool={"name": "oak", "resourceSliceCount": 0}), "spec.pool.resourceSliceCount", "greater than zero"),
        (_slice(allNodes=True), "spec", "exactly one of `nodeName`"),
        (_slice(nodeName=None), "spec", "Required value: exactly one of `nodeName`"),
        (_slice(devices=[{"name": "gpu-0"}] * 2), "spec.devices[1]", 'Duplicate value: "gpu-0"'),
        (_slice(devices=[{"name": f"gpu-{n}"} for n in range(129)]), "spec.devices", "Too many: 129"),
        (_device(nodeName="oak"), "spec.devices[0].nodeName", "perDeviceNodeSelection"),
        (_device(attributes={"a": {"int": 1, "bool": True}}), "", "exactly one value must be specified"),
        (_device(attributes={"a": {"version": "1.2"}}), "", "semver.org"),
        (_device(attributes={"a-b": {"int": 1}}), "", "C identifier"),
        (_device(taints=[{"key": "a"}]), "spec.devices[0].taints[0].effect", "Required value"),
        (_device(capacity={"m": {"value": "1", "requestPolicy": {}}}), "", "allowMultipleAllocations must be true"),
    ],
)
def test_what_the_api_server_refuses(document: dict[str, Any], where: str, what: str) -> None:
    faults = admit(document).faults
    assert [fault for fault in faults if what in fault[1] and where in ("", fault[0])], faults
    assert len(faults) == 1
