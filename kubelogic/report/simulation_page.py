"""A simulation as one HTML file: a chart of the run, what happens when, what is not well, and how it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from kubelogic.explain.units import count
from kubelogic.reconcile.entries import Entry
from kubelogic.reconcile.times import clock
from kubelogic.report.markup import Html, Part, element, escaped, page, section, table
from kubelogic.report.plan_page import moments, plan_sections
from kubelogic.report.simulation import entries_told, render_simulation, unsaid
from kubelogic.report.timeline import phrase_of
from kubelogic.verbs.simulate import Simulation

_LANES = (
    ("what befalls", "warn"),
    ("pods made", ""),
    ("pods placed", ""),
    ("containers start", "good"),
    ("pods go", "bad"),
    ("refused", "bad"),
    ("all else", ""),
)
_OF_TYPE = {
    "CreatePod": 1,
    "BindPod": 2,
    "StartContainer": 3,
    "DeletePod": 4,
    "EvictPod": 4,
    "PreemptPod": 4,
    "FailPod": 4,
}
_WIDTH, _LEFT, _LANE, _TOP = 900, 130, 30, 12
_BINS = 120


def simulation_page(simulation: Simulation) -> str:
    """The whole run as a file for a browser."""
    verdict = render_simulation(simulation).partition("\n\n")[0]
    run = simulation.run
    head = [element("small", "kubelogic simulate"), element("h1", verdict)]
    head += [
        element("p", each, class_="warn")
        for each in (*simulation.final.unknown, *unsaid(simulation))
        if each not in verdict
    ]
    told = entries_told(simulation)
    body: list[Part] = []
    if told:
        body.append(section("The run", _chart(told)))
        body.append(section("What happens", moments(told, label="Timeline")))
    if run.cycle:
        body.append(section("For ever", moments(run.cycle, label="What goes on for ever")))
    if run.expected:
        rows = [["kept" if each.held else "broken", str(each.expectation)] for each in run.expected]
        body.append(section("Expectations", table(["Kept?", "Expectation"], rows, label="Expectations")))
    if simulation.not_well:
        rows = [[f"{each.kind} {each.key}", each.reason, each.message] for each in simulation.not_well]
        body.append(
            section("Not well at the end", table(["Object", "Reason", "What is wrong"], rows, label="Not well"))
        )
    body.append(section("At the end", plan_sections(simulation.final)))
    return page("kubelogic simulate", head, body)


def _lane(entry: Entry) -> int:
    if entry.refused:
        return 5
    if phrase_of(entry).event:
        return 0
    return _OF_TYPE.get(entry.type, 6)


def _chart(entries: Sequence[Entry]) -> Html:
    """A dot for what happens in a stretch of time, the larger the more; a row for each sort."""
    end = max(*(each.time for each in entries), 1)
    dots = Counter((_lane(each), each.time * _BINS // end) for each in entries)
    lanes = [number for number in range(len(_LANES)) if any(lane == number for lane, _ in dots)]
    height = _TOP + _LANE * len(lanes) + 30
    width = _WIDTH - _LEFT - 30
    parts: list[Part] = []
    for row, lane in enumerate(lanes):
        y = _TOP + _LANE * row + _LANE // 2
        name, kind = _LANES[lane]
        parts.append(element("text", name, x="8", y=str(y + 4)))
        parts.append(element("line", x1=str(_LEFT), x2=str(_WIDTH - 10), y1=str(y), y2=str(y)))
        for (which, place), number in sorted(dots.items()):
            if which == lane:
                title = f"{name}: {number:,} about {clock(place * end // _BINS)}"
                x, radius = _LEFT + 10 + place * width // _BINS, min(4 + number.bit_length(), 13)
                shape = (
                    f'<circle cx="{x}" cy="{y}" r="{radius}" class="{kind}"><title>{escaped(title)}</title></circle>'
                )
                parts.append(Html(shape))
    for step in range(5):
        x = _LEFT + 10 + width * step // 4
        parts.append(element("text", clock(end * step // 4), x=str(x), y=str(height - 8), text_anchor="middle"))
    said = f"{count(len(entries), 'thing')} between the start and {clock(end)}"
    inner = element("title", said), parts
    return element("svg", inner, viewBox=f"0 0 {_WIDTH} {height}", class_="chart", role="img", aria_label=said)
