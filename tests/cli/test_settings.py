"""Settings of a project: what is wrong with them, at its line, and what the command line says before them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.cli import main

NODE = """\
apiVersion: v1
kind: Node
metadata: {name: oak}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a node; the working directory."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "node.yaml").write_text(NODE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(text: str, capsys: pytest.CaptureFixture[str], *typed: str) -> list[str]:
    """The faults of settings: what follows the name of the file."""
    Path("kubelogic.toml").write_bytes(text.encode("latin-1"))
    assert main(["check", *typed]) == 2
    lines = capsys.readouterr().err.splitlines()
    return [line.removeprefix("kubelogic.toml:").partition(" [")[0] for line in lines if line[:1].isalpha()]


def test_all_that_the_command_line_refuses_is_refused_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    text = """\
paths = ["node.yaml", "gone.yaml", ""]
namespace = "Bad Ns"
nodes = ["3:x"]
rules = ["gone"]
exclude = [""]
horizon = "3x"
strict = "yes"
keep-going = 1
scheduler-config = "gone.yaml"
timeout = 0
"""
    assert [each.replace("'", "") for each in refused(text, capsys)] == [
        "1:1: error: a text of paths is empty; leave it out, or say what it is",
        "1:1: error: paths: gone.yaml: no such file or directory",
        "2:1: error: namespace: Bad Ns is no name of a namespace: it must consist of lower case letters, digits and -, "
        "and must start and end with a letter or digit",
        "3:1: error: nodes: x is no amount, no label KEY=VALUE and no taint KEY!EFFECT",
        "4:1: error: rules: gone: no such file or directory",
        "5:1: error: a text of exclude is empty; leave it out, or say what it is",
        "6:1: error: horizon: must be seconds or a duration such as 1m30s, is 3x",
        "7:1: error: strict is true or false, not yes",
        "8:1: error: keep-going is true or false, not 1",
        "9:1: error: scheduler-config: gone.yaml: no such file or directory",
        "10:1: error: timeout is a number of seconds above 0, not 0",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('paths = ["\xff.yaml"]\n', "1:11: error: cannot be read: byte 0xff is not UTF-8 text"),
        (
            'paths = ["node.yaml"]\n[tool.kubelogic]\nshow = "note"\n',
            "2:1: error: the tables [tool...] belong to pyproject.toml; in kubelogic.toml the keys stand in no table",
        ),
        ('paths = ["node.yaml"]\n[[pods]]\na = 1\n', "2:1: error: unknown key pods; did you mean nodes?"),
        (
            'paths = ["node.yaml"]\nselect = "KL4, KL152"\nignore = ["KL4"]\n',
            "3:1: error: KL4: select and ignore name the same, so that nothing is told of it",
        ),
    ],
)
def test_places_of_faults(text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = refused(text, capsys)
    assert found[0].startswith(said.partition(" [")[0])


def test_what_is_typed_counts_first(capsys: pytest.CaptureFixture[str]) -> None:
    Path("kubelogic.toml").write_text('paths = ["node.yaml"]\nignore = ["KL4"]\nhorizon = 90\nstrict = true\n')
    assert main(["check", "--select", "KL4"]) == 0
    assert main(["check", "--select", "KL4", "--ignore", "KL4"]) == 2
    assert "KL4: select and ignore name the same" in capsys.readouterr().err
    Path("twice.yaml").write_text(NODE.replace("kind: Node\n", "kind: Node\nkind: Node\n"))
    assert main(["check", "twice.yaml"]) == 2
    Path("kubelogic.toml").write_text('strict = false\npaths = ["gone"]\nrules = []\n')
    assert main(["check", "twice.yaml"]) == 0


def test_the_nearest_settings_count_and_name_their_own_paths(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "pyproject.toml").write_text('[tool.other]\nnamespace = 1\n[tool.kubelogic]\nnamespace = "Bad"\n')
    inner = project / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert main(["check"]) == 2
    assert capsys.readouterr().err.startswith("../../pyproject.toml:4:1: error: namespace: 'Bad'")
    (project / "a" / "kubelogic.toml").write_text('paths = ["../node.yaml"]\n')
    assert main(["check"]) == 0


def test_what_shows_only_in_use_is_told_beside_the_rest(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Parameters, codes and bases came to light only when everything else was right."""
    text = """\
paths = ["gone.yaml"]
base = ["no-such-branch"]
select = ["KL9999"]
ignore = ["kl401"]
[set]
node_monitor_grace_perod = 5
kubelet_backoff = true
"""
    told = refused(text, capsys)
    assert [each.partition(": error: ")[0] for each in told] == ["1:1", "2:1", "3:1", "4:1", "6:1", "7:1"]
    for each, words in zip(
        told,
        (
            "gone.yaml: no such file or directory",
            "base no-such-branch: ",
            "no code begins with KL9999",
            "no code begins with kl401; did you mean KL401?",
            "did you mean node_monitor_grace_period?",
            "kubelet_backoff is set to a number or a text, not to True",
        ),
        strict=True,
    ):
        assert words in each
    assert project.is_dir()


def test_a_fault_of_what_was_typed_is_told_where_the_settings_have_none(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "kubelogic.toml").write_text('paths = ["node.yaml"]\n')
    assert main(["check", "--select", "KL9999"]) == 2
    assert "no code begins with KL9999" in capsys.readouterr().err
    assert main(["check", "--set", "node_monitor_grace_perod=5"]) == 2
    assert "did you mean node_monitor_grace_period?" in capsys.readouterr().err
