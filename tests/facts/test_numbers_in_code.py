"""No number of the control plane is in code: bursts, ranges, back-offs and periods are in ``rules/parameters.dl``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import kubelogic
from kubelogic.facts.parameters import parameters_of
from kubelogic.facts.rulebook import builtin_rulebook

PACKAGE = Path(kubelogic.__file__).parent
ROOMS = ("apiserver", "cluster", "facts", "reconcile")

UNITS = frozenset({7, 10, 60, 100, 1000, 1024, 60_000, 1_000_000, 3_600_000, 86_400_000})
"""What amounts and times are multiplied with and divided by."""

API = "a default or limit of the API, which every stored object has"
CALENDAR = "the calendar"
CODE = "how this program works, not what Kubernetes does"
FORMAT = "how a text or a hash is made up"
MATHS = "the largest number of a type"

CALENDARS = ("facts/schedules.py", "facts/altered.py", "facts/tracing.py")
"""Modules that are full of minutes, days and months, or of values that are only tried."""

REASONS: dict[tuple[str, int], str] = {
    ("facts/quota_costs.py", 32): "devices of one claim, AllocationResultsMaxSize of the API",
    ("apiserver/intake.py", 3): "what kube-apiserver reads of a request: 3 MiB",
    ("apiserver/admission/validating_admission_policy.py", 401): "an HTTP status",
    ("apiserver/admission/validating_admission_policy.py", 403): "an HTTP status",
    ("apiserver/admission/validating_admission_policy.py", 413): "an HTTP status",
    ("apiserver/admission/validating_admission_policy.py", 422): "an HTTP status",
    ("apiserver/admission/validating_admission_policy.py", 5): "the longest message: 5 KiB",
    ("apiserver/registry/job_pods.py", 63): "the longest host name",
    ("apiserver/registry/pod_updates.py", 31): MATHS,
    ("apiserver/karpenter.py", 64): CODE,
    ("apiserver/karpenter.py", 100): "the largest weight that Karpenter takes",
    ("apiserver/karpenter_overlays.py", 6): CODE,
    ("apiserver/karpenter_overlays.py", 10_000): "the largest weight of a NodeOverlay that Karpenter takes",
    ("apiserver/operators/made.py", 10_000): CODE,
    ("apiserver/operators/made.py", 31): MATHS,
    ("apiserver/reading.py", 1_000_000): CODE,
    ("apiserver/unprinted.py", 1000): CODE,
    ("apiserver/allocators/ranges.py", 4): "the version of IPv4",
    ("apiserver/allocators/ranges.py", 6): "the version of IPv6",
    ("apiserver/allocators/ranges.py", 128): "bits of an IPv6 address",
    ("apiserver/patches/errors.py", 400): "an HTTP status",
    ("apiserver/transaction.py", 30): API,
    ("cluster/clock.py", 253_402_300_799_000): CALENDAR,
    ("cluster/clock.py", 1_793_577_600_000): "when the clock of a cluster without moments starts",
    ("cluster/clock.py", 62_135_596_800_000): CALENDAR,
    ("cluster/clock.py", 6): FORMAT,
    ("cluster/clock.py", 500): "values that are written at once when moments are looked for: memory",
    ("cluster/clock.py", 1970): CALENDAR,
    ("cluster/cluster.py", 8): CODE,
    ("cluster/cluster.py", 1_000): CODE,
    ("cluster/extent.py", 200_000): CODE,
    ("cluster/naming.py", 4096): CODE,
    ("facts/base.py", 8): CODE,
    ("facts/blocks.py", 24): "bits of three bytes of an address",
    ("cluster/naming.py", 58): FORMAT,
    ("cluster/naming.py", 5): FORMAT,
    ("cluster/naming.py", 10): FORMAT,
    ("cluster/owners.py", 8): CODE,
    ("facts/autoscalers.py", 4): API,
    ("facts/autoscalers.py", 15): API,
    ("facts/autoscalers.py", 80): API,
    ("facts/autoscalers.py", 100): API,
    ("facts/alike.py", 256): CODE,
    ("facts/alike.py", 16): CODE,
    ("facts/cron_jobs.py", 3): API,
    ("facts/daemon_sets.py", 10): API,
    ("facts/stateful_sets.py", 10): API,
    ("facts/host_names.py", 100_000): CODE,
    ("facts/jobs.py", 500): CODE,
    ("facts/cluster_policies.py", 65535): "the largest number of a port",
    ("facts/networks.py", 10800): API,
    ("facts/jobs.py", 3): CODE,
    ("facts/jobs.py", 6): API,
    ("facts/jobs.py", 1000): "milliseconds of a second",
    ("facts/quota.py", 1000): "thousandths",
    ("facts/jobs.py", 31): MATHS,
    ("facts/node_terms.py", 63): MATHS,
    ("facts/nodes.py", 20): FORMAT,
    ("facts/parameters.py", 4): "the version of IPv4, and its bytes",
    ("facts/parameters.py", 16): "bits of a port, bytes of an IPv6 address; how many ranges are kept",
    ("facts/parameters.py", 63): MATHS,
    ("facts/parameters.py", 100): "all of a hundred percent",
    ("facts/parameters.py", 128): "bits of an IPv6 address",
    ("facts/pod_security.py", 31): MATHS,
    ("facts/pod_status.py", 3): API,
    ("facts/pod_status.py", 10): API,
    ("facts/pod_status.py", 30): API,
    ("facts/workloads.py", 10): API,
    ("facts/workloads.py", 31): MATHS,
    ("facts/workloads.py", 600): API,
    ("reconcile/addresses.py", 31): MATHS,
    ("reconcile/apply/snapshots.py", 1_000_000): "nanoseconds of a millisecond",
    ("reconcile/engine.py", 60): "a time limit of the solver",
    ("reconcile/schedulers.py", 60): "a time limit of the solver",
    ("reconcile/functions.py", 2166136261): FORMAT,
    ("reconcile/functions.py", 16777619): FORMAT,
    ("reconcile/functions.py", 0xFFFFFFFF): FORMAT,
    ("reconcile/loops.py", 8): CODE,
    ("reconcile/problem_pods.py", 1000): CODE,
    ("reconcile/problem_reads.py", 62): MATHS,
    ("reconcile/schedulers.py", 20_000_000): CODE,
    ("reconcile/settle.py", 100_000): CODE,
    ("reconcile/settle.py", 100): CODE,
    ("reconcile/settle.py", 8): CODE,
    ("reconcile/ailments.py", 6): API,
    ("reconcile/performing.py", 400): "an HTTP status",
    ("reconcile/simulate.py", 120): CODE,
    ("reconcile/simulate.py", 500): CODE,
    ("reconcile/world_steps.py", 255): "the exit code of a container of which the runtime knows no other",
}
"""Numbers that are no parameters, by module and number, and what they are."""


def literals(tree: ast.AST) -> Iterator[tuple[int, int]]:
    """The numbers of a module that mean something by themselves, with their lines."""
    passed = set()
    for node in ast.walk(tree):
        match node:
            case ast.BinOp(op=ast.Mult() | ast.FloorDiv() | ast.Mod() | ast.Div()):
                passed |= {id(each) for each in (node.left, node.right) if _number(each) in UNITS}
            case ast.BinOp(op=ast.Pow(), left=ast.Constant(value=10)):
                passed |= {id(node.left), id(node.right)}
            case ast.Call(func=ast.Name(id="divmod")):
                passed |= {id(each) for each in node.args if _number(each) in UNITS}
            case ast.Call(func=ast.Name(id="lru_cache" | "_answer" | "PatchError")):
                passed |= {id(each) for each in ast.walk(node)}
            case ast.keyword(arg="status") | ast.Subscript():
                passed |= {id(each) for each in ast.walk(node.value if isinstance(node, ast.keyword) else node.slice)}
            case ast.Compare(left=ast.Attribute(attr="status")):
                passed |= {id(each) for each in node.comparators}
            case ast.Dict():
                passed |= {id(each) for each in node.keys if each is not None}
    for node in ast.walk(tree):
        value = _number(node)
        if value is not None and id(node) not in passed and value not in (0, 1, 2):
            yield value, node.lineno  # type: ignore[attr-defined]


def _number(node: ast.AST) -> int | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return int(node.value) if node.value == int(node.value) else -1
    return None


def test_a_number_is_a_parameter_or_has_a_reason() -> None:
    left, used = [], set()
    for room in ROOMS:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            name = path.relative_to(PACKAGE).as_posix()
            if name in CALENDARS:
                continue
            for number, line in literals(ast.parse(path.read_text(encoding="utf-8"))):
                used.add((name, number))
                if (name, number) not in REASONS:
                    left.append(f"kubelogic/{name}:{line}: {number} belongs into rules/parameters.dl")
    assert not left, "\n".join(left)
    assert sorted(set(REASONS) - used) == [], "there is no such number any more"


EXIT_CODES, STATUSES = {128, 137, 143}, {200, 400}
IN_RULES = {10_000, 1000, 1_000_000, 10**15, 10**16 - 1, 100, 99, 2_000_000_000, 2_000_001_000}
"""Units, what stands for infinity, percent, marks, and the values of the two built-in priority classes."""


def test_rules_take_their_numbers_from_the_parameters() -> None:
    book = builtin_rulebook()
    texts = [(str(each.head.place), str(each)) for each in book.clauses]
    texts += [
        (str(each.place), str(each))
        for each in book.facts
        if each.place.file != "rules/parameters.dl" and each.predicate not in ("filter", "searched")
    ]
    left = [
        f"{place}: {number}"
        for place, text in texts
        for number in map(int, NUMBER.findall(TEXT.sub("", text)))
        if number > SMALL and number not in {*EXIT_CODES, *STATUSES, *IN_RULES}
    ]
    assert not left, "\n".join(left)


NUMBER, TEXT, SMALL = re.compile(r"(?<![\w.])\d+(?!\w)"), re.compile(r"'[^']*'|\"[^\"]*\""), 98
"""Small numbers are places in an order; so are those of filters."""


def test_every_parameter_is_read_and_says_what_it_means() -> None:
    book = builtin_rulebook()
    parameters = parameters_of(book)
    meanings = {str(fact.row[0]): fact.row[1:] for fact in book.facts if fact.predicate == "parameter_meaning"}
    assert sorted(meanings) == sorted(parameters)
    for name, (unit, least, says, source) in meanings.items():
        assert unit, name
        assert says, name
        assert source, name
        value = parameters[name]
        assert isinstance(value, str) or value >= least, name
    words = " ".join(map(str, book.clauses)) + " ".join(str(f) for f in book.facts if f.predicate == "mask_parameter")
    words += " ".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    patterned = {f"{start}_{end}" for start in PATTERNED for end in ("share", "least", "most", "maximum")}
    assert [name for name in sorted(parameters) if name not in words and name not in patterned] == []


PATTERNED = ("static_addresses", "static_ports", "job_api_backoff", "controller_backoff")
"""Names that code puts together."""


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("BURST = 500", [500]),
        ("after = now + 5_000", [5000]),
        ("wait = 15 * 60", [15]),
        ("ms = 1000 * seconds", []),
        ("min(count, 32)", [32]),
        ("Status(status=404)", []),
        ("answer.status == 429", []),
        ("row[4]", []),
        ("f(timeout=30)", [30]),
    ],
)
def test_what_is_found(code: str, found: list[int]) -> None:
    assert [number for number, _ in literals(ast.parse(code))] == found
