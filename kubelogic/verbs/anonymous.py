"""Objects of a cluster without what tells whose cluster it is; what a plan depends on stays.

The same text becomes the same text everywhere, so references, selectors and images still meet. Names keep their digits,
their separators and the first letter of each word, since controllers read ordinals and hashes out of names, and order
decides between equals. What stays as it is: keys of labels and annotations, kinds, amounts, addresses within the
cluster, ports, resources, provisioners and drivers, and what Kubernetes itself names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from kubelogic.facts.pod_specs import image_name
from kubelogic.patterns import regex

Document = Mapping[str, Any]

_KEPT = regex(
    r"amd64|arm64|cluster-admin|default|false|kube-node-lease|kube-public|kube-root-ca.crt|kube-system|"
    r"kubernetes|linux|ppc64le|s390x|system-cluster-critical|system-node-critical|true|windows"
)
"""Names and values of labels that Kubernetes itself gives."""

_NAMES = regex(
    r"apiGroupName|claimName|clusterName|container|currentRevision|deviceClassName|externalName|"
    r"generateName|handler|host|hostname|ingressClassName|namespace|nodeName|nominatedNodeName|"
    r"persistentVolumeName|pool|resourceClaimName|resourceClaimTemplateName|runtimeClassName|secretName|"
    r"serviceAccount|serviceAccountName|serviceName|storageClassName|subdomain|targetContainerName|"
    r"updateRevision|volumeAttributesClassName|volumeName|zone"
)
"""Fields that hold a name. ``priorityClassName`` is one more: the names of Kubernetes itself are kept."""

_NAMED_LISTS = frozenset({"hosts", "hostnames", "namespaces", "imagePullSecrets"})
_OWN_NAMES = frozenset(
    {"ports", "env", "drivers", "resource", "containerResource", "metric", "sysctls", "resizePolicy"}
)
"""Where ``name`` is no name that somebody chose for an object."""

_LABELS = frozenset({"labels", "matchLabels", "nodeSelector", "selector", "deprecatedTopology"})
_TEXTS = regex(
    r"bootID|containerID|description|externalID|identity|machineID|message|mountPath|nodeID|path|"
    r"providerID|subPath|subPathExpr|systemUUID|workingDir"
)
"""Fields whose text nobody but the cluster's owner needs."""

_HIDDEN_MAPS = frozenset({"parameters", "volumeAttributes", "stringData", "binaryData", "httpHeaders", "options"})
_SOURCES = regex(
    "awsElasticBlockStore|azureDisk|azureFile|cephfs|cinder|csi|fc|flexVolume|flocker|gcePersistentDisk|gitRepo|"
    "glusterfs|hostPath|iscsi|local|nfs|photonPersistentDisk|portworxVolume|quobyte|rbd|scaleIO|storageos|vsphereVolume"
)
_OF_SOURCES = frozenset({"driver", "fsType", "type", "kind", "cachingMode", "name", "namespace"})
_WELL_KNOWN = regex(r"([a-z0-9-]+\.)*(kubernetes\.io|k8s\.io|kubelogic)/.*|deprecated\..*")
_PLAIN = regex(r"|-?[0-9.]+|true|false|yes|no|\d{4}-\d\d-\d\dT[0-9:.]+Z|[a-z0-9-]+\.k8s\.io")
_NAMING = frozenset({"volume.kubernetes.io/selected-node", "volume.beta.kubernetes.io/storage-class"})
_DRIVING = regex(r".*(provisioner|migrated-to|provisioned-by|migrated-plugins)")
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_RUN = regex(r"[A-Za-z]{2,}")
_DEVICES = "resource.k8s.io/"
_DEVICE_NAMES = frozenset({"metadata", "ownerReferences", "reservedFor", "pool"})


