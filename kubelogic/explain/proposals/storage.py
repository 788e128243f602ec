"""Proposals about claims, volumes and storage classes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from kubelogic.cluster import Object
from kubelogic.explain.near_volumes import free_of, lacks
from kubelogic.explain.proposals.case import (
    Candidate,
    Case,
    Change,
    Create,
    Delete,
    Document,
    Edit,
    Operation,
    Patch,
    by_app,
    by_platform,
)
from kubelogic.explain.proposals.marks import CLASSLESS, PROVISIONERS
from kubelogic.explain.proposals.patches import dig, remove
from kubelogic.facts.storage import DEFAULT_CLASS, is_default_class, named_class


def make_claims(case: Case) -> Iterator[Candidate]:
    """The missing claims, of the default class (or the first), or with volumes where there is no class."""
    chosen = min(_defaults(case) or case.cluster.objects("StorageClass"), default="")
    keys = sorted({str(blocker.witness["Claim"]) for blocker in case.about("rejects_missing_claim")})
    changes: list[Change] = []
    for key in keys:
        namespace, _, name = key.partition("/")
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": chosen,
        }
        changes.append(Create(document=_claim(namespace, name, spec)))
        if not chosen:
            changes.append(Create(document=_volume(namespace, name, spec)))
    how = f"of the class {chosen}" if chosen else "and a volume for it"
    yield Candidate(
        kind="claim",
        summary=f"create the claim {', '.join(keys)} (1Gi {how})",
        cost=2,
        owner="app" if chosen else "platform",
        changes=tuple(changes),
    )


def _defaults(case: Case) -> list[str]:
    return [key for key, each in case.cluster.objects("StorageClass").items() if is_default_class(each.document)]


def _unbound(case: Case) -> list[Object]:
    """The claims that have no volume."""
    kinds = ("rejects_unbound_claim", "rejects_no_volume")
    keys = sorted({str(blocker.witness["Claim"]) for kind in kinds for blocker in case.about(kind)})
    found = [case.cluster.get("PersistentVolumeClaim", key) for key in keys]
    return [claim for claim in found if claim is not None]


def _spec(claim: Object) -> Mapping[str, Any]:
    found: Mapping[str, Any] = claim.document.get("spec") or {}
    return found


def _class_of(claim: Object) -> str | None:
    return named_class(claim.document)


def give_class(case: Case) -> Iterator[Candidate]:
    """The StorageClasses that claims mean and that are not among the objects."""
    unbound = _unbound(case)
    for name in sorted({name for claim in unbound if (name := _class_of(claim)) is not None} - CLASSLESS):
        if case.cluster.get("StorageClass", name) is None:
            yield by_platform(
                "storage class",
                2,
                f"give the input the StorageClass {name} of the cluster (kubectl get storageclass {name} -o yaml)",
                changes=(Create(document=_storage_class(case, name, default=False)),),
            )
    if any(_class_of(claim) is None for claim in unbound) and not _defaults(case):
        yield by_platform(
            "storage class",
            2,
            "give the input the cluster's StorageClasses, the default one among them "
            "(kubectl get storageclass -o yaml)",
            changes=(Create(document=_storage_class(case, "default", default=True)),),
        )


def _storage_class(case: Case, name: str, *, default: bool) -> Document:
    """A class with the provisioner that its name or the nodes' drivers tell; volumes wait for their pods."""
    drivers = sorted(
        {
            str(driver.get("name"))
            for node in case.cluster.objects("CSINode").values()
            for driver in dig(node.document, ("spec", "drivers")) or ()
        }
    )
    known = PROVISIONERS.get(name)
    provisioner = known or (drivers[0] if len(drivers) == 1 else "csi.example.com")
    fresh = name
    while case.cluster.get("StorageClass", fresh) is not None:
        fresh += "-more"
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": fresh, **({"annotations": {DEFAULT_CLASS: "true"}} if default else {})},
        "provisioner": provisioner,
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def make_volumes(case: Case) -> Iterator[Candidate]:
    """A volume that suits each claim that has none."""
    unbound = _unbound(case)
    for claim in unbound if len(unbound) == 1 else ():
        yield by_platform(
            "volume",
            4,
            f"create a volume of {_size(_spec(claim))} for the claim {claim.key}",
            changes=(Create(document=_volume(claim.namespace, claim.name, _spec(claim))),),
        )
    if len(unbound) > 1:
        names = ", ".join(claim.key for claim in unbound)
        yield by_platform(
            "volume",
            4,
            f"create volumes for the claims {names}",
            changes=tuple(Create(document=_volume(claim.namespace, claim.name, _spec(claim))) for claim in unbound),
        )


