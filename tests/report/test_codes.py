"""Every code has its page, its advice, and examples that really have it."""

from __future__ import annotations

import pytest

from kubelogic.apiserver.reading import load
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.kinds.codes import CODES
from kubelogic.report.advice import EXAMPLES, HELPS
from kubelogic.report.codes import code_document, code_pages, known_codes
from kubelogic.text.location import InputError

FILTERS = sorted(code for code in EXAMPLES if code.startswith("KL2"))


@pytest.mark.parametrize("code", sorted(code for code in EXAMPLES if code.startswith("KL1")))
def test_the_example_of_a_manifest_has_the_code(code: str) -> None:
    try:
        reading = load(["-"], stdin=EXAMPLES[code].encode())
    except InputError as error:
        found = {fault.code for fault in error.faults}
    else:
        found = {notice.code for notice in reading.notices}
    assert code in found


@pytest.fixture(scope="module")
def blocked() -> dict[str, set[str]]:
    """By code, the codes of what keeps the pod of its example pending; all examples are planned at once."""
    from kubelogic.api import plan
    from kubelogic.cluster import Cluster

    objects = []
    for code in FILTERS:
        text = EXAMPLES[code].replace("oak", f"oak-{code.lower()}").replace("name: web", f"name: web-{code.lower()}")
        objects += load(["-"], stdin=text.encode()).objects
    done = plan(Cluster.of(objects))
    return {
        each.pod.rpartition("-")[2].upper(): {
            blocker.code for blocker in each.blockers if blocker.node in ("", f"oak-{each.pod.rpartition('-')[2]}")
        }
        for each in done.pending
    }


def test_the_examples_of_filters_have_their_codes(blocked: dict[str, set[str]]) -> None:
    # With one node for all of them, a pod would be told of the others' taints, too: each has its own node.
    alone = {"KL201", "KL203", "KL206"}
    assert {code for code in FILTERS if code in blocked.get(code, set())} >= set(FILTERS) - alone


@pytest.mark.parametrize("code", ["KL201", "KL203", "KL206"])
def test_the_example_of_a_full_node_has_the_code(code: str) -> None:
    from kubelogic.api import plan
    from kubelogic.cluster import Cluster

    done = plan(Cluster.of(load(["-"], stdin=EXAMPLES[code].encode()).objects))
    assert code in {blocker.code for each in done.pending for blocker in each.blockers}


def test_every_code_has_a_page_and_says_what_helps() -> None:
    book = builtin_rulebook()
    pages = code_pages(book)
    codes = known_codes(book)
    assert set(CODES) < set(codes)
    assert sorted(pages) == sorted(["README.md", *(f"{code}.md" for code in codes)])
    silent = [code for code in codes if not (code_document(book, code) or {}).get("helps")]
    assert silent == []
    assert set(HELPS) <= set(codes)
    assert "**What helps.** Request less" in pages["KL206.md"]
    assert "(../rules/scheduling/node_resources_fit.md)" in pages["KL206.md"]
