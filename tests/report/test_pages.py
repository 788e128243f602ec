"""Answers as HTML files: text escaped, no host asked, well formed; for the keyboard, a phone and both themes."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from kubelogic.api import load
from kubelogic.reconcile.scenario import Event, FailNode, Scenario
from kubelogic.report.explanation_page import explanation_page
from kubelogic.report.markup import element, escaped, look, page
from kubelogic.report.plan_page import plan_page
from kubelogic.report.simulation_page import simulation_page
from kubelogic.verbs.about import explain_any
from kubelogic.verbs.plan import plan
from kubelogic.verbs.reconciled import Options
from kubelogic.verbs.simulate import SimulationOptions, simulate

FIXTURE = Path(__file__).resolve().parents[2] / "fixtures" / "moves"
OPTIONS = Options(horizon=60_000)
EVIL = "<script>alert(1)</script>\"' onload=x &amp; \ud800\x1b[31m"


class Reader(HTMLParser):
    """Reads a page and complains of tags that do not match."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: dict[str, int] = {}
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def held(text: str) -> Reader:
    """A page that keeps all that is promised of it."""
    found = Reader(text)
    assert {"script", "link", "img", "iframe", "object", "form"} & found.tags.keys() == set()
    links = [value for name, value in found.attributes if name in ("href", "src", "srcset", "action")]
    assert all(each.startswith("#") for each in links)
    assert ("name", "viewport") in found.attributes
    assert any(value.startswith("default-src 'none'") for _, value in found.attributes)
    assert found.tags["h1"] == found.tags["main"] == 1
    assert not any(name.startswith("on") for name, _ in found.attributes)
    text.encode("ascii")
    return found


@pytest.fixture(scope="module")
def cluster() -> object:
    return load([FIXTURE])


def test_a_plan(cluster: object) -> None:
    result = plan(cluster, OPTIONS)
    found = held(plan_page(result, first=[EVIL]))
    assert "alert(1)" in found.text
    assert result.pending[0].pod in found.text
    assert result.pending[0].message in found.text
    assert all(each.node in found.text for each in result.nodes)
    assert found.tags["details"] >= 2


def test_an_explanation(cluster: object) -> None:
    pending = plan(cluster, OPTIONS).pending[0].pod
    told = explain_any(cluster, pending, OPTIONS)
    found = held(explanation_page(told))
    assert told.message in found.text
    assert "kubelogic explain" in found.text
    assert all(each.summary in found.text for each in told.repairs)
    node = held(explanation_page(explain_any(cluster, "node/" + sorted(cluster.objects("Node"))[0], OPTIONS)))
    assert "What is free" in node.text


def test_a_simulation(cluster: object) -> None:
    node = sorted(cluster.objects("Node"))[0]
    scenario = Scenario(events=(Event(at=1000, operation=FailNode(node=node)),), horizon=400_000)
    found = held(simulation_page(simulate(cluster, scenario, SimulationOptions(options=OPTIONS))))
    assert found.tags["svg"] == 1
    assert found.tags["circle"] > 2
    assert "what befalls: 1 about" in found.text


def test_text_is_text() -> None:
    assert str(escaped(EVIL)).startswith("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27; onload=x &amp;amp; \ufffd")
    assert "<script" not in page(EVIL, element("h1", EVIL, title=EVIL), [EVIL, element("p", [EVIL])])


def test_the_look_has_both_themes_and_loads_nothing() -> None:
    assert "prefers-color-scheme: dark" in look()
    assert "max-width: 30rem" in look()
    assert not any(each in look() for each in ("url(", "@import", "http:", "https:", "expression("))
