"""What one pod asks for that the rules say they do not model, as far as its place hangs on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import owner_objects, owner_with_origin
from kubelogic.facts.omitted import omitted
from kubelogic.facts.pod_groups import other_group_facts, pod_facts
from kubelogic.logic import Rulebook
from kubelogic.logic.terms import Omission
from kubelogic.text import Notice

UNHEEDED = frozenset({"KL292"})
"""Omissions of filters that would only turn more nodes away: what is placed might not be."""

OF_OPERATORS = frozenset({"KL270", "KL271", "KL272", "KL273", "KL274"})
"""Omissions of objects that operators look after, and of what they read of pods."""

_OF_PODS = ("Pod.metadata.labels.", "Pod.metadata.annotations.")

_DEVICE_PREFIX = "deviceclass.resource.kubernetes.io/"
"""Extended resources of this prefix mean devices of the class that follows.

Source: k8s.io/api/resource/v1, ResourceDeviceClassPrefix.
"""


_CLAIMS = "claims on devices"


class Unmodelled(msgspec.Struct, frozen=True, kw_only=True):
    """What is not modelled of a pod.

    Attributes:
        placements: notices because of which it may not get a node that passes all filters here.
        rejections: notices because of which a node that is turned away here may take it.
    """

    placements: tuple[Notice, ...] = ()
    rejections: tuple[Notice, ...] = ()

    @property
    def notices(self) -> tuple[Notice, ...]:
        """All of them, in their order."""
        return tuple(sorted({*self.placements, *self.rejections}, key=lambda notice: notice.order))


def unmodelled(cluster: Cluster, rulebook: Rulebook, pod: Object) -> Unmodelled:
    """What a pod asks for that is not modelled.

    Args:
        cluster: for the device classes that there are.
        rulebook: whose headers say what they omit.
        pod: the pod, or an object with its template.
    """
    uses = [each for each in rulebook.omissions if each.code in UNHEEDED]
    uses = [each for each in uses if each.subject.startswith("Pod.")]
    source = owner_with_origin(cluster, pod)
    found = omitted(Cluster.of([source]), uses) if _has_any(pod, uses) else ()
    return Unmodelled(placements=found)


def of_its_group(cluster: Cluster, rulebook: Rulebook, pod: Object) -> tuple[Notice, ...]:
    """What is not modelled of the objects of operators that a pod belongs to, and of its group.

    Args:
        cluster: with the pod's owners and groups.
        rulebook: whose headers say what they omit.
        pod: the pod.
    """
    objects = [*owner_objects(cluster, pod), *_groups(cluster, pod)]
    kinds = {each.kind for each in objects}
    uses = [
        each
        for each in rulebook.omissions
        if (each.code in OF_OPERATORS or each.code in UNHEEDED)
        and (each.subject.partition(".")[0] in kinds - {"Pod"} or each.subject.startswith(_OF_PODS))
    ]
    return omitted(Cluster.of(objects), uses) if uses else ()


def _groups(cluster: Cluster, pod: Object) -> Iterator[Object]:
    """The groups that a pod names, to whomever."""
    own = pod_facts(pod), other_group_facts(pod)
    named = {str(row[1]) for facts in own for predicate, row in facts if predicate != "pod_kueue_group"}
    for key in sorted(named):
        for kind in ("PodGroup", "VolcanoPodGroup", "CoschedulingPodGroup"):
            found = cluster.get(kind, key)
            if found is not None:
                yield found


def uncounted_devices(cluster: Cluster, pod: Object, *, counted: bool = False) -> tuple[Notice, ...]:
    """What a pod asks of devices, where only resources and not devices are counted.

    Args:
        cluster: for the device classes that there are.
        pod: the pod, or an object with its template.
        counted: whether the devices of its claims are counted on the nodes that are there.
    """
    source = owner_with_origin(cluster, pod)
    named = _device_resources(cluster)
    asked = sorted(resource for resource in _resources(pod) if resource in named or resource.startswith(_DEVICE_PREFIX))
    if _pod_spec(pod).get("resourceClaims"):
        asked.insert(0, _CLAIMS)
    here = "capacity counts those that are there, and looks neither for the fewest nodes nor for moves with devices"
    none = "capacity counts no devices, plan and explain do"
    return tuple(
        Notice(
            code="KL291",
            message=f"{source} asks for {each}: {here if counted and each == _CLAIMS else none}",
            location=source.place(("spec",)),
        )
        for each in asked
    )


def _has_any(pod: Object, uses: Sequence[Omission]) -> bool:
    """Whether a pod, or the template of an object, has one of the fields at all: most pods have none."""
    spec = _pod_spec(pod)
    return any(spec.get(each.subject.split(".")[2]) for each in uses if each.subject.count(".") > 1)


def _pod_spec(obj: Object) -> dict[str, Any]:
    spec: dict[str, Any] = obj.document.get("spec") or {}
    if obj.kind == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    return spec if obj.kind == "Pod" else (spec.get("template") or {}).get("spec") or {}


def _device_resources(cluster: Cluster) -> frozenset[str]:
    classes = cluster.objects("DeviceClass").values()
    names = ((each.document.get("spec") or {}).get("extendedResourceName") for each in classes)
    return frozenset(str(name) for name in names if name)


def _resources(pod: Object) -> frozenset[str]:
    spec = _pod_spec(pod)
    parts = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return frozenset(
        name
        for part in parts
        for kind in ("requests", "limits")
        for name in ((part.get("resources") or {}).get(kind) or {})
    )
