"""Text of a rule file to its syntax. Python's own parser does the tokens; this reads the tree.

A rule file is also a Python module of expressions and loads in pyDatalog as it stands.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable

from kubelogic.logic.comments import Comments
from kubelogic.logic.errors import RuleErrors
from kubelogic.logic.terms import (
    Aggregate,
    Atom,
    BodyItem,
    Clause,
    Comparison,
    Constant,
    Literal,
    Operation,
    Place,
    RuleFile,
    Term,
    Variable,
)

AGGREGATES = frozenset({"len_", "sum_", "min_", "max_", "rank_"})
_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//", ast.Mod: "%"}
_COMPARATORS = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_LONGEST_SHOWN = 60
_NAME = re.compile(r"[a-z][a-z0-9./-]*")
_DEEPEST = 50
"""Levels of arithmetic."""


class _Reader(Comments):
    """Reads the clauses of one file as well."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__(text, path)
        self.bytes_are_characters = self.text.isascii()
        self.anonymous = 0

    def place(self, node: ast.expr | ast.stmt) -> Place:
        start = self.column(node.lineno, node.col_offset)
        end = node.end_col_offset if node.end_lineno == node.lineno else None
        return Place(file=self.path, line=node.lineno, column=start, end_column=self.column(node.lineno, end))

    def column(self, line: int, offset: int | None) -> int:
        """The column, from 1, at a byte of a line, or at its end: offsets of the tree are bytes."""
        text = self.lines[line - 1]
        if offset is None:
            return len(text) + 1
        return (offset if self.bytes_are_characters else len(text.encode()[:offset].decode(errors="ignore"))) + 1

    def shown(self, node: ast.expr) -> str:
        """The text of an expression for a message, in one line and not too long."""
        text = " ".join(self.segment(node).split())
        return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."

    def segment(self, node: ast.stmt | ast.expr) -> str:
        """The text of a statement: ``ast``'s own way is slow."""
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        rows = [line.encode() for line in self.lines[first : last + 1]]
        rows[-1] = rows[-1][: node.end_col_offset]
        rows[0] = rows[0][node.col_offset :]
        return b"\n".join(rows).decode()

    def statements(self) -> tuple[list[Clause], list[Atom]]:
        clauses: list[Clause] = []
        facts: list[Atom] = []
        try:
            module = _parsed(self.text, "exec")
            assert isinstance(module, ast.Module)
        except SyntaxError as error:
            line, column = error.lineno or 1, error.offset or 1
            place = Place(file=self.path, line=line, column=column, end_column=column + 1)
            self.fault(place, f"syntax error: {error.msg}")
            return [], []
        except (RecursionError, MemoryError, ValueError) as error:
            self.fault(Place(file=self.path, line=1), f"cannot be read: {error or 'nested too deeply'}")
            return [], []
        for statement in module.body:
            self.anonymous = 0
            try:
                self.statement(statement, clauses, facts)
            except RecursionError:
                self.fault(self.place(statement), "nested too deeply")
        return clauses, facts

    def statement(self, statement: ast.stmt, clauses: list[Clause], facts: list[Atom]) -> None:
        match statement:
            case ast.Expr(value=ast.UnaryOp(op=ast.UAdd(), operand=operand)):
                if atom := self.atom(operand):
                    facts.append(atom)
            case ast.Expr(value=ast.Compare(left=left, ops=[ast.LtE()], comparators=[right])):
                if clause := self.clause(left, right, statement):
                    clauses.append(clause)
            case ast.Expr(value=ast.Compare(left=left, ops=[ast.LtE(), *_], comparators=[_, *rest])) if rest:
                self.fault(
                    self.place(rest[0]),
                    "a comparison needs parentheses of its own",
                    "write: head(X) <= body(X, Y) & (Y > 1)",
                )
            case _:
                self.fault(
                    self.place(statement),
                    "neither a clause nor a fact",
                    "write: head(X) <= body(X) & ...   or   + fact('a', 1)",
                )

    def clause(self, left: ast.expr, right: ast.expr, statement: ast.stmt) -> Clause | None:
        aggregate: Aggregate | None = None
        match left:
            case ast.Compare(left=ast.Subscript() as target, ops=[ast.Eq()], comparators=[ast.Call() as call]):
                aggregate = self.aggregate(call)
                head = self.functional(target, Variable("Result"), left)
                if aggregate is None:
                    return None
            case _:
                head = self.atom(left)
        body = tuple(self.conjunction(right))
        if head is None:
            return None
        text = self.segment(statement)
        return Clause(head=head, body=body, place=self.place(statement), aggregate=aggregate, text=text)

    def aggregate(self, call: ast.Call) -> Aggregate | None:
        if not isinstance(call.func, ast.Name) or call.func.id not in AGGREGATES:
            self.fault(self.place(call), f"unknown aggregate; there are {', '.join(sorted(AGGREGATES))}")
            return None
        options: dict[str, tuple[str, ...]] = {}
        for keyword in call.keywords:
            if keyword.arg not in {"for_each", "group_by", "order_by"}:
                self.fault(self.place(call), f"unknown option {keyword.arg!r} of an aggregate")
                return None
            value = keyword.value
            options[keyword.arg] = self.names(
                value.elts if isinstance(value, ast.Tuple) else [value],
                descending=keyword.arg == "order_by",
            )
        return Aggregate(
            function=call.func.id,
            value=self.names(call.args),
            for_each=options.get("for_each", ()),
            group_by=options.get("group_by", ()),
            order_by=options.get("order_by", ()),
        )

    def names(self, nodes: Iterable[ast.expr], *, descending: bool = False) -> tuple[str, ...]:
        found = []
        for node in nodes:
            match node:
                case ast.Name(id=name) if _is_variable(name):
                    found.append(name)
                    continue
                case ast.UnaryOp(op=ast.USub(), operand=ast.Name(id=name)) if descending and _is_variable(name):
                    found.append(f"-{name}")
                    continue
                case _:
                    self.fault(self.place(node), "an aggregate takes variables")
        return tuple(found)

    def conjunction(self, node: ast.expr) -> Iterable[BodyItem]:
        match node:
            case ast.BinOp(op=ast.BitAnd(), left=left, right=right):
                yield from self.conjunction(left)
                yield from self.conjunction(right)
            case ast.UnaryOp(op=ast.Invert(), operand=operand):
                if atom := self.atom(operand):
                    yield Literal(atom=atom, negated=True)
            case ast.Call() | ast.Compare(left=ast.Subscript(), ops=[ast.Eq()]):
                if atom := self.atom(node):
                    yield Literal(atom=atom)
            case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in _COMPARATORS:
                left_term, right_term = self.term(left), self.term(right)
                if left_term is not None and right_term is not None:
                    yield Comparison(
                        operator=_COMPARATORS[type(operator)],
                        left=left_term,
                        right=right_term,
                        place=self.place(node),
                    )
            case _:
                hints = {
                    ast.BoolOp: "write & for and; for or, write two clauses",
                    ast.UnaryOp: "negation is written ~p(X)",
                }
                self.fault(
                    self.place(node),
                    "not a literal or comparison",
                    hints.get(type(node), "comparisons need parentheses of their own: p(X) & (X > 1)"),
                )

    def atom(self, node: ast.expr) -> Atom | None:
        match node:
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                terms = self.terms(args)
                return None if terms is None else Atom(predicate=name, terms=terms, place=self.place(node))
            case ast.Compare(left=ast.Subscript() as target, ops=[ast.Eq()], comparators=[value]):
                term = self.term(value)
                return None if term is None else self.functional(target, term, node)
        self.fault(self.place(node), "not an atom", "write: name(X, 'constant', 3)   or   name[X] == Y")
        return None

    def functional(self, target: ast.Subscript, value: Term, node: ast.expr) -> Atom | None:
        if not isinstance(target.value, ast.Name):
            self.fault(self.place(node), "not an atom", "write: name[X] == Y")
            return None
        keys = self.terms(target.slice.elts if isinstance(target.slice, ast.Tuple) else [target.slice])
        if keys is None:
            return None
        return Atom(predicate=target.value.id, terms=(*keys, value), place=self.place(node), functional=True)

    def number(self, value: int, node: ast.expr) -> Constant | None:
        if -(2**63) <= value < 2**63:
            return Constant(value)
        self.fault(self.place(node), f"{self.shown(node)} is too large", "whole numbers have 64 bits")
        return None

    def terms(self, nodes: Iterable[ast.expr]) -> tuple[Term, ...] | None:
        found = [self.term(node) for node in nodes]
        present = tuple(term for term in found if term is not None)
        return present if len(present) == len(found) else None

    def term(self, node: ast.expr) -> Term | None:
        match node:
            case ast.Name(id="_"):
                self.anonymous += 1
                return Variable(f"_{self.anonymous}")
            case ast.Name(id=name) if _is_variable(name):
                return Variable(name)
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=str() as value):
                return Constant(value)
            case ast.Constant(value=int() as value):
                return self.number(value, node)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)) if not isinstance(value, bool):
                return self.number(-value, node)
            case ast.BinOp(op=operator, left=left, right=right) if type(operator) in _OPERATORS:
                left_term, right_term = self.term(left), self.term(right)
                if left_term is None or right_term is None:
                    return None
                operation = Operation(_OPERATORS[type(operator)], left_term, right_term)
                if _depth(operation) > _DEEPEST:
                    self.fault(self.place(node), "arithmetic is nested too deeply", "name a part: (Y == ...)")
                    return None
                return operation
        self.fault(
            self.place(node),
            f"{self.shown(node)} is not a term",
            "terms are Variables, 'text', whole numbers and + - * // % of them" + _quoted(self.shown(node)),
        )
        return None


