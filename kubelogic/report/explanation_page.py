"""An explanation as one HTML file: the verdict, what is in the way, the conflict, and repairs with their patches."""

from __future__ import annotations

from collections.abc import Sequence

from kubelogic.explain.conflicts import ConflictMember
from kubelogic.report.about import render_about
from kubelogic.report.explanation import conflict_title
from kubelogic.report.explanation_documents import about_document
from kubelogic.report.json_text import json_text
from kubelogic.report.markup import Html, Part, element, escaped, page, section, table, unfold
from kubelogic.report.moves import render_moves
from kubelogic.report.plan import blocker_lines
from kubelogic.report.plan_page import chips, departure_sections, notices, troubles_list
from kubelogic.report.terminal import one_line
from kubelogic.verbs.about import About, WorkloadExplanation
from kubelogic.verbs.explain import Explanation

_BLOCKERS = 200


def explanation_page(found: About, *, first: Sequence[str] = ()) -> str:
    """What was found, as a file for a browser; ``first`` are texts that come before it."""
    text = render_about(found)
    verdict, _, rest = text.partition("\n\n")
    pod = found.pod if isinstance(found, WorkloadExplanation) else found if isinstance(found, Explanation) else None
    head = [element("small", "kubelogic explain"), element("h1", verdict.splitlines()[0])]
    head += [element("p", line) for line in verdict.splitlines()[1:]]
    head += [element("pre", each) for each in first]
    if pod is None:
        return page("kubelogic explain", head, element("pre", rest) if rest else "")
    body: list[Part] = []
    if isinstance(found, WorkloadExplanation):
        about = text.removesuffix(render_about(pod)).partition("\n\n")[2].strip("\n")
        body.append(element("pre", about) if about else "")
        body.append(element("h2", render_about(pod).partition("\n\n")[0]))
    body.append(_sections(pod))
    document = json_text(about_document(found))
    body.append(section("As data", unfold("What -o json prints", element("pre", document))))
    return page(f"kubelogic explain {pod.pod}", head, body)


def _sections(found: Explanation) -> Html:
    parts: list[Part] = []
    if found.lacking.remarks or found.lacking.notices:
        said = [element("p", each, class_="warn") for each in found.lacking.remarks]
        parts.append(section("Not in the input", said, notices(found.lacking.notices)))
    if found.unwell:
        parts.append(section("Not well", troubles_list(found.unwell)))
    parts += departure_sections(found.departures)
    if found.message:
        parts.append(section("kube-scheduler says", element("p", found.message)))
    if found.waits_for:
        parts.append(section("What it waits for", _members(found.waits_for)))
    if found.blockers:
        lines = [element("li", one_line(line)) for line in blocker_lines(found.blockers, most=30)]
        rows = [[each.node or "(the pod)", each.detail, each.plugin, each.code] for each in found.blockers[:_BLOCKERS]]
        more = f" (the first {_BLOCKERS})" if len(found.blockers) > _BLOCKERS else ""
        every = unfold(
            f"Every node, every reason{more}", table(["Node", "Why not", "Plugin", "Code"], rows, label="Blockers")
        )
        parts.append(section("What is in the way", element("ul", lines), every))
    if found.conflict:
        parts.append(section(conflict_title(found), _members(found.conflict)))
    if found.because:
        parts.append(section("Why", element("ol", [element("li", each) for each in found.because])))
    if found.victims:
        rows = [[node, ", ".join(pods)] for node, pods in sorted(found.victims.items())]
        parts.append(section("Who would have to go", table(["Node", "Pods"], rows, label="Victims")))
    if found.moves is not None:
        parts.append(section("Moves", element("pre", render_moves(found.moves))))
    if found.repairs:
        parts.append(section("Any one of these places all of it (each was tried)", _repairs(found)))
    if found.feasible:
        parts.append(section("Nodes that pass all filters", chips(found.feasible)))
    if found.scores:
        parts.append(section("Scores of kube-scheduler", _scores(found)))
    if found.notices or found.lacking.noticed:
        parts.append(section("Notices", notices((*found.lacking.noticed, *found.notices))))
    return escaped(parts)


def _members(members: tuple[ConflictMember, ...]) -> Html:
    rows = [
        element("li", each.text, " ", element("span", str(each.location), class_="soft") if each.location else "")
        for each in members
    ]
    return element("ul", rows)


def _repairs(found: Explanation) -> Html:
    documents = about_document(found)["repairs"]
    cards = []
    for repair, document in zip(found.repairs, documents, strict=True):
        patch = json_text(document["changes"])
        cards.append(
            element(
                "li",
                element("h3", repair.summary),
                element("p", f"to be done by: {repair.owner}", class_="soft"),
                element("p", repair.how) if repair.how else "",
                unfold("What to change", element("pre", patch)),
                class_="card",
            )
        )
    return element("ul", cards, class_="cards")


def _scores(found: Explanation) -> Html:
    ranked = sorted(found.scores.items(), key=lambda item: (-item[1]["total"], item[0]))[:_BLOCKERS]
    names = sorted({name for _, parts in ranked for name in parts} - {"total"})
    rows = [[node, *(str(parts.get(name, "")) for name in ("total", *names))] for node, parts in ranked]
    return table(["Node", "total", *names], rows, label="Scores")
