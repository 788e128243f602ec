"""Claims, volumes, classes, drivers and attachments.

Source: Kubernetes, "Persistent Volumes", "Storage Classes"; API reference of storage.k8s.io/v1.
"""

from __future__ import annotations

import posixpath

from kubelogic.kinds.validation import api_words, names, resources
from kubelogic.kinds.validation.claims import VOLUME_MODES, access_modes, claim_spec
from kubelogic.kinds.validation.common import check_name, label_key, metadata, required_name, selector
from kubelogic.kinds.validation.problems import Report, Tree, quoted
from kubelogic.kinds.validation.scheduling import node_selector
from kubelogic.kinds.validation.volumes import csi_driver_name, source
from kubelogic.text.location import Path, dotted

_RECLAIM = ("Delete", "Recycle", "Retain")
_PARAMETERS_LIMIT = 256 * 1024
_FS_GROUP = ("File", "None", "ReadWriteOnceWithFSType")
_CSI_SECRETS = (
    "controllerPublishSecretRef",
    "controllerExpandSecretRef",
    "nodePublishSecretRef",
    "nodeExpandSecretRef",
)


def claim(report: Report, tree: Tree) -> None:
    """Check a PersistentVolumeClaim."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    claim_spec(report, ("spec",), tree.get("spec", {}))


def volume(report: Report, tree: Tree) -> None:
    """Check a PersistentVolume."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    volume_spec(report, ("spec",), tree.get("spec", {}))


def volume_spec(report: Report, path: Path, spec: Tree) -> None:
    """Check what a persistent volume is."""
    access_modes(report, (*path, "accessModes"), spec.get("accessModes", []))
    capacity = spec.get("capacity", {})
    where = (*path, "capacity")
    if not capacity:
        report.required((*where, "storage"), "say how large the volume is", at=dotted(where))
    elif "storage" not in capacity or len(capacity) > 1:
        words = api_words.unsupported({name: capacity[name] for name in sorted(capacity)}, ("storage",))
        extra = next((name for name in capacity if name != "storage"), "storage")
        report.add(
            (*where, extra), "KL137", "a volume's capacity is storage only", on_key=True, api=words, at=dotted(where)
        )
    for name, value in capacity.items():
        resources.positive(report, (*where, name), value)
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy is not None:
        report.one_of((*path, "persistentVolumeReclaimPolicy"), policy, _RECLAIM)
    affinity = spec.get("nodeAffinity")
    if affinity is not None:
        if "required" not in affinity:
            report.required((*path, "nodeAffinity", "required"), api="must specify required node constraints")
        else:
            node_selector(report, (*path, "nodeAffinity", "required"), affinity["required"])
    _volume_source(report, path, spec)
    if spec.get("storageClassName"):
        check_name(report, (*path, "storageClassName"), spec["storageClassName"], names.dns_subdomain)
    report.choice((*path, "volumeMode"), spec.get("volumeMode"), VOLUME_MODES)
    if "volumeAttributesClassName" in spec:
        name = spec["volumeAttributesClassName"]
        where = (*path, "volumeAttributesClassName")
        required_name(report, where, name, names.dns_subdomain, api="an empty string is disallowed")
        if "csi" not in spec:
            words = "Required value: has to be specified when using volumeAttributesClassName"
            report.add(where, "KL142", "may only be set for csi volumes", api=words, at=f"{dotted(path)}.csi")


def _volume_source(report: Report, path: Path, spec: Tree) -> None:
    kind = source(report, path, spec, "PersistentVolumeSpec")
    if kind == "local" and "nodeAffinity" not in spec:
        words = "Local volume requires node affinity"
        report.required((*path, "nodeAffinity"), "a local volume must say on which node it is", api=words)
    if kind == "csi":
        _csi(report, (*path, "csi"), spec["csi"])
    root = posixpath.normpath(spec.get("hostPath", {}).get("path") or ".") == "/"
    if root and spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        words = "may not be 'recycle' for a hostPath mount of '/'"
        report.forbidden((*path, "persistentVolumeReclaimPolicy"), "may not be Recycle for the host path /", api=words)


def _csi(report: Report, path: Path, node: Tree) -> None:
    report.present((*path, "volumeHandle"), node.get("volumeHandle"))
    for key in _CSI_SECRETS:
        if key in node:
            required_name(report, (*path, key, "name"), node[key].get("name"), names.dns_subdomain)
            required_name(report, (*path, key, "namespace"), node[key].get("namespace"), names.dns_label)


