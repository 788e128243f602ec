"""Explanations of pods come out the same without the controllers of endpoints, whose work no pod depends on."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.cluster import Cluster
from kubelogic.explain.asked import asked
from kubelogic.facts.modules import MODULES
from kubelogic.facts.readers import readers_of
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.facts.services import ENDPOINT_FACTS, ENDPOINTS
from kubelogic.logic import Rulebook
from kubelogic.logic.plan import needed
from kubelogic.reconcile.relations import WAKING
from kubelogic.reconcile.unread import without_endpoints
from kubelogic.report.about import render_about
from kubelogic.report.explanation_documents import about_document
from kubelogic.verbs.about import explain_done
from kubelogic.verbs.load import load
from kubelogic.verbs.reconciled import Options, reconcile
from tests.support import fleets

ROOT = Path(__file__).resolve().parents[2]
WAITING = """\
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {kubernetes.io/hostname: n1}}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "20"}}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: few, namespace: default}
spec: {hard: {count/endpoints: "1", count/endpointslices.discovery.k8s.io: "1", pods: "9"}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: other}
spec: {selector: {app: web}, ports: [{port: 80}], trafficDistribution: PreferClose}
---
apiVersion: v1
kind: Endpoints
metadata: {name: by-hand}
subsets: [{addresses: [{ip: 10.1.2.3}], ports: [{port: 80}]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: c, image: i, resources: {requests: {cpu: 100m}}, readinessProbe: {exec: {command: [x]}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: big, labels: {app: web}}
spec: {containers: [{name: c, image: i}], nodeSelector: {disk: ssd}}
"""


def cluster_of(name: str, tmp_path: Path) -> Cluster:
    waiting, running = tmp_path / "waiting.yaml", tmp_path / "running.json"
    waiting.write_text(WAITING)
    running.write_bytes(fleets.as_json(fleets.running(nodes=4, pods=12, deployments=3)))
    paths = {"waiting": waiting, "running": running, "shop": ROOT / "fixtures" / "shop"}
    return load([str(paths[name])])


@pytest.mark.parametrize(
    ("name", "asked_about"),
    [("waiting", ("deploy/web", "big")), ("running", ("deploy/app-0000",)), ("shop", ("shop/vault",))],
)
def test_pods_and_workloads_are_explained_alike(name: str, asked_about: tuple[str, ...], tmp_path: Path) -> None:
    cluster, options = cluster_of(name, tmp_path), Options()
    whole, less = reconcile(cluster, options), reconcile(cluster, options, of_pods=True)
    assert len(less.rulebook.clauses) < len(whole.rulebook.clauses)
    assert whole.cluster.objects("Pod").keys() == less.cluster.objects("Pod").keys()
    for text in asked_about:
        full, restricted = (explain_done(done, text, options) for done in (whole, less))
        assert about_document(restricted) == about_document(full)
        assert render_about(restricted) == render_about(full)


def test_only_endpoints_give_their_facts() -> None:
    elsewhere = {predicate for module in MODULES for predicate in module.gives}
    assert ENDPOINTS.gives == ENDPOINT_FACTS
    assert ENDPOINT_FACTS.isdisjoint(elsewhere)
    cluster = load([str(ROOT / "fixtures" / "shop")])
    for module in MODULES:
        for kind, given in module.extractors.items():
            for obj in cluster.objects(kind).values():
                for each in readers_of(given):
                    assert ENDPOINT_FACTS.isdisjoint(predicate for predicate, _ in each.extract(obj))


def test_nothing_is_left_out_where_something_reads_endpoints() -> None:
    book = load_rulebook()
    goals = (*asked(book), *WAKING)
    assert without_endpoints(book, goals, {}) is not book
    assert without_endpoints(book, (*goals, "slice_endpoint"), {}) is book
    assert without_endpoints(book, goals, {"image_waits_for": {("wait:1", "web", "")}}) is book


def test_what_is_left_derives_nothing_about_endpoints() -> None:
    book = load_rulebook()
    goals = (*asked(book), *WAKING)
    less: Rulebook = without_endpoints(book, goals, {})
    actions = {clause.head.predicate for clause in less.clauses if clause.head.predicate.startswith("action_")}
    gone = {clause.head.predicate for clause in book.clauses} - {clause.head.predicate for clause in less.clauses}
    assert {"action_write_endpoints", "action_write_slice", "action_write_hints"} <= gone
    assert not {"endpoint", "own_slice", "endpoints_outdated"} & needed(less, {*goals, *actions})
