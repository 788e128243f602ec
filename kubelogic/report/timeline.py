"""The timeline of a simulation in sentences: what happens at one moment, alike things told together.

One row says how an action or event is told, of one and of many. What has no row and is not ``QUIET`` is shown by its
name and arguments. The module is longer than others because of these rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import groupby
from string import Formatter
from types import MappingProxyType
from typing import Any

import msgspec

from kubelogic.patterns import regex
from kubelogic.reconcile.entries import ENDPOINTS, FAILED, GONE, REPEAT, Entry
from kubelogic.reconcile.times import clock
from kubelogic.report.quantities import exact
from kubelogic.report.step_words import WORDS
from kubelogic.report.style import Style

_NAMED = 3
"""So many of those that are told together are named; the rest are counted."""

_TIMES = frozenset({"every", "until"})
"""Arguments of repeated rounds in milliseconds."""

_BOOKKEEPING = (
    "AddFinalizer RemoveFinalizer DropOwner AnnotateObject LabelObject SetField",
    "UpdateStatus ClearStatus DateStatus StampStatus RemoveCondition NominateNode ReportContainer ReportStarted",
    "CreateControllerRevision PaceReplicaSet CountJobPod NoteJobPod WriteJobIndexes WriteBudgetStatus WriteQuotaStatus",
    "WriteEndpoints WriteSlice WriteSlicePorts WriteMirrorPorts WriteHints",
    "AssignPodRange CreateServiceAccount PublishRootCa WriteRules",
    "Remember RememberMoment Forget",
)
QUIET = frozenset(name for names in _BOOKKEEPING for name in names.split())
"""Bookkeeping that the text leaves out; JSON has all."""

_CHOICE = regex(r"\[([^|\]]*)\|([^|\]]*)(?:\|([^|\]]*))?\]")
"""What differs between one and many, and, where that is not what is filled in of one, how one of many is named."""
_FILLED = regex(r"\{.*\}")


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

    @classmethod
    def of(cls, text: str, *, event: bool = False) -> Phrase:
        """The phrase that a row means.

        >>> Phrase.of("[claim {claim} is|{n} claims are|{claim} to {volume}] bound[ to {volume}|]").one
        'claim {claim} is bound to {volume}'
        >>> Phrase.of("[container {container} of {pod} ends|{n} containers end]")
        Phrase(one='container {container} of {pod} ends', many='{n} containers end', item='{container} of {pod}', \
event=False)
        """
        choices = list(_CHOICE.finditer(text))
        if not choices:
            return cls(text, event=event)
        items = [choice[3] or (_FILLED.findall(choice[1]) or [""])[0] for choice in choices]
        return cls(_CHOICE.sub(r"\1", text), _CHOICE.sub(r"\2", text), next(filter(None, items)), event)


_EVENTS: Mapping[str, str] = {
    "Apply": "applied: {objects}",
    "Apply/True": "replaced: {objects}",
    "Patch": "{kind} {key} is patched: {patch}",
    "Scale": "{kind} {key} is scaled to {replicas}",
    "SetImage": "{kind} {key} gets the image {image}",
    "Undo": "{kind} {key} goes back to revision {revision}",
    "Undo/0": "{kind} {key} goes back to the revision before",
    "Restart": "{kind} {key} is restarted",
    "SetResources": "{kind} {key} gets other resources: {rest}",
    "Autoscale": "an autoscaler is made for {kind} {key}, up to {most} replicas",
    "RunCronJob": "Job {name} is made of CronJob {key}",
    "Pause/True": "Deployment {key} is paused",
    "Pause/False": "Deployment {key} goes on",
    "Delete": "[{kind} {key} is|{n} objects of kind {kind} are|{key}] deleted",
    "Delete/0": "[{kind} {key} is|{n} pods are|{key}] deleted by force",
    "Evict": "[an eviction of pod {key} is|evictions of {n} pods are] asked for",
    "FailNode": "[node {node} goes|{n} nodes go] silent",
    "HealNode": "[node {node} is|{n} nodes are] heard of again",
    "Cordon/True": "[node {node} is|{n} nodes are] cordoned",
    "Cordon/False": "[node {node} is|{n} nodes are] uncordoned",
    "Drain": "[node {node} is|{n} nodes are] drained",
    "DrainAgain": "the drain of node {node} goes on with {pods}",
    "Reboot": "[node {node} goes|{n} nodes go] down, to reboot",
    "EndReboot": "[node {node} is|{n} nodes are] up again",
    "Machine": "the cloud says where the machine of node {node} is: {zone}",
    "Machine/gone": "the [machine of node {node} is|machines of {n} nodes are] gone",
    "Machine/stopped": "the [machine of node {node} stops|machines of {n} nodes stop]",
    "Machine/running": "the [machine of node {node} runs|machines of {n} nodes run]",
    "Shutdown": "[node {node} is|{n} nodes are] shut down in good order",
    "EndShutdown": "the [machine of node {node} is|machines of {n} nodes are] off",
    "Report": "the kubelet of node {node} reports: {rest}",
    "Down/True": "{component} is down",
    "Down/False": "{component} works again",
    "Taint/True": "[node {node} gets|{n} nodes get] the taint {taint}={value}:{effect}",
    "Taint/True/": "[node {node} gets|{n} nodes get] the taint {taint}:{effect}",
    "Taint/False": "[node {node} loses|{n} nodes lose] the taint {taint}:{effect}",
    "Behave": "containers of {image} behave differently: {rest}",
    "Measure": "{metric} of the pods of {kind} {key} is now {rest}",
    "Fill": "volume {volume} of the pods of {kind} {key} holds {each}",
    "MeasureObject": "{metric} of {kind} {key} is now {rest}",
    "MeasureObject/": "the external metric {metric} is now {rest}",
    "TellPod": "pod {key} is told: {rest}",
    "FailProbe/status": "{probe} probes of {target} are answered with HTTP status {number}",
    "FailProbe/exit code": "{probe} probes of {target} end with exit code {number}",
    "FailProbe/refused": "{probe} probes of {target} find the connection refused",
    "FailProbe/timeout": "{probe} probes of {target} get no answer in time",
    "FailProbe": "{probe} probes of {target} fail",
    "HealProbe": "{probe} probes of {target} succeed again",
    "ExitContainers": "{target}: what runs ends with exit code {code}",
    "GiveCondition": "for {target}, the condition {condition} of a readiness gate is {status}",
    "ScaleTarget": "an autoscaler sets {kind} {key} to {replicas}",
    f"{REPEAT}/0": "and so on, again and again in no time, until {until}",
    REPEAT: "and so on, every {every}, until {until}",
}
"""What people and the world do, and what is told as clearly."""

_CONSEQUENCES: Mapping[str, str] = {
    GONE: "[{kind} {key} is|{n} objects are] gone",
    "CreateObject": "[{kind} {key} is|{n} objects are] made",
    # pods
    "CreatePod": "[pod {pod} is|{n} pods are] made",
    "CreateIndexedPod": "[Job {job} makes its pod {index}|{n} pods of Job {job} are made|{index}]",
    "BindPod": "[pod {pod} is|{n} pods are|{pod} to {node}] bound[ to {node}|]",
    "DeletePod": "[pod {pod} is|{n} pods are] deleted: {reason}",
    "EvictPod": "[pod {pod} is|{n} pods are] evicted ({reason})",
    "PreemptPod": "[pod {pod} is|{n} pods are] preempted on {node}, to make room for {beneficiary}",
    "RemovePod": "[pod {pod} is|{n} pods are] gone",
    "RestorePod": "[pod {pod} is made anew by its kubelet|{n} pods are made anew by their kubelets]",
    "CollectPod/": "[pod {pod} is|{n} pods are] collected",
    "CollectPod": "[pod {pod} is|{n} pods are] collected ({reason})",
    "RejectPod": "[pod {pod} is not taken by its kubelet|{n} pods are not taken by their kubelets]: {reason}",
    "FailPod": "[pod {pod} is ended by its kubelet|{n} pods are ended by their kubelets]: {reason}",
    "ReportPhase/Running": "[pod {pod} runs|{n} pods run]",
    "ReportPhase/Succeeded": "[pod {pod} has|{n} pods have] succeeded",
    "ReportPhase/Failed": "[pod {pod} has|{n} pods have] failed",
    "ReportPhase": "[pod {pod} is|{n} pods are] {phase}",
    "HoldContainer": "[container {container} of {pod} waits|{n} containers wait]: {reason}",
    "HoldContainer/CrashLoopBackOff": "[container {container} of {pod} waits|{n} containers wait] in CrashLoopBackOff, "
    "{message}",
    "HoldContainer/ContainerCreating": "[container {container} of {pod} waits|{n} containers wait]: ContainerCreating: "
    "{message}",
    "StartContainer/0": "",
    "StartContainer": "[container {container} of {pod} starts|{n} containers start] again, restart {restart}",
    "KillContainer": "[container {container} of {pod}|{n} containers] {message}",
    "EndContainer": "[container {container} of {pod} ends|{n} containers end] with exit code {exit_code}",
    "ExplainEnd": "[container {container} of {pod} was|{n} containers were] ended: {reason}",
    # workloads
    "CreateReplicaSet": "[Deployment {deployment} makes a ReplicaSet of {replicas}, its revision {revision}"
    "|{n} Deployments make ReplicaSets|{deployment} of {replicas}]",
    "ScaleReplicaSet": "[ReplicaSet {replica_set} is|{n} ReplicaSets are|{replica_set} to {replicas}] scaled"
    "[ to {replicas}|]",
    "StartCronRun": "[CronJob {cron_job} starts Job {job} ({moment})|{n} CronJobs start Jobs|{job}]",
    "EndCronRun": "[a run of CronJob {cron_job} is|{n} runs of CronJobs are] over",
    f"{ENDPOINTS}/0": "Service {service} has no ready endpoint any more",
    f"{ENDPOINTS}/1": "Service {service} has 1 ready endpoint",
    ENDPOINTS: "Service {service} has {ready} ready endpoints",
    FAILED["make"]: "{owner_kind} {owner} cannot make a {kind}",
    FAILED["change"]: "{owner_kind} {owner} cannot be changed",
    FAILED["delete"]: "{owner_kind} {owner} cannot be deleted",
    # nodes
    "AddTaint": "[node {node} gets|{n} nodes get] the taint {taint}:{effect}",
    "RemoveTaint": "[node {node} loses|{n} nodes lose] the taint {taint}:{effect}",
    # storage, objects
    "CreatePersistentVolumeClaim": "[claim {claim} is|{n} claims are] made",
    "CreateEphemeralClaim": "[claim {claim} is|{n} claims are] made",
    "CreateDeviceClaim": "[the claim {entry} of {pod} is|{n} claims on devices are|{pod} {entry}] made",
    "DeallocateClaim": "[claim {claim} loses its|{n} claims lose their] devices[, for {pod}|]",
    "ProvisionVolume": "[a volume is|volumes are] provisioned for [{claim}|{n} claims]",
    "TakeSnapshot": "[the snapshot {snapshot} is|{n} snapshots are] taken",
    "BindClaim": "[claim {claim} is|{n} claims are|{claim} to {volume}] bound[ to volume {volume}|]",
    "DeleteObject": "[{kind} {key} is|{n} objects of kind {kind} are|{key}] deleted",
    "AdoptObject": "{owner_kind} {owner} adopts [{kind} {key}|{n} objects]",
    "ReleaseObject": "{owner_kind} {owner} lets go of [{kind} {key}|{n} objects]",
    "FailBudget": "[budget {budget}|{n} budgets] cannot be worked out[: no size is known for {pod}|]",
    # conditions: kind, condition, status, reason
    "SetCondition/Pod/PodScheduled/False": "[pod {key} finds|{n} pods find] no node",
    "SetCondition/PodGroup/PodGroupScheduled/True": "[group {key} is|{n} groups are] scheduled",
    "SetCondition/PodGroup/PodGroupScheduled/False": "[group {key}|{n} groups] cannot be scheduled",
    "SetCondition/Pod/Ready/True": "[pod {key} is|{n} pods are] ready",
    "SetCondition/Pod/Ready/False": "[pod {key} is|{n} pods are] not ready any more",
    "SetCondition/Pod": "",
    "SetCondition/Deployment/Available/True": "[Deployment {key} is|{n} Deployments are] available",
    "SetCondition/Deployment/Available/False": "[Deployment {key} has|{n} Deployments have] too few available pods",
    "SetCondition/Deployment/Progressing/True/NewReplicaSetAvailable": "[the rollout of Deployment {key} is"
    "|{n} rollouts of Deployments are] complete",
    "SetCondition/Deployment/Progressing/True": "",
    "SetCondition/Deployment/Progressing/Unknown": "",
    "SetCondition/Deployment/Progressing/False": "[the rollout of Deployment {key} misses its deadline"
    "|{n} rollouts of Deployments miss their deadlines]",
    "SetCondition/Node/Ready/True": "[node {key} is|{n} nodes are] Ready",
    "SetCondition/Node/Ready/False": "[node {key} is|{n} nodes are] not Ready",
    "SetCondition/Node/Ready/Unknown": "[nothing was heard of node {key}|{n} nodes were silent] for too long: "
    "Ready is Unknown",
    "SetCondition/Node": "",
    "SetCondition/Job/Complete/True": "[Job {key} is|{n} Jobs are] complete",
    "SetCondition/Job/Failed/True": "[Job {key} has|{n} Jobs have] failed: {reason}",
    "SetCondition/Job": "",
    "SetCondition/PodDisruptionBudget": "",
    "SetCondition/PersistentVolumeClaim/Resizing": "[claim {key} gets a larger volume|{n} claims get larger volumes]",
    "SetCondition/PersistentVolumeClaim/FileSystemResizePending": "[claim {key} has a larger volume; its file system "
    "grows where a pod runs|{n} claims have larger volumes; their file systems grow where pods run] with [it|them]",
    "SetCondition": "[{kind} {key}: {condition} is {status} ({reason})"
    "|{condition} is {status} ({reason}) for {n} objects of kind {kind}|{key}]",
}
"""What the control plane does, and what comes of it. ``[one|many]`` is said of one or of many, see ``Phrase``."""


@cache
def phrases() -> Mapping[tuple[str, ...], Phrase]:
    """How each kind of entry is told. A longer key, with some values of ``_TOLD_BY``, goes before a shorter one."""
    return MappingProxyType(
        {
            tuple(key.split("/")): Phrase.of(text, event=rows is _EVENTS)
            for rows in (_EVENTS, _CONSEQUENCES)
            for key, text in rows.items()
        }
    )


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
        return Phrase("")
    key = (entry.type, *(str(entry.arguments.get(name, "")) for name in _TOLD_BY.get(entry.type, ())))
    known = phrases()
    while key:
        if key in known:
            return known[key]
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


def _sentence(alike: Sequence[tuple[Phrase, Entry]], style: Style) -> str:
    phrase, first = alike[0]
    group = list(
        {_text(each.one, entry): (each, entry) for each, entry in alike}.values()
    )  # a moment has several steps
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
