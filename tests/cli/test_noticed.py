"""What is noticed while the input is read stands beside the verdict of every verb that answers about a cluster."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from kubelogic.cli import common, main
from kubelogic.text import Notice

ROOT = Path(__file__).resolve().parents[2]
_LEFT_OUT = "example.com/v1 Widget is not part of Kubernetes and was left out"
_ASKED = {
    "plan": ["fixtures/pools/idle.yaml"],
    "explain deploy/web": ["fixtures/pools/idle.yaml"],
    "explain node/n1": ["fixtures/pools/idle.yaml"],
    "explain shop/vault": ["fixtures/shop"],
    "explain -n shop svc/cart": ["fixtures/shop"],
    "simulate": ["fixtures/pools/idle.yaml"],
    "verify --survive node:1": ["fixtures/pools/idle.yaml"],
    "capacity": ["fixtures/pools/idle.yaml"],
    "reach shop/web shop/db 5432": ["fixtures/network"],
    "can-i get secrets -n shop": ["fixtures/access"],
    "query node(Node)": ["fixtures/pools/idle.yaml"],
    "why node('n1')": ["fixtures/pools/idle.yaml"],
    "why node('n9')": ["fixtures/pools/idle.yaml"],
    "diff fixtures/pools/idle.yaml": [],
    "diff fixtures/pools/idle.yaml fixtures/pools/cluster.yaml --with": [],
    "upgrade-plan --to 1.37 --from 1.36": ["fixtures/pools/idle.yaml"],
    "reach --before fixtures/network shop/web shop/db 5432": ["fixtures/network"],
}
"""By question, what it is asked about."""


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(ROOT)
    path = tmp_path / "odd.yaml"
    path.write_text("apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n")
    return str(path)


@pytest.mark.parametrize("question", _ASKED)
def test_what_was_left_out_is_told(question: str, odd: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Seven verbs said nothing of it, so what a policy of another kind forbids could be taken for open."""
    asked = [*question.split(), *_ASKED[question], odd]
    assert main(asked) in (0, 1, 3)
    told = capsys.readouterr().out
    assert told.count("NOTICES\n") == 1
    assert f"{odd}:2:7: {_LEFT_OUT} [KL108]" in told
    assert main([*asked, "-o", "json"]) in (0, 1, 3)
    document = json.loads(capsys.readouterr().out)
    notices = document.get("final", document)["notices"]
    assert [each["message"] for each in notices if each["code"] == "KL108"] == [_LEFT_OUT]


def test_what_a_command_does_not_tell_is_told_at_its_end(
    odd: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can forget it: neither a command that prints by ``answer``, nor one that prints by itself."""
    monkeypatch.setattr(common, "taken", lambda _: ())
    assert main(["plan", "fixtures/pools/idle.yaml", odd]) == 0
    assert _LEFT_OUT in capsys.readouterr().err


def test_an_answer_tells_what_its_command_forgot(capsys: pytest.CaptureFixture[str]) -> None:
    notice = Notice(code="KL108", message=_LEFT_OUT, location=None)
    for output in ("text", "json"):
        args = argparse.Namespace(output=output, no_color=True, noticed=(notice,))
        common.answer(args, "yes", lambda found, _: found, lambda found: {"verdict": found})
        assert _LEFT_OUT in capsys.readouterr().out
        assert args.noticed == ()


@pytest.mark.parametrize("question", ["plan", "explain deploy/web", "explain node/n1"])
def test_a_page_tells_it_too(question: str, odd: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*question.split(), "fixtures/pools/idle.yaml", odd, "-o", "html"]) == 0
    assert _LEFT_OUT in capsys.readouterr().out
