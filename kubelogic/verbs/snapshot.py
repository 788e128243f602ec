"""Snapshot: the one line of kubectl that collects every kind of object that is read."""

from __future__ import annotations

import re

from kubelogic.apiserver.intake import KINDS_READ
from kubelogic.facts.quota import plural_of
from kubelogic.kinds.table import served

_STABLE = re.compile(r"v[0-9]+")

SECRETS = "Secret"
"""Of it only the names and keys count, but kubectl prints the values, too."""


def resources(*, stable: bool = True, secrets: bool = True) -> tuple[str, ...]:
    """What ``kubectl get`` is asked for: plurals with their group, sorted; the core group's first.

    Args:
        stable: those that every cluster serves; else those that have to be turned on.
        secrets: Secrets as well.
    """
    versions: dict[tuple[str, str], set[str]] = {}
    for api_version, kind in served():
        group, _, version = api_version.rpartition("/")
        if kind in KINDS_READ and (secrets or kind != SECRETS):
            versions.setdefault((group, kind), set()).add(version)
    chosen = {identity for identity, found in versions.items() if any(map(_STABLE.fullmatch, found)) is stable}
    return tuple(f"{plural_of(kind)}.{group}" if group else plural_of(kind) for group, kind in sorted(chosen))


def command(*, secrets: bool = True) -> str:
    """The line.

    >>> command().startswith("kubectl get configmaps,endpoints,"), command().endswith(" -A -o yaml > cluster.yaml")
    (True, True)
    """
    return f"kubectl get {','.join(resources(secrets=secrets))} -A -o yaml > cluster.yaml"