def anonymised(documents: Iterable[Document]) -> list[dict[str, Any]]:
    """The objects under other names; equal input gives equal output.

    Args:
        documents: objects as a cluster gives them out.
    """
    given = list(documents)
    mask = _Mask()
    for document in given:
        _object(document, mask)
    mask.settle()
    return [_object(document, mask) for document in given]


def without_secrets(document: Document) -> dict[str, Any]:
    """An object as it may be written: of a Secret the keys without what they hold; nobody's fields are listed."""
    metadata = {key: value for key, value in (document.get("metadata") or {}).items() if key != "managedFields"}
    found = {**document, "metadata": metadata}
    if document.get("kind") != "Secret":
        return found
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != _APPLIED}
    if "annotations" in metadata:
        metadata["annotations"] = annotations
    for name in ("data", "stringData"):
        if found.get(name):
            found[name] = dict.fromkeys(found[name], "")
    return found


class _Mask(msgspec.Struct, kw_only=True):
    """What each text becomes. The first pass notes all texts, the second replaces them."""

    seen: dict[str, set[str]] = msgspec.field(default_factory=lambda: defaultdict(set))
    codes: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)

    def settle(self) -> None:
        """Give every text that was noted its code, in sorted order."""
        runs: dict[str, list[str]] = defaultdict(list)
        for run in sorted(self.seen.pop("run", ())):
            runs[run[0]].append(run)
        self.codes["run"] = {
            run: first + _letters(number, len(found))
            for first, found in runs.items()
            for number, run in enumerate(found)
        }
        for kind, texts in self.seen.items():
            self.codes[kind] = {text: f"{kind}{number}" for number, text in enumerate(sorted(texts), 1)}

    def text(self, text: str, kind: str = "text") -> str:
        """Another text for a whole one."""
        if not text:
            return text
        if not self.codes:
            self.seen[kind].add(text)
            return text
        return self.codes[kind][text]

    def name(self, text: str) -> str:
        """Another name, word by word."""
        if _KEPT.fullmatch(text) or text.startswith("system:"):
            return text
        if not self.codes:
            self.seen["run"].update(_RUN.findall(text))
            return text
        return _RUN.sub(lambda found: self.codes["run"][found[0]], text)

    def label(self, key: str, value: str) -> str:
        """Another value of a label."""
        domain, _, name = key.rpartition("/")
        if name in ("os", "arch", "windows-build", "managed-by") and domain.endswith("kubernetes.io"):
            return value
        return self.name(value)

    def image(self, reference: str) -> str:
        """Another image; the digest and the tag of one image stay apart from those of others."""
        if not reference:
            return reference
        rest, at, digest = reference.partition("@")
        head, colon, tag = rest.rpartition(":")
        if not colon or "/" in tag:
            head, tag = rest, ""
        whole = self.text(image_name(head).removesuffix(":latest"), "image-")
        if tag:
            whole += ":" + (tag if tag == "latest" else self.text(tag, "v"))
        number = self.text(digest, "digest-").removeprefix("digest-") if at else ""
        return f"{whole}@sha256:{number:0>64}" if at and self.codes else whole


