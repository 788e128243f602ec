"""In-tree volumes as those of the CSI drivers that have taken them over: translateTopologyFromInTreeToCSI."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.facts.migrated_volumes import as_migrated

GA, BETA = "topology.kubernetes.io", "failure-domain.beta.kubernetes.io"
EBS = "topology.ebs.csi.aws.com/zone"


def _in(key: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": list(values)}


def _volume(kind: str, labels: dict[str, str], *terms: list[dict[str, Any]]) -> dict[str, Any]:
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": each} for each in terms]}} if terms else None
    spec = {kind: {"volumeID": "v"}, **({"nodeAffinity": affinity} if affinity else {})}
    return {"metadata": {"name": "v", "labels": labels}, "spec": spec}


@pytest.mark.parametrize(
    ("labels", "terms", "wanted"),
    [
        ({}, [[_in(f"{GA}/zone", "a")]], [[_in(EBS, "a")]]),
        (
            {},
            [[_in(f"{BETA}/zone", "a"), _in(f"{BETA}/region", "r")]],
            [[_in(EBS, "a"), _in(f"{GA}/region", "r")]],
        ),
        ({f"{BETA}/zone": "b__a"}, [], [[_in(EBS, "a", "b")]]),
        ({f"{GA}/zone": "a", f"{BETA}/zone": "b"}, [], [[_in(EBS, "a")]]),
        ({f"{GA}/zone": "a"}, [[_in("disk", "ssd")], [_in("disk", "hdd")]], None),
        ({f"{GA}/zone": "b"}, [[_in(f"{GA}/zone", "a")]], [[_in(EBS, "a")]]),
        ({}, [], []),
    ],
)
def test_zones_are_on_the_label_of_the_driver(
    labels: dict[str, str], terms: list[Any], wanted: list[Any] | None
) -> None:
    found = as_migrated(_volume("awsElasticBlockStore", labels, *terms))["spec"]["nodeAffinity"]["required"]
    if wanted is None:  # a zone from the labels goes to each term
        wanted = [[*each, _in(EBS, "a")] for each in terms]
    assert [term["matchExpressions"] for term in found["nodeSelectorTerms"]] == wanted


def test_other_kinds_stay_as_they_are() -> None:
    for kind in ("azureDisk", "vsphereVolume", "csi"):
        given = _volume(kind, {f"{GA}/zone": "a"}, [_in(f"{GA}/zone", "a")])
        assert as_migrated(given) is given
