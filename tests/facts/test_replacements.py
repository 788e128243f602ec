"""Readers of single fields: they read no others, and asking only them leads where reading everything anew leads."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import with_document
from kubelogic.cluster.objects import as_object
from kubelogic.facts import MODULES, Delta, Fact, FactBase, FactModule, Reader, Row
from kubelogic.facts import alike as alike_module
from kubelogic.facts.alike import Own
from kubelogic.facts.replacements import EVERYTHING, changed_fields

ROOT = Path(__file__).parents[2]
CASES = sorted((ROOT / "fixtures/conformance/scheduling").glob("*.json"))
OF_SHAPES = frozenset({"considered", "container_given", "container_request", "container_resize_refused"})
"""Predicates that name shapes, beside those with the word in their name. Shapes are named after their first pod."""

TIME, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"

OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "cart-5d4", "uid": "r1", "controller": True}
STATEFUL = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "s1", "controller": True}
CONTAINER = {"name": "main", "image": "a:1", "resources": {"requests": {"cpu": "1"}}, "ports": [{"containerPort": 80}]}
NAMED = {**CONTAINER, "ports": [{"containerPort": 80, "name": "web"}], "readinessProbe": {"periodSeconds": 5}}
SIDECAR = {"name": "side", "image": "b:1", "restartPolicy": "Always"}
PINNED = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}]
        }
    }
}
SPREAD = {
    "maxSkew": 1,
    "topologyKey": "zone",
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"app": "cart"}},
}

FIELDS: Mapping[str, list[Any]] = {
    "metadata.labels": [{"app": "cart"}, {"app": "cart", "controller-revision-hash": "x"}, {"app": "db", "tier": "a"}],
    "metadata.annotations": [
        {"controller.kubernetes.io/pod-deletion-cost": "5"},
        {"batch.kubernetes.io/job-completion-index": "3"},
    ],
    "metadata.ownerReferences": [[OWNER], [STATEFUL]],
    "metadata.finalizers": [["batch.kubernetes.io/job-tracking"], ["other"]],
    "metadata.uid": ["u1"],
    "metadata.creationTimestamp": [TIME, LATER],
    "metadata.deletionTimestamp": [LATER],
    "metadata.deletionGracePeriodSeconds": [30],
    "spec.nodeName": ["n1", "n2"],
    "spec.schedulerName": ["default-scheduler", "other"],
    "spec.schedulingGates": [[{"name": "wait"}]],
    "spec.containers": [[CONTAINER], [NAMED], [CONTAINER, {**NAMED, "name": "second"}]],
    "spec.initContainers": [[SIDECAR], [{"name": "init", "image": "c:1"}]],
    "spec.restartPolicy": ["Always", "Never"],
    "spec.readinessGates": [[{"conditionType": "open"}]],
    "spec.terminationGracePeriodSeconds": [5],
    "spec.activeDeadlineSeconds": [60],
    "spec.affinity": [PINNED],
    "spec.topologySpreadConstraints": [[SPREAD]],
    "spec.nodeSelector": [{"disk": "ssd"}],
    "spec.tolerations": [[{"key": "gpu", "operator": "Exists"}]],
    "spec.priority": [0, 10],
    "spec.priorityClassName": ["high"],
    "spec.preemptionPolicy": ["Never"],
    "spec.resources": [{"requests": {"cpu": "2"}}],
    "spec.overhead": [{"cpu": "100m"}],
    "spec.runtimeClassName": ["sandbox"],
    "spec.resourceClaims": [[{"name": "gpu"}]],
    "spec.schedulingGroup": [{"podGroupName": "gang"}],
    "spec.hostNetwork": [True],
    "spec.hostUsers": [False],
    "spec.hostname": ["db-0"],
    "spec.subdomain": ["db"],
    "spec.volumes": [
        [{"name": "data", "persistentVolumeClaim": {"claimName": "c1"}}],
        [{"name": "tmp", "ephemeral": {}}],
    ],
    "status.phase": ["Pending", "Running", "Succeeded", "Failed"],
    "status.nominatedNodeName": ["n1"],
    "status.startTime": [TIME],
    "status.podIP": ["10.0.0.1"],
    "status.conditions": [
        [{"type": "PodScheduled", "status": "True", "lastTransitionTime": LATER}],
        [{"type": "Ready", "status": "False", "lastTransitionTime": TIME}],
        [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}],
    ],
    "status.containerStatuses": [
        [{"name": "main", "state": {"running": {"startedAt": TIME}}, "ready": True}],
        [{"name": "main", "state": {"terminated": {"exitCode": 1, "finishedAt": TIME}}, "restartCount": 1}],
        [{"name": "main", "state": {"waiting": {"reason": "ImagePullBackOff"}}}],
        [{"name": "main", "resources": {"requests": {"cpu": "2"}}, "allocatedResources": {"cpu": "500m"}}],
    ],
    "status.initContainerStatuses": [
        [{"name": "side", "state": {"running": {"startedAt": TIME}}}],
        [{"name": "side", "resources": {"requests": {"cpu": "1"}}}],
    ],
    "status.resources": [{"requests": {"cpu": "3"}}],
    "status.allocatedResources": [{"cpu": "4"}],
}
"""Values of the fields of a pod that facts follow from."""

QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "q", "namespace": "shop"},
    "spec": {"hard": {"pods": "5", "requests.cpu": "4"}},
}
AUTOSCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "a", "namespace": "shop"},
    "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "cart"}},
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "cart", "namespace": "shop"},
    "spec": {"selector": {"app": "cart"}, "ports": [{"port": 80}]},
}

OTHERS = {"quota": QUOTA, "autoscaler": AUTOSCALER, "service": SERVICE}


def pod(name: str, fields: Mapping[str, Any]) -> Object:
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"containers": FIELDS["spec.containers"][0]},
        "status": {},
    }
    for path, value in fields.items():
        section, _, field = path.partition(".")
        document[section] = {**document[section], field: value}
    return as_object(document)


# -- what readers read -------------------------------------------------------------------------------------------


class Watched(dict[str, Any]):
    """A mapping that notes which of its keys are asked for; all of them if it is gone through."""

    def __init__(self, given: Mapping[str, Any], prefix: str, seen: set[str], *, depth: int) -> None:
        parts = (
            {key: Watched(v, f"{prefix}{key}.", seen, depth=1) for key, v in given.items() if isinstance(v, dict)}
            if depth == 0
            else {}
        )
        super().__init__({**given, **parts})
        self._prefix, self._seen, self._depth = prefix, seen, depth

    def _note(self, key: str) -> None:
        if self._depth or not isinstance(dict.get(self, key), Watched):
            self._seen.add(f"{self._prefix}{key}")

    def get(self, key: str, default: Any = None) -> Any:
        self._note(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self._note(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._note(str(key))
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        self._seen.add(f"{self._prefix}*")
        return super().__iter__()

    def items(self) -> Any:
        self._seen.add(f"{self._prefix}*")
        return super().items()


def readers(kind: str) -> list[Reader]:
    given = [module.extractors[kind] for module in MODULES if kind in module.extractors]
    return [each for found in given if not callable(found) for each in found if each.reads != EVERYTHING]


def full_pods() -> list[Object]:
    """Pods that have every field, each with one of its values, and pods that lack one."""
    longest = max(map(len, FIELDS.values()))
    whole = [{path: values[n % len(values)] for path, values in FIELDS.items()} for n in range(longest)]
    partial = [{p: v for p, v in fields.items() if p != path} for fields in whole for path in FIELDS]
    return [pod("db-0", fields) for fields in (*whole, *partial)]


def recorded_pods() -> list[Object]:
    found = [document for path in CASES for document in json.loads(path.read_text(encoding="utf-8"))["pods"]]
    return [as_object({**document, "spec": document.get("spec") or {}}) for document in found]


def test_readers_read_what_they_say() -> None:
    assert readers("Pod")
    for obj in (*full_pods(), *recorded_pods()):
        for reader in readers("Pod"):
            seen: set[str] = set()
            watched = Watched({"status": {}, **obj.document}, "", seen, depth=0)
            list(reader.extract(with_document(obj, watched)))
            sections = {path for path in reader.reads if "." not in path}
            assert {p for p in seen - reader.reads if p.partition(".")[0] not in sections} == set(), reader.extract
            if reader.asks:
                seen.clear()
                assert reader.asks(with_document(obj, watched)) or not list(reader.extract(obj))
            if reader.by:
                by = {path.removesuffix("?") for path in reader.by} | ({reader.own.path} if reader.own else set())
                assert {p for p in seen if not {p, p.partition(".")[0]} & by} == set(), reader.extract


@pytest.mark.parametrize(("path", "values"), FIELDS.items(), ids=FIELDS)
def test_every_field_of_a_pod_is_read_by_the_readers_of_its_facts(path: str, values: list[Any]) -> None:
    """Whatever differs when a field changes comes from a reader that says it reads the field."""
    for whole in full_pods():
        section, _, field = path.partition(".")
        for value in values:
            document = {**whole.document, section: {**whole.document[section], field: value}}
            changed = changed_fields(whole, as_object(document))
            for reader in readers("Pod"):
                if changed.isdisjoint(reader.reads):
                    assert list(reader.extract(whole)) == list(reader.extract(as_object(document)))


@pytest.mark.parametrize(("path", "values"), FIELDS.items(), ids=FIELDS)
def test_a_pod_whose_field_changed_leads_to_the_facts_of_the_pod_as_it_is(path: str, values: list[Any]) -> None:
    section, _, field = path.partition(".")
    plain = {"metadata.labels": {"app": "cart"}, "spec.containers": [CONTAINER]}
    for start in (plain, {**plain, "status.nominatedNodeName": "n1"}, {**plain, "spec.nodeName": "n1"}):
        before = pod("cart", start)
        for value in values:
            others = [as_object(other) for other in OTHERS.values()]
            base = FactBase(MODULES)
            base.update(Cluster.of([before, *others]))
            after = as_object({**before.document, section: {**before.document[section], field: value}})
            base.update(base.cluster.replacing([after]))
            assert as_sets(base.update(Cluster()).removed) == as_sets(
                FactBase(MODULES).update(Cluster.of([after, *others])).added
            )


def as_sets(rows: Mapping[str, Sequence[Row]]) -> dict[str, set[Row]]:
    return {predicate: set(found) for predicate, found in rows.items()}


# -- objects that are alike ----------------------------------------------------------------------------------------

ONE_BY_ONE = tuple(
    replace(
        module,
        extractors={
            kind: given
            if callable(given)
            else tuple(replace(each, by=(), only="", asks=None, own=None) for each in given)
            for kind, given in module.extractors.items()
        },
    )
    for module in MODULES
)
"""The modules without readers that are asked once for many objects."""


def each_alone(base: FactBase, cluster: Cluster) -> Delta:
    """An update in which no stage looks for objects that are alike."""
    with patch.object(alike_module, "MANY", sys.maxsize):
        return base.update(cluster)


def rows_of(delta: Delta) -> list[dict[str, list[Row]]]:
    return [{name: sorted(found[name], key=repr) for name in found} for found in (delta.added, delta.removed)]


CHANGE = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda path: st.tuples(st.just(path), st.sampled_from(range(-1, len(FIELDS[path]))), st.integers(0, 15))
)


def own_texts(fields: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Fields with texts that each pod has for itself, where it has the field at all."""
    own = {"metadata.uid": f"u{number}", "status.podIP": f"10.0.0.{number}", "spec.nodeName": f"n{number % 3}"}
    return {path: own.get(path, value) for path, value in fields.items()}


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(st.lists(st.lists(CHANGE, max_size=3), min_size=1, max_size=6), st.booleans())
def test_facts_of_pods_that_are_alike_are_those_of_each(steps: list[list[tuple[str, int, int]]], shared: bool) -> None:
    """Fields change in some of four sorts of pods that share all they hold, or hold copies of it; 15 is all of them."""
    fields: list[dict[str, Any]] = [{} for _ in range(4)]
    alike, each = FactBase(MODULES), FactBase(ONE_BY_ONE)
    for changes in [[], *steps]:
        for path, number, chosen in changes:
            for position in range(4):
                if chosen >> position & 1:
                    fields[position] = {name: value for name, value in fields[position].items() if name != path}
                    if number >= 0:
                        fields[position][path] = FIELDS[path][number]
        pods = [pod(f"p-{n}", own_texts(fields[n % 4], n)) for n in range(20)]
        cluster = Cluster.of(pods if shared else [as_object(json.loads(json.dumps(each.document))) for each in pods])
        assert rows_of(alike.update(cluster)) == rows_of(each_alone(each, cluster))
    assert rows_of(alike.update(Cluster())) == rows_of(each_alone(each, Cluster()))


