"""Clauses to Python functions: each is a set-at-a-time join over indexed relations.

A clause is compiled for a full evaluation, for each body literal as the *seed* of a change (the function then joins
the changed rows of that literal with the rest of the body), and, in recursive groups, for its head: the function
then says which of the given head rows can be derived.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from kubelogic.logic.endless import MOST_ROWS, MOST_WORK
from kubelogic.logic.plan import HEAD, Rule, kept_columns
from kubelogic.logic.relation import Columns, Relation
from kubelogic.logic.terms import (
    Atom,
    BodyItem,
    Comparison,
    Constant,
    Literal,
    Operation,
    Term,
    Variable,
    is_anonymous,
    variables,
)

_MANY_LOOPS = 4
"""A rule with so many positive literals counts how many combinations it looks at, also where each has a key."""


def source_of(rule: Rule, *, seed: int | None, functions: Collection[str], relations: Mapping[str, Relation]) -> str:
    """The source of ``join`` for a rule: in full (``seed`` None), for changed rows of body literal ``seed``, or for
    head rows to check (``HEAD``).

    Rows of a negated literal with anonymous variables are the values of its other columns, as in an index.
    The order of the body is chosen by the present sizes of ``relations``. It may call ``runaway``, and ``again``
    to be planned anew where two rows have a value that seemed to be a key.
    """
    return _Writer(rule, seed=seed, functions=functions, relations=relations).source()


class _Writer:
    """Writes the source of one join."""

    def __init__(
        self, rule: Rule, *, seed: int | None, functions: Collection[str], relations: Mapping[str, Relation]
    ) -> None:
        self.rule = rule
        self.body = rule.body
        self.seed = seed
        self.functions = functions
        self.relations = relations
        self.bound: set[str] = set()
        self.setup: list[str] = []
        self.lines: list[str] = []
        self.depth = 1
        self.names = 0
        self.local: dict[str, str] = {}
        self.loops = 0
        self.many = sum(not asked.negated for asked in rule.asks) >= _MANY_LOOPS

    def source(self) -> str:
        rest: list[tuple[int, BodyItem]] = list(enumerate(self.body.items))
        if self.seed == HEAD:
            rest += self.scan_head()
        elif self.seed is not None:
            item = self.body.items[self.seed]
            assert isinstance(item, Literal)
            rest = [(i, other) for i, other in rest if i != self.seed]
            kept = kept_columns(item)
            terms = item.atom.terms
            if kept is None:
                self.scan(terms, "seed_rows")
            elif len(kept) == 1:
                self.scan_values(terms[kept[0]], "seed_rows")
            else:
                self.scan(tuple(terms[i] for i in kept), "seed_rows")
        while rest:
            position = self.choose([item for _, item in rest])
            number, item = rest.pop(position)
            self.emit(number, item)
        if self.seed == HEAD:
            self.line("return True")
            return self.checking()
        self.guard(*self.body.terms)
        self.line(f"head = {self.row(self.body.terms)}")
        self.line("out[head] = get(head, 0) + sign")
        return "\n".join(
            [
                "EMPTY = ()",
                "def join(relations, functions, seed_rows, seed_set, out, sign):",
                *(f"    {line}" for line in self.setup),
                "    get = out.get",
                "    work = 0",
                "    for _once in (0,):",
                *("    " + line for line in self.lines),
                "",
            ]
        )

    def checking(self) -> str:
        return "\n".join(
            [
                "EMPTY = ()",
                "def join(relations, functions, seed_rows, seed_set, out, sign):",
                *(f"    {line}" for line in self.setup),
                "    def derivable(seed):",
                "        work = 0",
                "        for _once in (0,):",
                *("        " + line for line in self.lines),
                "        return False",
                "    for seed in seed_rows:",
                "        if derivable(seed): out[seed] = sign",
                "",
            ]
        )

    def scan_head(self) -> list[tuple[int, BodyItem]]:
        """Bind the head to one seed row; the equations for arithmetic in the head are returned."""
        equations: list[tuple[int, BodyItem]] = []
        terms: list[Term] = []
        for number, term in enumerate(self.body.terms):
            if isinstance(term, Operation):
                variable = Variable(f"head{number}")
                place = self.body.clause.place if self.body.clause else None
                assert place is not None
                equations.append((-1, Comparison(operator="==", left=variable, right=term, place=place)))
                terms.append(variable)
            else:
                terms.append(term)
        self.scan(tuple(terms), "(seed,)")
        return equations

    # -- order of the body ---------------------------------------------------------------------------------

    def choose(self, items: Sequence[BodyItem]) -> int:
        """The position of the item to evaluate next: tests first, then the literal with fewest rows to visit."""
        best: tuple[float, int] | None = None
        for position, item in enumerate(items):
            cost = self.cost(item)
            if cost is not None and (best is None or (cost, position) < best):
                best = (cost, position)
        assert best is not None, f"unsafe rule {self.rule.label}"
        return best[1]

    def cost(self, item: BodyItem) -> float | None:
        """Estimated rows to visit per binding so far; None while variables that it needs are unbound."""
        match item:
            case Comparison(operator=operator, left=left, right=right):
                free = set(variables(left, right)) - self.bound
                if not free:
                    return -2.0
                if operator == "==" and len(free) == 1:
                    name = next(iter(free))
                    if left == Variable(name) and name not in set(variables(right)):
                        return -1.0
                    if right == Variable(name) and name not in set(variables(left)):
                        return -1.0
                return None
            case Literal(atom=atom, negated=negated) if atom.predicate in self.functions:
                terms = atom.terms if negated else atom.terms[:-1]
                return -1.0 if self.bound.issuperset(variables(*terms)) else None
            case Literal(atom=atom, negated=True):
                named = (name for name in variables(*atom.terms) if not name.startswith("_"))
                return -2.0 if self.bound.issuperset(named) else None
            case Literal(atom=atom):
                keys = [i for i, term in enumerate(atom.terms) if self.is_key(term)]
                if len(keys) == len(atom.terms):
                    return 0.0
                relation = self.relations[atom.predicate]
                size = max(2.0, float(len(relation.counts)))
                if not keys:
                    return 1e6 + size if self.bound else size
                return max(1.0, size / max(1, *map(relation.different, keys)))

    def is_key(self, term: Term) -> bool:
        return not isinstance(term, Variable) or term.name in self.bound

    # -- code ----------------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def fresh(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def term(self, term: Term) -> str:
        match term:
            case Variable(name):
                return self.local[name]
            case Constant(value):
                return repr(value)
            case Operation(operator, left, right):
                return f"({self.term(left)} {operator} {self.term(right)})"

    def row(self, terms: Sequence[Term]) -> str:
        texts = ", ".join(self.term(term) for term in terms)
        return f"({texts}{',' if len(terms) == 1 else ''})"

    def bind(self, name: str) -> str:
        self.bound.add(name)
        self.local[name] = f"v_{name}"
        return self.local[name]

    def require(self, condition: str) -> None:
        self.line(f"if not ({condition}): continue")

    def refuse(self, condition: str) -> None:
        self.line(f"if {condition}: continue")

    def guard(self, *terms: Term) -> None:
        """Let the clause derive nothing where a divisor is zero or an operand is text."""
        for term in terms:
            if isinstance(term, Operation):
                self.guard(term.left, term.right)
                for operand in (term.left, term.right):
                    if isinstance(operand, Variable) and operand.name in self.body.loose:
                        self.require(f"type({self.term(operand)}) is int")
                if term.operator in ("//", "%") and not (isinstance(term.right, Constant) and term.right.value):
                    self.require(self.term(term.right))

    def emit(self, number: int, item: BodyItem) -> None:
        match item:
            case Comparison(operator=operator, left=left, right=right):
                free = set(variables(left, right)) - self.bound
                if free:
                    name = next(iter(free))
                    other = right if left == Variable(name) else left
                    self.guard(other)
                    expression = self.term(other)
                    self.line(f"{self.bind(name)} = {expression}")
                else:
                    self.guard(left, right)
                    if operator not in ("==", "!=") and not self.body.loose.isdisjoint(variables(left, right)):
                        self.require(f"type({self.term(left)}) is type({self.term(right)})")
                    self.require(f"{self.term(left)} {operator} {self.term(right)}")
            case Literal(atom=atom) if atom.predicate in self.functions:
                self.call(item)
            case Literal(atom=atom, negated=negated):
                earlier = self.is_earlier_occurrence(number, atom)
                kept = kept_columns(item)
                if kept is not None:
                    self.absent(atom, kept)
                elif all(self.is_key(term) for term in atom.terms):
                    self.test(atom, negated=negated, earlier=earlier)
                else:
                    self.scan_relation(atom, earlier=earlier)

    def is_earlier_occurrence(self, number: int, atom: Atom) -> bool:
        """Whether this literal has the seed's predicate and stands before it: it then sees the other state."""
        if self.seed is None or self.seed == HEAD or number > self.seed:
            return False
        seed = self.body.items[self.seed]
        return isinstance(seed, Literal) and seed.atom.predicate == atom.predicate

    def call(self, item: Literal) -> None:
        atom = item.atom
        function = self.fresh("f")
        self.setup.append(f"{function} = functions[{atom.predicate!r}]")
        self.guard(*atom.terms[:-1])
        arguments = ", ".join(self.term(term) for term in atom.terms[:-1])
        result = atom.terms[-1]
        call = f"{function}({arguments})"
        if self.is_key(result):
            self.guard(result)
            self.require(f"{call} {'!=' if item.negated else '=='} {self.term(result)}")
        else:
            assert isinstance(result, Variable)
            name = self.bind(result.name)
            self.line(f"{name} = {call}")
            self.require(f"{name} is not None")

    def test(self, atom: Atom, *, negated: bool, earlier: bool) -> None:
        rows = self.fresh("r")
        self.setup.append(f"{rows} = relations[{atom.predicate!r}].counts")
        row = self.row(atom.terms)
        if negated:
            self.refuse(f"{rows} and {row} in {rows}" + (f" and {row} not in seed_set" if earlier else ""))
        else:
            self.require(f"{row} in {rows}" + (f" and {row} not in seed_set" if earlier else ""))

    def absent(self, atom: Atom, kept: Columns) -> None:
        """Require that no row has these values in the kept columns."""
        if not kept:
            rows = self.fresh("r")
            self.setup.append(f"{rows} = relations[{atom.predicate!r}].counts")
            self.refuse(rows)
            return
        index = self.fresh("i")
        relation = self.relations[atom.predicate]
        made = [(i,) for i in kept if relation.few(i) and (i,) in relation.indexes]
        if len(kept) > 1 and made and kept not in relation.indexes and kept not in relation.singles:
            self.setup.append(f"{index} = relations[{atom.predicate!r}].index({made[0]}).get")
            tests = [f"row[{i}] == {self.term(atom.terms[i])}" for i in kept if (i,) != made[0]]
            rows = f"{index}({self.key(atom, made[0])}, EMPTY)"
            self.refuse(f"any([True for row in {rows} if {' and '.join(tests)}])")
            return
        self.setup.append(f"{index} = relations[{atom.predicate!r}].keys({kept})")
        self.refuse(f"{index} and {self.key(atom, kept)} in {index}")

    def key(self, atom: Atom, columns: Columns) -> str:
        if len(columns) == 1:
            return self.term(atom.terms[columns[0]])
        return self.row([atom.terms[i] for i in columns])

    def scan_relation(self, atom: Atom, *, earlier: bool) -> None:
        columns = self.lookup_columns(atom)
        relation = self.relations[atom.predicate]
        if columns and (columns in relation.singles or relation.is_key(columns)):
            self.look_up(atom, columns, earlier=earlier)
            return
        if columns and self.seed is None and all(isinstance(atom.terms[i], Constant) for i in columns):
            rows = self.fresh("r")
            self.setup.append(f"{rows} = relations[{atom.predicate!r}].once({columns}, {self.key(atom, columns)})")
            self.scan(atom.terms, rows, known=set(columns))
        elif columns:
            index = self.fresh("i")
            self.setup.append(f"{index} = relations[{atom.predicate!r}].index({columns}).get")
            rows = f"{index}({self.key(atom, columns)}, EMPTY)"
            self.scan(atom.terms, rows, known=set(columns))
        else:
            rows = self.fresh("r")
            self.setup.append(f"{rows} = relations[{atom.predicate!r}].counts")
            self.scan(atom.terms, rows)
        if earlier:
            self.require(f"{self.row(atom.terms)} not in seed_set")

    def look_up(self, atom: Atom, columns: Columns, *, earlier: bool) -> None:
        """Take the one row that has the known values in ``columns``, if there is one."""
        index, row = self.fresh("i"), self.fresh("row")
        self.setup.append(f"{index} = relations[{atom.predicate!r}].single({columns})")
        self.setup.append(f"if {index} is None: return again(relations, functions, seed_rows, seed_set, out, sign)")
        self.line(f"{row} = {index}.get({self.key(atom, columns)})")
        self.refuse(f"{row} is None")
        if earlier:
            self.refuse(f"{row} in seed_set")
        for i, term in enumerate(atom.terms):
            if i in columns:
                continue
            if self.is_key(term):
                self.require(f"{row}[{i}] == {self.term(term)}")
            elif isinstance(term, Variable) and not is_anonymous(term):
                self.line(f"{self.bind(term.name)} = {row}[{i}]")

    def lookup_columns(self, atom: Atom) -> Columns:
        """The columns by which rows are looked up: those whose values are known, or one of them that tells rows
        apart nearly as well, since an index on it alone serves other joins too."""
        columns = tuple(i for i, term in enumerate(atom.terms) if self.is_key(term))
        relation = self.relations[atom.predicate]
        if len(columns) < 2 or columns in relation.indexes or columns in relation.singles:
            return columns
        enough = relation.different(*columns) // 2
        alone = [i for i in columns if relation.few(i) or relation.different(i) >= enough]
        alone.sort(key=relation.different, reverse=True)
        made = [(i,) for i in alone if (i,) in relation.indexes or (i,) in relation.singles]
        return made[0] if made else tuple(alone[:1]) or columns

    def scan(self, terms: Sequence[Term], rows: str, known: set[int] | None = None) -> None:
        """Loop over ``rows``, binding the new variables and testing the rest."""
        known = known or set()
        targets: list[str] = []
        tests: list[str] = []
        for i, term in enumerate(terms):
            if i in known:
                targets.append("_")
            elif isinstance(term, Variable) and term.name not in self.bound:
                targets.append(self.bind(term.name))
            else:
                name = self.fresh("t")
                targets.append(name)
                tests.append(f"{name} == {self.term(term)}")
        pattern = ", ".join(targets) + ("," if len(targets) == 1 else "")
        self.bound_loop(rows, unkeyed=rows.isidentifier())
        self.line(f"for {pattern or '_'} in {rows}:")
        self.depth += 1
        for condition in tests:
            self.require(condition)

    def bound_loop(self, rows: str, *, unkeyed: bool) -> None:
        """Within another loop, before one more: end a join that makes too many rows or looks at too many."""
        self.loops += 1
        if self.loops == 1 or rows in ("seed_rows", "(seed,)"):
            return
        self.line(f"if len(out) > {MOST_ROWS}: raise runaway('has more than {MOST_ROWS:,} rows')")
        if unkeyed or (self.many and self.loops > 2):
            self.line(f"work += {f'len({rows})' if unkeyed else '1'}")
            self.line(f"if work > {MOST_WORK}: raise runaway('looks at more than {MOST_WORK:,} combinations of rows')")

    def scan_values(self, term: Term, values: str) -> None:
        """Loop over the bare values of one column."""
        if isinstance(term, Variable):
            self.line(f"for {self.bind(term.name)} in {values}:")
            self.depth += 1
        else:
            self.line(f"for t0 in {values}:")
            self.depth += 1
            self.require(f"t0 == {self.term(term)}")