def _quoted(text: str) -> str:
    """What to write instead, if text looks like a name without quotes."""
    text = text.replace(" ", "")
    return f"; if it is text, write '{text}'" if _NAME.fullmatch(text) else ""


def _parsed(text: str, mode: str) -> ast.AST:
    """Python's tree of a text, without what Python itself would warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text, mode=mode)


def _depth(term: Term) -> int:
    return 1 + max(_depth(term.left), _depth(term.right)) if isinstance(term, Operation) else 0


def _is_variable(name: str) -> bool:
    return name[0].isupper() or name[0] == "_"


def parse(text: str, path: str) -> RuleFile:
    """Parse a rule file.

    Raises:
        RuleErrors: with every fault of the text.
    """
    reader = _Reader(text, path)
    clauses, facts = reader.statements()
    header, omits = reader.header()
    result = RuleFile(
        path=path,
        header=header,
        omits=omits,
        declarations=tuple(reader.declarations()),
        clauses=tuple(clauses),
        facts=tuple(facts),
        lines=reader.lines,
    )
    if reader.faults:
        raise RuleErrors(reader.faults)
    return result


def parse_atom(text: str, path: str = "atom") -> Atom:
    """Parse one atom, such as ``p('a', X)`` or ``f['a'] == X``.

    Raises:
        RuleErrors: if the text is something else.
    """
    reader = _Reader(text.strip(), path)
    atom: Atom | None = None
    try:
        tree = _parsed(reader.text, "eval")
        assert isinstance(tree, ast.Expression)
        atom = reader.atom(tree.body)
    except SyntaxError as error:
        column = error.offset or 1
        reader.fault(Place(file=path, line=1, column=column, end_column=column + 1), f"syntax error: {error.msg}")
    except (RecursionError, MemoryError, ValueError) as error:
        reader.fault(Place(file=path, line=1), f"cannot be read: {error or 'nested too deeply'}")
    if atom is None or reader.faults:
        raise RuleErrors(reader.faults)
    return atom