def fit_volumes(case: Case) -> Iterator[Candidate]:
    """Make a claim anew with what a volume that is free has, or let one go from the claim that it had before."""
    for claim in _unbound(case):
        spec = _spec(claim)
        for name, volume in sorted(case.cluster.objects("PersistentVolume").items()):
            found = lacks(case.cluster, claim, volume)
            if not found or "volumeMode" in found:
                continue
            offered = volume.document.get("spec") or {}
            if "claimRef" in found:
                if len(found) == 1 and (operations := tuple(free_of(volume))):
                    patch = '[{"op":"remove","path":"/spec/claimRef"}]'
                    command = f"kubectl patch pv {name} --type json -p '{patch}'"
                    yield by_platform(
                        "volume freed",
                        3,
                        f"let {name} go from the claim that it had; what is on it stays, for {claim.key} ({command})",
                        changes=(Patch(target=volume, operations=operations),),
                        subject=name,
                    )
                continue
            if "storageClassName" in found and len(found) > 1:
                continue
            changed, words = _like(spec, offered, found)
            yield by_app(
                "claim anew",
                5,
                f"delete the claim {claim.key} and make it anew with {' and '.join(words)}, which volume {name} has",
                changes=(
                    Delete(target=claim),
                    Create(document=_claim(claim.namespace, claim.name, _of_nobody(changed))),
                ),
            )


def _like(spec: Mapping[str, Any], offered: Mapping[str, Any], fields: Collection[str]) -> tuple[Document, list[str]]:
    """A claim's spec with what a volume has in some fields, and that in words."""
    changed, words = dict(spec), []
    if "storageClassName" in fields:
        changed["storageClassName"] = str(offered.get("storageClassName") or "")
        words.append(f'storageClassName "{changed["storageClassName"]}"')
    if "accessModes" in fields:
        changed["accessModes"] = list(offered["accessModes"])
        words.append(f"access modes {', '.join(changed['accessModes'])}")
    if "resources" in fields:
        size = offered["capacity"]["storage"]
        changed["resources"] = {"requests": {"storage": size}}
        words.append(f"{size} instead of {_size(spec)}")
    return changed, words


_RATHER = frozenset(
    {"node", "request", "other pod", "toleration", "taint", "label", "uncordon", "selector", "node affinity"}
)
"""Kinds of change after which a pod keeps its volumes: where one of them works, none is left out."""


def leave_out_volume(case: Case) -> Iterator[Candidate]:
    """Do without a volume that some node cannot reach: where volumes lie apart, one node never has them all."""
    found = [
        each for name in ("rejects_zone", "rejects_volume_node", "rejects_migrated_volume") for each in case.about(name)
    ]
    for volume in sorted({str(blocker.witness["Volume"]) for blocker in found}):
        for key, claim in sorted(case.cluster.objects("PersistentVolumeClaim").items()):
            if claim.namespace == case.pod.namespace and _spec(claim).get("volumeName") == volume:
                what = f"do not mount the claim {key}, whose volume {volume} not every node reaches"
                yield by_app("volume left out", 6, what, _unmounted(claim.name), subject=key, unless=_RATHER)


