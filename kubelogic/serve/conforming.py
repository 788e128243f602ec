"""Custom resources as their definition wants them, whichever request has written them.

Source: staging/src/k8s.io/apiextensions-apiserver, pkg/registry/customresource/{strategy,validator}.go of 1.36.
"""

from __future__ import annotations

from kubelogic.apiserver import serving
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.kinds.validation import common, names, schema_rules, structural
from kubelogic.kinds.validation.problems import Report
from kubelogic.serve.custom import schema_of
from kubelogic.serve.resources import Resource
from kubelogic.serve.schemas import conform
from kubelogic.serve.statuses import cause_of, invalid


def is_whole(resource: Resource) -> bool:
    """Whether the status is written with the object: a custom resource whose definition has no such part."""
    return resource.custom is not None and all(each.name != "status" for each in resource.subresources)


def conforming(resource: Resource, key: str, before: Cluster, state: State) -> State:
    """The state in which an object has no field that its schema does not know, and all defaults.

    Args:
        resource: of the object.
        key: its key.
        before: the objects before the request.
        state: after it.

    Raises:
        RequestError: 422; the schema refuses it.
    """
    found = state.cluster.get(resource.stored_kind, key)
    old = before.get(resource.stored_kind, key)
    schema = schema_of(resource)
    if found is None or found is old:
        return state
    document, _ = conform(found.document, schema)
    report = Report()
    common.metadata(report, document, names.dns_subdomain, namespaced=resource.namespaced)
    causes = [cause_of(field, words) for each in report.problems for field, words in each.told or ()]
    told = structural.faults(document, schema, old.document if old is not None else schema_rules.absent)
    causes += [cause_of(each.path, each.words, is_type=each.is_type) for each in told]
    if causes:
        raise invalid(resource.group, resource.kind, found.name, causes)
    if document == found.document:
        return state
    return serving.written_by_the_system(state, [(found, document)], [])
