"""A cordon is one reason, though the node controller gives cordoned nodes a taint as well."""

from __future__ import annotations

import kubelogic
from kubelogic.report import shown

INPUT = """
apiVersion: v1
kind: Node
metadata: {name: down}
status: {allocatable: {cpu: "4", pods: "9"}, conditions: [{type: Ready, status: "False"}]}
---
apiVersion: v1
kind: Node
metadata: {name: cordoned}
spec: {unschedulable: true}
status: {allocatable: {cpu: "4", pods: "9"}}
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: default}
spec: {containers: [{name: c, image: x}]}
"""


def test_check_names_the_cordon_that_its_step_lifts() -> None:
    (found,) = [
        each for each in kubelogic.check(kubelogic.load(INPUT)).findings if each.key == "default/p" and each.checked
    ]
    assert (found.code, found.step) == ("KL201", "uncordon cordoned")
    assert found.message.endswith("cordoned is cordoned, which default/p does not tolerate")


def test_a_cordoned_node_refuses_for_one_reason() -> None:
    text = shown.text(kubelogic.explain_any(kubelogic.load(INPUT), "node/cordoned"))
    assert "cordoned is cordoned, which default/p does not tolerate [KL201]" in text
    assert "KL203" not in text
    assert text.startswith("cordoned (Ready,SchedulingDisabled) has 0 pods")
