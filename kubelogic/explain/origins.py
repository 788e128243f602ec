"""Where in the user's files a given fact comes from: the fields that decide it, where a person wrote them."""

from __future__ import annotations

from collections.abc import Collection

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import State
from kubelogic.explain.written import Writings, Written
from kubelogic.facts import World, modules_for
from kubelogic.facts.places import CONTEXT, Places
from kubelogic.logic import Evaluation
from kubelogic.logic.solving import Fact

GOALS = CONTEXT
"""What has to be among the goals of an evaluation whose facts are traced."""

_AUTHORS = {
    "memory": "what controllers remember",
    "now": "the simulated time",
    "passed": "the simulated time",
    "asked_action": "the question",
    "asked_from": "the question",
    "asked_from_block": "the question",
    "asked_member": "the question",
    "asked_path": "the question",
    "asked_port": "the question",
    "asked_to": "the question",
    "asked_to_block": "the question",
}
"""Facts of no object, and what gives them."""


class Origins:
    """Finds the origin of facts about one state."""

    def __init__(self, state: State, evaluation: Evaluation, *, loaded: Cluster, asked: Object | None = None) -> None:
        """Prepare to look things up; nothing is looked up before it is asked for.

        Args:
            state: whose facts they are.
            evaluation: holds those facts, ``GOALS`` among them.
            loaded: the objects as they were read.
            asked: of objects that are alike, the one to speak of; of the state.
        """
        world = World(cluster=state.cluster, rows=evaluation.matching)
        self._places = Places(world, modules_for(evaluation.rulebook), asked=asked)
        self._writings = Writings(state, loaded)

    def __call__(self, fact: Fact, near: Collection[Fact] = ()) -> Written | None:
        """Where a given fact was written; None for facts of the rules.

        Args:
            fact: a given fact.
            near: the facts of its proof, which tell those apart that several objects give.
        """
        if fact.predicate in _AUTHORS:
            return Written(author=_AUTHORS[fact.predicate])
        sources = self._places.of((fact.predicate, fact.row), ((each.predicate, each.row) for each in near))
        found = [self._writings.of(source.obj, path) for source in sources for path in source.decided.paths]
        if not found:
            return Written(author="the world outside the cluster")
        places = tuple(dict.fromkeys(place for each in found for place in each.places))
        authors = tuple(dict.fromkeys(each.author for each in found if each.author))
        return Written(places=places, author=", ".join(authors))
