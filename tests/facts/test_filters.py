"""The registry of filters: the only one, open to rule files of users, and checked where it is written."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubelogic.facts.filters import BEFORE, TABLES, filters
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Evaluation, Row, Rulebook, RuleErrors
from kubelogic.reconcile.functions import FUNCTIONS

ROOT = Path(__file__).resolve().parents[2]
HEAD = "#! title:   Quarantine\n#! source:  a test\n"
WITNESS = """
#: output rejects_quarantine(Shape: shape, NodeClass: node_class, Why: str) "{NodeClass} is shut for {Shape}: {Why}"
rejects_quarantine(Shape, NodeClass, Why) <= considered(Shape) & class_label(NodeClass, 'quarantine', Why)
"""
ROW = "+ filter(250, 'Quarantine', 'rejects_quarantine', 'class', 'no', 'KL260', 'node(s) in quarantine: {Why}')\n"


def rulebook(tmp_path: Path, text: str) -> Rulebook:
    (tmp_path / "own.dl").write_text(HEAD + text, encoding="utf-8")
    return load_rulebook((tmp_path / "own.dl",))


def derived(book: Rulebook, predicate: str, **facts: list[Row]) -> list[Row]:
    evaluation = Evaluation(book, FUNCTIONS, [predicate])
    evaluation.update({name: list(rows) for name, rows in facts.items()})
    return sorted(evaluation.rows(predicate))


# -- one registry ------------------------------------------------------------------------------------------


def constants(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.lineno, node.value


READERS = {ROOT / f"kubelogic/{part}/scheduler_configuration.py" for part in ("facts", "kinds/validation")}
"""They read a document whose fields and values are names of plugins."""


def test_no_name_of_a_plugin_stands_in_python() -> None:
    book = load_rulebook()
    tables = {"filter": 1, "holds_back": 1, "default_plugin": 0, "last_resort": 1}
    names = {str(fact.row[tables[fact.predicate]]) for fact in book.facts if fact.predicate in tables}
    assert len(names) > 15
    pattern = re.compile(rf"\b({'|'.join(sorted(names - {'Policy'}))})\b")
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text[:60]}"
        for path in sorted((ROOT / "kubelogic").rglob("*.py"))
        if path not in READERS and pattern.search(path.read_text(encoding="utf-8"))
        for line, text in constants(path)
        if pattern.search(text)
    ]
    assert found == []


def test_plugins_are_asked_in_the_order_of_their_places() -> None:
    evaluation = Evaluation(load_rulebook(), goals=[*TABLES])
    evaluation.update({})
    table = filters(evaluation)
    assert [each.place for each in table] == sorted(each.place for each in table)
    for each in table:
        first = min(other.place for other in table if other.plugin == each.plugin)
        assert each.stage == (BEFORE if each.scope == "before" else first)
    order = dict.fromkeys(each.plugin for each in table)
    assert list(order).index("TaintToleration") < list(order).index("NodeResourcesFit")


# -- an open one -------------------------------------------------------------------------------------------


def test_a_row_of_a_users_file_denies_what_its_witness_derives(tmp_path: Path) -> None:
    book = rulebook(tmp_path, WITNESS + ROW)
    facts: dict[str, list[Row]] = {
        "considered": [("s",)],
        "node": [("n1",), ("n2",)],
        "node_class": [("n1", "A"), ("n2", "B")],
        "class_label": [("A", "quarantine", "mould")],
    }
    assert derived(book, "denied_class", **facts) == [("s", "A", "rejects_quarantine")]
    assert derived(book, "feasible", **facts) == [("s", "n2")]
    clause = next(each for each in book.clauses_of("denied_class") if each.place.file == "own.dl")
    assert (clause.place.line, clause.text) == (
        6,
        "denied_class(Shape, NodeClass, 'rejects_quarantine') <= rejects_quarantine(Shape, NodeClass, _Why) & "
        "~unfiltered(Shape, 'Quarantine', 'filter')",
    )


SCOPES = """
#: output rejects_node(Shape: shape, Node: node) "{Shape} may not go to {Node}"
#: output rejects_domain(Shape: shape, Key: str, Domain: str) "{Shape} may not go to {Key}={Domain}"
#: output rejects_shape(Shape: shape) "{Shape} may not go anywhere"
#: output rejects_early(Shape: shape, NodeClass: node_class) "{Shape} leaves out {NodeClass}"
rejects_node('one', Node) <= node(Node) & (Node == 'n1')
rejects_domain('two', Key, Domain) <= node_topology(_, Key, Domain) & (Domain == 'z')
rejects_shape('three') <= node(_)
rejects_early('four', NodeClass) <= is_node_class(NodeClass)
+ filter(250, 'A', 'rejects_node', 'node', 'no', 'KL260', 'a')
+ filter(251, 'B', 'rejects_domain', 'domain', 'yes', 'KL260', 'b')
+ filter(252, 'C', 'rejects_shape', 'everywhere', 'no', 'KL260', 'c')
+ filter(253, 'D', 'rejects_early', 'before', 'no', 'KL260', 'd')
"""


def test_every_scope_reaches_its_nodes(tmp_path: Path) -> None:
    facts: dict[str, list[Row]] = {
        "considered": [("one",), ("two",), ("three",), ("four",), ("free",)],
        "node": [("n1",), ("n2",)],
        "is_node_class": [("A",)],
        "node_class": [("n1", "A"), ("n2", "A")],
        "node_topology": [("n1", "zone", "z"), ("n2", "zone", "y")],
    }
    found = derived(rulebook(tmp_path, SCOPES), "feasible", **facts)
    assert found == [("free", "n1"), ("free", "n2"), ("one", "n2"), ("two", "n2")]


WRONG = {
    ROW.replace("rejects_quarantine", "rejects_quarantin"): "rejects_quarantin is not declared",
    ROW.replace("'class'", "'clas'"): "there is no scope 'clas'",
    ROW.replace("'class'", "'node'"): "needs an argument Node: node, which rejects_quarantine lacks",
    ROW.replace("{Why}", "{What}"): "rejects_quarantine has no argument {What} for the words",
    ROW.replace("'no'", "'maybe'"): "whether evictions help is 'yes' or 'no', not 'maybe'",
    ROW.replace("KL260", "260"): "'260' is no code",
    ROW.replace("KL260", "KL206"): "the code 'KL206' is built in already",
    ROW.replace("KL260", "KL410"): "the code 'KL410' is built in already",
    ROW.replace("KL260", "KL101"): "the code 'KL101' is built in already",
    ROW.replace("250", "300"): "the place 300 is taken already",
    ROW.replace("'Quarantine'", "''"): "a filter needs the name of its plugin",
    ROW.replace("250", "251"): "the filter rejects_quarantine has a row already",
    ROW.replace("rejects_quarantine", "now"): "the first argument of now has to be Shape: shape",
    "filter(P, 'A', 'b', 'class', 'no', 'KL260', 'c') <= now(P)\n": "filter is a table: its rows are facts",
    "+ decided_by('rejects_quarantine', 'Pod', 'annotations')\n": "'annotations' is not the path of a field",
    "+ decided_by('rejects_quarantine', 'Service', 'spec.x')\n": "'Service' has no field that decides",
    "+ decided_by('rejects_other', 'Pod', 'spec.x')\n": "rejects_other is not declared",
    "+ scorer('p', 90, 'One', 0, 'preference', 'max', 'no')\n": "the weight of One has to be at least 1, not 0",
    "+ scorer('p', 91, 'Two', 1, 'taste', 'max', 'no')\n": "there is no kind of scorer 'taste'",
    "+ scorer('p', 92, 'Three', 1, 'preference', 'half', 'no')\n": "there is no normalisation 'half'",
    "+ scorer('p', 93, 'Four', 1, 'preference', 'max', '')\n": "whether Four always takes part is 'yes' or 'no'",
    "+ scorer('p', 94, 'ImageLocality', 1, 'preference', 'max', 'no')\n": "the scorer ImageLocality has a row already",
    "+ scorer('p', 0, 'Five', 1, 'preference', 'max', 'no')\n": "the place 0 is taken already",
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> RuleErrors:
    """What is found in a file with all wrong rows."""
    with pytest.raises(RuleErrors) as raised:
        rulebook(tmp_path_factory.mktemp("rules"), WITNESS + "".join(WRONG))
    return raised.value


@pytest.mark.parametrize(("line", "fault"), [(6 + i, fault) for i, fault in enumerate(WRONG.values())], ids=list(WRONG))
def test_wrong_rows_are_refused_all_at_once_where_they_stand(line: int, fault: str, refused: RuleErrors) -> None:
    (said,) = [str(each) for each in refused.faults if fault in each.message and each.place.line == line]
    assert said.startswith(f"own.dl:{line}:")
    assert "^" in said


def test_a_witness_that_reads_what_it_decides_is_refused(tmp_path: Path) -> None:
    text = WITNESS.replace("considered(Shape)", "feasible(Shape, _)") + ROW
    with pytest.raises(RuleErrors, match="recursion through negation: feasible -> rejected -> denied_class"):
        rulebook(tmp_path, text)


@pytest.mark.parametrize("folder", ["rules", "company"])
def test_a_code_that_is_built_in_is_refused_whatever_the_folder_is_called(folder: str, tmp_path: Path) -> None:
    (tmp_path / folder).mkdir()
    text = HEAD + WITNESS + ROW.replace("KL260", "KL206")
    (tmp_path / folder / "own.dl").write_text(text, encoding="utf-8")
    with pytest.raises(RuleErrors) as caught:
        load_rulebook((tmp_path / folder,))
    (fault,) = caught.value.faults
    assert (fault.place.row, fault.message) == (f"{folder}/own.dl:6", "the code 'KL206' is built in already")
    assert fault.hint.startswith("rules/scheduling/feasibility.dl:")


def test_filters_without_a_code_of_their_own_share_one(tmp_path: Path) -> None:
    assert rulebook(tmp_path, WITNESS + ROW.replace("KL260", "KL200")).clauses_of("denied_class")
