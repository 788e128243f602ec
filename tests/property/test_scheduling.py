"""Sentences of the Kubernetes documentation about scheduling, and the filter rules against the one-by-one scheduler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubelogic.explain import message
from kubelogic.explain.filter_verdicts import Verdicts
from kubelogic.facts.filters import filters
from kubelogic.placement.kube.examine import examine
from tests.support.clusters import HOST, POD_LABELS, TAINTS, TOLERATIONS, ZONE, clusters, nodes, pods
from tests.support.decisions import Pipeline

Document = dict[str, Any]
PIPELINE = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline()


def key(pod: Mapping[str, Any]) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def reasons(pipeline: Pipeline, documents: list[Document]) -> Mapping[str, tuple[str, ...]]:
    """The nodes that do not take the last document, a pod that waits, with the scheduler's reasons."""
    pipeline.problem(documents)
    return Verdicts(pipeline.evaluation).of(key(documents[-1])).reasons


def node(name: str, **labels: str) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {HOST: name, **labels}},
        "spec": {},
        "status": {"allocatable": {"cpu": "100", "memory": "100Gi", "pods": "110"}},
    }


def pod(name: str, *, on: str = "", labels: Mapping[str, str] | None = None, **spec: Any) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "d", "labels": dict(labels or {})},
        "spec": {"containers": [{"name": "main"}], **({"nodeName": on} if on else {}), **spec},
        "status": {"phase": "Running" if on else "Pending"},
    }


@PIPELINE
@given(clusters())
def test_rules_and_the_one_by_one_scheduler_agree_on_every_node(pipeline: Pipeline, documents: list[Document]) -> None:
    """Two implementations of the filters: rules over relations, arrays over the placement problem."""
    agree(pipeline, documents)


@pytest.mark.slow
@settings(PIPELINE, max_examples=3000)
@given(clusters())
def test_they_agree_on_thousands_of_clusters(pipeline: Pipeline, documents: list[Document]) -> None:
    agree(pipeline, documents)


def agree(pipeline: Pipeline, documents: list[Document]) -> None:
    problem = pipeline.problem(documents)
    relations, waiting = pipeline.evaluation, key(documents[-1])
    found = Verdicts(relations).of(waiting)
    names = {str(row[0]) for row in relations.rows("node")}
    examined = examine(problem, waiting)
    assert sorted(names - found.reasons.keys()) == list(examined.feasible)
    stages: dict[str, int] = {}
    for rejection in examined.refusal.rejections:
        for name in rejection.nodes:
            stages[name] = min(stages.get(name, rejection.stage), rejection.stage)
    places = {each.words: each.stage for each in filters(relations)}
    for name, words in found.reasons.items():
        stage = places.get(words[0], places["Insufficient {Resource}"])
        assert stages[name] == stage, (name, words, examined.refusal)


@settings(PIPELINE, max_examples=10)
@given(clusters(), st.randoms(use_true_random=False))
def test_the_order_of_objects_does_not_matter(pipeline: Pipeline, documents: list[Document], random: Any) -> None:
    first = reasons(pipeline, documents)
    shuffled = documents[:-1]
    random.shuffle(shuffled)
    assert reasons(Pipeline(), [*shuffled, documents[-1]]) == first


@PIPELINE
@given(nodes("n1"), st.lists(TAINTS, min_size=1, max_size=3), st.lists(TOLERATIONS, max_size=3))
def test_taints_that_are_not_tolerated_keep_a_pod_away(
    pipeline: Pipeline, tainted: Document, taints: list[Document], tolerations: list[Document]
) -> None:
    """Taints and Tolerations: "A toleration 'matches' a taint if the keys are the same and the effects are the same,
    and: the operator is Exists (in which case no value should be specified), or the operator is Equal and the
    values should be equal." "if there is at least one un-ignored taint with effect NoSchedule then Kubernetes will
    not schedule the pod onto that node."
    """
    tainted = {**node("n1"), "spec": {"taints": taints}}

    def matches(toleration: Document, taint: Document) -> bool:
        if toleration.get("effect") not in (None, taint["effect"]):
            return False
        if toleration.get("key") not in (None, taint["key"]):
            return False
        return toleration["operator"] == "Exists" or toleration["value"] == taint["value"]

    hard = [taint for taint in taints if taint["effect"] in ("NoSchedule", "NoExecute")]
    stays_out = any(not any(matches(toleration, taint) for toleration in tolerations) for taint in hard)
    found = reasons(pipeline, [tainted, pod("waiting", tolerations=tolerations)])
    assert found == ({"n1": ("node(s) had untolerated taint(s)",)} if stays_out else {})


