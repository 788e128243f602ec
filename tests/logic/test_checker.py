"""Every fault of a rule file is reported, with its place, and all at once."""

from __future__ import annotations

import pytest

from kubelogic.logic import Rulebook, RuleErrors

DECLARATIONS = """\
#: pod(Pod: pod) "{Pod} is a pod"
#: node(Node: node) "{Node} is a node"
#: runs(Pod: pod, Node: node) "{Pod} runs on {Node}"
#: cpu(Pod: pod, Amount: millicores) "{Pod} asks for {Amount}"
#: free(Node: node, Amount: millicores) "{Node} has {Amount} free"
#: phase(Pod: pod, Phase: str) "{Pod} is {Phase}"
#: idle(Node: node) "{Node} is idle"
#: total[Node: node] == Sum: int "pods on {Node} ask for {Sum}"
#: half(Amount: int) -> Half: int "half of {Amount} is {Half}"
#: input given(Pod: pod) "{Pod} is given"
#: thing(Value: any) "there is {Value}"
#: lonely(Pod: pod) "{Pod} is lonely"
"""
FIRST = DECLARATIONS.count("\n") + 1


def faults(text: str) -> list[str]:
    """The faults of a text after the declarations, as ``line:column: message | hint``, lines from 1."""
    with pytest.raises(RuleErrors) as caught:
        Rulebook.parse({"t.dl": DECLARATIONS + text})
    found = []
    for fault in caught.value.faults:
        where = f"{fault.place.line - FIRST + 1}:{fault.place.column}"
        found.append(f"{where}: {fault.message}" + (f" | {fault.hint}" if fault.hint else ""))
    return found


