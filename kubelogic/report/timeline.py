"""The timeline of a simulation in sentences: what happens at one moment, alike things told together.

``PHRASES`` is the vocabulary: one row says how an action or event is told. What has no row and is not ``QUIET`` is
shown by its name and arguments. The module is longer than others because that is one table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from string import Formatter
from types import MappingProxyType
from typing import Any

import msgspec

from kubelogic.reconcile.entries import ENDPOINTS, FAILED, GONE, REPEAT, Entry
from kubelogic.reconcile.times import clock
from kubelogic.report.quantities import exact
from kubelogic.report.step_words import WORDS
from kubelogic.report.style import Style

_NAMED = 3
"""So many of those that are told together are named; the rest are counted."""

_TIMES = frozenset({"every", "until"})
"""Arguments of repeated rounds in milliseconds."""

QUIET = frozenset(
    {
        "AddFinalizer",
        "AnnotateObject",
        "AssignPodRange",
        "ClearStatus",
        "CountJobPod",
        "CreateControllerRevision",
        "CreateServiceAccount",
        "DateStatus",
        "DropOwner",
        "Forget",
        "LabelObject",
        "NominateNode",
        "NoteJobPod",
        "PaceReplicaSet",
        "PublishRootCa",
        "Remember",
        "RememberMoment",
        "RemoveCondition",
        "RemoveFinalizer",
        "SetField",
        "ReportContainer",
        "ReportStarted",
        "StampStatus",
        "UpdateStatus",
        "WriteBudgetStatus",
        "WriteEndpoints",
        "WriteHints",
        "WriteJobIndexes",
        "WriteMirrorPorts",
        "WriteQuotaStatus",
        "WriteRules",
        "WriteSlice",
        "WriteSlicePorts",
    }
)
"""Bookkeeping that the text leaves out; JSON has all."""


class Phrase(msgspec.Struct, frozen=True):
    """How entries are told. The texts are format strings over the arguments of an entry.

    Attributes:
        one: a single entry.
        many: several at one moment, ``n`` of them; empty if each is told by itself. Entries for which this text differs
            are not told together.
        item: how one of several is named.
        event: whether a person or the world does it, not the control plane.
    """

    one: str
    many: str = ""
    item: str = ""
    event: bool = False


def _pods(verb: str, many: str, tail: str = "") -> Phrase:
    return Phrase(f"pod {{pod}} {verb}{tail}", f"{{n}} pods {many}{tail}", "{pod}")


def _about(subject: str, plural: str, verb: str, many: str) -> Phrase:
    return Phrase(f"{subject} {{key}} {verb}", f"{{n}} {plural} {many}", "{key}")


def _event(text: str, many: str = "", item: str = "") -> Phrase:
    return Phrase(text, many, item, event=True)


_SILENT = Phrase("")

PHRASES: Mapping[tuple[str, ...], Phrase] = MappingProxyType(
    {
        # people and the world
        ("Apply",): _event("applied: {objects}"),
        ("Apply", "True"): _event("replaced: {objects}"),
        ("Patch",): _event("{kind} {key} is patched: {patch}"),
        ("Scale",): _event("{kind} {key} is scaled to {replicas}"),
        ("SetImage",): _event("{kind} {key} gets the image {image}"),
        ("Undo",): _event("{kind} {key} goes back to revision {revision}"),
        ("Undo", "0"): _event("{kind} {key} goes back to the revision before"),
        ("Restart",): _event("{kind} {key} is restarted"),
        ("SetResources",): _event("{kind} {key} gets other resources: {rest}"),
        ("Autoscale",): _event("an autoscaler is made for {kind} {key}, up to {most} replicas"),
        ("RunCronJob",): _event("Job {name} is made of CronJob {key}"),
        ("Pause", "True"): _event("Deployment {key} is paused"),
        ("Pause", "False"): _event("Deployment {key} goes on"),
        ("Delete",): _event("{kind} {key} is deleted", "{n} objects of kind {kind} are deleted", "{key}"),
        ("Delete", "0"): _event("{kind} {key} is deleted by force", "{n} pods are deleted by force", "{key}"),
        ("Evict",): _event("an eviction of pod {key} is asked for", "evictions of {n} pods are asked for", "{key}"),
        ("FailNode",): _event("node {node} goes silent", "{n} nodes go silent", "{node}"),
        ("HealNode",): _event("node {node} is heard of again", "{n} nodes are heard of again", "{node}"),
        ("Cordon", "True"): _event("node {node} is cordoned", "{n} nodes are cordoned", "{node}"),
        ("Cordon", "False"): _event("node {node} is uncordoned", "{n} nodes are uncordoned", "{node}"),
        ("Drain",): _event("node {node} is drained", "{n} nodes are drained", "{node}"),
        ("Reboot",): _event("node {node} goes down, to reboot", "{n} nodes go down, to reboot", "{node}"),
        ("EndReboot",): _event("node {node} is up again", "{n} nodes are up again", "{node}"),
        ("Machine",): _event("the cloud says where the machine of node {node} is: {zone}"),
        ("Machine", "gone"): _event(
            "the machine of node {node} is gone", "the machines of {n} nodes are gone", "{node}"
        ),
        ("Machine", "stopped"): _event("the machine of node {node} stops", "the machines of {n} nodes stop", "{node}"),
        ("Machine", "running"): _event("the machine of node {node} runs", "the machines of {n} nodes run", "{node}"),
        ("Shutdown",): _event(
            "node {node} is shut down in good order", "{n} nodes are shut down in good order", "{node}"
        ),
        ("EndShutdown",): _event("the machine of node {node} is off", "the machines of {n} nodes are off", "{node}"),
        ("Report",): _event("the kubelet of node {node} reports: {rest}"),
        ("Down", "True"): _event("{component} is down"),
        ("Down", "False"): _event("{component} works again"),
        ("DrainAgain",): _event("the drain of node {node} goes on with {pods}"),
        ("Taint", "True"): _event(
            "node {node} gets the taint {taint}={value}:{effect}",
            "{n} nodes get the taint {taint}={value}:{effect}",
            "{node}",
        ),
        ("Taint", "True", ""): _event(
            "node {node} gets the taint {taint}:{effect}", "{n} nodes get the taint {taint}:{effect}", "{node}"
        ),
        ("Taint", "False"): _event(
            "node {node} loses the taint {taint}:{effect}", "{n} nodes lose the taint {taint}:{effect}", "{node}"
        ),
        ("Behave",): _event("containers of {image} behave differently: {rest}"),
        ("Measure",): _event("{metric} of the pods of {kind} {key} is now {rest}"),
        ("Fill",): _event("volume {volume} of the pods of {kind} {key} holds {each}"),
        ("MeasureObject",): _event("{metric} of {kind} {key} is now {rest}"),
        ("MeasureObject", ""): _event("the external metric {metric} is now {rest}"),
        ("TellPod",): _event("pod {key} is told: {rest}"),
        ("FailProbe", "status"): _event("{probe} probes of {target} are answered with HTTP status {number}"),
        ("FailProbe", "exit code"): _event("{probe} probes of {target} end with exit code {number}"),
        ("FailProbe", "refused"): _event("{probe} probes of {target} find the connection refused"),
        ("FailProbe", "timeout"): _event("{probe} probes of {target} get no answer in time"),
        ("FailProbe",): _event("{probe} probes of {target} fail"),
        ("HealProbe",): _event("{probe} probes of {target} succeed again"),
        ("ExitContainers",): _event("{target}: what runs ends with exit code {code}"),
        ("GiveCondition",): _event("for {target}, the condition {condition} of a readiness gate is {status}"),
        (GONE,): Phrase("{kind} {key} is gone", "{n} objects are gone", "{kind} {key}"),
        ("CreateObject",): Phrase("{kind} {key} is made", "{n} objects are made", "{kind} {key}"),
        # pods
        ("CreatePod",): _pods("is made", "are made"),
        ("CreateIndexedPod",): Phrase("Job {job} makes its pod {index}", "{n} pods of Job {job} are made", "{index}"),
        ("BindPod",): Phrase("pod {pod} is bound to {node}", "{n} pods are bound", "{pod} to {node}"),
        ("DeletePod",): _pods("is deleted", "are deleted", ": {reason}"),
        ("EvictPod",): _pods("is evicted", "are evicted", " ({reason})"),
        ("PreemptPod",): _pods("is preempted", "are preempted", " on {node}, to make room for {beneficiary}"),
        ("RemovePod",): _pods("is gone", "are gone"),
        ("RestorePod",): _pods("is made anew by its kubelet", "are made anew by their kubelets"),
        ("CollectPod", ""): _pods("is collected", "are collected"),
        ("CollectPod",): _pods("is collected", "are collected", " ({reason})"),
        ("RejectPod",): Phrase(
            "pod {pod} is not taken by its kubelet: {reason}",
            "{n} pods are not taken by their kubelets: {reason}",
            "{pod}",
        ),
        ("FailPod",): Phrase(
            "pod {pod} is ended by its kubelet: {reason}", "{n} pods are ended by their kubelets: {reason}", "{pod}"
        ),
        ("ReportPhase", "Running"): _pods("runs", "run"),
        ("ReportPhase", "Succeeded"): _pods("has succeeded", "have succeeded"),
        ("ReportPhase", "Failed"): _pods("has failed", "have failed"),
        ("ReportPhase",): _pods("is", "are", " {phase}"),
        ("HoldContainer",): Phrase(
            "container {container} of {pod} waits: {reason}", "{n} containers wait: {reason}", "{container} of {pod}"
        ),
        ("HoldContainer", "CrashLoopBackOff"): Phrase(
            "container {container} of {pod} waits in CrashLoopBackOff, {message}",
            "{n} containers wait in CrashLoopBackOff, {message}",
            "{container} of {pod}",
        ),
        ("HoldContainer", "ContainerCreating"): Phrase(
            "container {container} of {pod} waits: ContainerCreating: {message}",
            "{n} containers wait: ContainerCreating: {message}",
            "{container} of {pod}",
        ),
        ("StartContainer", "0"): _SILENT,
        ("StartContainer",): Phrase(
            "container {container} of {pod} starts again, restart {restart}",
            "{n} containers start again, restart {restart}",
            "{container} of {pod}",
        ),
        ("KillContainer",): Phrase(
            "container {container} of {pod} {message}", "{n} containers {message}", "{container} of {pod}"
        ),
        ("EndContainer",): Phrase(
            "container {container} of {pod} ends with exit code {exit_code}",
            "{n} containers end with exit code {exit_code}",
            "{container} of {pod}",
        ),
        ("ExplainEnd",): Phrase(
            "container {container} of {pod} was ended: {reason}",
            "{n} containers were ended: {reason}",
            "{container} of {pod}",
        ),
        # workloads
        ("CreateReplicaSet",): Phrase(
            "Deployment {deployment} makes a ReplicaSet of {replicas}, its revision {revision}",
            "{n} Deployments make ReplicaSets",
            "{deployment} of {replicas}",
        ),
        ("ScaleReplicaSet",): Phrase(
            "ReplicaSet {replica_set} is scaled to {replicas}",
            "{n} ReplicaSets are scaled",
            "{replica_set} to {replicas}",
        ),
        ("ScaleTarget",): _event("an autoscaler sets {kind} {key} to {replicas}"),
        ("StartCronRun",): Phrase("CronJob {cron_job} starts Job {job} ({moment})", "{n} CronJobs start Jobs", "{job}"),
        ("EndCronRun",): Phrase("a run of CronJob {cron_job} is over", "{n} runs of CronJobs are over", "{cron_job}"),
        (ENDPOINTS, "0"): Phrase("Service {service} has no ready endpoint any more"),
        (ENDPOINTS, "1"): Phrase("Service {service} has 1 ready endpoint"),
        (ENDPOINTS,): Phrase("Service {service} has {ready} ready endpoints"),
        (REPEAT, "0"): _event("and so on, again and again in no time, until {until}"),
        (REPEAT,): _event("and so on, every {every}, until {until}"),
        (FAILED["make"],): Phrase("{owner_kind} {owner} cannot make a {kind}"),
        (FAILED["change"],): Phrase("{owner_kind} {owner} cannot be changed"),
        (FAILED["delete"],): Phrase("{owner_kind} {owner} cannot be deleted"),
        # nodes
        ("AddTaint",): Phrase(
            "node {node} gets the taint {taint}:{effect}", "{n} nodes get the taint {taint}:{effect}", "{node}"
        ),
        ("RemoveTaint",): Phrase(
            "node {node} loses the taint {taint}:{effect}", "{n} nodes lose the taint {taint}:{effect}", "{node}"
        ),
        # storage, objects
        ("CreatePersistentVolumeClaim",): Phrase("claim {claim} is made", "{n} claims are made", "{claim}"),
        ("CreateEphemeralClaim",): Phrase("claim {claim} is made", "{n} claims are made", "{claim}"),
        ("CreateDeviceClaim",): Phrase(
            "the claim {entry} of {pod} is made", "{n} claims on devices are made", "{pod} {entry}"
        ),
        ("DeallocateClaim",): Phrase(
            "claim {claim} loses its devices, for {pod}", "{n} claims lose their devices", "{claim}"
        ),
        ("ProvisionVolume",): Phrase(
            "a volume is provisioned for {claim}", "volumes are provisioned for {n} claims", "{claim}"
        ),
        ("TakeSnapshot",): Phrase("the snapshot {snapshot} is taken", "{n} snapshots are taken", "{snapshot}"),
        ("BindClaim",): Phrase(
            "claim {claim} is bound to volume {volume}", "{n} claims are bound", "{claim} to {volume}"
        ),
        ("DeleteObject",): Phrase("{kind} {key} is deleted", "{n} objects of kind {kind} are deleted", "{key}"),
        ("AdoptObject",): Phrase(
            "{owner_kind} {owner} adopts {kind} {key}", "{owner_kind} {owner} adopts {n} objects", "{kind} {key}"
        ),
        ("ReleaseObject",): Phrase(
            "{owner_kind} {owner} lets go of {kind} {key}",
            "{owner_kind} {owner} lets go of {n} objects",
            "{kind} {key}",
        ),
        ("FailBudget",): Phrase(
            "budget {budget} cannot be worked out: no size is known for {pod}",
            "{n} budgets cannot be worked out",
            "{budget}",
        ),
        # conditions: kind, condition, status, reason
        ("SetCondition", "Pod", "PodScheduled", "False"): _about("pod", "pods", "finds no node", "find no node"),
        ("SetCondition", "PodGroup", "PodGroupScheduled", "True"): _about(
            "group", "groups", "is scheduled", "are scheduled"
        ),
        ("SetCondition", "PodGroup", "PodGroupScheduled", "False"): _about(
            "group", "groups", "cannot be scheduled", "cannot be scheduled"
        ),
        ("SetCondition", "Pod", "Ready", "True"): _about("pod", "pods", "is ready", "are ready"),
        ("SetCondition", "Pod", "Ready", "False"): _about(
            "pod", "pods", "is not ready any more", "are not ready any more"
        ),
        ("SetCondition", "Pod"): _SILENT,
        ("SetCondition", "Deployment", "Available", "True"): _about(
            "Deployment", "Deployments", "is available", "are available"
        ),
        ("SetCondition", "Deployment", "Available", "False"): _about(
            "Deployment", "Deployments", "has too few available pods", "have too few available pods"
        ),
        ("SetCondition", "Deployment", "Progressing", "True", "NewReplicaSetAvailable"): _about(
            "the rollout of Deployment", "rollouts of Deployments", "is complete", "are complete"
        ),
        ("SetCondition", "Deployment", "Progressing", "True"): _SILENT,
        ("SetCondition", "Deployment", "Progressing", "Unknown"): _SILENT,
        ("SetCondition", "Deployment", "Progressing", "False"): _about(
            "the rollout of Deployment", "rollouts of Deployments", "misses its deadline", "miss their deadlines"
        ),
        ("SetCondition", "Node", "Ready", "True"): _about("node", "nodes", "is Ready", "are Ready"),
        ("SetCondition", "Node", "Ready", "False"): _about("node", "nodes", "is not Ready", "are not Ready"),
        ("SetCondition", "Node", "Ready", "Unknown"): _about(
            "nothing was heard of node",
            "nodes",
            "for too long: Ready is Unknown",
            "were silent for too long: Ready is Unknown",
        ),
        ("SetCondition", "Node"): _SILENT,
        ("SetCondition", "Job", "Complete", "True"): _about("Job", "Jobs", "is complete", "are complete"),
        ("SetCondition", "Job", "Failed", "True"): Phrase(
            "Job {key} has failed: {reason}", "{n} Jobs have failed: {reason}", "{key}"
        ),
        ("SetCondition", "Job"): _SILENT,
        ("SetCondition", "PodDisruptionBudget"): _SILENT,
        ("SetCondition", "PersistentVolumeClaim", "Resizing"): _about(
            "claim", "claims", "gets a larger volume", "get larger volumes"
        ),
        ("SetCondition", "PersistentVolumeClaim", "FileSystemResizePending"): _about(
            "claim",
            "claims",
            "has a larger volume; its file system grows where a pod runs with it",
            "have larger volumes; their file systems grow where pods run with them",
        ),
        ("SetCondition",): Phrase(
            "{kind} {key}: {condition} is {status} ({reason})",
            "{condition} is {status} ({reason}) for {n} objects of kind {kind}",
            "{key}",
        ),
    }
)
"""How each kind of entry is told. A longer key, with some of the values of ``_TOLD_BY``, goes before a shorter one."""

_TOLD_BY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Apply": ("replaced",),
        "CollectPod": ("reason",),
        "Cordon": ("unschedulable",),
        "Delete": ("grace",),
        "Down": ("down",),
        "Machine": ("state",),
        "MeasureObject": ("kind",),
        "FailProbe": ("answer",),
        "HoldContainer": ("reason",),
        "FailPod": ("reason",),
        "RejectPod": ("reason",),
        "Pause": ("paused",),
        ENDPOINTS: ("ready",),
        REPEAT: ("every",),
        "ReportPhase": ("phase",),
        "StartContainer": ("restart",),
        "SetCondition": ("kind", "condition", "status", "reason"),
        "Taint": ("present", "value"),
        "Undo": ("revision",),
    }
)
"""The arguments on which it depends how an entry is told."""


def phrase_of(entry: Entry) -> Phrase:
    """How an entry is told; a phrase without text for one that is left out."""
    if entry.type in QUIET:
        return _SILENT
    key = (entry.type, *(str(entry.arguments.get(name, "")) for name in _TOLD_BY.get(entry.type, ())))
    while key:
        if key in PHRASES:
            return PHRASES[key]
        key = key[:-1]
    return Phrase(f"{entry.type} {{rest}}")


def timeline(entries: Iterable[Entry], style: Style) -> list[str]:
    """Lines of a timeline: each moment once, alike things of a moment together, in the order in which they begin."""
    lines: list[str] = []
    for time, moment in groupby(entries, key=lambda entry: entry.time):
        groups: dict[tuple[Any, ...], list[tuple[Phrase, Entry]]] = {}
        for number, entry in enumerate(moment):
            phrase = phrase_of(entry)
            if phrase.one:
                shared = _text(phrase.many, entry, n="") if phrase.many and not entry.refused else number
                groups.setdefault((phrase, shared), []).append((phrase, entry))
        for number, group in enumerate(groups.values()):
            time_shown = clock(time) if number == 0 else ""
            lines.append(f"{style.dim(f'{time_shown:>9}')}  {_sentence(group, style)}")
    return lines


def _sentence(group: Sequence[tuple[Phrase, Entry]], style: Style) -> str:
    phrase, first = group[0]
    if len(group) == 1:
        text = _text(phrase.one, first)
    else:
        names = [_text(phrase.item, entry) for _, entry in group]
        text = f"{_text(phrase.many, first, n=f'{len(group):,}')}: {_some(names)}"
    if first.refused:
        return f"{style.bold(text)} {style.bad(f'- refused: {first.refused}')}"
    return style.bold(text) if phrase.event else text


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")


def _text(template: str, entry: Entry, **more: str) -> str:
    wanted = {name for _, name, _, _ in Formatter().parse(template) if name}
    values = {
        name: clock(value)
        if entry.type == REPEAT and name in _TIMES
        else exact("memory", value)
        if entry.type == "Fill" and name == "each"
        else _plain(value)
        for name, value in entry.arguments.items()
    } | more
    if "rest" in wanted:
        said = WORDS.get(entry.type)
        values["rest"] = _rest(entry, values, wanted) if said is None else said(entry.arguments)
    return template.format_map({name: values.get(name, "") for name in wanted})


def _rest(entry: Entry, values: Mapping[str, str], wanted: set[str]) -> str:
    """The arguments that a sentence does not name."""
    about = wanted | {"kind", "key"} if entry.type == "SetResources" else wanted
    return ", ".join(
        f"{name.replace('_', ' ')} {values[name]}"
        for name, value in entry.arguments.items()
        if name not in about and value not in (None, "", (), {})
    )


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True, default=str)
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return str(value)