def renew_claims(case: Case) -> Iterator[Candidate]:
    """Make the claims anew whose volumes are gone, or on a node that is, or that were not made for the pod."""
    lost: dict[str, str] = {}
    for blocker in case.blockers:
        key, volume = str(blocker.witness.get("Claim", "")), str(blocker.witness.get("Volume", ""))
        if blocker.predicate == "rejects_lost_claim":
            lost[key] = f"what was on {volume} is lost"
        elif blocker.predicate == "rejects_foreign_claim":
            lost[key] = "what is on its volume is lost"
        elif blocker.predicate == "rejects_volume_node" and blocker.absent:
            lost[key] = f"what is on {volume}, on {' or '.join(blocker.absent)}, is lost"
    there = [claim for key in sorted(lost) if (claim := case.cluster.get("PersistentVolumeClaim", key)) is not None]
    changes: list[Change] = []
    for claim in there:
        changes.append(Delete(target=claim))
        if not _is_made_anew(case, claim):
            changes.append(Create(document=_claim(claim.namespace, claim.name, _of_nobody(_spec(claim)))))
    made = ", so that it is made anew" if len(changes) == len(there) else " and make it anew"
    if there:
        names = ", ".join(claim.key for claim in there)
        words = "; ".join(dict.fromkeys(lost[claim.key] for claim in there))
        yield by_app("claim anew", 6, f"delete the claim {names}{made}: {words}", changes=tuple(changes))


def _is_made_anew(case: Case, claim: Object) -> bool:
    """Whether a controller makes a claim again: of a volume of the pod, or of a template of its StatefulSet."""
    volumes = dig(case.pod.document, ("spec", "volumes")) or ()
    templates = dig(case.workload.document, ("spec", "volumeClaimTemplates")) or ()
    names = {f"{case.pod.name}-{each.get('name')}" for each in volumes if each.get("ephemeral")}
    names |= {f"{(each.get('metadata') or {}).get('name')}-{case.pod.name}" for each in templates}
    return claim.name in names


def _unmounted(claim: str) -> Edit:
    """Take the volumes of a claim, and what mounts them, out of a pod."""

    def edit(document: Document) -> list[Operation]:
        volumes = dig(document, ("spec", "volumes")) or []
        mine = [
            number
            for number, each in enumerate(volumes)
            if (each.get("persistentVolumeClaim") or {}).get("claimName") == claim
        ]
        names = {volumes[number].get("name") for number in mine}
        operations = [remove(("spec", "volumes", number)) for number in reversed(mine)]
        for group in ("containers", "initContainers", "ephemeralContainers"):
            for number, container in enumerate(dig(document, ("spec", group)) or ()):
                for field in ("volumeMounts", "volumeDevices"):
                    mounts = list(enumerate(container.get(field) or ()))
                    for index, mount in reversed(mounts):
                        if mount.get("name") in names:
                            operations.append(remove(("spec", group, number, field, index)))
        return operations

    return edit


def _of_nobody(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in spec.items() if key != "volumeName"}


def _size(spec: Mapping[str, Any]) -> str:
    return str(((spec.get("resources") or {}).get("requests") or {}).get("storage", "1Gi"))


def _claim(namespace: str, name: str, spec: Mapping[str, Any]) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def _volume(namespace: str, name: str, claim: Mapping[str, Any]) -> Document:
    """A network volume that suits the spec of a claim; where it lies is for a person to fill in."""
    labels = (claim.get("selector") or {}).get("matchLabels")
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{namespace}-{name}", **({"labels": labels} if labels else {})},
        "spec": {
            "accessModes": list(claim.get("accessModes") or ("ReadWriteOnce",)),
            "capacity": {"storage": _size(claim)},
            "nfs": {"server": "nfs.example.com", "path": f"/{namespace}/{name}"},
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": claim.get("storageClassName") or "",
            "volumeMode": claim.get("volumeMode") or "Filesystem",
        },
    }
