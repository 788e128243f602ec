"""References to ConfigMaps and Secrets that are not in the input: how sure it is that they are wrong."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator

from kubelogic.cluster import Cluster
from kubelogic.verbs.checking.findings import Finding
from kubelogic.verbs.references import Lacking, lacking

WRONG, UNSEEN = "KL197", "KL196"


def of_references(cluster: Cluster, *, makers: bool) -> Iterator[Finding]:
    """References that do not resolve.

    A key that is not in an object that is there, a name that is almost that of another one, and a ConfigMap are errors.
    A Secret is a warning otherwise, as Secrets seldom stand beside manifests, and so is all that custom resources,
    which may make such objects, leave open.

    Args:
        cluster: as it was read.
        makers: whether the input has custom resources.
    """
    for each in lacking(cluster):
        space, _, name = each.name.partition("/")
        others = [key.partition("/")[2] for key in cluster.objects(each.kind) if key.startswith(f"{space}/")]
        near = (
            difflib.get_close_matches(name, sorted(others), n=1, cutoff=0.75) if not each.key else _near(cluster, each)
        )
        sure = bool(each.key or near or (each.kind == "ConfigMap" and not makers))
        step = f"did you mean {near[0]}?" if near else ""
        yield Finding(
            code=WRONG if sure else UNSEEN,
            severity="error" if sure else "warning",
            message=each.message,
            api_version=each.user.api_version,
            kind=each.user.kind,
            key=each.user.key,
            location=each.user.origin.locate(each.path) if each.user.origin is not None else None,
            helps="add it to the input; if the cluster has it already, list it under exists in the configuration",
            step=step,
            about=(each.kind, each.name, each.key),
            weight=each.count,
        )


def _near(cluster: Cluster, each: Lacking) -> list[str]:
    found = cluster.get(each.kind, each.name)
    document = found.document if found is not None else {}
    keys = sorted({key for part in ("data", "binaryData", "stringData") for key in document.get(part) or ()})
    return difflib.get_close_matches(each.key, keys, n=1, cutoff=0.6)


def exists(finding: Finding, declared: Collection[str]) -> bool:
    """Whether a configuration says that what a finding misses exists: ``Kind/name`` or ``Kind/namespace/name``."""
    if finding.code not in (WRONG, UNSEEN, "KL155", "KL310") or len(finding.about) < 3:
        return False
    kind, key = finding.about[0], finding.about[1]
    if finding.code in ("KL155", "KL310"):
        kind, key = finding.about[1], finding.about[2]
    return f"{kind}/{key}" in declared or f"{kind}/{key.rpartition('/')[2]}" in declared