LABELS = st.dictionaries(st.sampled_from(["disk", "zone", "arch"]), st.sampled_from(["a", "b", ""]), max_size=3)


@PIPELINE
@given(LABELS, LABELS)
def test_a_node_selector_wants_each_of_its_labels(
    pipeline: Pipeline, labels: dict[str, str], wanted: dict[str, str]
) -> None:
    """Assigning Pods to Nodes: "Kubernetes only schedules the Pod onto nodes that have each of the labels you
    specify."
    """
    found = reasons(pipeline, [node("n1", **labels), pod("waiting", nodeSelector=wanted)])
    assert (not found) == (wanted.items() <= labels.items())


@PIPELINE
@given(
    st.dictionaries(st.sampled_from(["disk", "zone"]), st.sampled_from(["a", "b"]), max_size=2),
    st.lists(
        st.lists(st.tuples(st.sampled_from(["disk", "zone"]), st.sampled_from(["a", "b"])), max_size=2),
        min_size=1,
        max_size=3,
    ),
)
def test_terms_are_alternatives_and_their_expressions_hold_together(
    pipeline: Pipeline, labels: dict[str, str], terms: list[list[tuple[str, str]]]
) -> None:
    """Assigning Pods to Nodes: "the Pod can be scheduled onto a node if one of the specified terms can be satisfied
    (terms are ORed)"; "only if all the expressions are satisfied (expressions are ANDed)". And of the API: "A null
    or empty node selector term matches no objects."
    """
    documents = [
        {"matchExpressions": [{"key": k, "operator": "In", "values": [v]} for k, v in term]} if term else {}
        for term in terms
    ]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": documents}}}
    found = reasons(pipeline, [node("n1", **labels), pod("waiting", affinity=affinity)])
    assert (not found) == any(term and all(labels.get(k) == v for k, v in term) for term in terms)


OPERATORS = st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"])


@PIPELINE
@given(
    st.dictionaries(st.sampled_from(["cores", "disk"]), st.sampled_from(["1", "2", "3", "x"]), max_size=2),
    st.sampled_from(["cores", "disk"]),
    OPERATORS,
    st.lists(st.sampled_from(["1", "2", "3"]), min_size=1, max_size=2, unique=True),
)
def test_operators_of_node_affinity(
    pipeline: Pipeline, labels: dict[str, str], key: str, operator: str, values: list[str]
) -> None:
    """Assigning Pods to Nodes, Operators: "In: the label value is present in the supplied set of strings; NotIn: the
    label value is not contained in the supplied set of strings; Exists: a label with this key exists on the object;
    DoesNotExist: no label with this key exists on the object; Gt: the field value will be parsed as an integer, and the
    integer that results from parsing the value of a label named by this selector is greater than it; Lt: less".
    """
    expression: Document = {"key": key, "operator": operator}
    if operator in ("Gt", "Lt"):
        values = values[:1]
    if operator not in ("Exists", "DoesNotExist"):
        expression["values"] = values
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    value = labels.get(key)
    number = int(value) if value is not None and value.isdigit() else None
    meets = {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
        "Gt": number is not None and number > int(values[0]),
        "Lt": number is not None and number < int(values[0]),
    }[operator]
    found = reasons(pipeline, [node("n1", **labels), pod("waiting", affinity=affinity)])
    assert (not found) == meets


ADDRESSES = st.sampled_from(["", "0.0.0.0", "10.0.0.1", "10.0.0.2"])
HOST_PORTS = st.tuples(ADDRESSES, st.sampled_from(["TCP", "UDP"]), st.integers(80, 81))


