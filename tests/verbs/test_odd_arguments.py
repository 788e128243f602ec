"""What a Python program may hand over by mistake is refused, by a TypeError or ValueError that says what fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubelogic import api
from kubelogic.api import Cluster, Options, Session, load

NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "oak"}}
ITSELF: dict[str, Any] = dict(NODE)
ITSELF["spec"] = ITSELF

Call = Callable[[Cluster], object]
WRONG: dict[str, tuple[Call, type[Exception], str]] = {
    "load: an object that holds itself": (lambda _: load(ITSELF), TypeError, "an object holds itself"),
    "load: a namespace that is none": (lambda _: load(NODE, namespace=None), TypeError, "namespace is text, not None"),  # type: ignore[arg-type]
    "plan: a mapping": (lambda _: api.plan(NODE), TypeError, "a cluster is what load"),  # type: ignore[arg-type]
    "plan: None": (lambda _: api.plan(None), TypeError, "not NoneType"),  # type: ignore[arg-type]
    "plan: options as a mapping": (lambda c: api.plan(c, {"scheduler": "kube"}), TypeError, "options are an Options"),  # type: ignore[arg-type]
    "plan: moves below zero": (lambda c: api.plan(c, allow_moves=-1), ValueError, "from 0 on, not -1"),
    "plan: moves as text": (lambda c: api.plan(c, allow_moves="2"), TypeError, "a number of pods"),  # type: ignore[arg-type]
    "plan: moves as a truth": (lambda c: api.plan(c, allow_moves=True), TypeError, "a number of pods"),
    "explain: a path": (lambda _: api.explain_any("x.yaml", "p", Options()), TypeError, "not str"),  # type: ignore[arg-type]
    "capacity: a list": (lambda _: api.capacity([NODE], None), TypeError, "not list"),  # type: ignore[arg-type]
    "check: None": (lambda _: api.check(None), TypeError, "not NoneType"),  # type: ignore[arg-type]
    "check: options as a mapping": (lambda c: api.check(c, {}), TypeError, "not dict"),  # type: ignore[arg-type]
    "diff: None": (lambda c: api.diff(c, None), TypeError, "not NoneType"),  # type: ignore[arg-type]
    "query: no cluster": (lambda _: api.query(NODE, "node(N)"), TypeError, "not dict"),  # type: ignore[arg-type]
    "query: no atom": (lambda c: api.query(c, None), TypeError, "an atom is text"),  # type: ignore[arg-type]
    "why: no atom": (lambda c: api.why(c, 5), TypeError, "an atom is text"),  # type: ignore[arg-type]
    "simulate: a mapping": (lambda _: api.simulate(NODE), TypeError, "not dict"),  # type: ignore[arg-type]
    "verify: a list": (lambda _: api.verify([NODE], survive="node:1"), TypeError, "not list"),  # type: ignore[arg-type]
    "verify: survive a number": (lambda c: api.verify(c, survive=1), TypeError, "survive is text"),  # type: ignore[arg-type]
    "verify: survive nothing": (lambda c: api.verify(c, survive=None), TypeError, "survive is text"),  # type: ignore[arg-type]
    "verify: one invariant": (lambda c: api.verify(c, invariants="x"), TypeError, "a sequence of names"),
    "verify: no invariants": (lambda c: api.verify(c, invariants=None), TypeError, "a sequence of names"),  # type: ignore[arg-type]
    "verify: a limit below zero": (lambda c: api.verify(c, limit=-5), ValueError, "from 0 on, not -5"),
    "verify: a limit without a clock": (lambda c: api.verify(c, limit=5), ValueError, "limit needs a clock"),
    "verify: options as a mapping": (lambda c: api.verify(c, {}), TypeError, "not dict"),  # type: ignore[arg-type]
    "session: options as a mapping": (lambda _: Session({}), TypeError, "not dict"),  # type: ignore[arg-type]
}


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return load(NODE)


@pytest.mark.parametrize("name", WRONG)
def test_it_is_refused(name: str, cluster: Cluster) -> None:
    call, kind, message = WRONG[name]
    with pytest.raises(kind, match=message):
        call(cluster)


def test_invariants_may_be_paths_and_come_one_by_one(cluster: Cluster, tmp_path: Path) -> None:
    rule = tmp_path / "none.dl"
    rule.write_text(
        '#! title: None\n#: violates(Node: node) "{Node} is called elm"\nviolates("elm") <= node("elm")\n',
        encoding="utf-8",
    )
    names: list[str | Path] = [rule, "rollouts_complete"]
    found = api.verify(cluster, invariants=(each for each in names))
    assert (found.verdict, len(found.invariants)) == ("holds", 2)


def test_a_session_goes_on_after_faults(cluster: Cluster) -> None:
    session = Session(Options(scheduler="kube"))
    whole = session.plan(cluster)
    wrong: list[Callable[[], object]] = [
        lambda: session.plan(None),  # type: ignore[arg-type]
        lambda: session.explain(cluster, "nobody"),
        lambda: session.why(cluster, "nothing(X)"),
        lambda: session.plan(cluster, allow_moves=-1),
    ]
    for call in wrong:
        with pytest.raises((TypeError, ValueError, LookupError, api.RuleErrors)):
            call()
        assert session.plan(cluster) == whole
