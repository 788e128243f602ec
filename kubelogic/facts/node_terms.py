"""Node selector terms and their requirements as facts: of pods, volumes, storage classes and capacities alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubelogic.facts.base import Fact
from kubelogic.facts.selectors import NOTHING, Requirement, selector_text

NODE_NAME = "@metadata.name"
"""The pseudo-label by which node requirements speak of a node's name."""


def node_term(term: Mapping[str, Any], shared: dict[Fact, None], mentions: set[tuple[str, str, str]]) -> str:
    """The constant of a node selector term, such as ``zone in (a,b),cores > 4``; ``NOTHING`` for an empty one.

    Adds the facts that say what it stands for to ``shared`` and the labels that it reads to ``mentions``.
    """
    found: dict[str, Requirement] = {}
    wanted = [
        *((e["key"], e) for e in term.get("matchExpressions") or ()),
        *((f"@{e['key']}", e) for e in term.get("matchFields") or ()),
    ]
    for key, expression in wanted:
        operator, values = expression["operator"], tuple(sorted({*(expression.get("values") or ())}))
        if operator in ("Gt", "Lt"):
            text = f"{key} {'>' if operator == 'Gt' else '<'} {values[0] if values else ''}"
        else:
            text = selector_text([(key, operator, values)])
        found[text] = (key, operator, values)
    constant = ",".join(sorted(found)) or NOTHING
    shared["node_term", (constant,)] = None
    for text, (key, operator, values) in sorted(found.items()):
        shared["term_requirement", (constant, text)] = None
        for fact in requirement_facts(text, key, operator, values, mentions):
            shared[fact] = None
    return constant


def requirement_facts(
    text: str, key: str, operator: str, values: Sequence[str], mentions: set[tuple[str, str, str]]
) -> Iterator[Fact]:
    """What a requirement on a node's labels stands for; adds the labels that it reads to ``mentions``."""
    yield "requirement", (text, key, operator)
    if operator in ("Gt", "Lt"):
        mentions.add((key, "number", ""))
        if values and (number := integer(values[0])) is not None:
            yield "requirement_number", (text, number)
    elif operator in ("In", "NotIn"):
        mentions.update((key, "value", value) for value in values)
        yield from (("requirement_value", (text, value)) for value in values)
    else:
        mentions.add((key, "present", ""))


def integer(text: str) -> int | None:
    """A label's value as Gt and Lt read it: a decimal 64-bit integer, or None."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not digits.isascii() or not digits.isdigit():
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None
