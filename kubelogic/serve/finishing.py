"""What clients see on pods and nodes beside what the rules decide: the token of the account, places, addresses, leases.

The rules need none of it, so that clusters which are only planned go without. It is done where a state is committed,
before anybody is told of it.

Source: plugin/pkg/admission/serviceaccount/admission.go (mountServiceAccountToken, TokenVolumeSource);
plugin/pkg/admission/podtopologylabels/admission.go; kubelet, generateAPIPodStatus; pkg/controller/nodelifecycle,
reconcileNodeLabels; kubelet, nodelease of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.apiserver import serving
from kubelogic.apiserver.admission.service_account import DEFAULT, MIRROR
from kubelogic.cluster import Object, naming
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.cluster.state import State
from kubelogic.serve import ending
from kubelogic.serve.certificates import KIND
from kubelogic.serve.signing import Authority

Document = Mapping[str, Any]

_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_TOKEN_NAME = "kube-api-access-"
_TOKEN_SECONDS = 3607
_PLACES = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone")
_OLD_LABELS = {"kubernetes.io/os": "beta.kubernetes.io/os", "kubernetes.io/arch": "beta.kubernetes.io/arch"}
_LEASES = "kube-node-lease"
_LEASE_SECONDS = 40


def finished(before: State, after: State, *, authority: Authority) -> State:
    """The state with what clients expect on the pods and nodes that are new or changed in it.

    Args:
        before: the state of the last commit.
        after: the state that is to be committed.
        authority: approves and signs requests for certificates.
    """
    made: list[Object] = []
    changed: list[tuple[Object, dict[str, Any]]] = []
    found = after.cluster.differences(before.cluster, ("Node", "Pod"))
    pairs: list[tuple[Object | None, Object]] = [(None, obj) for obj in found.come]
    for was, obj in (*pairs, *found.replaced):
        finish = _pod if obj.kind == "Pod" else _node
        document = finish(after, obj, is_new=was is None or uid_of(was) != uid_of(obj))
        if document is not None:
            changed.append((obj, document))
        if obj.kind == "Node" and after.cluster.get("Lease", f"{_LEASES}/{obj.name}") is None:
            made.append(obj)
    changed += ending.told(after)
    if before.cluster.objects(KIND) is not after.cluster.objects(KIND):
        changed += authority.told(after)
    if not changed and not made:
        return after
    return serving.written_by_the_system(after, changed, [_lease(after, node) for node in made])


def with_token(state: State, pod: Document, *, namespace: str, mark: str) -> dict[str, Any] | None:
    """A pod's document with the token of its account mounted; None if it has or wants none.

    Args:
        state: with the accounts.
        pod: the document.
        namespace: of the pod.
        mark: what makes the name of the volume its own.
    """
    spec: dict[str, Any] = dict(pod.get("spec") or {})
    account = state.cluster.get("ServiceAccount", f"{namespace}/{spec.get('serviceAccountName') or DEFAULT}")
    wanted = spec.get("automountServiceAccountToken")
    if wanted is None:
        wanted = account is None or account.document.get("automountServiceAccountToken", True)
    if not wanted or MIRROR in ((pod.get("metadata") or {}).get("annotations") or {}):
        return None
    given = [each for each in spec.get("volumes") or () if str(each.get("name")).startswith(_TOKEN_NAME)]
    name = str(given[0]["name"]) if given else naming.generated(_TOKEN_NAME, mark)
    mounted = False
    for part in ("initContainers", "containers"):
        nodes = []
        for node in spec.get(part) or ():
            mounts = list(node.get("volumeMounts") or ())
            if any(each.get("mountPath") == _TOKEN_PATH for each in mounts):
                nodes.append(node)
                continue
            mounts.append({"name": name, "readOnly": True, "mountPath": _TOKEN_PATH})
            nodes.append({**node, "volumeMounts": mounts})
            mounted = True
        if nodes:
            spec[part] = nodes
    if not mounted:
        return None
    if not given:
        spec["volumes"] = [*(spec.get("volumes") or ()), {"name": name, "projected": _token_source()}]
    return {**pod, "spec": spec}


def _token_source() -> dict[str, Any]:
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": _TOKEN_SECONDS, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
        ],
        "defaultMode": 420,
    }


def _pod(state: State, pod: Object, *, is_new: bool) -> dict[str, Any] | None:
    document: dict[str, Any] | None = None
    if is_new:
        document = with_token(state, pod.document, namespace=pod.namespace, mark=uid_of(pod))
    spec, status = pod.document.get("spec") or {}, pod.document.get("status") or {}
    node = state.cluster.get("Node", str(spec.get("nodeName") or ""))
    if node is None:
        return document
    places = metadata(node).get("labels") or {}
    labels = metadata(pod).get("labels") or {}
    missing = {key: places[key] for key in _PLACES if key in places and labels.get(key) != places[key]}
    if missing:
        meta = {**metadata(pod), "labels": {**labels, **missing}}
        document = {**(document or pod.document), "metadata": meta}
    host = next(_internal(node), "")
    if host and status.get("startTime") and not status.get("hostIP"):
        document = {**(document or pod.document), "status": {**status, "hostIP": host, "hostIPs": [{"ip": host}]}}
    if _has_sandbox(spec, status):
        fields = serving.sandbox(state, pod)
        if fields:
            held = (document or pod.document).get("status") or {}
            document = {**(document or pod.document), "status": {**held, **fields}}
    return document


def _has_sandbox(spec: Document, status: Document) -> bool:
    """Whether a pod has a sandbox, and so an address, though none of its containers runs: its images are fetched."""
    if status.get("podIP") or not status.get("startTime") or status.get("phase") != "Pending":
        return False
    told = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    reasons = {((each.get("state") or {}).get("waiting") or {}).get("reason") for each in told}
    return bool(reasons & {"ErrImagePull", "ImagePullBackOff"}) and not spec.get("hostNetwork")


def _internal(node: Object) -> Iterator[str]:
    for each in (node.document.get("status") or {}).get("addresses") or ():
        if each.get("type") == "InternalIP":
            yield str(each.get("address"))


def _node(state: State, node: Object, *, is_new: bool) -> dict[str, Any] | None:
    del state, is_new
    labels = metadata(node).get("labels") or {}
    missing = {old: labels[new] for new, old in _OLD_LABELS.items() if new in labels and labels.get(old) != labels[new]}
    if not missing:
        return None
    return {**node.document, "metadata": {**metadata(node), "labels": {**labels, **missing}}}


def _lease(state: State, node: Object) -> dict[str, Any]:
    """The lease by which a node's kubelet says that it is alive."""
    owner = {"apiVersion": "v1", "kind": "Node", "name": node.name, "uid": uid_of(node)}
    moment = timestamp(state.now - state.now % 1000).removesuffix("Z")
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": node.name, "namespace": _LEASES, "ownerReferences": [owner]},
        "spec": {
            "holderIdentity": node.name,
            "leaseDurationSeconds": _LEASE_SECONDS,
            "renewTime": f"{moment}.000000Z",
        },
    }
