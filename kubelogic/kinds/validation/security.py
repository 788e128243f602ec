"""Security contexts of pods and containers."""

from __future__ import annotations

import re

from kubelogic.kinds.go_shape import in_go
from kubelogic.kinds.validation import names
from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.patterns import regex
from kubelogic.text.location import Path, dotted

_MAX_ID = 2**31 - 1
_LOCAL_SECCOMP = "must be set when seccomp type is Localhost"
_LOCAL_ARMOR = "must be set when AppArmor type is Localhost"
_OF_OTHER = {
    "linux": "windows options cannot be set for a linux pod",
    "windows": "cannot be set for a windows pod",
}
_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_ADDED = "`capabilities.Add` CAP_SYS_ADMIN"
_SYSCTL = regex(r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?", re.ASCII)
_IPC_SYSCTLS = ("kernel.sem", "kernel.shm", "kernel.msg", "fs.mqueue.")
_POD_CHOICES = {
    "fsGroupChangePolicy": ("Always", "OnRootMismatch"),
    "supplementalGroupsPolicy": ("Merge", "Strict"),
    "seLinuxChangePolicy": ("MountOption", "Recursive"),
}
_LINUX_POD = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "seLinuxChangePolicy",
)
_LINUX_CONTAINER = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
)


def _identifiers(report: Report, path: Path, node: Tree, keys: tuple[str, ...]) -> None:
    for key in keys:
        if key in node:
            report.between(node[key], (*path, key), 0, _MAX_ID)


def _profile(report: Report, path: Path, profile: Tree | None) -> None:
    if profile is None:
        return
    kind, local = profile.get("type"), profile.get("localhostProfile")
    report.one_of((*path, "type"), kind, _PROFILES)
    where = (*path, "localhostProfile")
    if kind == "Localhost":
        if not local:
            report.required(where, "a profile of the type Localhost needs its file", api=_LOCAL_SECCOMP)
        else:
            report.check(where, "KL133", local, names.local_path)
    elif local is not None:
        report.forbidden(where, "may only be set when the type is Localhost")


def _armor(report: Report, path: Path, profile: Tree | None) -> None:
    if profile is None:
        return
    kind, local = profile.get("type"), profile.get("localhostProfile")
    report.one_of((*path, "type"), kind, _PROFILES)
    where = (*path, "localhostProfile")
    if kind == "Localhost":
        if not local or not local.strip():
            report.required(where, "a profile of the type Localhost needs its name", api=_LOCAL_ARMOR)
        elif local.strip() != local:
            report.invalid(
                where, "KL143", local, "must not have blanks around it", detail="must not be padded with whitespace"
            )
    elif local is not None:
        report.forbidden(where, "may only be set when the type is Localhost")


def pod(report: Report, path: Path, spec: Tree) -> None:
    """Check the security context of a pod.

    Args:
        report: where problems go.
        path: of the pod's spec.
        spec: the pod's spec; some host settings stand beside the security context.
    """
    node = spec.get("securityContext", {})
    here = (*path, "securityContext")
    _identifiers(report, here, node, ("fsGroup", "runAsUser", "runAsGroup"))
    for index, group in enumerate(node.get("supplementalGroups", ())):
        report.between(group, (*here, "supplementalGroups", index), 0, _MAX_ID)
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        words = "ShareProcessNamespace and HostPID cannot both be enabled"
        text = "shareProcessNamespace and hostPID exclude each other"
        at = f"{dotted(here)}.shareProcessNamespace"
        report.wrong((*path, "shareProcessNamespace"), "KL142", text, True, words, at=at)
    _sysctls(report, (*here, "sysctls"), node.get("sysctls", []), spec)
    for key, allowed in _POD_CHOICES.items():
        report.choice((*here, key), node.get(key), allowed)
    _profile(report, (*here, "seccompProfile"), node.get("seccompProfile"))
    _armor(report, (*here, "appArmorProfile"), node.get("appArmorProfile"))
    _windows(report, (*here, "windowsOptions"), node.get("windowsOptions"))


