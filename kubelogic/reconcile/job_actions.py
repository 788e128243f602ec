"""Actions on Jobs and on fields of statuses; see ``actions`` for how they come from rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kubelogic.reconcile.actions import Action, action_predicate
from kubelogic.reconcile.object_actions import Gathered


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateIndexedPod(Action):
    """Make the pod of one index of a Job.

    Attributes:
        job: its key.
        index: the completion index.
        failures: how many pods of the index failed before; -1 where the pod is not told.
        ignored: how many failed in a way that the failure policy ignores.
    """

    job: str
    index: int
    failures: int
    ignored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteJobPod(Action):
    """Note in the status of a Job that a pod has ``succeeded`` or ``failed``, so that it can be let go."""

    job: str
    outcome: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountJobPod(Action):
    """Count a pod that was noted and let go."""

    job: str
    outcome: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteJobIndexes(Gathered):
    """Write the list of indexes that have ``completed`` or ``failed``. ``rows``: the indexes; -1 stands for none."""

    job: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StampStatus(Action):
    """Set a field of a status to the present moment."""

    kind: str
    key: str
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearStatus(Action):
    """Take a field from a status."""

    kind: str
    key: str
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DateStatus(Action):
    """Set a field of a status to a moment, ``t``, in milliseconds of the simulated clock."""

    kind: str
    key: str
    field: str
    t: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndCronRun(Action):
    """Take a Job from the list of those that a CronJob has running."""

    cron_job: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCronRun(Action):
    """Make the Job of a CronJob for the moment ``t``, in milliseconds, and list it as active."""

    cron_job: str
    job: str
    t: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleTarget(Action):
    """Set the number of pods of a workload, as an autoscaler does."""

    kind: str
    key: str
    replicas: int


JOB_ACTIONS: Mapping[str, type[Action]] = MappingProxyType(
    {
        action_predicate(action): action
        for action in (
            CreateIndexedPod,
            NoteJobPod,
            CountJobPod,
            WriteJobIndexes,
            StampStatus,
            ClearStatus,
            DateStatus,
            EndCronRun,
            StartCronRun,
            ScaleTarget,
        )
    }
)
"""The class of each action predicate of this module. They come after all others, in this order."""
