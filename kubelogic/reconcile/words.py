"""The sentences of controllers and kubelets: pure functions that the rules call."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kubelogic.kinds.quantity import written

_METRIC_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "Resource": ("failed to get {} utilization", "unable to get metrics for resource {}"),
        "ContainerResource": ("failed to get {} container metric value", "unable to get metrics for resource {}"),
        "Pods": ("failed to get pods metric value", "unable to get metric {}"),
        "Object": ("failed to get object metric value", "unable to get metric {}"),
        "External": ("failed to get external metric value", "unable to get external metric {}"),
    }
)

_METRIC_APIS = MappingProxyType({"Pods": "custom", "Object": "custom", "External": "external"})


def exit_message(container: str, pod: str, code: int, action: str, rule: int) -> str:
    """What a Job says of a container whose exit code its failure policy matched."""
    return f"Container {container} for pod {pod} failed with exit code {code} matching {action} rule at index {rule}"


def condition_message(pod: str, condition: str, action: str, rule: int) -> str:
    """What a Job says of a pod whose condition its failure policy matched."""
    return f"Pod {pod} has condition {condition} matching {action} rule at index {rule}"


def metric_message(source: str, name: str, goal: str) -> str:
    """What an autoscaler says of the metric that it follows."""
    match source:
        case "Resource" if goal == "AverageValue":
            text = f"{name} resource"
        case "Resource":
            text = f"{name} resource utilization (percentage of request)"
        case "ContainerResource":
            text = f"{name} container resource utilization (percentage of request)"
        case "Pods":
            text = f"pods metric {name}"
        case _:
            text = f"{source.lower()} metric {name}"
    return f"the HPA was able to successfully calculate a replica count from {text}"


def answer_words(answer: str, number: int) -> str:
    """What a probe was answered, for people.

    >>> answer_words("status", 503), answer_words("refused", 0)
    ('HTTP status 503', 'connection refused')
    """
    words = {
        "status": f"HTTP status {number}",
        "exit code": f"exit code {number}",
        "refused": "connection refused",
        "timeout": "no answer in time",
    }
    return words.get(answer, "unhealthy")


def kill_message(probe: str, words: str, times: int, policy: str) -> str:
    """What a kubelet says when it kills a container for a probe.

    >>> kill_message("liveness", "connection refused", 1, "Never")
    'failed the liveness probe (connection refused)'
    >>> kill_message("startup", "exit code 1", 3, "Always")
    'failed the startup probe 3 times in a row (exit code 1), will be restarted'
    """
    often = f" {times} times in a row" if times > 1 else ""
    again = "" if policy == "Never" else ", will be restarted"
    return f"failed the {probe} probe{often} ({words}){again}"


def backoff_message(ms: int) -> str:
    """What a kubelet says of a container that has to wait for its restart.

    >>> backoff_message(40_000)
    'back-off 40s restarting failed container'
    >>> backoff_message(300_000)
    'back-off 5m0s restarting failed container'
    """
    minutes, seconds = divmod(ms // 1000, 60)
    length = f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
    return f"back-off {length} restarting failed container"


def pull_message(image: str) -> str:
    """What a kubelet says of an image that it cannot pull."""
    return f'Back-off pulling image "{image}"'


def lost_token_words(account: str) -> str:
    """What the kubelet says of a token whose account is gone. Source: pkg/volume/projected/projected.go: collectData.

    >>> lost_token_words("robot")
    'MountVolume.SetUp failed for volume "kube-api-access" : failed to fetch token: serviceaccounts "robot" not found'
    """
    why = f'failed to fetch token: serviceaccounts "{account}" not found'
    return f'MountVolume.SetUp failed for volume "kube-api-access" : {why}'


def lost_account_words(namespace: str, account: str) -> str:
    """What is said of a pod that runs though its account is gone.

    >>> lost_account_words("shop", "robot")
    'ServiceAccount shop/robot is gone: the API server refuses the token of this pod'
    """
    return f"ServiceAccount {namespace}/{account} is gone: the API server refuses the token of this pod"


def config_words(kind: str, key: str, entry: str) -> str:
    """What the kubelet says of a variable whose source is not there.

    Source: kubelet_pods.go makeEnvironmentVariables.

    >>> config_words("ConfigMap", "shop/settings", ""), config_words("Secret", "shop/keys", "token")
    ('configmap "settings" not found', "couldn't find key token in Secret shop/keys")
    """
    return f"couldn't find key {entry} in {kind} {key}" if entry else f'{kind.lower()} "{_bare(key)}" not found'


def mount_words(kind: str, key: str, entry: str) -> str:
    """What the kubelet says of a volume whose source is not there.

    Source: pkg/volume/configmap/configmap.go and secret/secret.go, SetUpAt and MakePayload.

    >>> mount_words("ConfigMap", "shop/settings", "a"), mount_words("Secret", "shop/keys", "")
    ('references non-existent config key: a', 'secret "keys" not found')
    """
    what = "config" if kind == "ConfigMap" else "secret"
    return f"references non-existent {what} key: {entry}" if entry else f'{kind.lower()} "{_bare(key)}" not found'


def resource_words(resource: str, requested: int, used: int, capacity: int) -> str:
    """What a kubelet says of a resource that does not suffice.

    Source: pkg/kubelet/lifecycle/predicate.go, InsufficientResourceError.

    >>> resource_words("cpu", 6000, 0, 4000)
    "Node didn't have enough resource: cpu, requested: 6000, used: 0, capacity: 4000"
    """
    return f"Node didn't have enough resource: {resource}, requested: {requested}, used: {used}, capacity: {capacity}"


def out_of_reason(resource: str) -> str:
    """The reason of a pod that a kubelet does not take for a resource.

    >>> out_of_reason("cpu")
    'OutOfcpu'
    """
    return f"OutOf{resource}"


def preemption_words(resource: str, left: int) -> str:
    """What a kubelet says of a critical pod for which no pods can make room.

    Source: pkg/kubelet/preemption/preemption.go, getPodsToPreempt; pkg/kubelet/lifecycle/predicate.go, Admit.

    >>> preemption_words("cpu", 500).rpartition("reclaim ")[2]
    'resources: [(res: cpu, q: 500), ]'
    """
    return (
        "Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods "
        f"to preempt: no set of running pods found to reclaim resources: [(res: {resource}, q: {left}), ]"
    )


def eviction_words(resource: str, threshold: int, lack: int) -> str:
    """What a kubelet says of a pod that it evicts because ``lack`` is missing of what has to be free.

    Source: pkg/kubelet/eviction/helpers.go, evictionMessage.

    >>> eviction_words("memory", 104857600, 52428801)
    'The node was low on resource: memory. Threshold quantity: 100Mi, available: 52428799. '
    >>> eviction_words("pids", 0, 3)
    'The node was low on resource: pids. Threshold quantity: 0, available: 0. '
    """
    least, available = (_binary(amount) for amount in (threshold, max(0, threshold - lack)))
    return f"The node was low on resource: {resource}. Threshold quantity: {least}, available: {available}. "


def limit_words(container: str, limit: int) -> str:
    """What a kubelet says of a pod that uses more of its disk than a container, or the pod (empty), may.

    Source: pkg/kubelet/eviction/eviction_manager.go, containerEphemeralStorageLimitEviction,
    podEphemeralStorageLimitEviction.

    >>> limit_words("app", 2**30)
    'Container app exceeded its local ephemeral storage limit "1Gi". '
    """
    if container:
        return f'Container {container} exceeded its local ephemeral storage limit "{_binary(limit)}". '
    return f"Pod ephemeral local storage usage exceeds the total limit of containers {_binary(limit)}. "


def fill_words(volume: str, limit: int) -> str:
    """What a kubelet says of a pod whose emptyDir holds more than it may.

    Source: pkg/kubelet/eviction/eviction_manager.go, emptyDirLimitEviction.

    >>> fill_words("cache", 2**30)
    'Usage of EmptyDir volume "cache" exceeds the limit "1Gi". '
    """
    return f'Usage of EmptyDir volume "{volume}" exceeds the limit "{_binary(limit)}". '


def _binary(amount: int) -> str:
    return written(amount * 10**9, like="1Ki")


def request_words(source: str, name: str, container: str, pod: str) -> str:
    """What an autoscaler says of a container without a request.

    Source: replica_calculator.go, calculateRequests.

    >>> request_words("Resource", "cpu", "side", "shop/api-1")
    'failed to get cpu utilization: missing request for cpu in container side of Pod api-1'
    """
    what = _METRIC_WORDS[source][0].format(name)
    return f"{what}: missing request for {name} in container {container} of Pod {_bare(pod)}"


def no_value_words(source: str, name: str) -> str:
    """What an autoscaler says of a metric that nobody gives.

    >>> no_value_words("Pods", "load")
    'failed to get pods metric value: unable to get metric load: no metrics returned from custom metrics API'
    """
    what, failed = (text.format(name) for text in _METRIC_WORDS[source])
    return f"{what}: {failed}: no metrics returned from {_METRIC_APIS.get(source, 'resource')} metrics API"


def exit_words(container: str, code: int) -> str:
    """What is said of a container that failed.

    >>> exit_words("app", 137)
    'container app ended with exit code 137'
    """
    return f"container {container} ended with exit code {code}"


def held_words(kind: str, key: str, finalizer: str) -> str:
    """What is said of an object that a finalizer holds.

    >>> held_words("ConfigMap", "team/held", "example.com/keep")
    'ConfigMap team/held has the finalizer example.com/keep, which nobody takes away'
    """
    return f"{kind} {key} has the finalizer {finalizer}, which nobody takes away"


def remaining_words(kind: str, key: str) -> str:
    """What is said of an object that should be gone.

    >>> remaining_words("Pod", "team/web")
    'Pod team/web is still there'
    """
    return f"{kind} {key} is still there"


def stays_words(text: str) -> str:
    """What is said of a pod that a cluster printed as not getting ready.

    >>> stays_words("container db waits (9 restarts)")
    'container db waits (9 restarts); so the cluster printed it, and it is taken to stay so'
    """
    return f"{text}; so the cluster printed it, and it is taken to stay so"


def resize_words(reason: str) -> str:
    """What is said of a pod whose resize its kubelet has not carried out.

    Source: pkg/kubelet/allocation/allocation_manager.go, canResizePod, of Kubernetes 1.36.

    >>> resize_words("Deferred")
    'its resize is Deferred: it goes on with what it had until its node has room'
    >>> resize_words("Infeasible")
    'its resize is Infeasible: its node can never give it that, so it goes on with what it had'
    """
    if reason == "Infeasible":
        return "its resize is Infeasible: its node can never give it that, so it goes on with what it had"
    return f"its resize is {reason}: it goes on with what it had until its node has room"


def held_up_words(pod: str) -> str:
    """What is said of an ordered StatefulSet that waits for a pod which only a person can replace.

    >>> held_up_words("team/db-2")
    'it waits for pod db-2, which has an old template and is not available: kubectl delete pod db-2 makes it anew'
    """
    name = _bare(pod)
    return (
        f"it waits for pod {name}, which has an old template and is not available: kubectl delete pod {name} makes it "
        "anew"
    )


def lost_pod_words(pod: str, node: str) -> str:
    """What is said of a controller that waits for a pod on a node which no longer answers.

    >>> lost_pod_words("team/db-2", "elm").partition(";")[0]
    'it makes no other pod for db-2, which is being deleted on elm: nothing is heard of elm, so no kubelet ends it'
    """
    gone = f"nothing is heard of {node}, so no kubelet ends it"
    frees = f"kubectl taint nodes {node} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
    helps = f"if {node} is surely off, {frees} lets go of the pod and its volumes"
    return f"it makes no other pod for {_bare(pod)}, which is being deleted on {node}: {gone}; {helps}"


def scale_down_words(pod: str) -> str:
    """What is said of an ordered StatefulSet that keeps more pods than it wants.

    >>> scale_down_words("team/db-0")
    'it deletes none of the pods that are too many before pod db-0, which stays, is available'
    """
    return f"it deletes none of the pods that are too many before pod {_bare(pod)}, which stays, is available"


def daemon_held_words(node: str) -> str:
    """What is said of a DaemonSet whose update waits for a silent node.

    >>> daemon_held_words("oak").partition(";")[0]
    'its update waits for oak, where no kubelet ends its pod, and no more may be away (maxUnavailable)'
    """
    return (
        f"its update waits for {node}, where no kubelet ends its pod, and no more may be away (maxUnavailable); "
        f"kubectl delete node {node}, if it is gone for good, or a higher maxUnavailable lets it go on"
    )


def _bare(key: str) -> str:
    return key.rpartition("/")[2]
