"""The words of scenarios: one row says how a word is read, what it does, its fields and an example.

The reference page is written from this table, and a test runs every example. It is longer than others: one table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from kubelogic.patterns import regex
from kubelogic.reconcile.scenario import Cordon, Drain, FailNode, HealNode, Operation
from kubelogic.text.location import Path as FieldPath
from kubelogic.verbs import scenario_requests as requests
from kubelogic.verbs import scenario_world as world
from kubelogic.verbs.scenario_choices import about_nodes, node_choice
from kubelogic.verbs.scenario_fields import Fields, WrongFieldError, kind_named
from kubelogic.verbs.scenario_targets import condition, exits


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a step can do.

    Attributes:
        does: what it does, as a sentence.
        fields: its fields, with what they mean.
        example: steps that use it, as they stand in a scenario.
        read: makes the operation of the fields.
        node: makes the operation on a node that is given instead of fields; None if there is no such form.
        also: further fields that are not told here, because the page tells them together.
    """

    does: str
    fields: Mapping[str, str]
    example: str
    read: Callable[[Fields], Operation]
    node: Callable[[str], Operation] | None = None
    also: tuple[str, ...] = ()

    def operation(self, fields: Fields | Any, path: FieldPath, make: Callable[[Any], Fields]) -> Operation:
        """The operation of what stands behind the word.

        Raises:
            WrongFieldError: if it says nothing that can be done.
        """
        if isinstance(fields, Mapping) and self.fields:
            given = make(fields)
            given.check((*self.fields, *self.also))
            return self.read(given)
        if self.node is not None:
            return about_nodes(self.node(""), node_choice(fields, path))
        raise WrongFieldError(path, f"must be a mapping, such as {self._meant(fields)}")

    def _meant(self, value: Any) -> str:
        """What somebody means who writes ``node/oak`` or ``web`` where fields belong, after the word's example."""
        import yaml

        step: Mapping[str, Any] = yaml.safe_load(self.example)[0]
        fields = dict(next((each for each in step.values() if isinstance(each, Mapping)), {}))
        if isinstance(value, str) and _TYPED.fullmatch(value) and "name" in self.fields:
            kind, _, name = value.rpartition("/")
            for field in ("kind", "of", "name"):
                fields.pop(field, None)
            meant = kind_named(kind) if kind else "Pod"
            if "kind" in self.fields and (kind or "of" in self.fields):
                fields = {"kind": meant, "name": name, **fields}
            elif "of" in self.fields:
                fields = {"name": name, **fields} if meant == "Pod" else {"of": value, **fields}
            else:
                fields = {"name": value, **fields}
        text: str = yaml.safe_dump(fields, default_flow_style=True, sort_keys=False, width=1000)
        return text.strip()


_TYPED = regex(r"([A-Za-z]+/)?[a-z0-9.-]+")
"""What somebody types for kubectl: a name, perhaps with its kind."""
_NAME = {"name": "its name; `sts/db` says the kind, too", "namespace": "else that of `-n`, or `default`"}
_KIND = {"kind": "`Deployment` if left out"}
_POD = {
    "name": "the pod's name, or instead",
    "of": "`web` or `sts/db`: a pod of that workload, running ones first, then by name",
    "selector": "labels: pods with them",
    "node": "only pods on this node",
    "count": "how many: 1 if left out, or `all`",
    "namespace": "else that of `-n`, or `default`",
}
_NODE = {
    "node": "a name, a list of names, or labels such as `zone=a`; or instead",
    "nodes": "a list of names",
    "zone": "all nodes of a zone",
    "selector": "all nodes with labels",
}
_WHICH = {
    "kind": "`Deployment` if left out, or any workload, or `Pod`",
    "name": "of the workload or pod, or instead",
    "of": "one pod of a workload (with `count`, `node`)",
    "selector": "pods with these labels",
    "image": "containers of this image",
    "container": "only containers of this name",
    "namespace": "else that of `-n`, or `default`",
}
_WHICH_ALSO = ("count", "node")

