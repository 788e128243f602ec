"""What Pod Security reads: the levels in the labels of a namespace, and the settings of a pod or template.

Source: k8s.io/pod-security-admission 1.36, api/helpers.go (PolicyToEvaluate) and policy/check_*.go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.facts.base import Fact
from kubelogic.patterns import regex

Tree = Mapping[str, Any]

PREFIX = "pod-security.kubernetes.io/"
LEVELS = ("privileged", "baseline", "restricted")
"""From the least to the most strict."""
LATEST = "latest"

_VERSION = regex(r"v1\.(0|[1-9][0-9]*)", re.ASCII)
_BEYOND = 2**31
"""Later than any version: what ``latest`` is compared as."""

_SOURCES = (
    *("hostPath", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd"),
    *("flexVolume", "cinder", "cephfs", "flocker", "fc", "azureFile", "vsphereVolume", "quobyte", "azureDisk"),
    *("photonPersistentDisk", "portworxVolume", "scaleIO", "storageos", "configMap", "csi", "downwardAPI", "emptyDir"),
    *("ephemeral", "image", "persistentVolumeClaim", "projected", "secret"),
)
_APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
_SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP = "container.seccomp.security.alpha.kubernetes.io/"


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """A level and the version of it: ``baseline:latest``, ``restricted:v1.25``."""

    level: str = "privileged"
    version: str = LATEST

    @property
    def minor(self) -> int:
        """The minor version of Kubernetes 1 that is meant."""
        match = _VERSION.fullmatch(self.version)
        return int(match[1]) if match else _BEYOND

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"


class Standards(msgspec.Struct, frozen=True, kw_only=True):
    """What a namespace asks of its pods."""

    enforce: Level = Level()
    audit: Level = Level()
    warn: Level = Level()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of the plugin: defaults for namespaces without labels, and who is exempt."""

    defaults: Standards = Standards()
    namespaces: frozenset[str] = frozenset()
    runtime_classes: frozenset[str] = frozenset()


def settings_of(document: Tree) -> Settings:
    """What a PodSecurityConfiguration says."""
    said = {str(k): str(v) for k, v in (document.get("defaults") or {}).items()}
    exempt = document.get("exemptions") or {}

    def level(mode: str) -> Level:
        return Level(level=said.get(mode) or "privileged", version=said.get(f"{mode}-version") or LATEST)

    return Settings(
        defaults=Standards(enforce=level("enforce"), audit=level("audit"), warn=level("warn")),
        namespaces=frozenset(map(str, exempt.get("namespaces") or ())),
        runtime_classes=frozenset(map(str, exempt.get("runtimeClasses") or ())),
    )


def standards_of(labels: Tree, defaults: Standards) -> Standards:
    """The levels that a namespace asks for. A label that cannot be read counts as the strictest, for refusals only.

    >>> standards_of({"pod-security.kubernetes.io/enforce": "baseline"}, Standards()).warn.level
    'baseline'
    """

    def read(mode: str, default: Level, fallback: str) -> Level:
        level, version = labels.get(PREFIX + mode), labels.get(f"{PREFIX}{mode}-version")
        chosen = default.level if level is None else level if level in LEVELS else fallback
        of = default.version if version is None else version if _VERSION.fullmatch(version) else LATEST
        return Level(level=chosen, version=of)

    enforce = read("enforce", defaults.enforce, "restricted")
    warn = read("warn", defaults.warn, "privileged")
    said = labels.get(f"{PREFIX}enforce") in LEVELS
    if said and f"{PREFIX}warn" not in labels and LEVELS.index(enforce.level) > LEVELS.index(warn.level):
        version = warn.version if f"{PREFIX}warn-version" in labels else enforce.version
        warn = Level(level=enforce.level, version=version)
    return Standards(enforce=enforce, audit=read("audit", defaults.audit, "privileged"), warn=warn)


