"""Dumps that were caught between the deletion of a pod and the status of its StatefulSet have one answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubelogic.cli import main
from tests.explain.small import node

ABOUT = {"namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z"}
COUNTS = ("replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas")
TEMPLATE = {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "db", "image": "db:1"}]}}
OWNER = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "u-db", "controller": True}


def dump(path: Path, counted: int, pods: Sequence[int]) -> str:
    """A StatefulSet of three replicas as a cluster prints it, whose status counts some pods, and some pods."""
    revisions = {"observedGeneration": 1, "currentRevision": "db-1", "updateRevision": "db-1"}
    documents: list[dict[str, Any]] = [node(f"n{number}") for number in range(3)]
    documents.append(
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "db", "uid": "u-db", "generation": 1, **ABOUT},
            "spec": {
                "serviceName": "db",
                "replicas": 3,
                "selector": {"matchLabels": {"app": "db"}},
                "template": TEMPLATE,
            },
            "status": {**revisions, **dict.fromkeys(COUNTS, counted)},
        }
    )
    labels = {"controller-revision-hash": "db-1", "app": "db"}
    documents += [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"db-{n}", "uid": f"u-{n}", "labels": labels, "ownerReferences": [OWNER], **ABOUT},
            "spec": {**TEMPLATE["spec"], "nodeName": f"n{n}"},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        }
        for n in pods
    ]
    path.write_text(yaml.safe_dump_all(documents))
    return str(path)


@pytest.mark.parametrize(
    ("pods", "code", "said"),
    [
        pytest.param((3, 0, 1, 2), 0, "3 of 3 pods placed.", id="all are there"),
        pytest.param((3, 0, 2), 3, "2 of 3 pods placed, 1 not in the input.", id="between deletion and status"),
        pytest.param((2, 0, 2), 0, "3 of 3 pods placed.", id="the status knows: it is made anew"),
    ],
)
def test_a_pod_that_the_status_counts_and_the_input_lacks_is_not_known(
    pods: tuple[int, ...], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may have been left out of the input, or have gone since the status (the first number) was written."""
    path = dump(tmp_path / "dump.yaml", pods[0], pods[1:])
    assert main(["explain", "sts/db", path]) == code
    assert capsys.readouterr().out.startswith(f"StatefulSet default/db: {said}")
    assert main(["plan", path]) == code