@PIPELINE
@given(st.lists(HOST_PORTS, min_size=1, max_size=2), HOST_PORTS)
def test_two_pods_do_not_share_a_host_port(
    pipeline: Pipeline, taken: list[tuple[str, str, int]], wanted: tuple[str, str, int]
) -> None:
    """Configuration Best Practices: "each <hostIP, hostPort, protocol> combination must be unique. If you don't specify
    the hostIP and protocol explicitly, Kubernetes will use 0.0.0.0 as the default hostIP". 0.0.0.0 is every address.
    """

    def containers(ports: list[tuple[str, str, int]]) -> list[Document]:
        found = [
            {"containerPort": port, "hostPort": port, "protocol": protocol, **({"hostIP": ip} if ip else {})}
            for ip, protocol, port in ports
        ]
        return [{"name": "main", "ports": found}]

    def overlaps(one: tuple[str, str, int], other: tuple[str, str, int]) -> bool:
        every = ("", "0.0.0.0")
        return one[1:] == other[1:] and (one[0] == other[0] or one[0] in every or other[0] in every)

    there = pod("there", on="n1", containers=containers(taken))
    found = reasons(pipeline, [node("n1"), there, pod("waiting", containers=containers([wanted]))])
    assert bool(found) == any(overlaps(each, wanted) for each in taken)


CPU = st.integers(0, 5)


@PIPELINE
@given(st.lists(st.integers(1, 3), max_size=5), st.integers(1, 4), st.integers(1, 9))
def test_a_pod_takes_what_the_others_leave(pipeline: Pipeline, taken: list[int], wanted: int, cpu: int) -> None:
    """Resource Management: "The scheduler ensures that, for each resource type, the sum of the resource requests of the
    scheduled containers is less than the capacity of the node." (No more than it.)
    """

    def asking(name: str, amount: int, on: str = "") -> Document:
        container = {"name": "main", "resources": {"requests": {"cpu": str(amount)}}}
        return pod(name, on=on, containers=[container])

    machine = node("n1")
    machine["status"] = {"allocatable": {"cpu": str(cpu), "pods": "110"}}
    there = [asking(f"p{i}", amount, "n1") for i, amount in enumerate(taken)]
    found = reasons(pipeline, [machine, *there, asking("waiting", wanted)])
    assert found == ({} if sum(taken) + wanted <= cpu else {"n1": ("Insufficient cpu",)})


@PIPELINE
@given(st.lists(CPU, min_size=1, max_size=3), st.lists(st.tuples(CPU, st.booleans()), max_size=4), st.integers(0, 12))
def test_effective_requests(
    pipeline: Pipeline, main: list[int], init: list[tuple[int, bool]], allocatable: int
) -> None:
    """Init Containers: "The Pod's effective request/limit for a resource is the higher of: the sum of all app
    containers request/limit for a resource; the effective init request/limit for a resource", sidecars that are
    started before an init container added to it.
    """
    running, peak = 0, 0
    for cpu, sidecar in init:
        if sidecar:
            running += cpu
        else:
            peak = max(peak, running + cpu)
    effective = max(running + sum(main), peak)

    def container(name: str, cpu: int, sidecar: bool) -> Document:
        always = {"restartPolicy": "Always"} if sidecar else {}
        return {"name": name, "resources": {"requests": {"cpu": str(cpu)}}, **always}

    asked = pod(
        "waiting",
        containers=[container(f"c{i}", cpu, False) for i, cpu in enumerate(main)],
        initContainers=[container(f"i{i}", cpu, sidecar) for i, (cpu, sidecar) in enumerate(init)],
    )
    machine = node("n1")
    machine["status"] = {"allocatable": {"cpu": str(allocatable), "pods": "110"}}
    found = reasons(pipeline, [machine, asked])
    assert found == ({"n1": ("Insufficient cpu",)} if effective > allocatable else {})


ZONES = st.sampled_from(["a", "b", "c"])