def security_facts(pod: str, spec: Tree, annotations: Tree) -> Iterator[Fact]:
    """What the checks read of a pod or of a template.

    Args:
        pod: its name in the facts.
        spec: of the pod.
        annotations: of the pod.
    """
    context = spec.get("securityContext") or {}
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield "security_setting", (pod, 0, name, "true")
    if spec.get("hostUsers") is False:
        yield "security_setting", (pod, 0, "hostUsers", "false")
    if system := (spec.get("os") or {}).get("name"):
        yield "security_setting", (pod, 0, "os", system)
    yield from _shared(pod, 0, context)
    for number, each in enumerate(context.get("sysctls") or ()):
        yield "security_sysctl", (pod, number, str(each.get("name") or ""))
    for number, volume in enumerate(spec.get("volumes") or ()):
        source = next((name for name in _SOURCES if volume.get(name) is not None), "unknown")
        yield "security_volume", (pod, number, str(volume.get("name") or ""), source)
    names = set()
    for place, container in enumerate(containers(spec), start=1):
        names.add(str(container.get("name") or ""))
        yield "security_container", (pod, place, str(container.get("name") or ""))
        yield from _of_container(pod, place, container)
    yield from _annotations(pod, annotations, names)


def containers(spec: Tree) -> Sequence[Tree]:
    """All containers of a pod in the order in which Pod Security visits them."""
    return [each for kind in ("initContainers", "containers", "ephemeralContainers") for each in spec.get(kind) or ()]


def _shared(pod: str, place: int, context: Tree) -> Iterator[Fact]:
    """Settings that pods and containers have alike."""
    found: list[tuple[str, Any]] = [
        ("runAsNonRoot", context.get("runAsNonRoot")),
        ("runAsUser", context.get("runAsUser")),
        ("hostProcess", (context.get("windowsOptions") or {}).get("hostProcess") or None),
    ]
    for name, field in (("seccomp", "seccompProfile"), ("appArmor", "appArmorProfile")):
        if context.get(field) is not None:
            found.append((name, context[field].get("type") or ""))
    options = context.get("seLinuxOptions") or {}
    found += [(name, options.get(name) or None) for name in ("type", "user", "role")]
    for name, value in found:
        if value is not None:
            yield "security_setting", (pod, place, name, _text(value))


def _of_container(pod: str, place: int, container: Tree) -> Iterator[Fact]:
    context = container.get("securityContext") or {}
    yield from _shared(pod, place, context)
    if context.get("privileged"):
        yield "security_setting", (pod, place, "privileged", "true")
    for name in ("allowPrivilegeEscalation", "procMount"):
        if context.get(name) is not None:
            yield "security_setting", (pod, place, name, _text(context[name]))
    capabilities = context.get("capabilities") or {}
    for name in ("add", "drop"):
        for each in sorted(set(map(str, capabilities.get(name) or ()))):
            yield "security_setting", (pod, place, name, each)
    for port in sorted({int(each.get("hostPort") or 0) for each in container.get("ports") or ()} - {0}):
        yield "security_setting", (pod, place, "hostPort", str(port))
    lifecycle = container.get("lifecycle") or {}
    handlers = [container.get(name) for name in ("livenessProbe", "readinessProbe", "startupProbe")]
    handlers += [lifecycle.get(name) for name in ("postStart", "preStop")]
    for host in sorted({host for handler in handlers for host in _hosts(handler or {})}):
        yield "security_setting", (pod, place, "host", host)


def _hosts(handler: Tree) -> Iterator[str]:
    for name in ("httpGet", "tcpSocket"):
        if host := (handler.get(name) or {}).get("host"):
            yield str(host)


def _annotations(pod: str, annotations: Tree, names: set[str]) -> Iterator[Fact]:
    for key, value in sorted(annotations.items()):
        text = f"{key}={json.dumps(value, ensure_ascii=False)}"
        if key.startswith(_APP_ARMOR):
            profile = _profile(value) if value else "RuntimeDefault"
            yield "security_annotation", (pod, "appArmor", text, profile)
        elif key == _SECCOMP_POD or (key.startswith(_SECCOMP) and key.removeprefix(_SECCOMP) in names):
            profile = "RuntimeDefault" if value == "docker/default" else _profile(value)
            yield "security_annotation", (pod, "seccomp", text, profile)


def _profile(value: str) -> str:
    """The type of the profile that an annotation names."""
    return "RuntimeDefault" if value == "runtime/default" else "Localhost" if value.startswith("localhost/") else value


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
