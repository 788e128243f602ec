"""Every class of actions is carried out by the function of its name, in the order of the classes."""

from __future__ import annotations

from kubelogic.reconcile import actions, job_actions, object_actions
from kubelogic.reconcile.actions import ACTIONS, Action, BindPod, CreateDaemonPod, CreatePods, actions_of
from kubelogic.reconcile.apply import pods, reports
from kubelogic.reconcile.apply.carry_out import APPLIERS
from kubelogic.reconcile.job_actions import JOB_ACTIONS
from kubelogic.reconcile.object_actions import OBJECT_ACTIONS

READ_AS_OTHERS = {CreateDaemonPod, CreatePods}
"""Rows of these become ``CreatePod``."""


def every_class() -> set[type[Action]]:
    modules = (actions, job_actions, object_actions)
    return {each for module in modules for each in actions_of(vars(module)).values()}


def test_every_class_is_carried_out_by_the_function_of_its_name() -> None:
    assert set(APPLIERS) == every_class() - READ_AS_OTHERS
    assert APPLIERS[BindPod] is pods.bind_pod
    for action, applier in APPLIERS.items():
        named = "".join(f"_{c.lower()}" if c.isupper() else c for c in action.__name__).lstrip("_")
        same = named in ("reject_pod", applier.__name__)
        assert same or action in reports.APPLIERS


def test_the_scheduler_alone_decides_what_no_rule_may_say() -> None:
    of_rules = {*ACTIONS.values(), *OBJECT_ACTIONS.values(), *JOB_ACTIONS.values()}
    assert {each.__name__ for each in every_class() - of_rules} == {
        "BindPod",
        "DeallocateClaim",
        "NominateNode",
        "PreemptPod",
    }


def test_kubelets_report_before_controllers_act_and_statuses_come_last() -> None:
    order = [each.__name__ for each in ACTIONS.values()]
    assert order[0] == "StartContainer"
    assert order.index("EvictPod") < order.index("AdoptObject") < order.index("CreatePod") < order.index("DeletePod")
    assert order[-6:] == ["UpdateStatus", "SetCondition", "RemoveCondition", "Remember", "RememberMoment", "Forget"]
