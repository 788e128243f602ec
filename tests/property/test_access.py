"""Access by rules against a direct evaluation of roles and bindings.

"Permissions are purely additive (there are no "deny" rules)." (Kubernetes documentation, Using RBAC Authorization)
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from kubelogic.cluster.state import State
from kubelogic.facts.roles import groups_of
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.relations import Relations
from tests.support.packets import cluster
from tests.support.roles import USERS, allowed, documents, request


def agree(seeds: Iterable[int]) -> None:
    """Compare every user in each set of roles; one evaluation follows them all, so changes are tried as well."""
    relations = Relations(load_rulebook(), ["may_do"])
    for seed in seeds:
        rng = random.Random(-seed)
        found, asked = documents(seed), request(rng)
        groups = {user: [*groups_of(user), *rng.sample(["devs"], rng.randint(0, 1))] for user in USERS}
        facts = [("asked_member", (user, group)) for user, mine in groups.items() for group in mine]
        action = ("asked_action", ("it", asked.verb, asked.group, asked.resource, asked.part, asked.name))
        evaluation = relations.advance(State.of(cluster(found)).with_world(add=[*facts, action]))
        rows = set(evaluation.rows("may_do"))
        for user in USERS:
            mine = {(user, "it", asked.namespace), (user, "it", "*")} & rows
            assert bool(mine) is allowed(found, user, groups[user], asked), (seed, user, asked)


def test_permissions_are_purely_additive() -> None:
    agree([*range(25), 34])  # a role that takes itself in by way of others has nothing of its own


@pytest.mark.slow
def test_permissions_are_purely_additive_in_a_thousand_sets() -> None:
    agree(range(1000))
