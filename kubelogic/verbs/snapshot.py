"""Snapshot: every kind of object that is read, as the one line of kubectl that collects it and as what to list."""

from __future__ import annotations

from kubelogic.apiserver.intake import KINDS_READ
from kubelogic.facts.quota_costs import plural_of
from kubelogic.kinds.table import NOT_SERVED, served
from kubelogic.patterns import regex
from kubelogic.text.live import Wanted

_STABLE = regex(r"v[0-9]+")
_VERSION = regex(r"v([0-9]+)(alpha|beta)?([0-9]*)")

SECRETS = "Secret"
"""Of it only the names and keys count, but kubectl prints the values, too."""


_LEVELS = {"": 0, "beta": 1, "alpha": 2}


def wanted() -> tuple[Wanted, ...]:
    """What to list of a cluster, under every version that is read, the most stable first."""
    versions: dict[tuple[str, str], list[str]] = {}
    scopes: dict[tuple[str, str], bool] = {}
    for (api_version, kind), known in served().items():
        group = api_version.rpartition("/")[0]
        if kind in KINDS_READ and group not in NOT_SERVED:
            versions.setdefault((group, kind), []).append(api_version)
            scopes[group, kind] = known.namespaced
    return tuple(
        Wanted(
            kind=kind,
            plural=plural_of(kind),
            api_versions=tuple(sorted(found, key=_level)),
            namespaced=scopes[group, kind],
        )
        for (group, kind), found in sorted(versions.items())
    )


def _level(api_version: str) -> tuple[int, int, int]:
    found = _VERSION.fullmatch(api_version.rpartition("/")[2])
    if found is None:
        return 3, 0, 0
    return _LEVELS[found[2] or ""], -int(found[1]), -int(found[3] or 0)


def resources(*, stable: bool = True, secrets: bool = True) -> tuple[str, ...]:
    """What ``kubectl get`` is asked for: plurals with their group, sorted; the core group's first.

    Args:
        stable: those that every cluster serves; else those that have to be turned on.
        secrets: Secrets as well.
    """
    versions: dict[tuple[str, str], set[str]] = {}
    for api_version, kind in served():
        group, _, version = api_version.rpartition("/")
        if kind in KINDS_READ and group not in NOT_SERVED and (secrets or kind != SECRETS):
            versions.setdefault((group, kind), set()).add(version)
    chosen = {identity for identity, found in versions.items() if any(map(_STABLE.fullmatch, found)) is stable}
    return tuple(f"{plural_of(kind)}.{group}" if group else plural_of(kind) for group, kind in sorted(chosen))


def command(*, secrets: bool = True) -> str:
    """The line.

    >>> command().startswith("kubectl get configmaps,endpoints,"), command().endswith(" -A -o yaml > cluster.yaml")
    (True, True)
    """
    return f"kubectl get {','.join(resources(secrets=secrets))} -A -o yaml > cluster.yaml"
