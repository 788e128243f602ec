"""Pods keep the security level of their namespace, and what is said of those that do not is what Kubernetes says.

The words follow ``ForbiddenDetail`` and the checks of k8s.io/pod-security-admission 1.36.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.apiserver import requests
from kubelogic.apiserver.admission.pod_security import broken
from kubelogic.apiserver.loading import load_state
from kubelogic.apiserver.requests import trial
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.facts.pod_security import PREFIX, Level, Standards, standards_of

GOOD = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def spec(*contexts: dict[str, Any], **more: Any) -> dict[str, Any]:
    names = "abcdef"
    containers = [
        {"name": names[number], "image": "app:1", "securityContext": context} for number, context in enumerate(contexts)
    ]
    return {"containers": containers, **more}


def said(pod: dict[str, Any], level: str, annotations: dict[str, str] | None = None) -> list[str]:
    name, _, version = level.partition(":")
    tx = trial(State.of(Cluster.of([])))
    found = broken(tx, pod, annotations or {}, Level(level=name, version=version or "latest"))
    return [f"{reason} ({detail})" for reason, detail in found]


WORDS = [
    ("baseline", spec({}), []),
    ("restricted", spec(GOOD), []),
    ("baseline", spec({}, hostNetwork=True, hostIPC=True), ["host namespaces (hostNetwork=true, hostIPC=true)"]),
    (
        "baseline",
        spec({"privileged": True}, {"privileged": True}),
        ['privileged (containers "a", "b" must not set securityContext.privileged=true)'],
    ),
    (
        "baseline",
        spec({"capabilities": {"add": ["SYS_ADMIN", "NET_RAW", "CHOWN"]}}),
        [
            'non-default capabilities (container "a" must not include "NET_RAW", "SYS_ADMIN" in '
            "securityContext.capabilities.add)"
        ],
    ),
    (
        "baseline",
        spec({}, securityContext={"seLinuxOptions": {"type": "x", "user": "container_t", "role": "r"}}),
        [
            'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "x"; user may not be set; '
            "role may not be set)"
        ],
    ),
    (
        "baseline",
        spec({"seccompProfile": {"type": "Unconfined"}}, securityContext={"seccompProfile": {"type": "Unconfined"}}),
        [
            'seccompProfile (pod and container "a" must not set securityContext.seccompProfile.type to "Unconfined")',
        ],
    ),
    (
        "baseline",
        spec({"appArmorProfile": {"type": "Unconfined"}}),
        ['forbidden AppArmor profile (container "a" must not set AppArmor profile type to "Unconfined")'],
    ),
    (
        "baseline",
        spec(
            {}, securityContext={"sysctls": [{"name": "kernel.msgmax"}, {"name": "net.ipv4.tcp_rmem"}, {"name": "b"}]}
        ),
        ["forbidden sysctls (kernel.msgmax, b)"],
    ),
    (
        "baseline:v1.31",
        spec({}, securityContext={"sysctls": [{"name": "net.ipv4.tcp_rmem"}]}),
        ["forbidden sysctls (net.ipv4.tcp_rmem)"],
    ),
    (
        "baseline",
        spec({"windowsOptions": {"hostProcess": True}}, securityContext={"windowsOptions": {"hostProcess": True}}),
        ['hostProcess (pod and container "a" must not set securityContext.windowsOptions.hostProcess=true)'],
    ),
    (
        "baseline",
        spec({"procMount": "Unmasked"}),
        ['procMount (container "a" must not set securityContext.procMount to "Unmasked")'],
    ),
    (
        "baseline",
        spec({}, volumes=[{"name": "x", "hostPath": {"path": "/"}}, {"name": "y", "hostPath": {"path": "/"}}]),
        ['hostPath volumes (volumes "x", "y")'],
    ),
    (
        "restricted",
        spec(GOOD, volumes=[{"name": "x", "hostPath": {"path": "/"}}, {"name": "y", "nfs": {"path": "/"}}]),
        ['restricted volume types (volumes "x", "y" use restricted volume types "hostPath", "nfs")'],
    ),
    (
        "restricted",
        spec({**GOOD, "runAsNonRoot": None, "runAsUser": 0}),
        [
            'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)',
            'runAsUser=0 (container "a" must not set runAsUser=0)',
        ],
    ),
    (
        "restricted",
        spec({**GOOD, "runAsNonRoot": False}),
        ['runAsNonRoot != true (container "a" must not set securityContext.runAsNonRoot=false)'],
    ),
    (
        "restricted",
        spec({**GOOD, "seccompProfile": None}, GOOD),
        [
            'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" '
            'or "Localhost")'
        ],
    ),
    (
        "restricted",
        spec({**GOOD, "capabilities": {"add": ["CHOWN"]}}, GOOD),
        [
            'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]; container '
            '"a" must not include "CHOWN" in securityContext.capabilities.add)'
        ],
    ),
    ("restricted", spec({"runAsNonRoot": True}, os={"name": "windows"}), []),
    ("restricted", spec({**GOOD, "runAsNonRoot": False, "runAsUser": 0}, hostUsers=False), []),
    ("privileged", spec({"privileged": True}), []),
]


@pytest.mark.parametrize(("level", "pod", "words"), WORDS)
def test_what_is_said_of_a_pod(level: str, pod: dict[str, Any], words: list[str]) -> None:
    assert said(pod, level) == words


def test_all_containers_are_looked_at_in_the_order_of_upstream() -> None:
    pod = spec({"privileged": True})
    pod["initContainers"] = [{"name": "z", "securityContext": {"privileged": True}}]
    pod["ephemeralContainers"] = [{"name": "d", "securityContext": {"privileged": True}}]
    assert said(pod, "baseline") == [
        'privileged (containers "z", "a", "d" must not set securityContext.privileged=true)'
    ]


def test_ports_and_hosts_of_probes() -> None:
    pod = spec({}, {})
    pod["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": 80}, {"containerPort": 9, "hostPort": 9}]
    pod["containers"][1]["livenessProbe"] = {"httpGet": {"host": "10.0.0.1", "port": 80}}
    pod["containers"][1]["lifecycle"] = {"preStop": {"tcpSocket": {"host": "10.0.0.2", "port": 80}}}
    assert said(pod, "baseline") == [
        'hostPort (container "a" uses hostPorts 80, 9)',
        'probe or lifecycle host (container "b" uses probe or lifecycle hosts "10.0.0.1", "10.0.0.2")',
    ]
    assert said(pod, "baseline:v1.33") == ['hostPort (container "a" uses hostPorts 80, 9)']


def test_annotations() -> None:
    notes = {
        "container.apparmor.security.beta.kubernetes.io/a": "unconfined",
        "container.seccomp.security.alpha.kubernetes.io/a": "unconfined",
        "container.seccomp.security.alpha.kubernetes.io/other": "unconfined",
        "seccomp.security.alpha.kubernetes.io/pod": "docker/default",
    }
    apparmor = (
        "forbidden AppArmor profile (annotation must not set AppArmor profile type to "
        '"container.apparmor.security.beta.kubernetes.io/a="unconfined"")'
    )
    assert said(spec({}), "baseline", notes) == [apparmor]
    assert said(spec({}), "baseline:v1.18", notes) == [
        apparmor,
        'seccompProfile (forbidden annotation container.seccomp.security.alpha.kubernetes.io/a="unconfined")',
    ]


@pytest.mark.parametrize(
    ("labels", "enforce", "audit", "warn"),
    [
        ({}, "privileged:latest", "privileged:latest", "privileged:latest"),
        ({"enforce": "baseline", "enforce-version": "v1.25"}, "baseline:v1.25", "privileged:latest", "baseline:v1.25"),
        ({"enforce": "restricted", "warn": "baseline"}, "restricted:latest", "privileged:latest", "baseline:latest"),
        ({"enforce": "restricted", "warn-version": "v1.9"},
         "restricted:latest", "privileged:latest", "restricted:v1.9"),
        (dict.fromkeys(("enforce", "audit", "warn"), "strict"), "restricted:latest", *["privileged:latest"] * 2),
        ({"audit": "baseline", "audit-version": "1.25"}, "privileged:latest", "baseline:latest", "privileged:latest"),
    ],
)  # fmt: skip
def test_the_levels_of_a_namespace(labels: dict[str, str], enforce: str, audit: str, warn: str) -> None:
    found = standards_of({PREFIX + key: value for key, value in labels.items()}, Standards())
    assert (str(found.enforce), str(found.audit), str(found.warn)) == (enforce, audit, warn)


def namespace(**labels: str) -> dict[str, Any]:
    said = {PREFIX + key: value for key, value in labels.items()}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": said}}


def pod(name: str, context: dict[str, Any], **more: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec(context, **more)}


def deployment(context: dict[str, Any]) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec(context)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
    }


def begun(*documents: dict[str, Any]) -> State:
    state = State.of(Cluster.of([]))
    for document in documents:
        outcome = requests.create(state, document, namespace="shop")
        assert outcome.answer.accepted, outcome.answer.message
        state = outcome.state
    return state


def test_a_pod_is_refused_and_a_workload_is_warned() -> None:
    state = begun(namespace(enforce="baseline"))
    refused = requests.create(state, pod("one", {"privileged": True}), namespace="shop")
    what = 'container "a" must not set securityContext.privileged=true'
    why = f'violates PodSecurity "baseline:latest": privileged ({what})'
    assert refused.answer.message == f'pods "one" is forbidden: {why}'
    assert refused.answer.obstacles[0].path[-1] == f"{PREFIX}enforce"
    taken = requests.create(state, deployment({"privileged": True}), namespace="shop")
    assert taken.answer.accepted
    assert [each.text for each in taken.state.warned] == [f"would {why.replace('violates', 'violate')}"]
    assert not requests.create(state, deployment({}), namespace="shop").state.warned


def test_a_pod_that_may_run_is_warned_if_the_level_of_warnings_is_stricter() -> None:
    state = begun(namespace(warn="baseline"), pod("one", {"privileged": True}))
    assert [each.key for each in state.warned] == ["shop/one"]


def test_an_update_counts_if_it_changes_an_image() -> None:
    state = begun(namespace(), pod("one", {"privileged": True}))
    state = requests.patch(state, "Namespace", "shop", {"metadata": {"labels": {f"{PREFIX}enforce": "baseline"}}}).state
    labelled = requests.patch(state, "Pod", "shop/one", {"metadata": {"labels": {"x": "y"}}})
    assert labelled.answer.accepted
    change = {"spec": {"containers": [{"name": "a", "image": "app:2", "securityContext": {"privileged": True}}]}}
    assert "violates PodSecurity" in requests.strategic_patch(state, "Pod", "shop/one", change).answer.message


def test_a_raised_level_warns_of_pods_that_are_there() -> None:
    pods = [pod(name, {"privileged": True}) for name in ("one", "two", "three")]
    state = begun(namespace(), *pods, pod("four", {}, hostNetwork=True), pod("five", {}))
    change = {"metadata": {"labels": {f"{PREFIX}enforce": "baseline"}}}
    raised = requests.patch(state, "Namespace", "shop", change)
    assert raised.answer.accepted
    assert [each.text for each in sorted(raised.state.warned)] == [
        'existing pods in namespace "shop" violate the new PodSecurity enforce level "baseline:latest"',
        "four: host namespaces",
        "one (and 2 other pods): privileged",
    ]


EXEMPT = {
    "apiVersion": "pod-security.admission.config.k8s.io/v1",
    "kind": "PodSecurityConfiguration",
    "defaults": {"enforce": "baseline", "enforce-version": "latest"},
    "exemptions": {"namespaces": ["kube-system"], "runtimeClasses": ["cage"]},
}


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_configuration_has_defaults_and_exemptions(wrapped: bool) -> None:
    whole = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{"name": "PodSecurity", "configuration": EXEMPT}],
    }
    cage = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "cage"}, "handler": "cage"}
    state = begun(namespace(), whole if wrapped else EXEMPT, cage)
    assert not requests.create(state, pod("one", {"privileged": True}), namespace="shop").answer.accepted
    caged = pod("one", {"privileged": True}, runtimeClassName="cage")
    assert requests.create(state, caged, namespace="shop").answer.accepted
    spared = pod("one", {"privileged": True})
    spared["metadata"]["namespace"] = "kube-system"
    assert requests.create(state, spared, namespace="kube-system").answer.accepted


def test_manifests_meet_the_level_when_they_are_read() -> None:
    state = begun(namespace(enforce="baseline"))
    level = state.cluster.get("Namespace", "shop")
    taken = requests.create(State.of(Cluster.of([])), pod("one", {"privileged": True}), namespace="shop").state
    bad = taken.cluster.get("Pod", "shop/one")
    assert level is not None
    assert bad is not None
    fresh = bad.document["metadata"]
    document = {**bad.document, "metadata": {"name": fresh["name"], "namespace": fresh["namespace"]}}
    loaded = load_state(Cluster.of([level, type(bad)(**{**_fields(bad), "document": document})]))
    assert [answer.reason for _, answer in loaded.refused] == ["Forbidden"]


def _fields(obj: Any) -> dict[str, Any]:
    return {name: getattr(obj, name) for name in obj.__struct_fields__}