def test_a_shape_has_the_pods_that_leave_and_come_in_one_update() -> None:
    """Half of many pods go, as many come and the rest gets other labels: shapes count what is left."""
    pods = [pod(f"p-{n}", {"metadata.labels": {"app": "cart"}}) for n in range(40)]
    later = [pod(f"p-{n}", {"metadata.labels": {"app": "db"}}) for n in range(20, 60)]
    alike, each = FactBase(MODULES), FactBase(ONE_BY_ONE)
    for objects in (pods, later, [*pods[:5], *later[:30]], []):
        cluster = Cluster.of([*objects, as_object(SERVICE)])
        assert rows_of(alike.update(cluster)) == rows_of(each_alone(each, cluster))


def test_what_is_an_objects_own_may_change() -> None:
    """All pods move to other nodes and get other addresses, some keep what they have, and some lose it."""
    alike, each = FactBase(MODULES), FactBase(ONE_BY_ONE)
    for shift in (0, 1, 0, 7):
        own = [
            {"status.podIP": f"10.0.0.{(n + shift) % 20}", "spec.nodeName": f"n{n % (3 + shift)}"} for n in range(20)
        ]
        pods = [pod(f"p-{n}", {"status.phase": "Running", **(fields if n % 9 else {})}) for n, fields in enumerate(own)]
        cluster = Cluster.of(pods)
        assert rows_of(alike.update(cluster)) == rows_of(each_alone(each, cluster))
    assert alike.update(cluster).added == {}


