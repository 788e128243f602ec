"""The how-to on filters of one's own: its files are those that it shows, its table holds. Commands: ``test_docs``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubelogic.cli import main
from kubelogic.facts.rulebook import load_rulebook
from tests.rules.deletion import Bench, case_of, survivors

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "fixtures" / "quarantine"
PAGE = (ROOT / "docs/how-to/add-a-filter.md").read_text(encoding="utf-8")
RULE = "fixtures/quarantine/quarantine.dl"


@pytest.mark.parametrize("name", ["quarantine.dl", "quarantine.yaml", "discount.dl"])
def test_the_page_shows_the_files_and_counts_their_lines(name: str) -> None:
    text = (FILES / name).read_text(encoding="utf-8")
    assert f"```\n{text}```" in PAGE or f"```yaml\n{text}```" in PAGE
    for lines in re.findall(rf"`fixtures/quarantine/{name}`, (\d+) lines", PAGE):
        assert int(lines) == len(text.splitlines())


def test_the_whole_change_is_as_big_as_the_page_says() -> None:
    (files, lines), *_ = re.findall(r"That is the whole change: (\d+) files, (\d+) lines", PAGE)
    texts = [(FILES / name).read_text(encoding="utf-8") for name in ("quarantine.dl", "quarantine.yaml")]
    assert (int(files), int(lines)) == (len(texts), sum(len(text.splitlines()) for text in texts))


def test_the_table_holds_and_notices_every_clause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    book = load_rulebook((Path(RULE),))
    table = yaml.safe_load((FILES / "quarantine.yaml").read_text(encoding="utf-8"))
    cases = [case_of(table, case) for case in table["cases"]]
    bench = Bench(book, RULE, cases)
    for case, listed in zip(cases, table["cases"], strict=True):
        expected = {name: sorted(map(tuple, listed["derived"].get(name, ()))) for name in case.derives}
        assert bench.derived(case) == expected
    assert survivors(book, RULE, cases) == []


@pytest.mark.parametrize("scheduler", ["optimal", "kube"])
def test_both_schedulers_heed_filter_and_score(
    scheduler: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)

    def plan(cluster: str, *rules: str) -> dict[str, Any]:
        arguments = [part for name in rules for part in ("--rules", f"fixtures/quarantine/{name}")]
        main(["plan", f"fixtures/quarantine/{cluster}", "--scheduler", scheduler, "-o", "json", *arguments])
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    without = {each["pod"].split("-")[0]: each["node"] for each in plan("cluster.yaml")["placements"]}
    assert without == {"ops/probe": "ash", "shop/web": "ash"}
    found = plan("cluster.yaml", "quarantine.dl")
    assert [each["node"] for each in found["placements"]] == ["ash"]
    (pending,) = found["pending"]
    assert [(each["node"], each["code"]) for each in pending["blockers"]] == [("ash", "KL260"), ("elm", "KL206")]
    assert [each["node"] for each in plan("discounts.yaml")["placements"]] == ["ash"]
    assert [each["node"] for each in plan("discounts.yaml", "discount.dl")["placements"]] == ["oak"]


def test_the_file_of_a_code_is_shown_by_the_command_that_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    for code, file in (("KL260", RULE), ("KL206", "rules/scheduling/node_resources_fit.dl")):
        assert main(["explain", code, "--rules", RULE]) == 0
        (typed,) = re.findall(r"\(kubelogic (rules show .*)\)", capsys.readouterr().out)
        assert main(typed.split()) == 0
        assert capsys.readouterr().out.startswith(f"{file}\n")
