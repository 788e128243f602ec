"""Selectors of devices, as the scheduler evaluates them."""

from __future__ import annotations

import pytest

from kubelogic.kinds.device_selectors import NO, YES, verdict

DEVICE = {
    "attributes": {
        "model": {"string": "a100"},
        "index": {"int": 2},
        "ecc": {"bool": True},
        "driverVersion": {"version": "1.10.0"},
        "beta": {"version": "2.0.0-rc.1"},
        "x.com/numa": {"int": 1},
    },
    "capacity": {"memory": {"value": "40Gi"}},
}
OWN = 'device.attributes["gpu.example.com"]'
MEMORY = 'device.capacity["gpu.example.com"].memory'


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ('device.driver == "gpu.example.com"', YES),
        (f"{OWN}.index == 2", YES),
        (f'{OWN}.index == "2"', NO),
        ('device.attributes["x.com"].numa == 1', YES),
        (f'"model" in {OWN} && {OWN}.model.startsWith("a")', YES),
        (f"{OWN}.absent == 1 || true", YES),
        (f"{OWN}.absent == 1", "runtime error: no such key: absent"),
        ('device.attributes["o.com"].exists(k, k == "numa")', NO),
        ('device.attributes["o.com"].numa == 1', "runtime error: no such key: numa"),
        (f'{MEMORY}.compareTo(quantity("40Gi")) == 0 && {MEMORY} == quantity("40960Mi")', YES),
        (f'{MEMORY}.isGreaterThan(quantity("50G"))', NO),
        (f'{OWN}.driverVersion.isGreaterThan(semver("1.9.5")) && {OWN}.driverVersion.major() == 1', YES),
        (f'{OWN}.beta.isLessThan(semver("2.0.0"))', YES),
        (f"cel.bind(d, {OWN}, d.index > 1 && d.ecc)", YES),
        ("device.allowMultipleAllocations", NO),
        ('"o.com" in device.attributes', NO),
        ('device.attributes.all(domain, domain != "o.com")', YES),
        ('size(device.attributes) == 2 && device.attributes["o.com"].size() == 0', YES),
        ('cel.bind(all, device.attributes, all["o.com"].size() == 0)', YES),
        ("device.attributes[device.driver].index == 2", YES),
        ('device.attributes["o.com"].?numa.orValue(7) == 7', YES),
        (f"{OWN}.index.size() == 1", "runtime error: no such overload"),
        ('semver("v1.2", true) == semver("1.2.0") && isSemver("01.0.0", true) && !isSemver("v1.2")', YES),
        (f"{OWN}.index / 0 == 1", "runtime error: division by zero"),
    ],
)
def test_verdicts(expression: str, said: str) -> None:
    assert verdict(expression, "gpu.example.com", DEVICE) == said


def test_what_is_no_expression_is_told() -> None:
    assert verdict("1 + 1 ==", "d", {}).startswith("compile error: ")
