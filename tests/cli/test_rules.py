"""``kubelogic rules``: the built-in rules are clean, listed and documented."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubelogic.cli import main

POLICY = """\
#! title:   Frontends keep to their rack
#! source:  company policy 12
#! omits:   KL999 Pod.spec.hostIPC - not looked at

#: rack(Node: node, Rack: str) "{Node} is in {Rack}"
#: output same_rack(Node: node, Other: node) "{Node} and {Other} are in one rack"
+ rack('n1', 'r1')
same_rack(A, B) <= rack(A, R) & rack(B, R) & (A != B)
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A directory with one user rule file."""
    directory = tmp_path / "policy"
    directory.mkdir()
    (directory / "racks.dl").write_text(POLICY, encoding="utf-8")
    return directory


def test_the_built_in_rules_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "check"]) == 0, capsys.readouterr().out


def test_check_warns_about_user_rules(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (policy / "more.dl").write_text('#: lonely(Node: node) "{Node}"\nlonely(A) <= rack(A, _)\n', encoding="utf-8")
    assert main(["rules", "check", "--rules", str(policy), "-o", "json"]) == 1
    warnings = json.loads(capsys.readouterr().out)["warnings"]
    found = [(w["file"], w["line"], w["message"]) for w in warnings]
    assert [warning for warning in found if warning[0].startswith("policy")] == [
        ("policy/more.dl", 1, "the header has no title and no source"),
        ("policy/more.dl", 1, "nothing uses lonely"),
    ]


def test_check_refuses_faulty_user_rules(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (policy / "more.dl").write_text("same_rack(A, B) <= rock(A, B)\n", encoding="utf-8")
    assert main(["rules", "check", "--rules", str(policy)]) == 2
    error = capsys.readouterr().err
    assert "policy/more.dl:1:20: rock is not declared" in error
    assert "did you mean rack?" in error


def test_list(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "list", "--rules", str(policy)]) == 0
    assert "policy/racks.dl" in capsys.readouterr().out
    assert main(["rules", "list", "--rules", str(policy), "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "Rules"
    (file,) = [file for file in document["files"] if file["path"] == "policy/racks.dl"]
    assert file["title"] == "Frontends keep to their rack"
    assert file["omits"] == [{"code": "KL999", "subject": "Pod.spec.hostIPC", "words": "not looked at"}]
    assert [predicate["role"] for predicate in file["predicates"]] == ["derived", "output"]


def test_doc_writes_one_page_per_rule_file_and_removes_stale_ones(policy: Path, tmp_path: Path) -> None:
    target = tmp_path / "docs"
    assert main(["rules", "doc", str(target), "--rules", str(policy), "--check"]) == 1
    assert not target.exists()
    assert main(["rules", "doc", str(target), "--rules", str(policy)]) == 0
    assert main(["rules", "doc", str(target), "--rules", str(policy), "--check"]) == 0
    page = (target / "rules/policy/racks.md").read_text(encoding="utf-8")
    assert "# Frontends keep to their rack" in page
    assert "same_rack(A, B) <= rack(A, R) & rack(B, R) & (A != B)" in page
    assert "Used by [`same_rack`](#same_rack)." in page
    assert main(["rules", "doc", str(target), "--check"]) == 1
    assert main(["rules", "doc", str(target)]) == 0
    assert not (target / "rules/policy/racks.md").exists()
