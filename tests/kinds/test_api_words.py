"""What the API server says of faulty objects: every field that it names, its words, and the order of several."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from kubelogic.kinds.validation import admit, api_words, names

LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
KEY = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: "
DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: "
PACE = "{maxUnavailable: 0}"
TEMPLATE = "template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}"
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: "
JOB = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: "
PODS = "template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}"

CASES: dict[str, tuple[str, list[str]]] = {
    "a pod with many faults": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {bad key: x}}\n"
        "spec:\n  restartPolicy: Sometimes\n  containers:\n"
        "  - {name: a, image: i, ports: [{containerPort: 99999}]}\n"
        "  - {name: a, image: i, volumeMounts: [{name: none, mountPath: /x}]}\n"
        "  - {name: Bad_C, imagePullPolicy: Perhaps}\n",
        [
            f'metadata.labels: Invalid value: "bad key": {KEY}',
            "spec.containers[0].ports[0].containerPort: Invalid value: 99999: must be between 1 and 65535, inclusive",
            'spec.containers[1].volumeMounts[0].name: Not found: "none"',
            'spec.containers[1].name: Duplicate value: "a"',
            f'spec.containers[2].name: Invalid value: "Bad_C": {LABEL}',
            "spec.containers[2].image: Required value",
            'spec.containers[2].imagePullPolicy: Unsupported value: "Perhaps": supported values: "Always", '
            '"IfNotPresent", "Never"',
            'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
        ],
    ),
    "an empty pod": (f"{POD}{{}}", ["spec.containers: Required value"]),
    "requests above limits": (
        POD + "{containers: [{name: c, image: i, resources: {limits: {cpu: 1}, requests: {cpu: 1500m}}}]}",
        ['spec.containers[0].resources.requests: Invalid value: "1500m": must be less than or equal to cpu limit of 1'],
    ),
    "an unknown resource": (
        POD + "{containers: [{name: c, image: i, resources: {requests: {gpu: 1}}}]}",
        [
            'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or '
            "fully qualified",
            'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for '
            "containers",
        ],
    ),
    "probes": (
        POD + "{containers: [{name: c, image: i, livenessProbe: {successThreshold: 2, periodSeconds: -1}, "
        "readinessProbe: {tcpSocket: {port: 0}, exec: {command: [x]}}}]}",
        [
            "spec.containers[0].livenessProbe: Required value: must specify a handler type",
            "spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
            "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
            "spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
        ],
    ),
    "variables": (
        POD + "{containers: [{name: c, image: i, env: [{name: A, value: b, valueFrom: {fieldRef: "
        "{fieldPath: spec.nothing}}}, {name: B, valueFrom: {}}], envFrom: [{}]}]}",
        [
            'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.nothing": error converting '
            "fieldPath: field label not supported: spec.nothing",
            'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
            'spec.containers[0].env[1].valueFrom: Invalid value: "": must specify one of: `fieldRef`, '
            "`resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
            'spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
        ],
    ),
    "mounts": (
        POD
        + "{volumes: [{name: v, emptyDir: {}, configMap: {name: c}}], containers: [{name: c, image: i, volumeMounts: ["
        "{name: v, mountPath: /a}, {name: v, mountPath: /a, subPath: ../b}]}]}",
        [
            "spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type",
            'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique',
            "spec.containers[0].volumeMounts.subPath: Invalid value: \"../b\": must not contain '..'",
        ],
    ),
    "tolerations come after affinity": (
        POD + "{containers: [{name: c, image: i}], tolerations: [{key: a, effect: Nowhere}], "
        "affinity: {nodeAffinity: "
        "{preferredDuringSchedulingIgnoredDuringExecution: [{weight: 0, preference: {}}]}}}",
        [
            "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: "
            "must be in the range 1-100",
            'spec.tolerations[0].effect: Unsupported value: "Nowhere": supported values: "NoSchedule", '
            '"PreferNoSchedule", "NoExecute"',
        ],
    ),
    "a Deployment without selector": (
        f"{DEPLOYMENT}{{{TEMPLATE}}}",
        [
            "spec.selector: Required value",
            'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`',
        ],
    ),
    "a Deployment's strategy": (
        f"{DEPLOYMENT}{{selector: {{matchLabels: {{a: b}}}}, {TEMPLATE}, strategy: {{type: Other}}, replicas: -1}}",
        [
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            'spec.strategy: Unsupported value: {"Type":"Other","RollingUpdate":null}: supported values: "Recreate", '
            '"RollingUpdate"',
        ],
    ),
    "a DaemonSet's pace": (
        DEPLOYMENT.replace("Deployment", "DaemonSet")
        + f"{{selector: {{matchLabels: {{a: b}}}}, {TEMPLATE}, updateStrategy: {{rollingUpdate: {PACE}}}}}",
        ["spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"],
    ),
    "a Service's ports": (
        SERVICE + "{ports: [{port: 0}, {port: 80, nodePort: 31000}]}",
        [
            "spec.ports[0].name: Required value",
            "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
            "spec.ports[1].name: Required value",
            "spec.ports[1].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
        ],
    ),
    "a Service twice on a port": (
        SERVICE + "{ports: [{name: a, port: 80}, {name: b, port: 80}]}",
        [
            'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,'
            '"NodePort":0}'
        ],
    ),
    "a Job that restarts": (
        JOB + "{parallelism: -1, template: {spec: {containers: [{name: c, image: i}]}}}",
        [
            "spec.parallelism: Invalid value: -1: must be greater than or equal to 0",
            'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
        ],
    ),
    "a Job's failure policy": (
        JOB + f"{{{PODS}, podFailurePolicy: {{rules: [{{action: Nothing, "
        "onExitCodes: {operator: In, values: [3, 0]}}]}}",
        [
            'spec.podFailurePolicy.rules[0].action: Unsupported value: "Nothing": supported values: "Count", '
            '"FailIndex", "FailJob", "Ignore"',
            "spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator",
            "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [3,0]: must be ordered",
        ],
    ),
    "a CronJob": (
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec: {schedule: '60 * * * *', "
        f"concurrencyPolicy: Maybe, successfulJobsHistoryLimit: -1, jobTemplate: {{spec: {{{PODS}}}}}}}",
        [
            'spec.schedule: Invalid value: "60 * * * *": end of range (60) above maximum (59): 60',
            'spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"',
            "spec.successfulJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
        ],
    ),
    "an autoscaler": (
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: h}\nspec: {minReplicas: 0, "
        "scaleTargetRef: {kind: Deployment, name: d, apiVersion: apps/v1}, metrics: [{type: Pods}]}",
        [
            "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
            "spec.maxReplicas: Required value: must be set and greater than 0",
            "spec.metrics[0].pods: Required value: must populate information for the given metric source",
        ],
    ),
    "a budget with both": (
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: p}\nspec: {minAvailable: 1, "
        "maxUnavailable: 101%, selector: {matchLabels: {a: b}}}",
        [
            'spec: Invalid value: {"MinAvailable":1,"Selector":{"matchLabels":{"a":"b"}},"MaxUnavailable":"101%",'
            '"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',
            'spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
        ],
    ),
    "an Ingress": (
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec: {rules: [{host: 1.2.3.4, "
        "http: {paths: [{path: a, pathType: Exact, backend: {service: {name: s}}}]}}]}",
        [
            'spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
            'spec.rules[0].http.paths[0].path: Invalid value: "a": must be an absolute path',
            "spec.rules[0].http.paths[0].backend: Required value: port name or number is required",
        ],
    ),
    "a role for URLs": (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r}\nrules: [{nonResourceURLs: [/x]}]",
        [
            "rules[0].verbs: Required value: verbs must contain at least one value",
            'rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
        ],
    ),
    "a quota": (
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q}\nspec: {hard: {pods: 500m}, scopes: [Nights]}",
        [
            'spec.hard[pods]: Invalid value: "500m": must be an integer',
            'spec.scopes: Invalid value: ["Nights"]: unsupported scope',
        ],
    ),
    "a claim": (
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: c}\nspec: {}",
        [
            "spec.accessModes: Required value: at least 1 access mode is required",
            "spec.resources[storage]: Required value",
        ],
    ),
    "a Secret for TLS": (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ntype: kubernetes.io/tls\ndata: {a b: eA==}",
        [
            'data[a b]: Invalid value: "a b": a valid config key must consist of alphanumeric characters, '
            "'-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
            "'[-._a-zA-Z0-9]+')",
            "data[tls.crt]: Required value",
            "data[tls.key]: Required value",
        ],
    ),
    "taints of a node": (
        "apiVersion: v1\nkind: Node\nmetadata: {name: n}\nspec: {taints: [{key: a, value: b, effect: NoSchedule}, "
        "{key: a, effect: NoSchedule}, {key: c, effect: Never}]}",
        [
            'metadata.taints[1]: Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}: '
            "taints must be unique by key and effect pair",
            'metadata.taints[2].effect: Unsupported value: "Never": supported values: "NoSchedule", '
            '"PreferNoSchedule", "NoExecute"',
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_words(name: str) -> None:
    text, wanted = CASES[name]
    document: dict[str, Any] = yaml.safe_load(text)
    assert [f"{field}: {words}" for field, words in admit(document).faults] == wanted


@pytest.mark.parametrize("rule", api_words.RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize(
    "value", ["", "a", "A b", "a.b", "-", "a--b", "x" * 64, "x" * 254, "..", "../a", "/a", "1.2.3.4", "01.2.3.4", "5%"]
)
def test_both_forms_of_a_rule_agree(rule: Any, value: str) -> None:
    """A text that keeps a rule in people's words keeps it in the API server's, and the other way round."""
    if rule in (names.env_name, names.endpoint_ip) and value == "":
        return  # asked only of texts that are there
    assert bool(rule(value)) == bool(api_words.RULES[rule](value))
