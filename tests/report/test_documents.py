"""``docs/reference/documents.md`` names every key of every document, and no key that there is not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kubelogic.cli import main

ROOT = Path(__file__).resolve().parents[2]
FIT = "rejects_fit('shop/warehouse-sync', Node, _, _, _)"
SCENARIO = ["fixtures/scenarios/cluster.yaml", "--fail", "n1@60s", "--horizon", "2m"]
COMMANDS = {
    "Plan": ["plan", "fixtures/shop"],
    "Explanation": ["explain", "shop/vault", "fixtures/shop"],
    "NodeExplanation": ["explain", "node/oak", "fixtures/situations/27-cordon.yaml"],
    "ServiceExplanation": ["explain", "svc/web", "fixtures/situations/25-service-recreate.yaml"],
    "Code": ["explain", "KL206"],
    "Simulation": ["simulate", *SCENARIO, "--scheduler", "kube"],
    "Capacity": ["capacity", "fixtures/shop", "--pod", "fixtures/shop/frontend.yaml"],
    "Pools": ["capacity", "fixtures/pools/cluster.yaml", "--pools", "fixtures/pools/pools.yaml"],
    "Consolidation": ["capacity", "fixtures/pools/idle.yaml", "--spare", "--scheduler", "kube"],
    "Reach": ["reach", "any", "shop/db", "fixtures/network"],
    "ReachChanges": [
        "reach",
        "any",
        "shop/db",
        "5432",
        "fixtures/network-tiers/cluster.yaml",
        "--before",
        "fixtures/network-tiers",
    ],
    "CanI": ["can-i", "get", "configmaps", "-n", "shop", "--as", "system:serviceaccount:shop:web", "fixtures/access"],
    "Preflight": ["kubeadm", "preflight", "fixtures/kubeadm/unfit.yaml"],
    "Phases": ["kubeadm", "phases", "fixtures/kubeadm/unfit.yaml"],
    "UpgradePlan": ["upgrade-plan", "fixtures/kubeadm/old-node.yaml", "--to", "1.37"],
    "Query": ["query", "--settled", FIT, "fixtures/shop"],
    "Proof": ["why", "--settled", FIT, "fixtures/shop"],
    "Rules": ["rules", "list"],
}
FREE = {
    "actions",
    "evictions",
    "timeline",
    "cycle",
    "final",
    "witness",
    "requested",
    "allocatable",
    "scores",
    "refuses",
    "victims",
}
FREE |= {"nodesNeeded", "against", "create", "patch", "jsonPatch", "location", "origin", "proof", "bindingLocation"}
"""Keys whose values have the names of other things as keys, or are described elsewhere."""


@cache
def section(kind: str) -> str:
    text = (ROOT / "docs/reference/documents.md").read_text(encoding="utf-8")
    return text.partition(f"\n## {kind}\n")[2].partition("\n## ")[0]


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key not in FREE:
                yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


@pytest.mark.parametrize("kind", COMMANDS)
def test_every_key_is_described(kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main([*COMMANDS[kind], "-o", "json"]) in (0, 1)
    document = json.loads(capsys.readouterr().out)
    assert (document.pop("kind"), document.pop("schemaVersion")) == (kind, 1)
    described = {part for code in re.findall(r"`([\w\[\].]+)`", section(kind)) for part in re.split(r"[\[\].]+", code)}
    assert set(keys(document)) - described == set()
    first_cells = re.findall(r"^\| (.*?) \|", section(kind), re.MULTILINE)
    top = {code.partition("[")[0].partition(".")[0] for cell in first_cells for code in re.findall(r"`(.*?)`", cell)}
    assert top - set(document) == set()
