"""What Pod Security says of a pod that breaks a level, in its own words.

Source: k8s.io/pod-security-admission 1.36, policy/check_*.go and checks.go (ForbiddenDetail).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

Broken = tuple[str, int, str]
"""Part, place and value of a row of ``breaks_security``."""

Names = Mapping[int, str]
"""The containers by their place."""


def _all(one: str, more: str, items: Sequence[str]) -> str:
    return one if len(items) == 1 else more


def _quoted(items: Iterable[str]) -> str:
    return ", ".join(f'"{item}"' for item in items)


def _containers(rows: Iterable[Broken], names: Names) -> list[str]:
    return [names[place] for place in sorted({place for _, place, _ in rows if place})]


def _setters(rows: Sequence[Broken], names: Names) -> str:
    """Who set something: ``pod and containers "a", "b"``."""
    found = ["pod"] if any(not place and part != "annotation" for part, place, _ in rows) else []
    bad = _containers(rows, names)
    if bad:
        found.append(f"{_all('container', 'containers', bad)} {_quoted(bad)}")
    notes = [row for row in rows if row[0] == "annotation"]
    if notes:
        found.append("annotation" if len(notes) == 1 else "annotations")
    return " and ".join(found)


def _values(rows: Iterable[Broken]) -> list[str]:
    return sorted({value for _, _, value in rows})


def _app_armor(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    values = _values(row for row in rows if row[0] != "annotation")
    values += _values(row for row in rows if row[0] == "annotation")
    reason = _all("forbidden AppArmor profile", "forbidden AppArmor profiles", values)
    return reason, f"{_setters(rows, names)} must not set AppArmor profile type to {_quoted(values)}"


def _capabilities(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    what = f"must not include {_quoted(_values(rows))} in securityContext.capabilities.add"
    return "non-default capabilities", f"{_setters(rows, names)} {what}"


def _capabilities_restricted(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    missing = [row for row in rows if row[0] == "missing"]
    added = [row for row in rows if row[0] != "missing"]
    found = []
    if missing:
        found.append(f'{_setters(missing, names)} must set securityContext.capabilities.drop=["ALL"]')
    if added:
        found.append(_capabilities(added, names)[1])
    return "unrestricted capabilities", "; ".join(found)


def _escalation(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    what = "must set securityContext.allowPrivilegeEscalation=false"
    return "allowPrivilegeEscalation != false", f"{_setters(rows, names)} {what}"


def _host_namespaces(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    del names
    parts = {part for part, _, _ in rows}
    return "host namespaces", ", ".join(f"{x}=true" for x in ("hostNetwork", "hostPID", "hostIPC") if x in parts)


def _host_paths(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    del names
    volumes = [value for _, _, value in sorted(rows, key=lambda row: row[1])]
    return "hostPath volumes", f"{_all('volume', 'volumes', volumes)} {_quoted(volumes)}"


def _host_ports(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    bad, ports = _containers(rows, names), _values(rows)
    uses = f"{_all('uses', 'use', bad)} {_all('hostPort', 'hostPorts', ports)} {', '.join(ports)}"
    return "hostPort", f"{_setters(rows, names)} {uses}"


def _hosts(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    bad, hosts = sorted(set(_containers(rows, names))), _values(rows)
    what = _all("probe or lifecycle host", "probe or lifecycle hosts", hosts)
    detail = f"{_all('container', 'containers', bad)} {_quoted(bad)} {_all('uses', 'use', bad)} {what} {_quoted(hosts)}"
    return "probe or lifecycle host", detail


def _privileged(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    return "privileged", f"{_setters(rows, names)} must not set securityContext.privileged=true"


def _proc_mount(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    return "procMount", f"{_setters(rows, names)} must not set securityContext.procMount to {_quoted(_values(rows))}"


def _volumes(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    del names
    volumes = [value for _, _, value in sorted(rows, key=lambda row: row[1])]
    sources = sorted({part for part, _, _ in rows})
    kinds = _all("restricted volume type", "restricted volume types", sources)
    detail = f"{_all('volume', 'volumes', volumes)} {_quoted(volumes)} {_all('uses', 'use', volumes)} {kinds}"
    return "restricted volume types", f"{detail} {_quoted(sources)}"


def _non_root(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    said = [row for row in rows if row[0] != "implied"]
    if said:
        return "runAsNonRoot != true", f"{_setters(said, names)} must not set securityContext.runAsNonRoot=false"
    return "runAsNonRoot != true", f"pod or {_setters(rows, names)} must set securityContext.runAsNonRoot=true"


def _user(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    return "runAsUser=0", f"{_setters(rows, names)} must not set runAsUser=0"


def _se_linux(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    types = _values(row for row in rows if row[0] == "type")
    found = [f"{_all('type', 'types', types)} {_quoted(types)}"] if types else []
    found += [f"{part} may not be set" for part in ("user", "role") if any(row[0] == part for row in rows)]
    setters = f"{_setters(rows, names)} set forbidden securityContext.seLinuxOptions"
    return "seLinuxOptions", f"{setters}: {'; '.join(found)}"


def _seccomp(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    field = "securityContext.seccompProfile.type"
    notes = [row for row in rows if row[0] == "annotation"]
    said = [row for row in rows if row[0] not in ("annotation", "implied")]
    if notes:
        texts = _values(notes)
        return "seccompProfile", f"forbidden {_all('annotation', 'annotations', texts)} {', '.join(texts)}"
    if said:
        return "seccompProfile", f"{_setters(said, names)} must not set {field} to {_quoted(_values(said))}"
    return "seccompProfile", f'pod or {_setters(rows, names)} must set {field} to "RuntimeDefault" or "Localhost"'


def _sysctls(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    del names
    return "forbidden sysctls", ", ".join(value for _, _, value in sorted(rows, key=lambda row: row[1]))


def _host_process(rows: Sequence[Broken], names: Names) -> tuple[str, str]:
    return "hostProcess", f"{_setters(rows, names)} must not set securityContext.windowsOptions.hostProcess=true"


_WORDS: Mapping[str, Callable[[Sequence[Broken], Names], tuple[str, str]]] = MappingProxyType(
    {
        "appArmorProfile": _app_armor,
        "capabilities_baseline": _capabilities,
        "hostNamespaces": _host_namespaces,
        "hostPathVolumes": _host_paths,
        "hostPorts": _host_ports,
        "hostProbesAndHostLifecycle": _hosts,
        "privileged": _privileged,
        "procMount": _proc_mount,
        "seLinuxOptions": _se_linux,
        "seccompProfile_baseline": _seccomp,
        "sysctls": _sysctls,
        "windowsHostProcess": _host_process,
        "allowPrivilegeEscalation": _escalation,
        "capabilities_restricted": _capabilities_restricted,
        "procMount_restricted": _proc_mount,
        "restrictedVolumes": _volumes,
        "runAsNonRoot": _non_root,
        "runAsUser": _user,
        "seccompProfile_restricted": _seccomp,
    }
)
"""By check, in the order in which Pod Security lists them: those of baseline first."""


def reasons(broken: Mapping[str, Sequence[Broken]], names: Names) -> list[tuple[str, str]]:
    """Reason and detail of each check that a pod does not pass.

    Args:
        broken: by check, the rows of ``breaks_security``.
        names: the containers by their place.
    """
    return [words(broken[check], names) for check, words in _WORDS.items() if broken.get(check)]
