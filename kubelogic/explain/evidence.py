"""The places of what stands in a pod's way: the given facts that a rejection rests on, where they were written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from msgspec.structs import replace

from kubelogic.explain.blockers import Blocker
from kubelogic.explain.origins import Origins
from kubelogic.explain.written import Written
from kubelogic.logic import Evaluation
from kubelogic.logic.proofs import Given, Proof, Prover
from kubelogic.logic.solving import Fact

MOST = 24
"""Rejections that are traced at most: first one of each wording, then others in their order."""

_STEPS = 1_500
"""Steps of proofs after which only the first rejection of each filter is traced still."""

_SHOWN = 4
"""Places of one rejection."""

_NAMES = frozenset({"Shape", "NodeClass", "Node", "Pod", "Index"})
"""Arguments of rejections that say who is rejected where, not why."""


def with_places(blockers: Sequence[Blocker], evaluation: Evaluation, origins: Origins) -> tuple[Blocker, ...]:
    """The same blockers; the first of each wording, and some more, with the places of what they rest on.

    Args:
        blockers: rejections with their witnesses.
        evaluation: derives them; ``origins.GOALS`` are among its goals.
        origins: of that evaluation.
    """
    chosen = {(each.predicate, each.gist): i for i, each in reversed(list(enumerate(blockers)))}
    wordings = sorted(chosen.values())
    apart = {*wordings}
    order = [*wordings, *islice((i for i in range(len(blockers)) if i not in apart), MOST)][:MOST]
    prover = Prover(evaluation)
    found = list(blockers)
    steps, told = 0, set[str]()
    for i in order:
        if steps > _STEPS and blockers[i].predicate in told:
            continue
        told.add(blockers[i].predicate)
        proof = _proof(blockers[i], evaluation, prover)
        if proof is not None:
            steps += len(proof.steps)
            found[i] = replace(blockers[i], places=_places(blockers[i], proof, origins))
    return tuple(found)


def _proof(blocker: Blocker, evaluation: Evaluation, prover: Prover) -> Proof | None:
    """The proof of the rejection; None for one that is no row of its relation, or that no rule derives."""
    if blocker.predicate not in evaluation.rulebook.declarations:
        return None
    arguments = evaluation.rulebook.declarations[blocker.predicate].arguments
    if {argument.name for argument in arguments} != set(blocker.witness):
        return None
    return prover.prove(blocker.predicate, tuple(blocker.witness[argument.name] for argument in arguments))


def _places(blocker: Blocker, proof: Proof, origins: Origins) -> tuple[Written, ...]:
    """Where the facts were written that have what the witness tells: one of each predicate.

    It is one about the pod itself where there is such a fact, since a proof also holds what merely made the rules look,
    such as the requests of another pod that waits; of amounts the largest.
    """
    told = {value for name, value in blocker.witness.items() if name not in _NAMES}
    facts = [step.fact for step in proof.steps if isinstance(step, Given) and step.place is None]
    telling = [fact for fact in facts if told.intersection(fact.row)] or facts
    shape = str(blocker.witness.get("Shape", ""))
    first: dict[str, Fact] = {}
    for fact in telling:
        kept = first.get(fact.predicate)
        if kept is None or (kept.row[:-1] != fact.row[:-1] and _rank(fact, shape) > _rank(kept, shape)):
            first[fact.predicate] = fact
    found = dict.fromkeys(place for fact in first.values() if (place := origins(fact, facts)) is not None)
    said = [written for written in found if written.places]
    return tuple([written for written in said if written.places[0].path] or said)[:_SHOWN]


def _rank(fact: Fact, shape: str) -> tuple[bool, int]:
    """Whether a fact is about pods of a shape or one of their containers ("SHAPE CONTAINER"), and its amount."""
    own = bool(shape) and any(isinstance(each, str) and f"{each} ".startswith(f"{shape} ") for each in fact.row)
    last = fact.row[-1] if fact.row else 0
    return own, last if isinstance(last, int) else 0
