"""Random stratified programs with facts and changes: recursion, negation, arithmetic, functions, aggregates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from kubelogic.logic import Row, Rulebook, Value

State = dict[str, set[Row]]
NAMES = ("a", "b", "c")
NUMBERS = (0, 1, 2, 3)
POOL = {"name": ("A", "B", "C"), "num": ("K", "M", "N")}


def double(number: int) -> Value | None:
    """A function for programs to call; it has no result for 3."""
    return None if number == 3 else number * 2 % 4


def pair(left: str, right: str) -> Value | None:
    """Another one."""
    return min(left, right)


FUNCTIONS: dict[str, Callable[..., Value | None]] = {"double": double, "pair": pair}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program, its rulebook and states of its given facts, one after the other."""

    text: str
    book: Rulebook
    states: tuple[State, ...]


def program(seed: int) -> Program:
    """The random program with this number."""
    return _Maker(Random(seed)).program()


class _Maker:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.columns: dict[str, tuple[str, ...]] = {}
        self.lines: list[str] = []
        self.functional: set[str] = set()

    def program(self) -> Program:
        random = self.random
        self.lines += [
            '#: double(N: num) -> M: num "twice {N} is {M}"',
            '#: pair(A: name, B: name) -> C: name "the first of {A} and {B} is {C}"',
        ]
        given = [self.declare(f"e{i}") for i in range(random.randint(2, 4))]
        usable = list(given)
        for number in range(random.randint(2, 5)):
            if random.random() < 0.25:
                name = f"g{number}"
                self.aggregate(name, usable)
                usable.append(name)
                continue
            group = [self.declare(f"d{number}{letter}") for letter in "xy"[: random.choice((1, 1, 2))]]
            recursive = random.random() < 0.5
            for name in group:
                self.clause(name, usable, usable)
                for _ in range(random.randint(0, 2)):
                    self.clause(name, usable + (group * 2 if recursive else []), usable)
            if random.random() < 0.2:
                given.append(random.choice(group))
            usable += group
        text = "\n".join(self.lines) + "\n"
        states = tuple({name: self.rows(name) for name in given} for _ in range(random.randint(1, 2)))
        return Program(text=text, book=Rulebook.parse({"p.dl": text}), states=self.steps(states))

    def steps(self, states: tuple[State, ...]) -> tuple[State, ...]:
        """Between and after the states, small changes."""
        random = self.random
        found: list[State] = []
        for state in states:
            found.append(state)
            nearby = {name: set(rows) for name, rows in state.items()}
            for name in random.sample(sorted(nearby), k=min(2, len(nearby))):
                nearby[name] ^= self.rows(name, at_most=2)
            found.append(nearby)
        return tuple(found)

    def declare(self, name: str) -> str:
        random = self.random
        kinds = tuple(random.choice(("name", "name", "num")) for _ in range(random.randint(1, 3)))
        if not self.columns:
            kinds = (*kinds[:1], "num")
        self.columns[name] = kinds
        arguments = ", ".join(f"X{i}: {kind}" for i, kind in enumerate(kinds))
        self.lines.append(f'#: {name}({arguments}) "{name}"')
        return name

    def rows(self, name: str, at_most: int = 6) -> set[Row]:
        random = self.random
        values = {"name": NAMES, "num": NUMBERS}
        return {
            tuple(random.choice(values[kind]) for kind in self.columns[name]) for _ in range(random.randint(0, at_most))
        }

    def term(self, kind: str, bound: set[str], *, new: bool) -> str:
        random = self.random
        chance = random.random()
        if chance < 0.12:
            return repr(random.choice(NAMES if kind == "name" else NUMBERS))
        if chance < 0.2:
            return "_"
        pool = [v for v in POOL[kind] if new or v in bound]
        if not pool:
            return "_"
        variable = random.choice(pool)
        if kind == "num" and variable in bound and random.random() < 0.1:
            return f"({variable} {random.choice('+*')} 1) % 4"
        return variable

    def literal(self, name: str, bound: set[str], *, new: bool) -> str:
        terms = [self.term(kind, bound, new=new) for kind in self.columns[name]]
        if name in self.functional:
            return f"({name}[{', '.join(terms[:-1])}] == {terms[-1]})"
        return f"{name}({', '.join(terms)})"

    def body(self, positive: list[str], negative: list[str]) -> tuple[list[str], set[str]]:
        random = self.random
        items: list[str] = []
        bound: set[str] = set()
        for _ in range(random.choice((1, 2, 2, 3))):
            literal = self.literal(random.choice(positive), bound, new=True)
            items.append(literal)
            bound |= _plain_variables(literal)
        bound &= {v for pool in POOL.values() for v in pool}
        numbers = [v for v in POOL["num"] if v in bound]
        names = [v for v in POOL["name"] if v in bound]
        free = [v for v in POOL["num"] if v not in bound]
        if numbers and free and random.random() < 0.3:
            left, right = random.choice(numbers), random.choice([*numbers, "2"])
            operation = random.choice((f"({left} + {right}) % 4", f"{left} // {right}", f"{left} % {right}"))
            items.append(random.choice((f"({free[0]} == {operation})", f"({operation} == {free[0]})")))
            bound.add(free[0])
        elif numbers and random.random() < 0.2:
            result = random.choice([*free[:1], *numbers])
            items.append(f"double({random.choice(numbers)}, {result})")
            bound.add(result)
        if names and random.random() < 0.1:
            items.append(f"pair({random.choice(names)}, {random.choice(names)}, {random.choice(names)})")
        for pool in (numbers, names):
            if pool and random.random() < 0.2:
                other = random.choice([*pool, "1" if pool is numbers else "'b'"])
                sign = random.choice(("==", "!=", "<", "<=", ">", ">="))
                items.append(f"({random.choice(pool)} {sign} {other})")
        if numbers and random.random() < 0.05:
            items.append(f"~double({random.choice(numbers)}, {random.choice(numbers)})")
        if negative and random.random() < 0.45:
            items.append("~" + self.literal(random.choice(negative), bound, new=False))
        random.shuffle(items)
        return items, bound

    def clause(self, name: str, positive: list[str], negative: list[str]) -> None:
        random = self.random
        items, bound = self.body(positive, negative)
        terms = []
        for kind in self.columns[name]:
            pool = [v for v in POOL[kind] if v in bound]
            constant = repr(random.choice(NAMES if kind == "name" else NUMBERS))
            term = random.choice(pool) if pool and random.random() < 0.9 else constant
            if kind == "num" and pool and random.random() < 0.1:
                term = f"({term} + 1) % 4"
            terms.append(term)
        self.lines.append(_anonymised(f"{name}({', '.join(terms)}) <= {' & '.join(items)}"))

    def aggregate(self, name: str, usable: list[str]) -> None:
        random = self.random
        items: list[str] = []
        bound: set[str] = set()
        while not any(v in bound for v in POOL["num"]):
            items, bound = self.body(usable, usable)
        names = [v for v in POOL["name"] if v in bound]
        numbers = [v for v in POOL["num"] if v in bound]
        everything = names + numbers
        keys = random.sample(names, k=random.randint(0, len(names))) or random.sample(numbers, k=1)
        kind_of = {v: kind for kind, pool in POOL.items() for v in pool}
        result = "num"
        match random.choice(("len_", "sum_", "min_", "max_", "rank_")):
            case "len_":
                call = f"len_({', '.join(random.sample(everything, k=random.randint(1, len(everything))))})"
            case "sum_":
                call = f"sum_({random.choice(numbers)}, for_each={random.choice(everything)})"
            case "rank_":
                by = random.choice(keys)
                order = random.choice((f"({random.choice(numbers)},)", f"(-{random.choice(numbers)}, {keys[0]})"))
                call = f"rank_(group_by={by}, order_by={order})"
            case function:
                value = random.choice(everything)
                result = kind_of[value]
                order = random.choice((f", order_by={random.choice('-+')}{random.choice(everything)}", ""))
                call = f"{function}({value}{order.replace('=+', '=')})"
        kinds = (*(kind_of[key] for key in keys), result)
        self.columns[name] = kinds
        self.functional.add(name)
        texts = [f"X{i}: {kind}" for i, kind in enumerate(kinds)]
        self.lines.append(f'#: {name}[{", ".join(texts[:-1])}] == {texts[-1]} "{name}"')
        self.lines.append(_anonymised(f"({name}[{', '.join(keys)}] == {call}) <= {' & '.join(items)}"))


def _plain_variables(text: str) -> set[str]:
    return set(re.findall(r"\b[A-Z]\b", text))


def _anonymised(clause: str) -> str:
    """Variables that occur once start with an underscore."""
    counts = Counter(re.findall(r"\b[A-Z]\b", clause))
    return re.sub(r"\b[A-Z]\b", lambda match: match[0] if counts[match[0]] > 1 else f"_{match[0]}", clause)
