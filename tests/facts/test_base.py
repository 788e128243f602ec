"""The fact base: only what changed is reported, shared rows are counted."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubelogic.cluster import Cluster, Object
from kubelogic.facts import Fact, FactBase, FactModule, Row
from kubelogic.facts.base import Changes, Delta
from kubelogic.facts.selectors import MODULE as SELECTORS
from kubelogic.facts.selectors import label_set, labels_of, matches, parse, requirements, selector

KEYS = st.sampled_from(["app", "tier", "x.io/zone"])
VALUES = st.sampled_from(["", "a", "b", "c"])
LABELS = st.dictionaries(KEYS, VALUES)
EXPRESSIONS = st.one_of(
    st.builds(
        lambda key, operator, values: {"key": key, "operator": operator, "values": sorted(values)},
        KEYS,
        st.sampled_from(["In", "NotIn"]),
        st.frozensets(VALUES, min_size=1),
    ),
    st.builds(
        lambda key, operator: {"key": key, "operator": operator}, KEYS, st.sampled_from(["Exists", "DoesNotExist"])
    ),
)
SELECTORS_DOCUMENTS = st.fixed_dictionaries(
    {}, optional={"matchLabels": LABELS, "matchExpressions": st.lists(EXPRESSIONS, max_size=2)}
)


def thing(name: str, *, labels: dict[str, str] | None = None, select: dict[str, object] | None = None) -> Object:
    return Object(
        api_version="v1",
        kind="Thing",
        namespace="",
        name=name,
        document={"labels": labels, "selector": select},
    )


def facts_of(obj: Object) -> Iterable[Fact]:
    if obj.document["labels"] is not None:
        text = label_set(obj.document["labels"])
        yield "label_set", (text,)
        yield "thing_labels", (obj.name, text)
    text = selector(obj.document["selector"])
    yield "selector", (text,)


MODULE = FactModule(name="things", extractors={"Thing": facts_of})


def applied(state: dict[str, set[Row]], base: FactBase, cluster: Cluster) -> None:
    delta = base.update(cluster)
    for name, rows in delta.removed.items():
        assert state.setdefault(name, set()) >= set(rows)
        assert len(set(rows)) == len(rows)
        state[name] -= set(rows)
    for name, rows in delta.added.items():
        assert not state.setdefault(name, set()) & set(rows)
        state[name] |= set(rows)


def test_a_changed_object_reports_only_the_rows_that_differ() -> None:
    base = FactBase([MODULE, SELECTORS])
    base.update(Cluster.of([thing("one", labels={"app": "a"}), thing("two", labels={"app": "a"})]))
    delta = base.update(base.cluster.replacing([thing("one", labels={"app": "b"})]))
    assert delta.added == {"thing_labels": [("one", "app=b")], "label_set": [("app=b",)]}
    assert delta.removed == {"thing_labels": [("one", "app=a")]}


def pinned(obj: Object) -> Iterable[Fact]:
    """A fact that objects of two kinds give, and one that an object gives for each of its labels."""
    yield "there", (obj.key, "yes")
    for _ in obj.document["labels"] or ():
        yield "labelled", (obj.key,)


def test_a_row_that_one_object_takes_over_from_another_neither_comes_nor_goes() -> None:
    base = FactBase([FactModule(name="kinds", extractors={"Thing": pinned, "Other": pinned})])
    things = [thing(f"n{number}") for number in range(3)]
    base.update(Cluster.of(things))
    others = [
        Object(api_version="v1", kind="Other", namespace="", name=f"n{n}", document={"labels": {}}) for n in (0, 7)
    ]
    delta = base.update(Cluster.of([*things[1:], *others]))
    assert (delta.added, delta.removed) == ({"there": [("n7", "yes")]}, {})


def test_a_row_that_many_stop_giving_and_one_begins_to_give_neither_comes_nor_goes() -> None:
    """Owners are named by several objects at once, and by a stand-in for one of them in the next version."""
    counts = {"shared": {("a",): 2}}
    changes = Changes(before=Cluster(), after=Cluster(), counts=counts)
    changes.count("shared", ("a",), -2)
    changes.count("shared", ("a",), 1)
    assert changes.net() == Delta()
    assert counts == {"shared": {("a",): 1}}


def test_a_row_that_an_object_gives_twice_comes_once_and_goes_once() -> None:
    base = FactBase([FactModule(name="kinds", extractors={"Thing": pinned})])
    two = thing("one", labels={"a": "1", "b": "2"})
    assert base.update(Cluster.of([two])).added == {"there": [("one", "yes")], "labelled": [("one",)]}
    assert base.update(Cluster()).removed == {"there": [("one", "yes")], "labelled": [("one",)]}


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("uvw"), st.tuples(LABELS, SELECTORS_DOCUMENTS)), max_size=4))
def test_changes_add_up_to_the_facts_of_the_last_cluster(
    states: list[dict[str, tuple[dict[str, str], dict[str, object]]]],
) -> None:
    base = FactBase([MODULE, SELECTORS])
    rows: dict[str, set[Row]] = {}
    for things in states:
        cluster = Cluster.of([thing(name, labels=ls, select=sel) for name, (ls, sel) in things.items()])
        applied(rows, base, cluster)
        assert rows.get("selector_matches", set()) == {
            (selector(sel), label_set(labels))
            for _, sel in things.values()
            for labels, _ in things.values()
            if matches(requirements(sel), labels)
        }
        fresh: dict[str, set[Row]] = {}
        applied(fresh, FactBase([MODULE, SELECTORS]), cluster)
        assert {name: found for name, found in rows.items() if found} == fresh


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(SELECTORS_DOCUMENTS)
def test_a_selector_is_read_back_from_its_text(document: dict[str, object]) -> None:
    assert sorted(parse(selector(document))) == list(requirements(document))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(LABELS)
def test_labels_are_read_back_from_their_text(labels: dict[str, str]) -> None:
    assert labels_of(label_set(labels)) == labels


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(LABELS, KEYS, st.frozensets(VALUES, min_size=1))
def test_in_and_notin_are_opposites(labels: dict[str, str], key: str, values: frozenset[str]) -> None:
    """Labels and Selectors: "In, NotIn, Exists and DoesNotExist" are the operators; each pair are opposites."""
    wanted = tuple(sorted(values))
    assert matches([(key, "In", wanted)], labels) != matches([(key, "NotIn", wanted)], labels)
    assert matches([(key, "Exists", ())], labels) != matches([(key, "DoesNotExist", ())], labels)