def storage_class(report: Report, tree: Tree) -> None:
    """Check a StorageClass."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    _provisioner(report, ("provisioner",), tree.get("provisioner", ""))
    _parameters(report, ("parameters",), tree.get("parameters", {}))
    policy = tree.get("reclaimPolicy")
    report.choice(("reclaimPolicy",), policy or None, ("Delete", "Retain"))
    report.one_of(("volumeBindingMode",), tree.get("volumeBindingMode"), ("Immediate", "WaitForFirstConsumer"))
    terms: list[dict[str, set[str]]] = []
    for index, term in enumerate(tree.get("allowedTopologies", ())):
        means = {e.get("key", ""): set(e.get("values", ())) for e in term.get("matchLabelExpressions", ())}
        if means in terms:
            text = "an earlier entry says the same; remove one"
            words = 'Duplicate value: ""'
            report.add(("allowedTopologies", index, "matchLabelExpressions"), "KL126", text, api=words)
        terms.append(means)
        seen: set[str] = set()
        for number, expression in enumerate(term.get("matchLabelExpressions", ())):
            where = ("allowedTopologies", index, "matchLabelExpressions", number)
            key, values = expression.get("key", ""), expression.get("values", [])
            label_key(report, (*where, "key"), key)
            report.once((*where, "key"), key, seen)
            report.present((*where, "values"), values)
            for position, value in enumerate(values):
                if value in values[:position]:
                    report.duplicate((*where, "values", position), value)


def _provisioner(report: Report, path: Path, name: str) -> None:
    if not name:
        report.required(path, "name what makes the volumes, or kubernetes.io/no-provisioner")
    elif wrong := names.qualified_name(name.lower()):
        report.wrong(path, "KL123", f"{quoted(name)} {wrong}", name.lower(), *api_words.qualified_name(name.lower()))


def _parameters(report: Report, path: Path, parameters: dict[str, str]) -> None:
    report.no_more(path, parameters, 512)
    if "" in parameters:
        words = "field can not be empty."
        report.wrong((*path, ""), "KL123", "a parameter needs a name", "", words, on_key=True, at=dotted(path))
    size = sum(len(key.encode()) + len(value.encode()) for key, value in parameters.items())
    if size > _PARAMETERS_LIMIT:
        report.too_long(path, size, _PARAMETERS_LIMIT, "bytes")


def attributes_class(report: Report, tree: Tree) -> None:
    """Check a VolumeAttributesClass."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    _provisioner(report, ("driverName",), tree.get("driverName", ""))
    _parameters(report, ("parameters",), tree.get("parameters", {}))
    if not tree.get("parameters"):
        report.required(("parameters",), "give at least one", api="must contain at least one key/value pair")


def csi_node(report: Report, tree: Tree) -> None:
    """Check a CSINode."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    seen: set[str] = set()
    for index, driver in enumerate(tree.get("spec", {}).get("drivers", ())):
        where = ("spec", "drivers", index)
        name, identity = driver.get("name", ""), driver.get("nodeID", "")
        report.present((*where, "name"), name)
        csi_driver_name(report, (*where, "name"), name)
        report.once((*where, "name"), name, seen)
        if not identity:
            report.required((*where, "nodeID"))
        elif len(identity) > 256:
            report.too_long((*where, "nodeID"), len(identity), 256)
        report.at_least(driver.get("allocatable", {}), "count", (*where, "allocatable"))
        keys = driver.get("topologyKeys", [])
        for number, key in enumerate(keys):
            label_key(report, (*where, "topologyKeys", number), key)
            if key in keys[:number]:
                report.duplicate((*where, "topologyKeys", number), key)


def csi_driver(report: Report, tree: Tree) -> None:
    """Check a CSIDriver."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    spec = tree.get("spec", {})
    path: Path = ("spec",)
    report.choice((*path, "fsGroupPolicy"), spec.get("fsGroupPolicy"), _FS_GROUP)
    for index, mode in enumerate(spec.get("volumeLifecycleModes", ())):
        report.choice((*path, "volumeLifecycleModes", index), mode, ("Ephemeral", "Persistent"))
    seen: set[str] = set()
    for index, request in enumerate(spec.get("tokenRequests", ())):
        where = (*path, "tokenRequests", index)
        audience = request.get("audience", "")
        report.once((*where, "audience"), audience, seen)
        if "expirationSeconds" in request:
            report.between(request["expirationSeconds"], (*where, "expirationSeconds"), 600, 2**32)
    report.at_least(spec, "nodeAllocatableUpdatePeriodSeconds", path, 10)
    if "serviceAccountTokenInSecrets" in spec and not spec.get("tokenRequests"):
        report.add((*path, "serviceAccountTokenInSecrets"), "KL142", "may only be set with tokenRequests")


def storage_capacity(report: Report, tree: Tree) -> None:
    """Check a CSIStorageCapacity."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    selector(report, ("nodeTopology",), tree.get("nodeTopology"))
    required_name(report, ("storageClassName",), tree.get("storageClassName"), names.dns_subdomain)
    for key in ("capacity", "maximumVolumeSize"):
        if key in tree:
            resources.amount(report, (key,), "storage", tree[key])


def attachment(report: Report, tree: Tree) -> None:
    """Check a VolumeAttachment."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    spec = tree.get("spec", {})
    path: Path = ("spec",)
    report.present((*path, "attacher"), spec.get("attacher"))
    csi_driver_name(report, (*path, "attacher"), spec.get("attacher", ""))
    required_name(report, (*path, "nodeName"), spec.get("nodeName"), names.dns_subdomain)
    where = spec.get("source", {})
    name, inline = where.get("persistentVolumeName"), where.get("inlineVolumeSpec")
    if (name is None) == (inline is None):
        what = "Required value" if name is None else "Forbidden"
        words = f"{what}: must specify exactly one of inlineVolumeSpec and persistentVolumeName"
        report.add((*path, "source"), "KL142", "set either persistentVolumeName or inlineVolumeSpec", api=words)
    if name is not None:
        required_name(report, (*path, "source", "persistentVolumeName"), name, names.dns_subdomain)
