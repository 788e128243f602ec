"""What volumes, drivers, devices, definitions and load balancers keep, and words of the API server about them."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.apiserver import requests
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.engine import reconciler
from tests.support.lab import Lab

TICKER = reconciler(load_rulebook(), scheduler="kube")
HAD = {
    "PersistentVolume": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/a"}}
}
HAD["CSIDriver"] = {"attachRequired": True}
HAD["VolumeAttachment"] = {"attacher": "x", "nodeName": "n", "source": {"persistentVolumeName": "p"}}
HAD["CSINode"] = {"drivers": [{"name": "x", "nodeID": "1"}]}
HAD["ResourceClaim"] = {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}}
HAD["ResourceClaimTemplate"] = {"spec": HAD["ResourceClaim"]}
HAD["ResourceSlice"] = {"driver": "d", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}, "nodeName": "n"}
VERSIONS = {
    "PersistentVolume": "v1",
    "CSI": "storage.k8s.io/v1",
    "VolumeA": "storage.k8s.io/v1",
    "R": "resource.k8s.io/v1",
}
ZONE = {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "Exists"}]}]}}
COUNTED = {"name": "x", "nodeID": "1", "allocatable": {"count": 3}}
ASKED = {"name": "r", "exactly": {"deviceClassName": "c", "allocationMode": "ExactCount", "count": 1}}
SHOWN = (
    '{"Devices":{"Requests":[{"Name":"r","Exactly":{"DeviceClassName":"d","Selectors":null,"AllocationMode":"ExactCount",'
    '"Count":1,"AdminAccess":null,"Tolerations":null,"Capacity":null},"FirstAvailable":null}],"Constraints":null,"Config":null}}'
)
OTHERS = {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "d"}}]}}
ATTACHED = '{"Attacher":"x","Source":{"PersistentVolumeName":"p","InlineVolumeSpec":null},"NodeName":"m"}'
ON_NODE = '{"Name":"x","NodeID":"2","TopologyKeys":null,"Allocatable":null}'


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("PersistentVolume", {"hostPath": {"path": "/b"}}, "spec.persistentvolumesource is immutable after creation\n"),
        ("PersistentVolume", {"volumeMode": "Block"}, 'volumeMode: Invalid value: "Block": field is immutable'),
        ("PersistentVolume", {"nodeAffinity": ZONE}, ""),
        ("PersistentVolume", {"capacity": {"storage": "2Gi"}, "storageClassName": "other"}, ""),
        ("CSIDriver", {"attachRequired": False}, "spec.attachedRequired: Invalid value: false: field is immutable"),
        (
            "CSIDriver",
            {"volumeLifecycleModes": ["Ephemeral"]},
            'spec.volumeLifecycleModes: Invalid value: ["Ephemeral"]: field is immutable',
        ),
        ("CSIDriver", {"podInfoOnMount": True}, ""),
        ("VolumeAttachment", {"nodeName": "m"}, f"spec: Invalid value: {ATTACHED}: field is immutable"),
        (
            "CSINode",
            {"drivers": [{"name": "x", "nodeID": "2"}]},
            f"CSINodeDriver: Invalid value: {ON_NODE}: field is immutable",
        ),
        ("CSINode", {"drivers": [COUNTED]}, ""),
        ("ResourceClaim", OTHERS, f"spec: Invalid value: {SHOWN}: field is immutable"),
        ("ResourceClaim", {"devices": {"requests": [ASKED]}}, ""),
        ("ResourceClaimTemplate", {"spec": OTHERS}, f'spec: Invalid value: {{"Spec":{SHOWN}}}: field is immutable'),
        ("ResourceSlice", {"pool": {"name": "q"}}, 'spec.pool.name: Invalid value: "q": field is immutable'),
        ("ResourceSlice", {"driver": "e"}, 'spec.driver: Invalid value: "e": field is immutable'),
        ("ResourceSlice", {"nodeName": "m"}, 'spec.nodeName: Invalid value: "m": field is immutable'),
        ("ResourceSlice", {"pool": {"generation": 2}}, ""),
    ],
)
def test_volumes_drivers_and_devices_stay_what_they_are(kind: str, change: Any, words: str) -> None:
    version = next(version for begin, version in VERSIONS.items() if kind.startswith(begin))
    created = requests.create(
        State(cluster=Cluster()),
        {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": HAD[kind]},
    )
    (key,) = created.state.cluster.objects(kind)
    answer = requests.patch(created.state, kind, key, {"spec": change}).answer
    assert (answer.status, words in answer.message) == (422 if words else 200, True)


def test_which_nodes_reach_a_volume_is_said_once() -> None:
    had = {**HAD["PersistentVolume"], "nodeAffinity": ZONE}
    created = requests.create(
        State(cluster=Cluster()),
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "a"}, "spec": had},
    )
    answer = requests.patch(created.state, "PersistentVolume", "a", {"spec": {"nodeAffinity": None}}).answer
    words = "nodeAffinity: Invalid value: null: field is immutable, except for updating from beta label to GA"
    assert answer.message == f'PersistentVolume "a" is invalid: {words}'


DEFINED = {
    "group": "x.io",
    "scope": "Namespaced",
    "names": {"plural": "ws", "kind": "W"},
    "versions": [
        {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}},
    ],
}
APP = {"name": "c", "image": "i"}
CONFINED = {"allowPrivilegeEscalation": False, "privileged": True, "capabilities": {"add": ["CAP_SYS_ADMIN"]}}
NAMED = 'metadata.name: Invalid value: "ws.x.io": must be spec.names.plural+"."+spec.group'


@pytest.mark.parametrize(
    ("established", "change", "words"),
    [
        (False, {"scope": "Cluster", "names": {"kind": "V"}}, ""),
        (True, {"scope": "Cluster"}, 'spec.scope: Invalid value: "Cluster": field is immutable'),
        (True, {"names": {"kind": "V"}}, 'spec.names.kind: Invalid value: "V": field is immutable'),
        (False, {"group": "y.io"}, f'[{NAMED}, spec.group: Invalid value: "y.io": field is immutable]'),
        (False, {"names": {"plural": "vs"}}, f'[{NAMED}, spec.names.plural: Invalid value: "vs": field is immutable]'),
    ],
)
def test_a_definition_keeps_its_names_and_once_established_its_kind_and_scope(
    *, established: bool, change: Any, words: str
) -> None:
    document = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    state = requests.create(
        State(cluster=Cluster()), {**document, "metadata": {"name": "ws.x.io"}, "spec": DEFINED}
    ).state
    if established:
        told = {"status": {"conditions": [{"type": "Established", "status": "True"}]}}
        state = requests.patch(state, "CustomResourceDefinition", "ws.x.io", told, subresource="status").state
    answer = requests.patch(state, "CustomResourceDefinition", "ws.x.io", {"spec": change}).answer
    assert (answer.status, words in answer.message) == (422 if words else 200, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loadBalancerClass": "x/z"}, 'spec.loadBalancerClass: Invalid value: "x/z": may not change once set'),
        ({"loadBalancerClass": None}, "spec.loadBalancerClass: Invalid value: null: may not change once set"),
        (
            {"healthCheckNodePort": 30999},
            "spec.healthCheckNodePort: Invalid value: 30999: cannot change healthCheckNode",
        ),
        ({"externalTrafficPolicy": "Cluster", "healthCheckNodePort": None}, ""),
        ({"type": "ClusterIP"}, ""),
    ],
)
def test_a_load_balancer_keeps_its_class_and_the_port_of_its_health_check(change: Any, words: str) -> None:
    lab = Lab(TICKER)
    spec = {
        "type": "LoadBalancer",
        "loadBalancerClass": "x/y",
        "externalTrafficPolicy": "Local",
        "ports": [{"port": 80}],
    }
    lab.create(
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"selector": {"a": "b"}, **spec}}
    )
    answer = lab.patch("Service", "a", {"spec": change})
    assert (answer.status, words in answer.message) == (422 if words else 200, True)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            {"kind": "Namespace", "metadata": {"labels": {"pod-security.kubernetes.io/enforce": "foo"}}},
            'enforce]: Invalid value: "foo": must be one of privileged, baseline, restricted',
        ),
        (
            {"kind": "Namespace", "metadata": {"labels": {"pod-security.kubernetes.io/warn-version": "1.30"}}},
            'warn-version]: Invalid value: "1.30": must be "latest" or "v1.x"',
        ),
        (
            {"kind": "CustomResourceDefinition", "spec": {**DEFINED, "group": "x", "preserveUnknownFields": True}},
            '[spec.group: Invalid value: "x": should be a domain with at least one dot, ',
        ),
        (
            {"kind": "CustomResourceDefinition", "spec": {**DEFINED, "group": "x.k8s.io"}},
            "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval ann",
        ),
        (
            {"kind": "EndpointSlice", "addressType": "FQDN", "endpoints": [{"addresses": ["web"]}]},
            'addresses[0]: Invalid value: "web": should be a domain with at least two segments separated by dots',
        ),
        (
            {"kind": "Pod", "spec": {"securityContext": {"sysctls": [{"name": "a..b"}]}, "containers": [APP]}},
            "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*",
        ),
        (
            {"kind": "Pod", "spec": {"containers": [{**APP, "securityContext": CONFINED}]}},
            'securityContext: Invalid value: {"Capabilities":{"Add":["CAP_SYS_ADMIN"],"Drop":null},"Privileged":true,',
        ),
        (
            {"kind": "Pod", "spec": {"containers": [{**APP, "securityContext": CONFINED}]}},
            "cannot set `allowPrivilegeEscalation` to false and `privileged` to true, ",
        ),
        (
            {"kind": "Pod", "spec": {"containers": [{**APP, "securityContext": CONFINED}]}},
            "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN",
        ),
        (
            {"kind": "ValidatingWebhookConfiguration", "webhooks": [{"name": "a.b"}]},
            'webhooks[0].name: Invalid value: "a.b": should be a domain with at least three segments separated by dots',
        ),
    ],
)
def test_names_and_levels_are_refused_in_the_api_servers_words(document: Any, words: str) -> None:
    versions = {
        "Namespace": "v1",
        "Pod": "v1",
        "EndpointSlice": "discovery.k8s.io/v1",
        "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    }
    version = versions.get(document["kind"], "admissionregistration.k8s.io/v1")
    group = (document.get("spec") or {}).get("group")
    meta = {**document.get("metadata", {}), "name": f"ws.{group}" if group else "a"}
    answer = requests.create(State(cluster=Cluster()), {"apiVersion": version, **document, "metadata": meta}).answer
    assert answer.status == 422
    assert words in answer.message, answer.message