CASES = {
    "undeclared": (
        "idle(N) <= node(N) & ~rums(_P, N)",
        ["1:23: rums is not declared | did you mean runs?"],
    ),
    "undeclared, nothing near": (
        "idle(N) <= node(N) & xyzzy(N)",
        ["1:22: xyzzy is not declared | declare it with #: name(Argument: type, ...)"],
    ),
    "arity": (
        "idle(N) <= node(N, N)",
        ["1:12: node takes 1 argument, not 2 | declared at t.dl:2:1: node(Node: node)"],
    ),
    "functional form": (
        "idle(N) <= node(N) & total(N, 0)",
        ["1:22: total is written name[X] == Y | declared at t.dl:8:1"],
    ),
    "unsafe negation": (
        "idle(N) <= ~runs(_P, N)",
        [
            "1:6: N is not bound by any positive literal | "
            "negation, comparisons and functions need their variables from elsewhere"
        ],
    ),
    "unsafe head and comparison": (
        "cpu(P, A) <= pod(P) & (A > 3)",
        [
            "1:8: A is not bound by any positive literal | "
            "negation, comparisons and functions need their variables from elsewhere"
        ],
    ),
    "function needs its arguments": (
        "cpu(P, A) <= pod(P) & half(A, 3)",
        [
            "1:8: A is not bound by any positive literal | "
            "negation, comparisons and functions need their variables from elsewhere"
        ],
    ),
    "recursion through negation": (
        "idle(N) <= node(N) & ~lonely(N)\nlonely(P) <= pod(P) & ~idle(P)",
        [
            "1:23: recursion through negation: idle -> lonely -> idle | "
            "such rules have no agreed meaning; derive one of the predicates another way",
            "1:23: N is both node and pod | node has Node: node; lonely has Pod: pod",
            "2:24: P is both pod and node | pod has Pod: pod; idle has Node: node",
            "2:24: recursion through negation: lonely -> idle -> lonely | "
            "such rules have no agreed meaning; derive one of the predicates another way",
        ],
    ),
    "recursion through an aggregate": (
        "(total[N] == sum_(A, for_each=P)) <= cpu(P, A) & runs(P, N) & ~(total[N] == 1)",
        [
            "1:65: recursion through negation: total -> total | "
            "such rules have no agreed meaning; derive one of the predicates another way",
        ],
    ),
    "used once": (
        "idle(N) <= node(N) & runs(Pod, N)",
        ["1:27: Pod is used only once | write _Pod"],
    ),
    "misspelt variable": (
        "runs(Pod, Node) <= pod(Pod) & node(Node) & cpu(Pods, 3)",
        ["1:48: Pods is used only once | write _Pods, or is it Pod?"],
    ),
    "underscore used twice": (
        "idle(N) <= node(N) & runs(_P, N) &\\\n  pod(_P)",
        ["1:27: _P is used 2 times, but an underscore says once | write P"],
    ),
    "two domains": (
        "idle(N) <= node(N) & pod(N)",
        ["1:22: N is both node and pod | node has Node: node; pod has Pod: pod"],
    ),
    "text where a number is needed": (
        "cpu(P, 'much') <= pod(P)\ncpu(P, A + 1) <= cpu(P, A)",
        [
            "2:1: millicores is text, but arithmetic gives numbers | 'much' is text (t.dl:13:1)",
            "2:1: millicores is text, but arithmetic takes numbers | 'much' is text (t.dl:13:1)",
        ],
    ),
    "number where text is needed": (
        "idle(N) <= runs(P, N) & phase(P, 3)",
        ["1:25: 3 is a whole number, where str is needed | phase has Phase: str"],
    ),
    "comparison of domains": (
        "idle(N) <= runs(P, N) & (P != N)",
        ["1:26: (P != N) compares pod with node | runs has Pod: pod; runs has Node: node"],
    ),
    "comparison of text and number": (
        "idle(N) <= runs(P, N) & phase(P, S) & (S > 3)",
        ["1:40: (S > 3) compares text with a whole number | phase has Phase: str; 3 is a whole number"],
    ),
    "arithmetic on text": (
        "idle(N) <= runs(P, N) & phase(P, S) & (S + 1 > 3)",
        ["1:40: S is both str and int | phase has Phase: str; arithmetic takes numbers"],
    ),
    "type of an aggregate": (
        "(total[N] == sum_(S, for_each=P)) <= runs(P, N) & phase(P, S)",
        ["1:1: S is both str and int | phase has Phase: str; sum_ adds numbers"],
    ),
    "aggregate without key": (
        "(total[N] == sum_(A)) <= runs(P, N) & cpu(P, A)",
        ["1:2: this aggregate is written sum_(Value, for_each=Key)"],
    ),
    "aggregate twice": (
        "(total[N] == len_(P)) <= runs(P, N)\n+ (total['n'] == 3)",
        [
            "2:4: total has more than one clause | "
            "an aggregate is defined by one clause; collect its rows in another predicate first"
        ],
    ),
    "function defined": ("half(A, A) <= cpu(_P, A)", ["1:1: half is a function, computed outside the rules"]),
    "input defined": ("+ given('p')", ["1:3: given is an input: its facts come from outside"]),
    "fact with variable": ("+ node(N)", ["1:3: a fact has no variables, but N is one"]),
    "type of a fact": (
        "+ phase('p', 1)",
        ["1:3: 1 is a whole number, where str is needed | phase has Phase: str"],
    ),
    "comparison without parentheses": (
        "idle(N) <= free(N, A) & A > 3",
        ["1:29: a comparison needs parentheses of its own | write: head(X) <= body(X, Y) & (Y > 1)"],
    ),
    "and": (
        "idle(N) <= (node(N) and free(N, 3))",
        ["1:13: not a literal or comparison | write & for and; for or, write two clauses"],
    ),
    "not": (
        "idle(N) <= node(N) & (not free(N, 3))",
        ["1:23: not a literal or comparison | negation is written ~p(X)"],
    ),
    "real number": (
        "idle(N) <= free(N, 1.5)",
        ["1:20: 1.5 is not a term | terms are Variables, 'text', whole numbers and + - * // % of them"],
    ),
    "syntax": ("idle(N <= node(N)", ["1:5: syntax error: '(' was never closed"]),
    "statement": (
        "import os",
        ["1:1: neither a clause nor a fact | write: head(X) <= body(X) & ...   or   + fact('a', 1)"],
    ),
    "columns count characters": (
        "idle(N) <= phase(P, 'ünïcödé') & runs(P, N) & nod(N)",
        ["1:47: nod is not declared | did you mean node?"],
    ),
    "declared twice": (
        '#: node(Node: node) "again {Node}"',
        ["1:1: node is declared twice | first at t.dl:2:1"],
    ),
    "sentence mentions no argument": (
        '#: rack(Node: node, Rack: str) "{Node} is in {Racks}"',
        ["1:1: the sentence of rack mentions {Racks}, which is no argument | did you mean Rack?"],
    ),
    "no sentence": ("#: rack(Node: node)", ["1:1: rack needs a sentence in double quotes"]),
    "no type": (
        '#: rack(Node) "{Node}"',
        ["1:1: argument 'Node' must be written Name: type"],
    ),
    "argument names": (
        '#: rack(Node: node, Node: str, rack: str) "{Node}"',
        ["1:1: argument rack must start with a capital letter", "1:1: rack has two arguments called Node"],
    ),
    "no declaration": ("#: what?", ['1:1: not a declaration | write: name(Argument: type, ...) "sentence"']),
    "header key": (
        "#! tittle: x",
        ["1:1: unknown header key 'tittle' | did you mean title?"],
    ),
    "header twice": ("#! title: x\n#! title: y", ["2:1: header key 'title' is given twice"]),
    "header empty": ("#! title:", ["1:1: header key 'title' says nothing"]),
}