def _letters(number: int, many: int) -> str:
    """A number in letters, as wide as ``many`` of them need, two at least, so that order stays."""
    width = 2
    while 26**width < many:
        width += 1
    return "".join(chr(97 + number // 26**place % 26) for place in reversed(range(width)))


def _object(document: Document, mask: _Mask) -> dict[str, Any]:
    found = without_secrets(document)
    if found.get("kind") in ("ConfigMap", "Secret"):
        for name in ("data", "binaryData", "stringData"):
            if found.get(name):
                found[name] = dict.fromkeys(found[name], "")
        return {**found, "metadata": _walk(found["metadata"], "metadata", found, mask)}
    if str(found.get("apiVersion")).startswith(_DEVICES):
        return _mapping(found, lambda key, value: _device(value, key, found, mask))
    walked = _mapping(found, lambda key, value: _walk(value, key, found, mask))
    if found.get("kind") == "CSIDriver":
        walked["metadata"] = {**walked["metadata"], "name": found["metadata"]["name"]}
    return walked


def _mapping(value: Document, of: Callable[[str, Any], Any]) -> dict[str, Any]:
    return {key: of(key, each) for key, each in value.items()}


def _device(value: Any, key: str, parent: Any, mask: _Mask) -> Any:
    """Within objects of devices, whose selectors name what devices say of themselves: only names of other objects."""
    if key in _DEVICE_NAMES or key in ("nodeName", "nodeSelector", "deviceClassName"):
        return _walk(value, key, parent, mask)
    if isinstance(value, Mapping):
        return _mapping(value, lambda inner, each: _device(each, inner, value, mask))
    return [_device(each, key, parent, mask) for each in value] if isinstance(value, list) else value


def _walk(value: Any, key: str, parent: Any, mask: _Mask) -> Any:
    match value:
        case Mapping():
            return _of_mapping(value, key, mask)
        case list():
            return [_item(each, key, parent, mask) for each in value]
        case str():
            return _of_text(value, key, parent, mask)
    return value


def _of_mapping(value: Document, key: str, mask: _Mask) -> Any:
    if key == "annotations":
        shown = {name: text for name, text in value.items() if name != _APPLIED}
        return _mapping(shown, lambda name, text: _annotation(name, str(text), mask))
    if key in _LABELS and all(isinstance(each, str) for each in value.values()):
        return _mapping(value, mask.label)
    if key in _HIDDEN_MAPS:
        return _mapping(value, lambda _, text: mask.text(str(text)))
    if _SOURCES.fullmatch(key):
        return _mapping(value, lambda name, each: _of_source(each, name, value, mask))
    owner = {**value, "": key} if key in _OWN_NAMES else value
    return _mapping(value, lambda name, each: _walk(each, name, owner, mask))


def _of_source(value: Any, key: str, parent: Any, mask: _Mask) -> Any:
    """A field of where a volume lives."""
    if isinstance(value, str):
        return _walk(value, key, parent, mask) if key in _OF_SOURCES else mask.text(value)
    if isinstance(value, list):
        return [mask.text(each) if isinstance(each, str) else _walk(each, key, parent, mask) for each in value]
    return _walk(value, key, parent, mask)


def _item(value: Any, key: str, parent: Any, mask: _Mask) -> Any:
    if isinstance(value, Mapping):
        owner = {**value, "": key} if key in _OWN_NAMES else value
        if key == "httpHeaders":
            return {**value, "value": mask.text(str(value.get("value") or ""))}
        return _mapping(value, lambda name, each: _walk(each, name, owner, mask))
    if not isinstance(value, str):
        return value
    if key in ("args", "command"):
        return mask.text(value)
    if key == "values" and isinstance(parent, Mapping) and "key" in parent:
        return mask.label(str(parent["key"]), value)
    if key == "names":
        return mask.image(value)
    return mask.name(value) if key in _NAMED_LISTS else value


def _of_text(text: str, key: str, parent: Any, mask: _Mask) -> str:
    if key in ("image", "imageID"):
        return mask.image(text)
    if _NAMES.fullmatch(key) or key == "priorityClassName" or (key == "name" and "" not in parent):
        return mask.name(text)
    if key == "value":
        is_label = isinstance(parent, Mapping) and "key" in parent
        return mask.label(str(parent["key"]), text) if is_label else mask.text(text)
    if key == "address" and isinstance(parent, Mapping):
        kind = str(parent.get("type"))
        return text if kind == "InternalIP" else mask.text(text) if kind == "ExternalIP" else mask.name(text)
    return mask.text(text) if _TEXTS.fullmatch(key) else text


def _annotation(key: str, text: str, mask: _Mask) -> str:
    if key in _NAMING:
        return mask.name(text)
    if _WELL_KNOWN.fullmatch(key) and (_PLAIN.fullmatch(text) or _DRIVING.fullmatch(key)):
        return text
    return mask.text(text)
