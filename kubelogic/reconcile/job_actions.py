"""Actions on Jobs and on fields of statuses; see ``actions`` for how they come from rules."""

from __future__ import annotations

from kubelogic.reconcile.actions import Action, Gathered, ObjectAction, actions_of


class CreateIndexedPod(Action, frozen=True, kw_only=True):
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


class NoteJobPod(Action, frozen=True, kw_only=True):
    """Note in the status of a Job that a pod has ``succeeded`` or ``failed``, so that it can be let go."""

    job: str
    outcome: str
    uid: str


class CountJobPod(Action, frozen=True, kw_only=True):
    """Count a pod that was noted and let go."""

    job: str
    outcome: str
    uid: str


class WriteJobIndexes(Gathered, frozen=True, kw_only=True):
    """Write the list of indexes that have ``completed`` or ``failed``. ``rows``: the indexes; -1 stands for none."""

    job: str
    outcome: str


class StampStatus(ObjectAction, frozen=True, kw_only=True):
    """Set a field of a status to the present moment."""

    field: str


class ClearStatus(ObjectAction, frozen=True, kw_only=True):
    """Take a field from a status."""

    field: str


class DateStatus(ObjectAction, frozen=True, kw_only=True):
    """Set a field of a status to a moment, ``t``, in milliseconds of the simulated clock."""

    field: str
    t: int


class EndCronRun(Action, frozen=True, kw_only=True):
    """Take a Job from the list of those that a CronJob has running."""

    cron_job: str
    uid: str


class StartCronRun(Action, frozen=True, kw_only=True):
    """Make the Job of a CronJob for the moment ``t``, in milliseconds, and list it as active."""

    cron_job: str
    job: str
    t: int


class ScaleTarget(ObjectAction, frozen=True, kw_only=True):
    """Set the number of pods of a workload, as an autoscaler does."""

    replicas: int


JOB_ACTIONS = actions_of(vars())
"""The class of each action predicate of this module. They come after all others, in this order."""
