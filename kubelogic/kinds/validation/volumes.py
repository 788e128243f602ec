"""Volumes of pods and the sources that they share with persistent volumes.

This module is longer than others: it has a row or a check for each of thirty kinds of volumes.

Source: Kubernetes, "Volumes", "Projected Volumes".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from kubelogic.kinds import quantity
from kubelogic.kinds.table import fields_of
from kubelogic.kinds.validation import api_words, names
from kubelogic.kinds.validation.claims import claim_template
from kubelogic.kinds.validation.common import check_name, required_name
from kubelogic.kinds.validation.environment import VOLUME_FIELDS, field_ref, resource_field_ref
from kubelogic.kinds.validation.problems import Report, Tree, quoted
from kubelogic.patterns import regex
from kubelogic.text.location import Path, dotted

Source = Callable[[Report, Path, Tree], None]

_HOST_PATH_TYPES = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_ISCSI_NAMES = MappingProxyType(
    {
        "iqn": regex(r"iqn\.\d{4}-\d{2}\.([A-Za-z0-9.-]+)(:[^,;*&$|\s]+)$", re.ASCII),
        "eui": regex(r"^eui.[A-Za-z0-9]{16}$", re.ASCII),
        "naa": regex(r"^naa.[A-Za-z0-9]{32}$", re.ASCII),
    }
)
_NEEDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "awsElasticBlockStore": ("volumeID",),
        "azureDisk": ("diskName", "diskURI"),
        "azureFile": ("secretName", "shareName"),
        "cephfs": ("monitors",),
        "cinder": ("volumeID",),
        "configMap": ("name",),
        "csi": ("driver",),
        "flexVolume": ("driver",),
        "gcePersistentDisk": ("pdName",),
        "gitRepo": ("repository",),
        "glusterfs": ("endpoints", "path"),
        "hostPath": ("path",),
        "iscsi": ("targetPortal", "iqn"),
        "local": ("path",),
        "nfs": ("server", "path"),
        "persistentVolumeClaim": ("claimName",),
        "photonPersistentDisk": ("pdID",),
        "portworxVolume": ("volumeID",),
        "quobyte": ("registry", "volume"),
        "rbd": ("monitors", "image"),
        "scaleIO": ("gateway", "system", "volumeName"),
        "secret": ("secretName",),
        "storageos": ("volumeName",),
        "vsphereVolume": ("volumePath",),
    }
)
_TURN = {
    "Volume": (
        "emptyDir hostPath gitRepo gcePersistentDisk awsElasticBlockStore secret nfs iscsi glusterfs flocker "
        "persistentVolumeClaim rbd cinder cephfs quobyte downwardAPI fc flexVolume configMap azureFile vsphereVolume "
        "photonPersistentDisk portworxVolume azureDisk storageos projected scaleIO csi ephemeral image"
    ),
    "PersistentVolumeSpec": (
        "hostPath gcePersistentDisk awsElasticBlockStore glusterfs flocker nfs rbd quobyte cephfs iscsi cinder fc "
        "flexVolume azureFile vsphereVolume photonPersistentDisk portworxVolume azureDisk scaleIO local storageos csi"
    ),
}
"""Sources in the order in which the API server looks for them."""
_NO_TYPE = "must specify a volume type"
_TOLD_AS = {"cephfs": "cephFS", "downwardAPI": "downwarAPI"}  # how the API server names them
_REPLACED = {
    "flocker": "1.25",
    "glusterfs": "1.26",
    "quobyte": "1.25",
    "storageos": "1.25",
    "scaleIO": "1.22",
    "photonPersistentDisk": "1.16",
    "cephfs": "1.31",
    "rbd": "1.31",
}


def _mode(report: Report, path: Path, node: Tree, key: str) -> None:
    value = node.get(key)
    if value is not None and not 0 <= value <= 0o777:
        text = f"must be between 0 and 0777 (511), is {value} (octal {value:o})"
        report.wrong((*path, key), "KL122", text, value, "must be a number between 0 and 0777 (octal), both inclusive")


def _file_path(report: Report, path: Path, value: str) -> None:
    report.check(path, "KL133", value, names.local_file_path)


def _items(report: Report, path: Path, node: Tree) -> None:
    for index, item in enumerate(node.get("items", ())):
        where = (*path, "items", index)
        for key in ("key", "path"):
            report.present((*where, key), item.get(key))
        _file_path(report, (*where, "path"), item.get("path", ""))
        _mode(report, where, item, "mode")


def _files(report: Report, path: Path, node: Tree) -> None:
    _mode(report, path, node, "defaultMode")
    _items(report, path, node)


def _downward_items(report: Report, path: Path, node: Tree) -> None:
    for index, item in enumerate(node.get("items", ())):
        where = (*path, "items", index)
        report.present((*where, "path"), item.get("path"))
        _file_path(report, (*where, "path"), item.get("path", ""))
        if "fieldRef" in item:
            field_ref(report, (*where, "fieldRef"), item["fieldRef"], VOLUME_FIELDS)
            if "resourceFieldRef" in item:
                detail = "fieldRef and resourceFieldRef can not be specified simultaneously"
                text = "fieldRef and resourceFieldRef exclude each other"
                report.wrong(where, "KL142", text, "resource", detail)
        elif "resourceFieldRef" in item:
            resource_field_ref(report, (*where, "resourceFieldRef"), item["resourceFieldRef"], needs_container=True)
        else:
            words = "one of fieldRef and resourceFieldRef is required"
            report.required(where, "set fieldRef or resourceFieldRef", api=words)
        _mode(report, where, item, "mode")


def _downward(report: Report, path: Path, node: Tree) -> None:
    _mode(report, path, node, "defaultMode")
    _downward_items(report, path, node)


def _projected(report: Report, path: Path, node: Tree) -> None:
    _mode(report, path, node, "defaultMode")
    taken: set[str] = set()
    for index, part in enumerate(node.get("sources", ())):
        where = (*path, "sources", index)
        if len(part) > 1:
            words = "Forbidden: may not specify more than 1 volume type per source"
            report.add(where, "KL142", f"has more than one source: {', '.join(sorted(part))}", api=words)
        for kind in ("secret", "configMap"):
            if kind in part:
                report.present((*where, kind, "name"), part[kind].get("name"))
                _items(report, (*where, kind), part[kind])
        if "downwardAPI" in part:
            _downward_items(report, (*where, "downwardAPI"), part["downwardAPI"])
        for kind in ("secret", "configMap", "downwardAPI"):
            for number, item in enumerate(part.get(kind, {}).get("items", ())):
                target = item.get("path", "")
                if target and target in taken:
                    value = part[kind].get("name", "") if kind != "downwardAPI" else target
                    text = f"{quoted(target)} is there twice; each may appear once"
                    said = "conflicting duplicate paths"
                    report.wrong((*where, kind, "items", number, "path"), "KL126", text, value, said, at=dotted(path))
                taken.add(target)
        if "serviceAccountToken" in part:
            _token(report, (*where, "serviceAccountToken"), part["serviceAccountToken"])


def _token(report: Report, path: Path, token: Tree) -> None:
    seconds = token.get("expirationSeconds", 3600)
    if not 600 <= seconds <= 2**32:
        detail = "less than 10 minutes" if seconds < 600 else "larger than 2^32 seconds"
        text = f"must be between 600 and {2**32}, is {seconds}"
        report.wrong((*path, "expirationSeconds"), "KL122", text, seconds, f"may not specify a duration {detail}")
    if not token.get("path"):
        report.required((*path, "path"))
    else:
        _file_path(report, (*path, "path"), token["path"])


def _empty_dir(report: Report, path: Path, node: Tree) -> None:
    size = node.get("sizeLimit")
    if size is not None and quantity.read(size).nanos < 0:
        words = "Forbidden: SizeLimit field must be a valid resource quantity"
        report.add((*path, "sizeLimit"), "KL138", f"must be at least 0, is {size}", api=words)


def _host_path(report: Report, path: Path, node: Tree) -> None:
    if not node.get("path"):
        return
    report.check((*path, "path"), "KL133", node["path"], names.no_backsteps)
    if "type" in node and node["type"] not in _HOST_PATH_TYPES:
        report.unsupported((*path, "type"), node["type"], _HOST_PATH_TYPES[1:], api=_HOST_PATH_TYPES)


def _local(report: Report, path: Path, node: Tree) -> None:
    if node.get("path"):
        report.check((*path, "path"), "KL133", node["path"], names.no_backsteps)


def _git_repo(report: Report, path: Path, node: Tree) -> None:
    report.check((*path, "directory"), "KL133", node.get("directory", ""), names.local_path)


def _nfs(report: Report, path: Path, node: Tree) -> None:
    if not node.get("path", "").startswith("/"):
        words = "must be an absolute path"
        report.wrong((*path, "path"), "KL133", "must be an absolute path", node.get("path", ""), words)


def _disk(report: Report, path: Path, node: Tree) -> None:
    report.between(node.get("partition", 0), (*path, "partition"), 0, 255)


def _azure_disk(report: Report, path: Path, node: Tree) -> None:
    report.choice((*path, "cachingMode"), node.get("cachingMode"), ("None", "ReadOnly", "ReadWrite"))
    kind = node.get("kind", "Shared")
    report.choice((*path, "kind"), kind, ("Dedicated", "Managed", "Shared"))
    prefix = "/subscriptions/" if kind == "Managed" else "https://"
    if not node.get("diskURI", "").startswith(prefix):
        report.add((*path, "diskURI"), "KL143", f"must start with {prefix} for a disk of the kind {kind}")


def _iscsi(report: Report, path: Path, node: Tree) -> None:
    report.between(node.get("lun", 0), (*path, "lun"), 0, 255)
    if (node.get("chapAuthDiscovery") or node.get("chapAuthSession")) and "secretRef" not in node:
        report.required((*path, "secretRef"), "CHAP needs a secret")
    for key in ("iqn", "initiatorName"):
        name = node.get(key)
        if name is None or (key == "iqn" and not name):
            continue
        pattern = _ISCSI_NAMES.get(name[:3])
        if pattern is None or not pattern.search(name):
            report.invalid((*path, key), "KL143", name, "must be a name of the form iqn..., eui... or naa...")


def _fc(report: Report, path: Path, node: Tree) -> None:
    targets, ids = node.get("targetWWNs", []), node.get("wwids", [])
    if bool(targets) == bool(ids):
        report.add((*path, "targetWWNs"), "KL142", "set either targetWWNs or wwids")
    if targets and "lun" not in node:
        report.required((*path, "lun"), "targetWWNs need a lun")
    elif targets:
        report.between(node["lun"], (*path, "lun"), 0, 255)


def _flocker(report: Report, path: Path, node: Tree) -> None:
    name = node.get("datasetName", "")
    if bool(name) == bool(node.get("datasetUUID")):
        report.add(path, "KL142", "set either datasetName or datasetUUID")
    if "/" in name:
        report.invalid((*path, "datasetName"), "KL143", name, "must not contain '/'")


def _flex(report: Report, path: Path, node: Tree) -> None:
    for key in node.get("options", {}):
        domain = f".{key.partition('/')[0].lower()}"
        if domain.endswith((".kubernetes.io", ".k8s.io")):
            report.add((*path, "options", key), "KL123", "kubernetes.io and k8s.io are reserved", on_key=True)


def _secret_name(report: Report, path: Path, node: Tree) -> None:
    if "secretRef" in node and not node["secretRef"].get("name"):
        report.required((*path, "secretRef", "name"))


def _storage_os(report: Report, path: Path, node: Tree) -> None:
    for key in ("volumeName", "volumeNamespace"):
        if node.get(key):
            check_name(report, (*path, key), node[key], names.dns_label)
    _secret_name(report, path, node)


def csi_driver_name(report: Report, path: Path, name: str) -> None:
    """Check the name of a CSI driver."""
    report.no_longer(path, name, 63)
    if name:
        check_name(report, path, name.lower(), names.dns_subdomain)


def _csi(report: Report, path: Path, node: Tree) -> None:
    csi_driver_name(report, (*path, "driver"), node.get("driver", ""))
    if "nodePublishSecretRef" in node:
        reference = node["nodePublishSecretRef"]
        required_name(report, (*path, "nodePublishSecretRef", "name"), reference.get("name"), names.dns_subdomain)


def _ephemeral(report: Report, path: Path, node: Tree) -> None:
    if "volumeClaimTemplate" not in node:
        report.required((*path, "volumeClaimTemplate"))
    else:
        claim_template(report, (*path, "volumeClaimTemplate"), node["volumeClaimTemplate"])


def _image(report: Report, path: Path, node: Tree) -> None:
    report.one_of((*path, "pullPolicy"), node.get("pullPolicy"), _PULL_POLICIES)


_SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "awsElasticBlockStore": _disk,
        "azureDisk": _azure_disk,
        "cinder": _secret_name,
        "configMap": _files,
        "csi": _csi,
        "downwardAPI": _downward,
        "emptyDir": _empty_dir,
        "ephemeral": _ephemeral,
        "fc": _fc,
        "flexVolume": _flex,
        "flocker": _flocker,
        "gcePersistentDisk": _disk,
        "gitRepo": _git_repo,
        "hostPath": _host_path,
        "image": _image,
        "iscsi": _iscsi,
        "local": _local,
        "nfs": _nfs,
        "projected": _projected,
        "secret": _files,
        "storageos": _storage_os,
    }
)


def source(report: Report, path: Path, node: Tree, type_name: str) -> str | None:
    """Check the one source that a volume must have.

    Args:
        report: where problems go.
        path: of ``node``.
        node: a pod's volume, or the spec of a persistent volume.
        type_name: the type that lists the possible sources.

    Returns:
        The first source's name, or None.
    """
    known = fields_of(type_name)
    kinds = [key for key in node if key in _NEEDED or key in _SOURCES]
    kinds = sorted((key for key in known if key in kinds), key=_TURN[type_name].split().index)
    if not kinds:
        report.required(
            path, "give the volume a source, such as emptyDir, configMap or persistentVolumeClaim", api=_NO_TYPE
        )
        return None
    for extra in kinds[1:]:
        words, at = "Forbidden: may not specify more than 1 volume type", f"{dotted(path)}.{_TOLD_AS.get(extra, extra)}"
        report.add((*path, extra), "KL142", f"a volume has one source, and {kinds[0]} is set already", api=words, at=at)
    kind = kinds[0]
    for key in _NEEDED.get(kind, ()):
        report.present((*path, kind, key), node[kind].get(key))
    check = _SOURCES.get(kind)
    if check is not None:
        check(report, (*path, kind), node[kind])
    if kind in _REPLACED:
        report.warn((*path, kind), "KL192", f"does nothing since Kubernetes {_REPLACED[kind]}; use a CSI driver")
    return kind


def volumes(report: Report, path: Path, nodes: list[Tree], meta: Tree | None, *, is_pod: bool) -> dict[str, str]:
    """Check a pod's volumes.

    Args:
        report: where problems go.
        path: of the list.
        nodes: the volumes.
        meta: the pod's metadata; None in a template.
        is_pod: whether this is a pod, not a template: a template may leave the reference of an image open.

    Returns:
        The kind of source of each volume by name.
    """
    found: dict[str, str] = {}
    pod_name = (meta or {}).get("name", "")
    made = {f"{pod_name}-{node.get('name')}" for node in nodes if pod_name and "ephemeral" in node}
    for index, node in enumerate(nodes):
        where = (*path, index)
        name = node.get("name", "")
        kind = source(report, where, node, "Volume")
        required_name(report, (*where, "name"), name, names.dns_label)
        if name in found:
            report.duplicate((*where, "name"), name, "is there twice; volumes need different names")
        found.setdefault(name, kind or "")
        if kind == "image" and is_pod and not node["image"].get("reference"):
            report.required((*where, "image", "reference"))
        if kind == "ephemeral" and pod_name and name and (wrong := names.dns_subdomain(f"{pod_name}-{name}")):
            full = f"{pod_name}-{name}"
            told = [f'PVC name "{full}": {each}' for each in api_words.dns_subdomain(full)]
            report.wrong((*where, "name"), "KL123", f"makes a claim named {full}, which {wrong}", name, *told)
        claim = node.get("persistentVolumeClaim", {}).get("claimName")
        if claim in made:
            text = f"{claim} is the claim that an ephemeral volume of this pod makes"
            words = "must not reference a PVC that gets created for an ephemeral volume"
            report.wrong((*where, "persistentVolumeClaim", "claimName"), "KL142", text, claim, words)
    return found
