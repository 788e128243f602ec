"""What helps against each code of manifests and filters, and a small example that has it.

Codes of findings have their advice in the rule that makes them (``finding_code``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

HELPS: Mapping[str, str] = MappingProxyType(
    {
        "KL100": "Mend the text at the place that is named: a quote or bracket that is open, a tab, an indentation.",
        "KL101": "Take one of the two out; kubectl apply would take the last one.",
        "KL102": "Write the apiVersion and kind that kubectl api-resources lists.",
        "KL103": "Give one of them another name or namespace; with --keep-going the last one stands.",
        "KL104": "Write metadata.name (or generateName).",
        "KL105": "Look at the path; an empty file may be left out with --exclude.",
        "KL106": "Write one object for each document, or a List with items.",
        "KL107": "Flatten what is nested, or write out what aliases repeat.",
        "KL108": "Nothing, if no pod depends on it; what its operator makes has to be in the input to count.",
        "KL109": "Nothing: it changes no pod here.",
        "KL110": "Write a value of the type that is named, often with or without quotes.",
        "KL111": "Write a number within the bounds of its type.",
        "KL112": "Correct the name, or its indentation where a better place is named.",
        "KL113": "Write a quantity such as 250m, 2, 512Mi or 1Gi.",
        "KL114": "Write a time as 2026-01-31T10:00:00Z.",
        "KL115": "Encode the value (base64 -w0), or use stringData.",
        "KL116": "Flatten the value.",
        "KL117": "Render it: the command is in the message; or install kubectl or helm, which are then used.",
        "KL118": "Write --nodes COUNT:CPU:MEMORY:label=value:key=value!Effect, such as 3:4cpu:16Gi:zone=a.",
        "KL119": "Give the nodes as a file, if they differ from what was assumed.",
        "KL120": "Write the field that is named.",
        "KL121": "Write one of the values that are listed.",
        "KL122": "Write a number within the bounds that are named.",
        "KL123": "Use lower case letters, digits and hyphens, as the message says.",
        "KL124": "Write a key such as example.com/name, 63 characters at most after the slash.",
        "KL125": "Write at most 63 letters, digits, hyphens, dots and underscores.",
        "KL126": "Take one of the two out.",
        "KL127": "Take the field out, or change the one that forbids it.",
        "KL128": "Name what is there in the same object, or add it.",
        "KL129": "Shorten it.",
        "KL130": "Give selector.matchLabels and template.metadata.labels the same labels.",
        "KL131": "Write a number from 1 to 65535, or the name of a port.",
        "KL132": "Write an address such as 10.0.0.1, or a range such as 10.0.0.0/24.",
        "KL133": "Write a path without .. that begins as the message says.",
        "KL134": "Write a whole number followed by %.",
        "KL135": "Use In and NotIn with values, Exists and DoesNotExist without.",
        "KL136": "Make the limit at least the request.",
        "KL137": "Write cpu, memory, or a name with a domain such as example.com/gpu.",
        "KL138": "Write an amount within the bounds that are named.",
        "KL139": "Write five fields such as 0 3 * * 1, and a time zone such as Europe/Paris.",
        "KL140": "Leave spec.priority out; the class sets it.",
        "KL141": "Leave one controller among the owners.",
        "KL142": "Leave one of the settings that exclude each other.",
        "KL143": "Write it in the form that the message names.",
        "KL146": "Delete the object and make it anew, or leave the field that may not change as it is.",
        "KL147": "Correct the setting; the message lists what there is.",
        "KL150": "Nothing, if the real cluster has a load balancer; else type NodePort, or an ingress.",
        "KL151": "Nothing: the name is resolved outside the cluster.",
        "KL152": "Give the selector labels that pods have; the message names the nearest.",
        "KL153": "Lead to a port that a container has, by number or by name.",
        "KL166": "Delete all of them but one; look for ranges that overlap (KL167), or for two clusters in one input.",
        "KL167": "Give each node a range of its own: spec.podCIDR cannot be changed, but the Node can be made anew.",
        "KL190": "Take it out, or write what makes it count.",
        "KL191": "Look at it again: the API server takes it, and few mean it.",
        "KL192": "Write what the message names instead.",
        "KL193": "Bear in mind that the real cluster heeds it, and this answer does not.",
        "KL194": "Nothing: the manifest was applied to the object as kubectl apply does.",
        "KL195": "Add it to the input; the message has the command.",
        "KL196": "Add it to the input, or correct the name.",
        "KL198": "Nothing: it was read as its successor, or left out if there is none.",
        "KL199": "Change what the message names, or bear it: the object was taken as it is.",
        "KL200": "The rule file that denies it says what it wants.",
        "KL201": "kubectl uncordon, or a node that is not cordoned.",
        "KL202": "Take spec.nodeName out, or name a node that is there.",
        "KL203": "Tolerate the taint, take it off, or use nodes without it.",
        "KL204": "Label a node, correct nodeSelector or affinity, or add a node that has the label.",
        "KL205": "Another host port, none at all, or one more node; of a rollout, maxSurge 0 and maxUnavailable 1.",
        "KL206": "Request less, move or remove other pods, or add a node that is large enough.",
        "KL207": "Make the claim, correct its name, or let go of what uses the disk alone.",
        "KL208": "Another node, or fewer volumes of that driver on this one.",
        "KL209": "A volume or a StorageClass that fits, in a place where the pod may run.",
        "KL210": "A node in the zone of the volume, or a volume in the zone of the nodes.",
        "KL211": "A larger maxSkew, ScheduleAnyway, a node in the emptiest domain, or nodeTaintsPolicy: Honor.",
        "KL212": "One more node (or zone), fewer replicas, or the rule as a preference.",
        "KL213": "Take the gate off, once what it waits for is there.",
        "KL214": "A node with the feature or device, or a request for less.",
        "KL215": "Make the group, or as many pods as it needs; or lower its minCount.",
        "KL216": "Make as many pods of the group as its annotation pod-group-total-count says.",
        "KL291": "Count devices by hand: capacity does not.",
        "KL294": "Give the configuration of that scheduler (--scheduler-config), or leave the pod out.",
        "KL297": "Nothing: the choice among equal nodes may differ.",
    }
)
"""By code, what to do."""

_POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: "
_APP = "name: app, image: i"
_NODE = """apiVersion: v1
kind: Node
metadata: {name: oak, labels: {kubernetes.io/hostname: oak}}
"""
_ROOM = """status:
  allocatable: {cpu: "4", memory: 8Gi, pods: "110"}