def test_what_is_an_objects_own_is_a_whole_column() -> None:
    def careless(obj: Object) -> Iterator[Fact]:
        yield "told", (obj.key, f"at {obj.document['status']['podIP']}")

    own = Own("status.podIP", lambda obj: str(obj.document["status"]["podIP"]))
    module = FactModule(name="careless", extractors={"Pod": (Reader(extract=careless, by=("status.phase",), own=own),)})
    with pytest.raises(ValueError, match="told: only the first column may depend on an object's name"):
        FactBase([module]).update(Cluster.of([pod(f"p-{n}", {"status.podIP": f"10.0.0.{n}"}) for n in range(20)]))


def test_a_reader_of_alike_objects_may_not_use_their_names() -> None:
    def careless(obj: Object) -> Iterator[Fact]:
        yield "named", (obj.key, f"the pod {obj.name}")

    module = FactModule(name="careless", extractors={"Pod": (Reader(extract=careless, by=("status.phase",)),)})
    with pytest.raises(ValueError, match="named: only the first column may depend on an object's name"):
        FactBase([module]).update(Cluster.of([pod(f"p-{n}", {"status.phase": "Running"}) for n in range(20)]))


# -- what comes of it --------------------------------------------------------------------------------------------


NAMES = st.sampled_from(["db-0", "db-1", "cart"])
STEP = st.one_of(
    st.tuples(st.just("set"), NAMES, st.sampled_from(sorted(FIELDS)), st.integers(0, 3)),
    st.tuples(st.just("drop"), NAMES, st.sampled_from(sorted(FIELDS)), st.just(0)),
    st.tuples(st.just("remove"), NAMES, st.just(""), st.just(0)),
    st.tuples(st.just("toggle"), st.sampled_from(sorted(OTHERS)), st.just(""), st.just(0)),
    st.tuples(st.just("look"), st.just(""), st.just(""), st.just(0)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, max_size=25))
