"""What heads of actions in rule files of users name outright is checked where it is written; the rest is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.api import Options, load, plan
from kubelogic.cli import main
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import RuleErrors
from tests.explain.small import node, pod

SHOP = Path(__file__).resolve().parents[2] / "fixtures" / "shop"
HEADER = "#! title:   House\n#! source:  a test\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "house.dl"
    path.write_text(HEADER + text + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "head",
    [
        "action_label_object('Node', Node, 'example.com/team', '')",
        "action_label_object('Node', Node, Node, Node)",
        "action_annotate_object('Node', Node, 'Example.com/Team', 'any text, really')",
        "action_label_object('Widget', 'shop/w', 'team', 'a')",
        "action_create_object('ConfigMap', 'shop/made', '/data/node', Node)",
    ],
)
def test_what_can_be_is_taken(tmp_path: Path, head: str) -> None:
    load_rulebook((written(tmp_path, f"{head} <= node(Node) & (Node != '')"),))


@pytest.mark.parametrize(
    ("head", "message", "hint"),
    [
        ("action_label_object('Node', Node, 'bad key!', '')", "the key of the label, 'bad key!', must consist", ""),
        ("action_label_object('Node', Node, 'team', 'a b')", "the value of the label, 'a b', must consist", ""),
        ("action_annotate_object('Node', Node, 'a/b/c', '')", "the key of the annotation, 'a/b/c', has more", ""),
        ("action_annotate_object('Nod', Node, 'a', '')", "there is no kind 'Nod'", "did you mean Node?"),
        ("action_set_field('Pod', 'p', '/spec/x', Node)", "the key of a Pod is NAMESPACE/NAME, not 'p'", ""),
        ("action_create_object('Node', 'a/b', '/spec/x', Node)", "the key of a Node is NAME alone, not 'a/b'", ""),
    ],
)
def test_what_cannot_be_is_refused_at_its_line(tmp_path: Path, head: str, message: str, hint: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        load_rulebook((written(tmp_path, f"{head} <= node(Node) & (Node != '')"),))
    (fault,) = caught.value.faults
    assert fault.message.startswith(message)
    assert (fault.hint, fault.place.line) == (hint, 3)


@pytest.mark.parametrize("command", [["rules", "check"], ["plan", str(SHOP)]])
def test_it_is_bad_input(tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "action_label_object('Node', Node, 'team', 'a b') <= node(Node)")
    assert main([*command, "--rules", str(path)]) == 2
    assert "house.dl:3:1: the value of the label" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("action_label_object('Node', N, 'team', Text) <= node(N) & (Text == 'a b')", "a valid label must be an empty"),
        ("action_annotate_object('Node', N, Key, '') <= node(N) & (Key == 'a b')", "name part must consist of"),
        ("action_label_object('Pod', 'default/none', 'team', '') <= node(_)", 'Pod "default/none" not found'),
    ],
)
def test_what_turns_out_in_a_run_is_refused_there(tmp_path: Path, rule: str, told: str) -> None:
    found = plan(load([node("n1"), pod("p")]), Options(rules=[written(tmp_path, rule)]))
    assert [told in each.message for each in found.refusals] == [True]
    assert found.settled
    assert [each.node for each in found.placements] == ["n1"]
