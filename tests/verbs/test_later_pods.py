"""Pods that are made only later are sent through admission by check, which needs no node for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.cli import main

LIMIT = (
    "apiVersion: v1\nkind: LimitRange\nmetadata: {name: small}\nspec: {limits: [{type: Container, max: {cpu: 500m}}]}\n"
)
QUOTA = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: team}\nspec: {hard: {requests.cpu: 500m}}\n"
NODE = (
    "apiVersion: v1\nkind: Node\nmetadata: {name: oak, labels: {kubernetes.io/hostname: oak}}\n"
    'status: {allocatable: {cpu: "4", memory: 8Gi, pods: "9"}}\n'
)


def template(cpu: str, restart: str) -> str:
    resources = f"{{requests: {{cpu: {cpu}}}, limits: {{cpu: {cpu}}}}}"
    return f"{{spec: {{restartPolicy: {restart}, containers: [{{name: c, image: 'i:1', resources: {resources}}}]}}}}"


def cron_job(cpu: str, more: str = "") -> str:
    job = f"{{spec: {{template: {template(cpu, 'Never')}}}}}"
    spec = f'{{schedule: "0 3 * * *", {more}jobTemplate: {job}}}'
    return f"apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: tidy}}\nspec: {spec}\n"


def job(cpu: str) -> str:
    spec = f"{{suspend: true, template: {template(cpu, 'Never')}}}"
    return f"apiVersion: batch/v1\nkind: Job\nmetadata: {{name: once}}\nspec: {spec}\n"


def deployment(cpu: str, replicas: int) -> str:
    made = template(cpu, "Always").replace("{spec:", "{metadata: {labels: {app: web}}, spec:", 1)
    spec = f"{{replicas: {replicas}, selector: {{matchLabels: {{app: web}}}}, template: {made}}}"
    return f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {spec}\n"


@pytest.mark.parametrize("node", ["", NODE], ids=["without nodes", "with a node"])
@pytest.mark.parametrize(
    ("texts", "told", "code"),
    [
        ([LIMIT, cron_job("700m")], "error: a pod of CronJob default/tidy will be refused when it is made", 1),
        ([LIMIT, cron_job("300m")], "", 0),
        ([LIMIT, cron_job("700m", "suspend: true, ")], "warning: a pod of CronJob default/tidy will be refused", 0),
        ([LIMIT, job("700m")], "warning: a pod of Job default/once will be refused when it is made", 0),
        ([LIMIT, deployment("700m", 0)], "warning: a pod of Deployment default/web will be refused", 0),
        ([LIMIT, deployment("700m", 1)], "error: 1 of 1 Pod of ReplicaSet default/web-", 1),
        ([QUOTA, cron_job("700m")], "", 0),
        ([QUOTA.replace("requests.cpu", "limits.memory"), cron_job("700m")], "must specify limits.memory", 1),
    ],
)
def test_what_admission_will_refuse_is_told(
    texts: list[str], told: str, code: int, *, node: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "all.yaml"
    path.write_text("---\n".join([*texts, *([node] if node else [])]))
    assert main(["check", str(path)]) == code
    said = capsys.readouterr().out
    assert told in said
    assert ("KL161" in said) is bool(told)
    assert said.count(": error: ") + said.count(": warning: ") >= bool(told)


OTHER = "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: other}\nvalue: 7\n"
URGENT = "spec: {priorityClassName: urgent, restartPolicy"


@pytest.mark.parametrize("made", [cron_job("300m"), deployment("300m", 1)], ids=["later", "now"])
@pytest.mark.parametrize(
    ("beside", "exists", "code"),
    [("", "", 0), (NODE, "", 1), (OTHER, "", 1), (NODE, "PriorityClass/urgent", 0), (OTHER, "PriorityClass/other", 1)],
)
def test_a_class_that_no_input_has_is_an_error_only_where_it_would_be_seen(
    made: str,
    beside: str,
    exists: str,
    code: int,
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("kubelogic.toml").write_text(f"exists = [{exists!r}]\n" if exists else "")
    Path("all.yaml").write_text(
        "---\n".join([made.replace("spec: {restartPolicy", URGENT), *([beside] if beside else [])])
    )
    assert main(["check", "all.yaml"]) == code
    said = capsys.readouterr().out
    assert ("no PriorityClass with name urgent was found [KL161]" in said.replace("\n  ", " ")) is (
        exists != "PriorityClass/urgent"
    )
    assert "list it under exists in the configuration" in said or exists == "PriorityClass/urgent"
