"""The clock of a recorded trace: when what comes round by the clock came round, and the parameters of its flags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

START = 1_000_000_000_000
"""The moment of a trace's time 0: some day of the simulated clock on which leases and ages are whole seconds."""

_MINUTE = 60_000
_CRON_DELAY = 100
"""Milliseconds by which the CronJob controller comes after the time of a schedule."""

_LEASE_PERIOD = 1_500
"""Milliseconds between two renewals of a node's lease by the kubelet of a trace."""

_GRACE = 40_000
"""The grace period of nodes where no flag says otherwise, in milliseconds."""

_COLLECTOR_PERIOD = 20_000
"""Milliseconds between two passes of the pod collector."""

_BINDER_PERIOD = 15_000
"""Milliseconds between two passes of the claim binder."""

_AT_ONCE = 0.5
"""Seconds within which something happens at once in a trace."""


def start_of(case: Mapping[str, Any]) -> int:
    """The moment of a trace's time 0, in milliseconds.

    It matters to controllers that come by the clock. The names of the Jobs of a CronJob say for which minute they were
    made; a claim that is bound long after it was made was found by a pass of the binder.
    """
    made = {e["name"]: e["t"] for e in case["events"] if e["kind"] == "Job" and e["change"] == "added"}
    for event in case["events"]:
        if event["kind"] != "Pod" or event["change"] != "added":
            continue
        name = event["what"].get("labels", {}).get("job-name", "")
        number = name.rpartition("-")[2]
        job = str(event["what"].get("owner") or "").removeprefix("Job/")
        if job in made and job != name and number.isdigit():
            return int(number) * _MINUTE + _CRON_DELAY - round(1000 * float(made[job]))
    for event in case["events"]:
        if "DeletionByPodGC" in str(event["what"].get("DisruptionTarget") or ""):
            return START - (START + round(1000 * float(event["t"]))) % _COLLECTOR_PERIOD
    for passed in _binder_passes(case):
        return START - (START + passed) % _BINDER_PERIOD
    return START


def _binder_passes(case: Mapping[str, Any]) -> Iterator[int]:
    """When the claim binder came by in a trace, in milliseconds: what bound claims that nothing else had woken."""
    documents = [*(case.get("initial_objects") or ()), *(step["do"].get("object") or {} for step in case["steps"])]
    waiting = {
        document["metadata"]["name"]
        for document in documents
        if document.get("kind") == "StorageClass" and document.get("volumeBindingMode") == "WaitForFirstConsumer"
    }
    made: dict[str, float] = {}
    for event in case["events"]:
        what = event["what"]
        if event["kind"] == "PersistentVolume" and event["change"] == "added" and what.get("claim"):
            made.pop(str(what["claim"]).rpartition("/")[2], None)
        if event["kind"] != "PersistentVolumeClaim":
            continue
        if event["change"] == "added":
            if what.get("storageClassName") not in waiting:
                made[event["name"]] = event["t"]
        elif what.get("phase") == "Bound" and event["t"] - made.pop(event["name"], event["t"]) > _AT_ONCE:
            yield round(1000 * event["t"])


def last_heard(case: Mapping[str, Any], node: str, now: int, start: int) -> int:
    """When the lease of a node that falls silent was renewed last: up to a lease period ago.

    A trace tells it by the moment at which the node became Unknown.

    Args:
        case: the trace.
        node: which falls silent.
        now: the present, in milliseconds of the simulated clock.
        start: the moment of the trace's time 0.
    """
    grace = parameters(case).get("node_monitor_grace_period", _GRACE)
    for event in case["events"]:
        moment = start + round(1000 * float(event["t"]))
        if event["kind"] != "Node" or event["name"] != node or moment <= now:
            continue
        if str(event["what"].get("ready") or "").startswith("Unknown/"):
            return max(now - _LEASE_PERIOD, min(now, moment - grace))
    return now


def parameters(case: Mapping[str, Any]) -> dict[str, int]:
    """The parameters that the flags of a recorded control plane set, in milliseconds."""
    found = {"kubelet_backoff": 0, "dynamic_provisioning": 0}
    for flag in (case.get("flags") or {}).get("kube-controller-manager") or ():
        name, _, value = flag.removeprefix("--").partition("=")
        if name in ("node-monitor-period", "node-monitor-grace-period", "node-startup-grace-period"):
            found[name.replace("-", "_")] = round(1000 * float(value.rstrip("sm"))) * (60 if value.endswith("m") else 1)
    return found
