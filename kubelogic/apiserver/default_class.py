"""The default storage class of a cluster, named by whoever asks: manifests hardly ever have it."""

from __future__ import annotations

from collections.abc import Iterable

from kubelogic.cluster.edit import edited
from kubelogic.cluster.objects import Object, as_object
from kubelogic.facts.storage import DEFAULT_CLASS, DEFAULT_MARKS, is_default_class
from kubelogic.kinds.validation import admit
from kubelogic.text.location import Location
from kubelogic.text.notices import Notice

PARAMETER = "default_storage_class"
"""What ``--set`` calls it."""


def with_default_class(objects: Iterable[Object], name: str) -> tuple[tuple[Object, ...], tuple[Notice, ...]]:
    """The objects with one default class; one that is not among them makes volumes where the first pod goes.

    Args:
        objects: as they were read.
        name: of the class.
    """
    found: list[Object] = []
    there = False
    for each in objects:
        if each.kind != "StorageClass":
            found.append(each)
            continue
        there = there or each.name == name
        if is_default_class(each.document) != (each.name == name):
            marks = dict.fromkeys(DEFAULT_MARKS, str(each.name == name).lower())
            found.append(edited(each, ["metadata", "annotations"], marks))
        else:
            found.append(each)
    if there:
        return tuple(found), ()
    document = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": {DEFAULT_CLASS: "true"}},
        "provisioner": "example.com/not-in-the-input",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    message = (
        f"StorageClass {name} is not in the input: taken to make a volume on the node of the first pod "
        "(WaitForFirstConsumer); kubectl get storageclasses -o yaml brings it"
    )
    notice = Notice(code="KL195", message=message, location=Location(file=f"--set {PARAMETER}={name}"))
    return (*found, as_object(admit(document, namespace="default").document)), (notice,)
