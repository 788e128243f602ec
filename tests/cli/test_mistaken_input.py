"""Input that is something else than it was taken for: what it is, and what to do about it."""

from __future__ import annotations

import bz2
import lzma
import os
from pathlib import Path

import pytest

from kubelogic.cli import main
from kubelogic.text.kubeconfig import connect
from kubelogic.text.live import LiveError

NODE = """\
apiVersion: v1
kind: Node
metadata: {name: ip-10-0-0-1.ec2.internal}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
"""
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
  - name: app
    image: i
"""
OWN = "this is a message of kubectl's own, as from 2>&1"
LONG = "x" * 200_000


LISTED = """apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: web
  data: {}
"""


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is said of input that is refused."""
    assert main(list(arguments)) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"Warning: v1 Endpoints is deprecated\n{POD}", f":1:1: error: Pod web: Warning: {OWN}"),
        (f"{POD}error: you must be logged in\n", f":9:1: error: Pod web: error: {OWN}"),
        (POD.replace("  - name", "W1129 09:00:00.1 7 a.go:6] late\n  - name"), f":7:1: error: {OWN}"),
        (f"Warning: old\n{LISTED}", f":1:1: error: List: Warning: {OWN}"),
        (f"{LISTED}error: gone\n", f":9:1: error: List: error: {OWN}"),
        ('Warning: deprecated\n{"apiVersion": "v1", "kind": "List", "items": []}\n', f":1:1: error: {OWN}"),
        (
            POD.replace("  name: web", " \u00a0name: web"),
            'unknown field "\u00a0name"; there is a no-break space (U+00A0)',
        ),
        (POD.replace("- name", "-\u00a0name"), "(the line above has a no-break space (U+00A0) where a space is meant)"),
        (POD.replace("  name: web", "\u3000name: web"), "there is an ideographic space (U+3000) in it"),
    ],
)
def test_what_is_no_part_of_the_manifest(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(text, encoding="utf-8")
    assert said in told(capsys, "plan", str(path))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            "apiVersion: autoscaling/v2 targetCPUUtilizationPercentage: 50",
            "autoscaling/v1; in autoscaling/v2 write metrics",
        ),
        ("apiVersion: autoscaling/v1 metrics: []", "it is a field of autoscaling/v2"),
    ],
)
def test_fields_of_other_versions(fields: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version, field = fields.split(" ", 2)[1], fields.split(" ", 2)[2]
    path = tmp_path / "hpa.yaml"
    path.write_text(
        f"apiVersion: {version}\nkind: HorizontalPodAutoscaler\nmetadata: {{name: web}}\nspec:\n  {field}\n"
        "  maxReplicas: 3\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n"
    )
    assert said in told(capsys, "plan", str(path))


def test_the_group_of_a_pod_was_another_field_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pod.yaml"
    text = POD + "  workloadRef: {name: train, podGroup: workers}\n"
    path.write_text(text)
    assert "from 1.36 on a pod names a PodGroup (schedulingGroup: {podGroupName: NAME})" in told(
        capsys, "plan", str(path)
    )
    path.write_text(text.replace("  name: web", "  name: web\n  uid: u-1", 1))  # printed by a cluster of 1.35
    assert main(["plan", str(path), "--nodes", "1"]) == 0


def test_none_of_a_target_needs_a_feature_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hpa.yaml"
    reference = "{apiVersion: apps/v1, kind: Deployment, name: web}"
    path.write_text(
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\n"
        f"spec: {{minReplicas: 0, maxReplicas: 3, scaleTargetRef: {reference}}}\n"
    )
    assert "0 needs the feature gate HPAScaleToZero" in told(capsys, "plan", str(path))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bz2.compress(POD.encode()), "compressed (bzip2); unpack it first: bzip2 -dc"),
        (lzma.compress(POD.encode()), "compressed (xz); unpack it first: xz -dc"),
        (b"\x28\xb5\x2f\xfd\x04\x00", "compressed (zstd); unpack it first: zstd -dc"),
    ],
)
def test_compressed_files_name_what_unpacks_them(
    data: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "dump"
    path.write_bytes(data)
    assert said in told(capsys, "plan", str(path))
    assert said in told(capsys, "kubeadm", "preflight", str(path))


def test_names_longer_than_any_name_are_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "web.yaml"
    documents = [POD.replace("web", LONG), POD.replace("Pod", LONG), POD.replace("v1", LONG), POD.replace("app", LONG)]
    path.write_text("---\n".join(documents))
    for arguments in (["plan", str(path)], ["plan", LONG], ["explain", LONG, str(path)]):
        said = told(capsys, *arguments)
        assert max(map(len, said.splitlines())) < 600
        assert "x…x" in said
    (tmp_path / "node.yaml").write_text(NODE)
    assert len(told(capsys, "simulate", str(tmp_path / "node.yaml"), "--fail", LONG)) < 300


def test_an_empty_name_of_a_file_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "kubeadm", "preflight", "").startswith("'': error: cannot be read: the name is empty")


def test_a_number_is_a_port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "web.yaml").write_text(POD)
    said = told(capsys, "reach", "web", "web", "-1", str(tmp_path / "web.yaml"))
    assert said == "kubelogic reach: -1 is no port: ports are 1 to 65535\n"


def test_a_kubeconfig_that_is_a_pipe_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'none'}{os.pathsep}{pipe}")
    with pytest.raises(LiveError, match="it is a pipe, not a file"):
        connect()
    with pytest.raises(LiveError, match="it is a pipe, not a file"):
        connect(kubeconfig=str(pipe))


@pytest.mark.parametrize("name", ["ip-10-0-0-1", "node/ip-10-0-0-1", "ip-10-0-0-1.ec2.internal"])
def test_simulate_takes_short_names_of_nodes(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "node.yaml"
    path.write_text(NODE)
    assert main(["simulate", str(path), "--cordon", f"{name}@1s", "--horizon", "10s"]) in (0, 3)
    assert "ip-10-0-0-1.ec2.internal" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "Unauthorized"}',
            "object: Unauthorized",
        ),
        (
            '{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound"}',
            "and no object: NotFound",
        ),
        ("apiVersion: meta.k8s.io/v1\nkind: Table\nrows: []\n", "a table as kubectl get shows it"),
        (
            "apiVersion: meta.k8s.io/v1\nkind: PartialObjectMetadataList\nitems: [{metadata: {name: a}}]\n",
            "metadata of",
        ),
    ],
)
def test_answers_that_are_no_objects(text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gate that read the message of a failed request as an empty cluster would let everything pass."""
    (tmp_path / "answer.yaml").write_text(text)
    error = told(capsys, "plan", str(tmp_path / "answer.yaml"))
    assert said in error
    assert error.endswith("1 error in 1 file\n")
    assert main(["check", str(tmp_path / "answer.yaml")]) == 2


def test_a_folder_without_objects_and_an_address_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"{tmp_path}: error: cannot be read: there is no object in it")
    assert main(["plan", "https://example.com/web.yaml"]) == 2
    assert "curl -sL https://example.com/web.yaml | kubelogic plan -" in capsys.readouterr().err