@PIPELINE
@given(
    st.lists(ZONES, min_size=1, max_size=5),
    st.lists(st.integers(0, 4), max_size=6),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_spread(pipeline: Pipeline, zones: list[str], placed: list[int], max_skew: int, min_domains: int) -> None:
    """Pod Topology Spread Constraints: "maxSkew defines the maximum permitted difference between the number of
    matching pods in the target topology and the global minimum (the minimum number of matching pods in an eligible
    domain or zero if the number of eligible domains is less than MinDomains)."
    """
    machines = [node(f"n{i}", **{ZONE: zone}) for i, zone in enumerate(zones)]
    there = [pod(f"p{i}", on=f"n{at % len(zones)}", labels={"app": "web"}) for i, at in enumerate(placed)]
    counts = Counter(dict.fromkeys(zones, 0))
    counts.update(zones[at % len(zones)] for at in placed)
    least = min(counts.values()) if len(counts) >= min_domains else 0
    constraint = {
        "topologyKey": ZONE,
        "maxSkew": max_skew,
        "minDomains": min_domains,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    asked = pod("waiting", labels={"app": "web"}, topologySpreadConstraints=[constraint])
    found = reasons(pipeline, [*machines, *there, asked])
    assert set(found) == {f"n{i}" for i, zone in enumerate(zones) if counts[zone] + 1 - least > max_skew}


@PIPELINE
@given(
    st.lists(ZONES, min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), POD_LABELS), max_size=4),
    st.booleans(),
)
def test_affinity_and_anti_affinity_within_a_domain(
    pipeline: Pipeline, zones: list[str], placed: list[tuple[int, dict[str, str]]], anti: bool
) -> None:
    """Assigning Pods to Nodes: "this Pod should (or, in the case of anti-affinity, should not) run in an X if that X
    is already running one or more Pods that meet rule Y, where X is a topology domain".
    """
    machines = [node(f"n{i}", **{ZONE: zone}) for i, zone in enumerate(zones)]
    there = [pod(f"p{i}", on=f"n{at % len(zones)}", labels=labels) for i, (at, labels) in enumerate(placed)]
    taken = {zones[at % len(zones)] for at, labels in placed if labels["app"] == "db"}
    term = {"topologyKey": ZONE, "labelSelector": {"matchLabels": {"app": "db"}}}
    field = "podAntiAffinity" if anti else "podAffinity"
    asked = pod("waiting", affinity={field: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}})
    found = reasons(pipeline, [*machines, *there, asked])
    assert set(found) == {f"n{i}" for i, zone in enumerate(zones) if (zone in taken) == anti}


@PIPELINE
@given(st.lists(ZONES, min_size=1, max_size=4), st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=4))
def test_anti_affinity_of_running_pods_keeps_others_away(
    pipeline: Pipeline, zones: list[str], placed: list[tuple[int, bool]]
) -> None:
    """Inter-pod anti-affinity is symmetric: pods that run already keep away those that their anti-affinity selects.

    Source: kube-scheduler plugin InterPodAffinity, existingAntiAffinityCounts.
    """
    machines = [node(f"n{i}", **{ZONE: zone}) for i, zone in enumerate(zones)]
    term = {"topologyKey": ZONE, "labelSelector": {"matchLabels": {"app": "db"}}}
    hostile = {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
    there = [
        pod(f"p{i}", on=f"n{at % len(zones)}", labels={"app": "web"}, **(hostile if repels else {}))
        for i, (at, repels) in enumerate(placed)
    ]
    taken = {zones[at % len(zones)] for at, repels in placed if repels}
    found = reasons(pipeline, [*machines, *there, pod("waiting", labels={"app": "db"})])
    assert set(found) == {f"n{i}" for i, zone in enumerate(zones) if zone in taken}


@PIPELINE
@given(pods("waiting"), st.lists(st.sampled_from(["x", "y"]), min_size=1, max_size=2, unique=True))
def test_gates_hide_everything_else(pipeline: Pipeline, asked: Document, gates: list[str]) -> None:
    """Pod Scheduling Readiness: a pod with scheduling gates "is not considered for scheduling"."""
    gated = {**asked, "spec": {**asked["spec"], "schedulingGates": [{"name": gate} for gate in gates]}}
    pipeline.problem([node("n1"), gated])
    found = Verdicts(pipeline.evaluation).of(key(gated))
    assert found.gated
    assert message.line(found) == message.GATED