"""


def _pod(spec: str, node: str = "") -> str:
    return f"{_NODE}{node}{_ROOM}---\n{_POD}{spec}\n"


EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "KL101": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: a, k: b}\n",
        "KL102": "apiVersion: apps/v1\nkind: Deploymnt\nmetadata: {name: web}\n",
        "KL104": "apiVersion: v1\nkind: ConfigMap\ndata: {k: a}\n",
        "KL110": f"{_POD}{{containers: {{{_APP}}}}}\n",
        "KL112": f"{_POD}{{containers: [{{{_APP}, imagePulPolicy: Always}}]}}\n",
        "KL113": f"{_POD}{{containers: [{{{_APP}, resources: {{requests: {{memory: 1 GB}}}}}}]}}\n",
        "KL115": "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {password: hello!}\n",
        "KL120": f"{_POD}{{containers: [{{name: app}}]}}\n",
        "KL121": f"{_POD}{{restartPolicy: Sometimes, containers: [{{{_APP}}}]}}\n",
        "KL123": f"{_POD.replace('web', 'Web_1')}{{containers: [{{{_APP}}}]}}\n",
        "KL126": f"{_POD}{{containers: [{{{_APP}}}, {{{_APP}}}]}}\n",
        "KL128": f"{_POD}{{containers: [{{{_APP}, volumeMounts: [{{name: data, mountPath: /d}}]}}]}}\n",
        "KL130": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n"
        "  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: wbe}}\n"
        f"    spec: {{containers: [{{{_APP}}}]}}\n",
        "KL131": f"{_POD}{{containers: [{{{_APP}, ports: [{{containerPort: 70000}}]}}]}}\n",
        "KL136": f"{_POD}{{containers: [{{{_APP}, resources: {{requests: {{cpu: 2}}, limits: {{cpu: 1}}}}}}]}}\n",
        "KL139": 'apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: tidy}\nspec:\n  schedule: "0 25 * * *"\n'
        f"  jobTemplate: {{spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{{_APP}}}]}}}}}}}}\n",
        "KL201": _pod(f"{{containers: [{{{_APP}}}]}}", "spec: {unschedulable: true}\n"),
        "KL203": _pod(
            f"{{containers: [{{{_APP}}}]}}", "spec: {taints: [{key: gpu, value: 'yes', effect: NoSchedule}]}\n"
        ),
        "KL204": _pod(f"{{nodeSelector: {{disk: nvme}}, containers: [{{{_APP}}}]}}"),
        "KL206": _pod(f"{{containers: [{{{_APP}, resources: {{requests: {{cpu: 6}}}}}}]}}"),
        "KL207": _pod(
            f"{{volumes: [{{name: d, persistentVolumeClaim: {{claimName: data}}}}], containers: [{{{_APP}}}]}}"
        ),
        "KL211": _pod(
            "{topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone,"
            f" whenUnsatisfiable: DoNotSchedule}}], containers: [{{{_APP}}}]}}"
        ),
        "KL212": _pod(
            "{affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey:"
            f" kubernetes.io/hostname, labelSelector: {{matchLabels: {{app: db}}}}}}]}}}}, containers: [{{{_APP}}}]}}"
        ),
        "KL213": _pod(f"{{schedulingGates: [{{name: example.com/quota}}], containers: [{{{_APP}}}]}}"),
    }
)
"""By code, a manifest that has it."""