@pytest.mark.parametrize("name", CASES)
def test_fault(name: str) -> None:
    text, expected = CASES[name]
    assert sorted(faults(text)) == sorted(expected)


def test_faults_of_all_files_come_at_once_with_carets() -> None:
    with pytest.raises(RuleErrors) as caught:
        Rulebook.parse({"a.dl": DECLARATIONS + "idle(N) <= nod(N)", "b.dl": "idle(N) <= node(N) & ~xyzzy(N)"})
    assert str(caught.value) == (
        "a.dl:13:12: nod is not declared\n"
        "  idle(N) <= nod(N)\n"
        "             ^^^^^^\n"
        "  did you mean node?\n"
        "b.dl:1:1: idle is also defined at a.dl:13:1\n"
        "  idle(N) <= node(N) & ~xyzzy(N)\n"
        "  ^^^^^^^\n"
        "  a predicate that other files may add to is declared as: open name(...)\n"
        "b.dl:1:23: xyzzy is not declared\n"
        "  idle(N) <= node(N) & ~xyzzy(N)\n"
        "                        ^^^^^^^^\n"
        "  declare it with #: name(Argument: type, ...)"
    )


def test_an_open_predicate_is_defined_in_several_files() -> None:
    book = Rulebook.parse(
        {
            "a.dl": '#: open denied(Pod: pod) "{Pod} is denied"\n#: input pod(Pod: pod) "{Pod}"',
            "b.dl": "denied(P) <= pod(P) & (P > 'm')",
            "c.dl": "denied(P) <= pod(P) & (P < 'c')",
        }
    )
    assert len(book.clauses_of("denied")) == 2


def test_warnings() -> None:
    book = Rulebook.parse(
        {
            "a.dl": '#! title: A\n#! source: here\n#: seen(Pod: pod) "{Pod}"\n#: pod(P: pod) "{P}"\nseen(P) <= pod(P)',
            "b.dl": '#: node(Node: node) "{Node}"',
            "c.dl": '#! title: C\n#! source: here\n#: output all(Node: node) "{Node}"\nall(N) <= node(N)',
        }
    )
    assert [f"{fault.place}: {fault.message}" for fault in book.warnings()] == [
        "a.dl:3:1: nothing uses seen",
        "a.dl:4:1: nothing defines pod",
        "b.dl:1:1: the header has no title and no source",
    ]


def test_omissions_are_data() -> None:
    (file,) = Rulebook.parse(
        {
            "a.dl": "#! title: Node affinity\n"
            "#! omits: KL901 Pod.spec.hostIPC — host IPC is not modelled,\n"
            "#!   and never was\n"
            "#! omits: scores (see scores.dl)"
        }
    ).files
    assert [(o.code, o.subject, o.words, o.place.line) for o in file.omits] == [
        ("KL901", "Pod.spec.hostIPC", "host IPC is not modelled, and never was", 2),
        ("", "", "scores (see scores.dl)", 4),
    ]
    assert file.header["omits"] == "host IPC is not modelled, and never was; scores (see scores.dl)"


def test_an_atom_to_ask_for() -> None:
    book = Rulebook.parse({"t.dl": DECLARATIONS})
    assert book.atom("runs('a', N)") == ("runs", ("a", None))
    assert book.atom(" (total['n'] == _) ") == ("total", ("n", None))
    assert book.atom("total['n'] == 3") == ("total", ("n", 3))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rums('a', N)", "atom:1:1: rums is not declared\n  rums('a', N)\n  ^^^^^^^^^^^^\n  did you mean runs?"),
        ("runs(1, N)", "atom:1:1: pod is text, but 1 is a whole number"),
        ("phase('a', 3)", "atom:1:1: 3 is a whole number, where str is needed"),
        ("runs('a'", "atom:1:5: syntax error: '(' was never closed"),
        ("runs('a', N) & pod(N)", "atom:1:1: not an atom"),
        ("runs(N, N)", "atom:1:1: N stands twice"),
        ("cpu('a', 1 + 1)", "atom:1:1: (1 + 1) is neither a value nor a variable"),
    ],
)
def test_an_atom_that_makes_no_sense(text: str, message: str) -> None:
    book = Rulebook.parse({"t.dl": DECLARATIONS + "+ phase('p', 'x')\n+ runs('p', 'n')\nphase(P, 'y') <= runs(P, 'n')"})
    with pytest.raises(RuleErrors) as caught:
        book.atom(text)
    assert message in str(caught.value)
