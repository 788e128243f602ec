"""What surrounds a command: folders that are gone or closed, files that are none, empty values, narrow terminals."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from kubelogic.cli import main
from kubelogic.cli.common import there
from kubelogic.text.settings import find, read

ROOT = Path(__file__).resolve().parents[2]
NODE = """apiVersion: v1
kind: Node
metadata: {name: oak}
status:
  allocatable: {cpu: "4", memory: 8Gi, pods: "110"}
  conditions: [{type: Ready, status: "True"}]
"""
NOTES = """---
apiVersion: v1
kind: ConfigMap
metadata: {name: notes}
data:
  text: |
    one line that is a good deal longer than a terminal of forty columns is wide, and goes on
    \u00e9
"""


@pytest.fixture
def cluster(tmp_path: Path) -> str:
    path = tmp_path / "cluster.yaml"
    path.write_text(NODE + NOTES, encoding="utf-8")
    return str(path)


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that may not be looked into. Root may look anywhere, so the calls of the system refuse here."""
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "file.yaml").write_text(NODE)
    real = os.stat

    def refusing(path: object, *more: object, **how: object) -> object:
        if isinstance(path, str | Path) and str(path).startswith(f"{folder}/"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *more, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", refusing)
    return folder


@pytest.mark.parametrize("command", [["check"], ["plan"], ["check", "-o", "sarif"]])
def test_a_working_directory_that_is_gone_is_told(command: list[str], cluster: str, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', gone, sys.executable, "-m", "kubelogic", *command, "."],
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2
    assert done.stderr == f"kubelogic {command[0]}: the working directory is gone; change into one that is there\n"


def test_a_folder_that_may_not_be_looked_into(closed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert find(closed) is None
    inside = str(closed / "file.yaml")
    assert there(inside)
    assert main(["plan", inside]) == 2
    assert "file.yaml: error: cannot be read: permission denied" in capsys.readouterr().err
    assert main(["capacity", str(ROOT / "fixtures" / "moves"), "--pod", inside]) == 2
    assert main(["verify", inside, "--invariant", str(closed / "own.dl")]) == 2
    assert "internal" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "pipe"),
    [
        (["check", "CLUSTER", "--config", "PIPE"], "cannot be read: it is a pipe"),
        (["step", "5m", "--server", "PIPE"], "it is a pipe"),
        (["step", "5m", "--server", "/dev/zero"], "it is a device"),
        (["verify", "CLUSTER", "--each", "--results", "PIPE"], "it is a pipe"),
        (["verify", "CLUSTER", "--each", "--results", "/dev/full"], "it is a device"),
    ],
)
def test_what_is_no_file_is_not_waited_for(
    command: list[str], pipe: str, cluster: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    words = {"CLUSTER": cluster, "PIPE": str(tmp_path / "pipe")}
    assert main([words.get(each, each) for each in command]) == 2
    assert pipe in capsys.readouterr().err


def test_settings_that_are_a_pipe_are_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "kubelogic.toml")
    found = find(tmp_path)
    assert found is not None
    with pytest.raises(Exception, match="it is a pipe"):
        read(str(found))


def test_settings_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "kubelogic.toml").write_bytes(b'\xef\xbb\xbfnamespace = "shop"\n')
    assert read(str(tmp_path / "kubelogic.toml")).namespace == "shop"
    (tmp_path / "pyproject.toml").write_bytes(b'\xef\xbb\xbf[tool.kubelogic]\nnamespace = "shop"\n')
    (tmp_path / "kubelogic.toml").unlink()
    assert find(tmp_path) == tmp_path / "pyproject.toml"


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "--store", ""],
        ["plan", "--scheduler-config="],
        ["simulate", "--scenario", ""],
        ["capacity", "--pod", ""],
        ["explain", "web", "--node", ""],
        ["check", "--config", ""],
        ["check", "--select", ""],
        ["verify", "--write", ""],
        ["snapshot", "-o", ""],
        ["can-i", "get", "pods", "--as", ""],
        ["step", "5m", "--server", ""],
    ],
    ids=" ".join,
)
def test_a_value_that_is_empty_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, *([] if arguments[0] == "step" else ["nowhere.yaml"])])
    assert ended.value.code == 2
    assert "its value is empty; leave it out, or say what it is" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "\u0663", "1e3", ""])