def test_replaced_pods_lead_to_the_facts_of_the_last_cluster(steps: list[tuple[str, str, str, int]]) -> None:
    base = FactBase(MODULES)
    state: dict[str, set[Row]] = {}
    cluster = Cluster()
    for what, name, path, number in (*steps, ("look", "", "", 0)):
        if what in ("set", "drop"):
            old = cluster.get("Pod", f"shop/{name}") or pod(name, {})
            section, _, field = path.partition(".")
            part = {key: value for key, value in (old.document.get(section) or {}).items() if key != field}
            if what == "set":
                part[field] = FIELDS[path][number % len(FIELDS[path])]
            if "containers" in part or section != "spec":
                cluster = cluster.replacing([as_object({**old.document, section: part})])
        elif what == "remove":
            cluster = cluster.replacing(without=[("Pod", f"shop/{name}")])
        elif what == "toggle":
            other = as_object(OTHERS[name])
            known = cluster.get(other.kind, other.key)
            cluster = cluster.replacing(without=[(other.kind, other.key)]) if known else cluster.replacing([other])
        else:
            delta = base.update(cluster)
            for predicate, rows in delta.removed.items():
                assert state[predicate] >= set(rows)
                state[predicate] -= set(rows)
            for predicate, rows in delta.added.items():
                assert not state.setdefault(predicate, set()) & set(rows)
                state[predicate] |= set(rows)
    once = FactBase(MODULES).update(cluster).added
    assert {name: len(rows) for name, rows in state.items() if rows} == {name: len(rows) for name, rows in once.items()}
    for predicate in sorted({*state, *once}):
        if "shape" not in predicate and predicate not in OF_SHAPES:
            assert state.get(predicate, set()) == set(once.get(predicate, ())), predicate