WORDS: Mapping[str, Word] = MappingProxyType(
    {
        "apply": Word(
            does="As `kubectl apply --server-side --force-conflicts`: fields that the manifest never had stay, whoever "
            "else changed those that it has.",
            fields={
                "files": "a file beside the scenario, or a list; `apply: FILE` for short",
                "serverSide": "`false`: the patch of three documents that kubectl makes without `--server-side`",
                "lastApplied": "what was applied the last time (files), where the cluster does not say it",
                "silent": "`true`: Nodes in the files are registered and never report",
            },
            example="- {at: 1m, apply: {files: extra-node.yaml, silent: true}}",
            read=requests.apply,
        ),
        "replace": Word(
            does="As `kubectl replace`: the object becomes what the file says; its status stays.",
            fields={"files": "a file beside the scenario, or a list; `replace: FILE` for short"},
            example="- {at: 1m, replace: web-2.yaml}",
            read=requests.replace,
        ),
        "patch": Word(
            does="As `kubectl patch`.",
            fields={
                **_KIND,
                **_NAME,
                "type": "`strategic` (kubectl's own), `merge`, or `json`",
                "patch": "the patch; for `json` a list of operations",
            },
            example="- {at: 1m, patch: {name: web, patch: {spec: {minReadySeconds: 5}}}}\n"
            "- {at: 1m, patch: {kind: Service, name: web, type: json, "
            "patch: [{op: add, path: /metadata/labels, value: {tier: front}}]}}",
            read=requests.patch,
        ),
        "delete": Word(
            does="As `kubectl delete`.",
            fields={
                "kind": "of the object, unless `name` says it (`cm/settings`); `Pod` with `of`",
                **_POD,
                "propagation": "`Background`, `Foreground` or `Orphan`",
                "grace": "seconds for a pod to end",
                "force": "`true`: a pod is removed at once, whatever its kubelet does; pods that are being deleted are "
                "meant, too, after the others",
            },
            example="- {at: 1m, delete: {of: web}}\n- {at: 1m, delete: {kind: Pod, name: db-0, force: true}}\n"
            "- {at: 1m, delete: {kind: ConfigMap, name: settings}}",
            read=requests.delete,
        ),
        "scale": Word(
            does="As `kubectl scale`.",
            fields={**_KIND, **_NAME, "replicas": "how many"},
            example="- {at: 1m, scale: {name: web, replicas: 4}}",
            read=requests.scale,
        ),
        "setImage": Word(
            does="As `kubectl set image`.",
            fields={**_KIND, **_NAME, "container": "of this name; all of them if left out", "image": "the image"},
            example='- {at: 1m, setImage: {name: web, container: app, image: "web:2"}}',
            read=requests.set_image,
        ),
        "setResources": Word(
            does="As `kubectl set resources`.",
            fields={
                **_KIND,
                **_NAME,
                "container": "of this name; all of them if left out",
                "requests": "by resource",
                "limits": "by resource",
            },
            example="- {at: 1m, setResources: {name: web, container: app, requests: {cpu: 200m}}}",
            read=requests.set_resources,
        ),
        "restart": Word(
            does="As `kubectl rollout restart`: all pods are made anew, by the strategy of the workload.",
            fields={"kind": "`Deployment` if left out, `StatefulSet` or `DaemonSet`", **_NAME},
            example="- {at: 1m, restart: {name: sts/db}}",
            read=requests.restart,
        ),
        "undo": Word(
            does="As `kubectl rollout undo`.",
            fields={
                "kind": "`Deployment` if left out, `StatefulSet` or `DaemonSet`",
                **_NAME,
                "revision": "its number; the one before the present if left out",
            },
            example='- {at: 1m, setImage: {name: ds/agent, image: "agent:2"}}\n- {at: 3m, undo: {name: ds/agent}}',
            read=requests.undo,
        ),
        "pause": Word(
            does="As `kubectl rollout pause`.",
            fields=_NAME,
            example="- {at: 1m, for: 1m, pause: {name: web}}",
            read=requests.pause,
        ),
        "resume": Word(
            does="As `kubectl rollout resume`.",
            fields=_NAME,
            example="- {at: 1m, pause: {name: web}}\n- {at: 2m, resume: {name: web}}",
            read=requests.resume,
        ),
        "autoscale": Word(
            does="As `kubectl autoscale`: an autoscaler is made.",
            fields={
                **_KIND,
                **_NAME,
                "min": "replicas at least",
                "max": "replicas at most",
                "cpu": "percent of the request; kubectl's 80 if neither is said",
                "memory": "percent of the request",
            },
            example="- {at: 1m, autoscale: {name: sts/db, min: 2, max: 4, cpu: 70}}",
            read=requests.autoscale,
        ),
        "runCronJob": Word(
            does="As `kubectl create job NAME --from=cronjob/X`.",
            fields={
                "name": "of the CronJob",
                "namespace": "else that of `-n`, or `default`",
                "job": "the name of the Job",
            },
            example="- {at: 1m, runCronJob: {name: nightly, job: by-hand}}",
            read=requests.run_cron_job,
        ),
        "evict": Word(
            does="An eviction of a pod is asked for, which a budget may refuse.",
            fields=_POD,
            example="- {at: 1m, evict: {of: web}}",
            read=requests.evict,
        ),
        "cordon": Word(
            does="As `kubectl cordon`.",
            fields=_NODE,
            example="- {at: 1m, cordon: n1}",
            read=world.on_nodes(Cordon(node="", unschedulable=True)),
            node=lambda node: Cordon(node=node, unschedulable=True),
        ),
        "uncordon": Word(
            does="As `kubectl uncordon`.",
            fields=_NODE,
            example="- {at: 1m, cordon: zone=a}\n- {at: 2m, uncordon: zone=a}",
            read=world.on_nodes(Cordon(node="", unschedulable=False)),
            node=lambda node: Cordon(node=node, unschedulable=False),
        ),
        "drain": Word(
            does="As `kubectl drain --ignore-daemonsets`. What a budget refuses is tried again every 5 s; any other "
            "error ends the drain. Several nodes are drained side by side.",
            fields={
                **_NODE,
                "force": "also pods that no controller makes anew",
                "deleteEmptyDirData": "also pods whose emptyDir volumes are lost with them",
                "ignoreDaemonSets": "`false`: refuse because of pods of DaemonSets",
                "disableEviction": "delete the pods, whatever budgets say",
                "podSelector": "only pods with these labels",
                "gracePeriod": "seconds that the pods get to end",
                "timeout": "give up after that",
            },
            example="- {at: 1m, drain: {node: n1, deleteEmptyDirData: true, timeout: 5m}}",
            read=requests.drain,
            node=lambda node: Drain(node=node),
        ),
        "taint": Word(
            does="A taint is put on nodes.",
            fields={**_NODE, "key": "of the taint", "value": "of the taint", "effect": "of the taint"},
            example="- {at: 1m, taint: {node: n1, key: pool, value: batch, effect: NoExecute}}",
            read=world.taint,
        ),
        "untaint": Word(
            does="A taint is taken off nodes.",
            fields={**_NODE, "key": "of the taint", "effect": "of the taint"},
            example="- {at: 1m, for: 1m, taint: {zone: b, key: slow, effect: NoSchedule}}\n"
            "- {at: 1m, taint: {node: n1, key: hot, effect: NoSchedule}}\n"
            "- {at: 2m, untaint: {node: n1, key: hot, effect: NoSchedule}}",
            read=world.untaint,
        ),
        "fail": Word(
            does="Nothing is heard of a node from now on; or, with `probe`, a probe of containers fails.",
            fields={
                "probe": "`liveness`, `readiness` or `startup`; without it nodes are meant, as of `cordon`",
                **_WHICH,
                "status": "the HTTP status that is answered",
                "exitCode": "with which the command ends",
                "refused": "`true`: no connection",
                "timeout": "`true`: no answer in time",
            },
            also=("node", "nodes", "zone", "count"),
            example="- {at: 1m, fail: zone=a}\n- {at: 1m, for: 20s, repeat: {every: 1m, times: 3}, "
            "fail: {probe: readiness, name: web}}",
            read=world.fail,
            node=lambda node: FailNode(node=node),
        ),
        "heal": Word(
            does="A node is heard of again; or, with `probe`, a probe succeeds again.",
            fields={"probe": "`liveness`, `readiness` or `startup`; without it nodes are meant", **_WHICH},
            also=("node", "nodes", "zone", "count"),
            example="- {at: 1m, fail: [n1, n2]}\n- {at: 2m, heal: [n1, n2]}",
            read=world.heal,
            node=lambda node: HealNode(node=node),
        ),
        "reboot": Word(
            does="A node goes down and comes back: nothing is heard of it meanwhile, and its containers start anew.",
            fields={**_NODE, "takes": "how long it is away; 1m if left out"},
            example="- {at: 1m, reboot: {node: n1, takes: 90s}}",
            read=world.reboot,
            node=world.short_reboot,
        ),
        "machine": Word(
            does="The machine of a node is gone or off, so that nothing is heard of the node, or runs again: its "
            "containers start anew. With `--set cloud_provider=1` the cloud is asked about a node that is not ready: "
            "if its machine is gone the node is deleted, if it is stopped the node gets a taint.",
            fields={
                **_NODE,
                "state": "`gone`, `stopped` or `running`",
                "inZone": "the zone that the cloud says, for a node that is being set up",
            },
            example="- {at: 1m, machine: {node: n1, state: stopped}}\n- {at: 5m, machine: {node: n1, state: running}}\n"
            "- {at: 6m, machine: {zone: b, state: gone}}",
            read=world.machine,
        ),
        "shutdown": Word(
            does="A machine is switched off in good order: its kubelet reports NotReady and ends the pods, those of "
            "low priority first; then nothing is heard of the node.",
            fields={
                **_NODE,
                "grace": "how long all pods get (`shutdownGracePeriod` of the kubelet)",
                "criticalGrace": "the part of it that is left for critical pods (`shutdownGracePeriodCriticalPods`)",
                "byPriority": "instead: a mapping of priorities to how long pods of at least this priority get "
                "(`shutdownGracePeriodByPodPriority`)",
            },
            example="- {at: 1m, shutdown: {node: n1, grace: 30s, criticalGrace: 10s}}\n"
            "- {at: 2m, shutdown: {node: n2, byPriority: {0: 20s, 1000: 10s}}}",
            read=world.shutdown,
        ),
        "report": Word(
            does="The kubelet of a node reports something else from now on.",
            fields={
                **_NODE,
                "ready": "`false`: NotReady, though it works",
                "memoryPressure": "true or false",
                "diskPressure": "true or false",
                "pidPressure": "true or false",
            },
            example="- {at: 1m, report: {node: n1, ready: false}}\n- {at: 2m, report: {node: n1, ready: true}}",
            read=world.report,
        ),
        "stop": Word(
            does="A component does nothing from now on: `scheduler`, `controller-manager`, or one controller by its "
            "name in kube-controller-manager, such as `deployment`. It remembers what it knew.",
            fields={},
            example="- {at: 1m, for: 2m, stop: scheduler}\n- {at: 1m, stop: deployment}",
            read=world.no_fields,
        ),
        "start": Word(
            does="A component that was stopped works again.",
            fields={},
            example="- {at: 1m, stop: replicaset}\n- {at: 2m, start: replicaset}",
            read=world.no_fields,
        ),
        "exit": Word(
            does="Containers that run end; policy and back-off act.",
            fields={
                **_WHICH,
                "code": "the exit code; 137 if they ran out of memory",
                "oomKilled": "`true`: they ran out of memory",
            },
            also=_WHICH_ALSO,
            example="- {at: 1m, exit: {of: web, oomKilled: true}}\n- {at: 1m, exit: {name: sts/db, code: 1}}",
            read=exits,
        ),
        "image": Word(
            does="How containers of an image behave from now on; what is left out stays.",
            fields={
                "name": "the image",
                "pull": "whether it can be pulled",
                "start": "whether its containers can be started",
                "ready": "whether they become ready by themselves",
                "readyAfter": "how long that takes after each start, restarts included",
                "exitAfter": "how long after each start they end",
                "exitCode": "with which they end then; 0 if left out",
                "waitsFor": "a Service (`db`, or `db.shop`): they end with code 0 when its name is answered",
                "exits": "`false`: they run on, after all",
                "stops": "`false`: they do not stop when asked to",
                "oomKilled": "`true`: they end because they run out of memory (exit code 137)",
            },
            example='- {at: 1m, image: {name: "web:1", readyAfter: 30s}}\n'
            '- {at: 1m, image: {name: "agent:1", exitAfter: 1m, oomKilled: true}}',
            read=world.image,
        ),
        "pod": Word(
            does="One pod becomes ready or unready, or its containers end.",
            fields={**_POD, "ready": "true or false", "exitCode": "with which its containers end"},
            example="- {at: 1m, pod: {of: web, ready: false}}",
            read=world.pod,
        ),
        "condition": Word(
            does="Pods have a condition from now on that a readiness gate waits for.",
            fields={**_WHICH, "type": "of the condition", "status": "`True` if left out, `False` or `Unknown`"},
            example="- {at: 1m, condition: {name: gated, type: example.com/lb}}",
            read=condition,
        ),
        "metric": Word(
            does="What autoscalers measure from now on: of a workload, of an object, or outside of the cluster. What "
            "pods use of `memory`, `ephemeral-storage` and `pids` their kubelets see, too, and evict where a node runs "
            "short.",
            fields={
                **_KIND,
                "name": "of the workload, or instead",
                "object": "`{kind, name}`: the object that the metric describes",
                "external": "the name of a metric from outside the cluster",
                "namespace": "else that of `-n`, or `default`",
                "resource": "the metric: `cpu` if left out, `memory`, or any that a pod or the object has",
                "container": "what one container uses, not the pod as a whole",
                "each": "what each running pod uses",
                "total": "what the ready pods share, instead",
                "value": "of an object's metric, or one from outside",
                "gone": "`true`: nothing is measured any more",
            },
            example="- {at: 1m, metric: {name: web, each: 250m}}\n"
            "- {at: 1m, metric: {name: web, container: app, total: 900m}}\n"
            "- {at: 1m, metric: {name: sts/db, resource: memory, each: 2Gi}}\n"
            '- {at: 1m, metric: {external: queue-length, value: "40"}}\n'
            '- {at: 1m, metric: {object: {kind: Service, name: web}, resource: requests, value: "2k"}}\n'
            "- {at: 5m, metric: {external: queue-length, gone: true}}",
            read=world.metric,
        ),
        "fillVolume": Word(
            does="An emptyDir volume of each running pod of a workload holds so much from now on. Their kubelets evict "
            "pods whose volume holds more than its `sizeLimit`, and count it to what a pod uses of disk or memory",
            fields={
                **_KIND,
                **_NAME,
                "volume": "name of the volume",
                "each": "how much that of each pod holds",
            },
            example="- {at: 1m, fillVolume: {name: ds/agent, volume: spool, each: 2Gi}}",
            read=world.fill,
        ),
    }
)
"""All words, in the order of the reference page. ``expect`` is no step that does anything: see ``scenario_expect``."""