@pytest.mark.parametrize(
    "command", [["explain", "web", "CLUSTER", "--repairs"], ["why", "node(X)", "CLUSTER", "--limit"]]
)
def test_numbers_are_digits_from_one_on(
    command: list[str], number: str, cluster: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([cluster if each == "CLUSTER" else each for each in command] + [number])
    capsys.readouterr()


def test_options_that_would_say_nothing_are_told(cluster: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", cluster, "--replicas", "3"]) == 2
    assert "say which with --pod or --resource" in capsys.readouterr().err
    assert main(["capacity", cluster, "--resource", "cpu=1", "--resource", "cpu=2"]) == 2
    assert "cpu is given twice" in capsys.readouterr().err


def test_what_is_data_is_not_fitted_to_the_terminal(
    cluster: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = [["snapshot", "--command"], ["snapshot", cluster, "-o", "-"]]
    wide = []
    for command in commands:
        main(command)
        wide.append(capsys.readouterr().out)
    monkeypatch.setenv("COLUMNS", "40")
    for command, before in zip(commands, wide, strict=True):
        main(command)
        assert capsys.readouterr().out == before


def test_help_and_usage_stay_on_their_streams(cluster: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for typed, code in (("plan --nosuch 2>&-", 2), ("plan --help >&-", 74), ("plan --help >/dev/full", 74)):
        done = subprocess.run(
            f"{sys.executable} -m kubelogic {typed}", shell=True, capture_output=True, check=False, env=environment
        )
        assert (done.returncode, done.stdout) == (code, b""), typed


def test_pages_that_cannot_be_written_are_told(cluster: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "doc", cluster]) == 2
    assert "not a directory" in capsys.readouterr().err


EVIL = r"e\e[31mX\u202e\x9b\x01 ]]>&<script>alert(1)</script>\r\n::error::no %0A \uFFFF\u2028 \u00e9\u65e5"
ODD = """---
apiVersion: v1
kind: Pod
metadata: {name: big, annotations: {note: "EVIL"}}
spec:
  schedulerName: "EVIL"
  containers: [{name: c, image: "x:1", args: ["EVIL"], resources: {requests: {cpu: "9"}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: "EVIL"}
spec: {containers: [{name: c, image: "x:1"}]}
""".replace("EVIL", EVIL)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
@pytest.mark.parametrize("output", ["text", "json", "yaml", "sarif", "junit", "github", "gitlab"])
def test_every_format_is_whole_whatever_names_hold(
    output: str, encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = os.fsdecode(b"w\xff\x1b[31m,::x%0A\n<&\"'\xc3\xa9.yaml")
    (tmp_path / name).write_text(NODE + ODD, encoding="utf-8")
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    assert main(["check", str(tmp_path), "-o", output]) == 2
    sys.stdout.flush()
    data = written.getvalue()
    text = data.decode(encoding)
    match output:
        case "json" | "sarif" | "gitlab":
            assert json.loads(text)
        case "yaml":
            assert yaml.safe_load(text)["findings"]
        case "junit":
            assert len(ElementTree.fromstring(data)) >= 1
        case "github":
            assert {line.split()[0] for line in text.splitlines()} <= {"::error", "::warning", "::notice"}
            assert text.replace("\n", "").isprintable()
        case _:
            assert text.replace("\n", "").isprintable()
            assert ".yaml:1" not in [line[:7] for line in text.splitlines()]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("command", [["plan"], ["explain", "default/big"], ["simulate"]])
def test_pages_are_whole_in_every_encoding(
    command: list[str], encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / os.fsdecode(b"\xff\xc3\xa9.yaml")
    path.write_text(NODE + ODD.rpartition("---\n")[0], encoding="utf-8")
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    assert main([*command, str(path), "-o", "html"]) == 1
    sys.stdout.flush()
    page = written.getvalue().decode("utf-8")
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert "\x1b" not in page


def test_settings_in_a_folder_that_may_be_listed_and_not_searched_are_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files have names, and nothing else can be known of them."""

    def closed(path: object) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("kubelogic.text.settings.os.lstat", closed)
    monkeypatch.setattr("kubelogic.text.settings.os.listdir", lambda _: ["kubelogic.toml", "web.yaml"])
    assert find(tmp_path) == tmp_path / "kubelogic.toml"
    monkeypatch.setattr("kubelogic.text.settings.os.listdir", lambda _: ["web.yaml"])
    assert find(tmp_path) is None
