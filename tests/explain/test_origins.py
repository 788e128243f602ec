"""Given facts have the line of the value that decides, in the document that a person wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from kubelogic.explain.origins import GOALS, Origins
from kubelogic.explain.written import Written
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.logic import Evaluation, Value
from kubelogic.logic.proofs import Given, Prover
from kubelogic.logic.solving import Fact
from kubelogic.reconcile.relations import Relations
from kubelogic.verbs.load import load
from kubelogic.verbs.reconciled import Options, reconcile

PLACES = Path(__file__).parents[2] / "fixtures" / "places"
LINES = {str(path): path.read_text(encoding="utf-8").splitlines() for path in PLACES.iterdir()}


@pytest.fixture(scope="module")
def world() -> tuple[Evaluation, Origins]:
    cluster = load([PLACES])
    state = reconcile(cluster, Options()).run.state
    book = builtin_rulebook()
    given = [name for name, each in book.declarations.items() if not each.function and not book.clauses_of(name)]
    evaluation = Relations.of(book, state, [*given, *GOALS, "rejects_fit"])
    return evaluation, Origins(state, evaluation, loaded=cluster)


DB = "cpu/db-0"
LIMITED: dict[int, Value] = {0: "cpu/cpu main-1", 1: "cpu"}
CASES = [
    # names and values that look alike, in a pod that a ReplicaSet of a Deployment made
    ("container_request", {0: "cpu/cpu main-0", 1: "cpu"}, "# first", ""),
    ("container_request", {0: "cpu/cpu init-0", 1: "cpu"}, "# init", ""),
    ("shape_host_port", {0: "cpu/cpu"}, "# host port", ""),
    ("shape_node_selector", {1: "disk"}, "# selector of nodes", ""),
    ("shape_toleration", {0: "cpu/cpu", 1: "dedicated"}, "# toleration", ""),
    ("shape_claim", {0: "cpu/cpu"}, "# claim", ""),
    ("pod_uses_claim", {1: "cpu/cpu"}, "# claim", ""),
    ("shape_image", {0: "cpu/cpu", 2: "memory:latest"}, "# image", ""),
    ("replica_set_replicas", {}, "# replicas", ""),
    ("deployment_replicas", {}, "# replicas", ""),
    # what somebody else wrote
    ("container_request", {0: "cpu/cpu main-1", 1: "cpu"}, "# limit", "default of Pod.spec.containers[1].resources"),
    ("container_request", {0: "cpu/cpu main-0", 1: "memory"}, "# usual request", "LimitRange cpu/usual"),
    ("shape_overhead", {0: "cpu/cpu", 1: "cpu"}, "# overhead", "RuntimeClass boxed"),
    ("shape_node_selector", {1: "box"}, "# class selects", "RuntimeClass boxed"),
    ("shape_priority", {0: "cpu/cpu"}, "# of the class", "PriorityClass 7"),
    ("claim_class", {0: "cpu/cpu"}, "# default class", "StorageClass disk"),
    ("deployment_strategy", {}, "  replicas: 3", "default of Deployment.spec.strategy.type"),
    ("service_target_number", {0: "cpu/cpu"}, "# port", "default of Service.spec.ports[0].targetPort"),
    ("pod_node", {0: DB}, "", "written by the scheduler"),
    # nodes
    ("node_allocatable", {0: "n1", 1: "cpu"}, "# allocatable", ""),
    ("node_taint", {1: "dedicated"}, "# taint", ""),
    ("class_label", {1: "disk"}, "# label of the node", ""),
    # items of a list that kubectl printed
    ("node_allocatable", {0: "n2", 1: "cpu"}, '"cpu": "4"', ""),
    ("container_request", {0: "cpu/there main-1", 1: "cpu"}, '"cpu": "1"\n', ""),
    # other controllers, and what they make beside pods
    ("shape_toleration", {0: "cpu/db", 1: ""}, "# tolerates all", ""),
    ("pod_uses_claim", {0: DB}, "# claim template", ""),
    ("claim_request", {0: "cpu/data-db-0"}, "# size of each", ""),
    ("volume_capacity", {1: 5 * 2**30}, "# size of each", ""),
    ("container_request", {0: "cpu/agent#2 main-0", 1: "cpu"}, "# of the agent", ""),
    ("container_request", {0: "cpu/agent main-0", 1: "cpu"}, "# of the agent", ""),
]


@pytest.mark.parametrize(("predicate", "known", "line", "author"), CASES)
def test_places(
    world: tuple[Evaluation, Origins], predicate: str, known: Mapping[int, Value], line: str, author: str
) -> None:
    evaluation, origins = world
    row = min(evaluation.matching(predicate, known))
    found = origins(Fact(predicate=predicate, row=row))
    assert found is not None
    assert found.author.startswith(author)
    assert bool(found.author) == bool(author), found.author
    place = found.places[0]
    text = LINES[place.file][place.line - 1] + "\n"
    assert line in text, str(found)
    assert text[place.column - 1] != " "


def test_merged_labels(world: tuple[Evaluation, Origins]) -> None:
    """A label that a merge key takes from an anchor stands at the anchor; the other one where it stands."""
    evaluation, origins = world
    row = next(row for row in evaluation.rows("pod_labels") if "tier=3" in str(row[1]))
    found = origins(Fact(predicate="pod_labels", row=row))
    assert found is not None
    assert [place.path for place in found.places] == ["spec.template.metadata.labels"]
    selector = origins(Fact(predicate="deployment_selector", row=min(evaluation.rows("deployment_selector"))))
    assert selector is not None
    assert "# merged label" in LINES[selector.places[0].file][selector.places[0].line - 1]


def test_every_given_leaf_of_a_proof_has_a_place(world: tuple[Evaluation, Origins]) -> None:
    evaluation, origins = world
    prover = Prover(evaluation, origin=origins)
    rows = evaluation.matching("rejects_fit", {0: "cpu/cpu", 2: "cpu"})
    proofs = [proof for row in rows if (proof := prover.prove("rejects_fit", row))]
    leaves = [step for proof in proofs for step in proof.steps if isinstance(step, Given)]
    assert len(leaves) > 10
    assert all(leaf.place or (isinstance(leaf.origin, Written) and leaf.origin.places) for leaf in leaves)


def test_a_request_that_is_the_limit_has_the_place_of_the_limit_alone(world: tuple[Evaluation, Origins]) -> None:
    evaluation, origins = world
    found = origins(Fact(predicate="container_request", row=min(evaluation.matching("container_request", LIMITED))))
    assert found is not None
    assert [LINES[place.file][place.line - 1].partition("# ")[2] for place in found.places] == ["limit"]
