"""What a check finds, and what it lets through: each case is a small input, the codes that it has, and neighbours."""

from __future__ import annotations

import json

import pytest
from ruamel.yaml import YAML

from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.verbs.check import Check, CheckOptions, Input, check
from kubelogic.verbs.checking.findings import Finding
from kubelogic.verbs.checking.ignored import chosen, parse
from kubelogic.verbs.reconciled import Options

NODES = """
{{apiVersion: v1, kind: Node, metadata: {{name: oak, labels: {{kubernetes.io/hostname: oak}}}}, status: {status}}}
---
{{apiVersion: v1, kind: Node, metadata: {{name: elm, labels: {{kubernetes.io/hostname: elm}}}}, status: {status}}}
""".format(status='{allocatable: {cpu: "4", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}')


def deployment(name: str, spec: str = "", *, replicas: int = 2, labels: str = "", top: str = "", kind: str = "") -> str:
    labels = labels or f"app: {name}"
    return f"""
apiVersion: apps/v1
kind: {kind or "Deployment"}
metadata: {{name: {name}, namespace: shop}}
spec:
  replicas: {replicas}
  {top}
  selector: {{matchLabels: {{{labels}}}}}
  template:
    metadata: {{labels: {{{labels}}}}}
    spec:
      {spec or "containers: [{name: app, image: 'app:1', ports: [{containerPort: 8080, name: http}]}]"}
"""