def host_users(report: Report, path: Path, spec: Tree) -> None:
    """Check that a pod with users of its own does not share the host's spaces.

    Source: pkg/apis/core/validation/validation.go, validateHostUsers.
    """
    if spec.get("hostUsers") is False:
        for key, told in (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")):
            if spec.get(key):
                at = f"{dotted(path)}.{told}"
                words = "when `hostUsers` is false"
                report.forbidden((*path, key), "may not be set when hostUsers is false", api=words, at=at)


def _sysctls(report: Report, path: Path, items: list[Tree], spec: Tree) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        name = item.get("name", "")
        where = (*path, index, "name")
        if not name:
            report.required(where)
        elif len(name) > 253 or not _SYSCTL.fullmatch(name):
            words = f"must have at most 253 characters and match regex ^{_SYSCTL.pattern}$"
            rule = "is no sysctl: it needs lower case parts joined by '.' or '/'"
            report.invalid(where, "KL123", name, rule, detail=words)
        elif name in seen:
            report.duplicate(where, name)
        seen.add(name)
        parts = name.replace("/", ".")
        if spec.get("hostNetwork") and parts.startswith("net."):
            words = "may not be specified when 'hostNetwork' is true"
            report.forbidden(where, f"{name} may not be set when hostNetwork is true", api=words)
        if spec.get("hostIPC") and parts.startswith(_IPC_SYSCTLS):
            report.forbidden(
                where, f"{name} may not be set when hostIPC is true", api="may not be specified when 'hostIPC' is true"
            )


def _windows(report: Report, path: Path, options: Tree | None) -> None:
    if options is None:
        return
    if "gmsaCredentialSpecName" in options:
        name = options["gmsaCredentialSpecName"]
        report.check((*path, "gmsaCredentialSpecName"), "KL123", name, names.dns_subdomain)
    if "runAsUserName" in options and not options["runAsUserName"]:
        report.required((*path, "runAsUserName"), "must not be empty")


def container(report: Report, path: Path, node: Tree, *, host_users: bool) -> None:
    """Check the security context of a container."""
    _identifiers(report, path, node, ("runAsUser", "runAsGroup"))
    mount = node.get("procMount")
    report.choice((*path, "procMount"), mount, ("Default", "Unmasked"))
    if mount == "Unmasked" and host_users:
        words = "`hostUsers` must be false to use `Unmasked`"
        report.wrong((*path, "procMount"), "KL127", "Unmasked needs hostUsers: false in the pod", mount, words)
    _profile(report, (*path, "seccompProfile"), node.get("seccompProfile"))
    _armor(report, (*path, "appArmorProfile"), node.get("appArmorProfile"))
    _windows(report, (*path, "windowsOptions"), node.get("windowsOptions"))
    if node.get("allowPrivilegeEscalation") is False:
        where, shown = (*path, "allowPrivilegeEscalation"), in_go(node, "SecurityContext")
        said = "cannot set `allowPrivilegeEscalation` to false and"
        if node.get("privileged"):
            words = f"{said} `privileged` to true"
            report.wrong(where, "KL142", "cannot be false when privileged is true", shown, words, at=dotted(path))
        if "CAP_SYS_ADMIN" in node.get("capabilities", {}).get("add", ()):
            message, words = (
                "cannot be false when the capability CAP_SYS_ADMIN is added",
                "`capabilities.Add` CAP_SYS_ADMIN",
            )
            report.wrong(where, "KL142", message, shown, f"{said} {words}", at=dotted(path))


def operating_system(report: Report, path: Path, spec: Tree, containers: list[tuple[Path, Tree]]) -> None:
    """Check that settings of one operating system are not used on the other."""
    if "os" not in spec:
        return
    name = spec["os"].get("name", "")
    report.one_of((*path, "os", "name"), name, ("linux", "windows"))
    nodes: list[tuple[Path, Tree, tuple[str, ...]]] = [
        ((*path, "securityContext"), spec.get("securityContext", {}), _LINUX_POD)
    ]
    nodes += [
        ((*where, "securityContext"), node.get("securityContext", {}), _LINUX_CONTAINER) for where, node in containers
    ]
    for where, node, linux_only in nodes:
        keys = ("windowsOptions",) if name == "linux" else linux_only if name == "windows" else ()
        for key in keys:
            if node.get(key) not in (None, []):
                report.forbidden((*where, key), f"may not be set for a {name} pod", api=_OF_OTHER.get(name, ""))
    if name == "windows":
        for key in ("hostUsers", "hostPID", "hostIPC", "shareProcessNamespace", "resources"):
            if spec.get(key) not in (None, False):
                report.forbidden((*path, key), "may not be set for a windows pod", api=_OF_OTHER["windows"])
