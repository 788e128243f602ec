"""The openb trace of a GPU cluster as Kubernetes manifests: its nodes, and its tasks as pods that wait, in order.

The files are not part of this project; a converter is all there is here.

Whole devices and shares of one are counted in thousandths of a device, the extended resource ``GPU``. The scheduler
sees sums over a node only, so two shares of 600 fit on two half-empty devices no worse than on one: a little looser
than the real machines. A task that names the types of GPU that it takes gets a required node affinity.

Source: Weng et al., "Beware of Fragmentation", USENIX ATC 2023; github.com/alibaba/clusterdata,
cluster-trace-gpu-v2023.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kubelogic.cluster.clock import timestamp

Document = Mapping[str, Any]

GPU = "example.com/gpu-milli"
"""The extended resource: thousandths of a GPU."""

MODEL = "example.com/gpu-model"
"""The label that says which GPUs a node has."""


def nodes(file: Path) -> Iterator[Document]:
    """The nodes of a node list. They take 256 pods each; the trace does not say."""
    for row in _rows(file):
        labels = {"kubernetes.io/hostname": row["sn"]}
        if row["model"]:
            labels[MODEL] = row["model"]
        amounts = {"cpu": f"{row['cpu_milli']}m", "memory": f"{row['memory_mib']}Mi", "pods": "256"}
        if gpus := int(row["gpu"]):
            amounts[GPU] = str(1000 * gpus)
        yield {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": row["sn"], "labels": labels},
            "status": {"allocatable": amounts, "capacity": amounts},
        }


def pods(file: Path) -> Iterator[Document]:
    """The tasks of a pod list, each a pod; made a second apart in the order of the list, which the queue keeps."""
    for number, row in enumerate(_rows(file)):
        requests = {"cpu": f"{row['cpu_milli']}m", "memory": f"{row['memory_mib']}Mi"}
        resources: dict[str, Any] = {"requests": requests}
        if gpus := int(row["num_gpu"]):
            amount = str(gpus * int(row["gpu_milli"] or 1000))
            requests[GPU] = amount
            resources["limits"] = {GPU: amount}
        spec: dict[str, Any] = {"containers": [{"name": "task", "image": "task:1", "resources": resources}]}
        if types := sorted({each for each in (row.get("gpu_spec") or "").split("|") if each}):
            terms = [{"matchExpressions": [{"key": MODEL, "operator": "In", "values": types}]}]
            wanted = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
            spec["affinity"] = {"nodeAffinity": wanted}
        yield {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "namespace": "default",
                "name": row["name"],
                "creationTimestamp": timestamp(1000 * number),
            },
            "spec": spec,
        }


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)