def service(name: str, selector: str, target: str = "8080") -> str:
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{selector: {{{selector}}}, ports: [{{port: 80, targetPort: {target}}}]}}
"""


def of(kind: str, version: str, name: str, spec: str, field: str = "spec") -> str:
    return f"{{apiVersion: {version}, kind: {kind}, metadata: {{name: {name}, namespace: shop}}, {field}: {spec}}}\n"


def read(*texts: str) -> Input:
    reading = load(["-"], stdin="\n---\n".join(texts).encode(), keep_going=True)
    return Input(cluster=Cluster.of(reading.objects), notices=reading.notices, faults=reading.refused)


def found(*texts: str, how: CheckOptions = CheckOptions(), base: Input | None = None) -> Check:  # noqa: B008 - a frozen value
    return check(read(*texts), Options(), how, base=base)


def codes(result: Check, least: str = "warning") -> list[str]:
    wanted = ("error", "warning") if least == "warning" else ("error",)
    return sorted({each.code for each in result.findings if each.severity in wanted})


WEB, API = deployment("web"), deployment("api")
SPREAD = (
    "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, "
    "labelSelector: {matchLabels: {app: wbe}}}]\n      containers: [{name: app, image: 'app:1'}]"
)
APART_FROM = (
    "affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: "
    "{topologyKey: zone, %slabelSelector: {matchLabels: {app: %s}}}}]}}\n"
    "      containers: [{name: app, image: 'app:1'}]"
)
BUDGET = "{minAvailable: %s, selector: {matchLabels: {app: web}}}"
SCALER = "{scaleTargetRef: {apiVersion: apps/v1, kind: %s, name: %s}, maxReplicas: 5, minReplicas: %s}"
INGRESS = "{defaultBackend: {service: {name: %s, port: {%s}}}}"
ENV = "containers: [{name: app, image: 'app:1', env: [{name: A, valueFrom: {%s: {name: %s, key: %s}}}]}]"
CONFIG = of("ConfigMap", "v1", "web-settings", "{colour: blue}", "data")
PORT = "image: 'a:1', ports: [{containerPort: %s}]"
TWO_PORTS = "containers: [{name: a, " + PORT % 80 + "}, {name: b, " + PORT + "}]"


CASES = (
    pytest.param([WEB, service("web", "app: web")], ["KL412"], id="nothing but what is always said"),
    pytest.param([WEB, service("web", "app: wbe")], ["KL152", "KL412"], id="a Service without pods"),
    pytest.param(
        [
            deployment(
                "web", "containers: [{name: a, image: 'a:1', args: ['--db=http://web/', '--c=redis://cache:1']}]"
            ),
            service("web", "app: web"),
        ],
        ["KL163", "KL412"],
        id="a host that no Service has",
    ),
    pytest.param([service("web", "app: nowhere")], [], id="a Service alone says nothing"),
    pytest.param([service("web", "app: web")], ["KL152"], id="a Service alone whose pods are in other namespaces"),
    pytest.param([deployment("web", replicas=0), service("web", "app: web")], [], id="scaled to none"),
    pytest.param([WEB, service("web", "app: web", "9090")], ["KL153", "KL412"], id="a port that nobody has"),
    pytest.param([WEB, service("web", "app: web", "web")], ["KL153", "KL412"], id="a name that nobody has"),
    pytest.param([WEB, service("web", "app: web", "http")], ["KL412"], id="a name that a container has"),
    pytest.param(
        [
            deployment("web", labels="app: shop, part: web"),
            deployment(
                "db",
                "containers: [{name: db, image: 'db:1', ports: [{containerPort: 5432}]}]",
                labels="app: shop, part: db",
            ),
            service("web", "app: shop"),
        ],
        ["KL157", "KL412"],
        id="a selector that catches another workload",
    ),
    pytest.param(
        [
            deployment("v1", labels="app: shop, version: v1", replicas=1),
            deployment("v2", labels="app: shop, version: v2", replicas=1),
            service("web", "app: shop"),
        ],
        [],
        id="versions behind one Service are meant",
    ),
    pytest.param([WEB, deployment("other", labels="app: web")], ["KL159", "KL412"], id="one selector, two workloads"),
    pytest.param([deployment("web", TWO_PORTS % 80)], ["KL160", "KL412"], id="one port, two containers"),
    pytest.param([deployment("web", TWO_PORTS % 81)], ["KL412"], id="two ports, two containers"),
    pytest.param(
        [WEB, of("PodDisruptionBudget", "policy/v1", "b", BUDGET % 2)],
        ["KL401", "KL412"],
        id="a budget that blocks",
    ),
    pytest.param([WEB, of("PodDisruptionBudget", "policy/v1", "b", BUDGET % 1)], ["KL412"], id="one that leaves one"),
    pytest.param(
        [WEB, of("PodDisruptionBudget", "policy/v1", "b", BUDGET % "51%")],
        ["KL401", "KL412"],
        id="a share, rounded up",
    ),
    pytest.param(
        [API, of("PodDisruptionBudget", "policy/v1", "b", BUDGET % 1)],
        ["KL403", "KL412"],
        id="a budget over nothing",
    ),
    pytest.param(
        [
            WEB,
            of("PodDisruptionBudget", "policy/v1", "b", BUDGET % 1),
            of("PodDisruptionBudget", "policy/v1", "c", BUDGET % 1),
        ],
        ["KL402", "KL412"],
        id="two budgets over one pod",
    ),
    pytest.param(
        [WEB, of("HorizontalPodAutoscaler", "autoscaling/v2", "h", SCALER % ("Deployment", "wbe", 1))],
        ["KL310", "KL412"],
        id="an autoscaler without a target",
    ),
    pytest.param(
        [WEB, of("HorizontalPodAutoscaler", "autoscaling/v2", "h", SCALER % ("Deployment", "web", 2))],
        ["KL311", "KL316", "KL412"],
        id="an autoscaler without requests",
    ),
    pytest.param(
        [
            deployment("web", "containers: [{name: a, image: 'a:1', resources: {requests: {cpu: 100m}}}]"),
            of("HorizontalPodAutoscaler", "autoscaling/v2", "h", SCALER % ("Deployment", "web", 2)),
        ],
        ["KL316", "KL412"],
        id="an autoscaler with requests",
    ),
    pytest.param(
        [
            WEB,
            of("LimitRange", "v1", "l", "{limits: [{type: Container, defaultRequest: {cpu: 100m}}]}"),
            of("HorizontalPodAutoscaler", "autoscaling/v2", "h", SCALER % ("Deployment", "web", 2)),
        ],
        ["KL316", "KL412"],
        id="requests of a LimitRange are requests",
    ),
    pytest.param(
        [
            deployment("web", "containers: [{name: a, image: 'a:1', resources: {requests: {cpu: 100m}}}]"),
            of("HorizontalPodAutoscaler", "autoscaling/v2", "h", SCALER % ("Deployment", "web", 2)),
            of("HorizontalPodAutoscaler", "autoscaling/v2", "i", SCALER % ("Deployment", "web", 2)),
        ],
        ["KL312", "KL316", "KL412"],
        id="two autoscalers on one workload",
    ),
    pytest.param(
        [WEB, of("HorizontalPodAutoscaler", "autoscaling/v2", "h", SCALER % ("Deployment", "web", 9))],
        ["KL122", "KL412"],
        id="more at least than at most",
    ),
    pytest.param(
        [
            WEB,
            service("web", "app: web"),
            of("Ingress", "networking.k8s.io/v1", "i", INGRESS % ("wbe", "number: 80")),
        ],
        ["KL154", "KL412"],
        id="an Ingress to no Service",
    ),
    pytest.param(
        [
            WEB,
            service("web", "app: web"),
            of("Ingress", "networking.k8s.io/v1", "i", INGRESS % ("web", "number: 8080")),
        ],
        ["KL156", "KL412"],
        id="an Ingress to a port of the pods",
    ),
    pytest.param(
        [deployment("web", ENV % ("configMapKeyRef", "web-settings", "colour"), replicas=1), CONFIG], [], id="a key"
    ),
    pytest.param(
        [deployment("web", ENV % ("configMapKeyRef", "web-settings", "color"), replicas=1), CONFIG],
        ["KL197"],
        id="no key",
    ),
    pytest.param(
        [deployment("web", ENV % ("configMapKeyRef", "web-setings", "colour"), replicas=1), CONFIG],
        ["KL197"],
        id="a misspelt ConfigMap",
    ),
    pytest.param(
        [deployment("web", ENV % ("secretKeyRef", "keys", "a"), replicas=1)],
        ["KL196"],
        id="Secrets are seldom there",
    ),
    pytest.param([deployment("web", replicas=1), service("web", "app: web")], ["KL410"], id="one pod behind a Service"),
    pytest.param([deployment("web", SPREAD)], ["KL416"], id="a spread of other pods"),
    pytest.param([deployment("web", SPREAD, replicas=1)], [], id="a spread of one pod"),
    pytest.param([deployment("web", APART_FROM % ("", "wbe"))], ["KL416"], id="apart from others"),
    pytest.param([deployment("web", APART_FROM % ("", "web"))], [], id="apart from each other"),
    pytest.param([deployment("web", APART_FROM % ("namespaces: [x], ", "web"))], ["KL416"], id="apart from elsewhere"),
)
"""Each in a namespace of its own, so that one check finds them all."""


@pytest.fixture(scope="module")
def all_cases() -> Check:
    return found(
        *(
            text.replace("namespace: shop", f"namespace: case-{i}")
            for i, case in enumerate(CASES)
            for text in case.values[0]
        )
    )


@pytest.mark.parametrize("number", range(len(CASES)), ids=[str(case.id) for case in CASES])
def test_what_is_found_without_nodes(all_cases: Check, number: int) -> None:
    mine = [each for each in all_cases.findings if each.key.startswith(f"case-{number}/")]
    got = sorted({each.code for each in mine if each.severity != "note"})
    assert got == CASES[number].values[1]


def test_a_node_by_a_name_that_is_not_there() -> None:
    oak = "{apiVersion: v1, kind: Node, metadata: {name: oak}, status: {allocatable: {cpu: 1, pods: 9}}}\n"
    pod = of("Pod", "v1", "web", "{nodeName: %s, containers: [{name: c, image: 'c:1'}]}")
    near, far = (found(oak, pod % name) for name in ("oka", "yew"))
    assert [(codes(each), each.findings[0].step) for each in (near, far)] == [
        (["KL197"], "did you mean oak?"),
        (["KL197"], ""),
    ]
    assert near.findings[0].helps.startswith("did you mean oak? Else name one that is there")
    assert "the pod garbage collector deletes" in near.findings[0].message
    assert codes(found(oak, pod % "oak")) == []
    assert codes(found(pod % "oka")) == []


def test_a_remedy_is_tried(all_cases: Check) -> None:
    budget = next(each for each in all_cases.findings if each.code == "KL401")
    assert (budget.step, budget.checked) == ("set spec.minAvailable to 1", True)
    assert "wants 2 of 2 pods healthy" in budget.message


QUOTA = """\
apiVersion: v1
kind: ResourceQuota
metadata: {name: cap, namespace: shop}
spec: {hard: {pods: "2"}}
"""
APART = (
    "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
    "[{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}}]}}\n"
    "      containers: [{name: app, image: 'app:1', resources: {requests: {cpu: '1'}}}]"
)
SMALL = "containers: [{name: app, image: 'app:1'}]"
BIG = "containers: [{name: app, image: 'app:1', resources: {requests: {cpu: '3'}}}]"
HUGE = BIG.replace("'3'", "'9'")
DUE = (
    "{schedule: '0 3 * * *', suspend: %s, jobTemplate: {spec: {template: {spec: {restartPolicy: Never, "
    "resourceClaims: [%s], " + HUGE.replace("'9'", "'%s'") + "}}}}}"
)
CLAIMS = of(
    "ResourceClaimTemplate",
    "resource.k8s.io/v1",
    "gpu",
    "{spec: {devices: {requests: [{name: g, exactly: {deviceClassName: gone}}]}}}",
)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param([deployment("web", APART)], ["KL301"], id="surge and anti-affinity on as many nodes as pods"),
        pytest.param([deployment("web", APART, replicas=1)], [], id="one node is left"),
        pytest.param(
            [deployment("web", APART, top="strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}")],
            [],
            id="one may be away",
        ),
        pytest.param([deployment("web", BIG)], ["KL301", "KL412"], id="no room for one more"),
        pytest.param([deployment("web", BIG, replicas=3)], ["KL206", "KL412"], id="no room for all"),
        pytest.param(
            [deployment("web", BIG, kind="StatefulSet", top="serviceName: ''")], ["KL412"], id="one after the other"
        ),
        pytest.param(
            [of("CronJob", "batch/v1", "c", DUE % ("false", "", 9))], ["KL206"], id="a CronJob that is too big"
        ),
        pytest.param([of("CronJob", "batch/v1", "c", DUE % ("true", "", 9))], [], id="one that is suspended"),
        pytest.param(
            [of("CronJob", "batch/v1", "c", DUE % ("false", "", 2)), deployment("web", BIG, replicas=2)],
            ["KL301", "KL412"],
            id="one that has to wait",
        ),
        pytest.param(
            [
                CLAIMS,
                of("CronJob", "batch/v1", "c", DUE % ("false", "{name: g, resourceClaimTemplateName: gpu}", 1)),
            ],
            ["KL214"],
            id="one that asks for devices of no class",
        ),
    ],
)
def test_what_is_found_with_nodes(texts: list[str], expected: list[str]) -> None:
    assert codes(found(NODES, *texts)) == expected


def test_a_rollout_names_the_quota_that_holds_it() -> None:
    (stuck,) = (each for each in found(NODES, QUOTA, deployment("web", SMALL)).failing if each.code == "KL301")
    assert 'cannot finish: 0 of 2 pods are of the new revision; the next pod is refused: pods "web-' in stuck.message
    assert "exceeded quota: cap, requested: pods=1, used: pods=2, limited: pods=2" in stuck.message
    assert stuck.step == "set spec.strategy.rollingUpdate.maxSurge to 0 and maxUnavailable to 1"


def test_a_rollout_names_what_holds_it_and_what_was_tried() -> None:
    (stuck,) = found(NODES, deployment("web", APART)).failing
    assert stuck.message.startswith(
        "a rollout of Deployment shop/web cannot finish: 1 of 2 pods is of the new revision; "
        "it gets no node: 0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules"
    )
    assert (stuck.step, stuck.checked) == (
        "set spec.strategy.rollingUpdate.maxSurge to 0 and maxUnavailable to 1",
        True,
    )


def test_what_the_scheduler_says_is_not_said_twice() -> None:
    asks = "resourceClaims: [{name: g, resourceClaimTemplateName: none}], containers: [{name: app, image: 'app:1'}]"
    bare = f"{{apiVersion: v1, kind: Pod, metadata: {{name: web}}, spec: {{{asks}}}}}"
    (message,) = [each.message for each in found(NODES, bare).findings if each.code == "KL214"]
    assert message.count("ResourceClaim not created yet") == 1


def test_pods_without_a_node_name_numbers_and_a_change_that_was_tried() -> None:
    (pending,) = found(NODES, deployment("web", BIG, replicas=3)).failing
    assert "1 of 3 pods of Deployment shop/web gets no node" in pending.message
    assert "requests 3 of cpu, and" in pending.message
    assert pending.checked


OTHERS = deployment(
    "theirs", "containers: [{name: app, image: 'app:1', resources: {requests: {cpu: '40'}}}]", replicas=1
)


def test_of_a_base_only_what_is_new_or_changed_counts() -> None:
    base = read(NODES, OTHERS)
    same = found(NODES, OTHERS, deployment("web", APART, replicas=1), base=base)
    assert (same.passes, codes(same), same.known) == (True, [], 1)
    touched = found(NODES, OTHERS.replace("app:1", "app:2"), base=base)
    assert codes(touched) == ["KL206"]


def test_more_of_what_the_base_has_is_new() -> None:
    small = "containers: [{name: app, image: 'app:1', resources: {requests: {cpu: '2'}}}]"
    base = read(NODES, deployment("theirs", small, replicas=5))
    assert [each.weight for each in check(base).failing] == [1]
    urgent = deployment("web", f"priorityClassName: high\n      {small}", replicas=1)
    high = "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: high}, value: 1000}"
    now = found(NODES, deployment("theirs", small, replicas=5), urgent, high, base=base)
    assert [(each.kind, each.key, each.weight) for each in now.failing] == [("Deployment", "shop/theirs", 2)]


def excuse(text: str) -> str:
    return deployment("web").replace(
        "namespace: shop}", f"namespace: shop, annotations: {{kubelogic.dev/ignore: {text!r}}}}}"
    )


def test_objects_are_told_apart_on_one_line() -> None:
    """What reading and planning notice belongs to the object in whose text it stands, lines or none."""
    texts = [service("a", "app: none"), WEB, service("b", "app: web")]
    listed = {"apiVersion": "v1", "kind": "List", "items": [YAML(typ="safe").load(text) for text in texts]}
    for indent in (None, 1):
        result = found(json.dumps(listed, indent=indent))
        assert [each.key for each in result.findings if each.code == "KL152"] == ["shop/a"]


def test_a_service_whose_pods_are_in_another_namespace_is_warned_of() -> None:
    elsewhere = service("web", "app: web").replace("namespace: shop", "namespace: till")
    (told,) = [each for each in found(WEB, elsewhere).findings if each.code == "KL152"]
    assert told.severity == "warning"
    assert "pods in shop have, but a Service selects in its own namespace only" in told.message
    nobody = service("web", "app: wbe").replace("namespace: shop", "namespace: till")
    assert not [each for each in found(WEB, nobody).findings if each.code == "KL152"]


def test_a_base_is_checked_by_the_engine_of_what_is_checked() -> None:
    """The same comes out as if each had one of its own, also of what is tried afterwards."""
    large = "containers: [{name: app, image: 'app:1', resources: {requests: {cpu: '6'}}}]"
    wide = deployment("wide", large, replicas=1)
    before, after = read(NODES, WEB), read(NODES, WEB, wide)
    new = check(after, base=before)
    assert [each for each in check(after).findings if each.key == "shop/wide"] == list(new.findings)
    assert any(each.checked for each in new.findings)


def test_annotations_excuse_with_a_reason_only() -> None:
    result = found(excuse("KL412 a cache; KL401 there is none; KL410"))
    assert sorted(each.code for each in result.findings) == ["KL180", "KL181"]
    assert [(each.finding.code, each.reason) for each in result.ignored] == [("KL412", "a cache")]
    assert parse("KL412: a cache\nKL41") == ({"KL412": "a cache"}, ["KL41"])


@pytest.mark.parametrize(
    ("select", "ignore", "expected"),
    [
        ((), (), ["KL152", "KL412"]),
        (("KL4",), (), ["KL412"]),
        ((), ("KL4",), ["KL152"]),
        (("KL4", "KL152"), ("KL412",), ["KL152"]),
        (("KL412",), ("KL4",), ["KL412"]),
        (("KL412",), ("KL412",), []),
    ],
)
def test_the_longest_prefix_decides(select: tuple[str, ...], ignore: tuple[str, ...], expected: list[str]) -> None:
    told = [Finding(code=code, severity="error", message="m") for code in ("KL152", "KL412")]
    assert [each.code for each in told if chosen(each, select, ignore)] == expected


def test_severity_that_fails() -> None:
    told = tuple(Finding(code="KL412", severity=each, message="m") for each in ("warning", "note"))
    passes = {each: Check(findings=told, fail_on=each).passes for each in ("error", "warning", "note", "never")}
    assert passes == {"error": True, "warning": False, "note": False, "never": True}
    with pytest.raises(ValueError, match="fail_on is error, warning, note or never"):
        CheckOptions(fail_on="fatal")


def test_invalid_input_is_found_beside_the_rest() -> None:
    result = found(WEB, deployment("bad", "containers: [{name: app}]"))
    assert result.invalid
    assert codes(result) == ["KL120", "KL412"]


def test_what_is_said_to_exist_is_not_missed() -> None:
    text = deployment("web", ENV % ("configMapKeyRef", "web-settings", "colour"), replicas=1)
    assert codes(found(text)) == ["KL197"]
    assert codes(found(text, how=CheckOptions(exists={"ConfigMap/shop/web-settings"}))) == []


def test_a_code_has_one_meaning() -> None:
    """Codes are permanent: what a rule file leaves out and what a check finds never share one."""
    book = builtin_rulebook()
    left_out = {omission.code for file in book.files for omission in file.omits if omission.code}
    found = [str(fact.row[0]) for fact in book.facts if fact.predicate == "finding_code"]
    assert len(found) == len(set(found))
    assert left_out.isdisjoint(found)


WEB_SCALER = of(
    "HorizontalPodAutoscaler",
    "autoscaling/v2",
    "web",
    "{scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 5}",
)


def test_replicas_beside_an_autoscaler() -> None:
    """A manifest that writes what an autoscaler writes; 0 switches the autoscaler off, and no number is well."""
    result = found(deployment("web"), WEB_SCALER)
    (told,) = [each for each in result.findings if each.code == "KL316"]
    assert told.message == (
        "Deployment shop/web sets 2 replicas, which HorizontalPodAutoscaler shop/web sets, too: each apply undoes it."
    )
    assert str(told.location).startswith("<stdin>:6:")
    (one,) = [each for each in found(deployment("web", replicas=1), WEB_SCALER).findings if each.code == "KL316"]
    assert " sets 1 replica, which " in one.message
    assert "KL316" not in codes(found(deployment("web")))
    assert "KL316" not in codes(found(deployment("web", replicas=0), WEB_SCALER))
    assert "KL316" not in codes(found(deployment("web").replace("replicas: 2", ""), WEB_SCALER))
    printed = deployment("web").replace("namespace: shop}", "namespace: shop, uid: u-web}", 1)
    assert "KL316" not in codes(found(printed, WEB_SCALER))


def test_replicas_that_are_applied_to_what_a_cluster_printed() -> None:
    cluster = deployment("web", replicas=8).replace("namespace: shop}", "namespace: shop, uid: u-web}", 1)
    reading = load(["-"], stdin="\n---\n".join([cluster, WEB_SCALER, deployment("web")]).encode(), keep_going=True)
    given = Input(cluster=Cluster.of(reading.objects), notices=reading.notices, changes=reading.changes)
    assert [each.code for each in check(given).findings if each.code == "KL316"] == ["KL316"]
