"""Which pods get tokens of which service accounts, for whom and for how long.

Source: plugin/pkg/admission/serviceaccount/admission.go: shouldAutomount, mountServiceAccountToken; k8s.io/api 1.36,
core/v1 ServiceAccountTokenProjection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.clock import milliseconds
from kubelogic.cluster.state import TOKEN_SECRET
from kubelogic.facts.base import Fact, FactModule, reader
from kubelogic.facts.roles import account_user
from kubelogic.kinds.references import DEFAULT_ACCOUNT

TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where the token of a pod's own account is mounted, unless a container has something else there."""

API_SERVER = "the API server"
"""The audience of tokens that name none."""

_OWN = "kube-api-access"
_OVER = ("Succeeded", "Failed")
_WORDS = {None: "unsaid", True: "yes", False: "no"}


def account_of(spec: Mapping[str, Any]) -> str:
    """The name of the account that a pod runs as."""
    return str(spec.get("serviceAccountName") or spec.get("serviceAccount") or DEFAULT_ACCOUNT)


def account_facts(obj: Object) -> Iterator[Fact]:
    """The account of a pod that names one and does not do without its token."""
    spec = obj.document.get("spec") or {}
    name = account_of(spec)
    if name == DEFAULT_ACCOUNT or (obj.document.get("status") or {}).get("phase") in _OVER:
        return
    if spec.get("automountServiceAccountToken") is not False or any(_declared(spec)):
        yield "pod_account", (obj.key, obj.namespace, name)


def identity_facts(obj: Object) -> Iterator[Fact]:
    """Everything about the tokens of one pod."""
    meta, spec = obj.document.get("metadata") or {}, obj.document.get("spec") or {}
    if (obj.document.get("status") or {}).get("phase") in _OVER:
        return
    name = account_of(spec)
    yield "pod_identity", (obj.key, account_user(obj.namespace, name), obj.namespace, name)
    yield "pod_automount", (obj.key, _WORDS[spec.get("automountServiceAccountToken")])
    if any(not _occupied(each) for part in ("initContainers", "containers") for each in spec.get(part) or ()):
        yield "pod_takes_token", (obj.key,)
    for volume, path, audience, seconds in _declared(spec):
        yield "pod_declares_token", (obj.key, volume, path, audience, seconds)
    if deleted := meta.get("deletionTimestamp"):
        yield "pod_ends_at", (obj.key, milliseconds(deleted))


def _occupied(container: Mapping[str, Any]) -> bool:
    return any(each.get("mountPath") == TOKEN_PATH for each in container.get("volumeMounts") or ())


def _declared(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, str, int]]:
    """Volume, path, audience and seconds of each token that a spec declares, the one of admission left out.

    The API server has filled in how long they are for.
    """
    for volume in spec.get("volumes") or ():
        if str(volume.get("name")).startswith(f"{_OWN}-"):
            continue
        for source in (volume.get("projected") or {}).get("sources") or ():
            token = source.get("serviceAccountToken")
            if token is not None:
                audience = str(token.get("audience") or API_SERVER)
                yield str(volume["name"]), str(token["path"]), audience, int(token["expirationSeconds"])


def service_account_facts(obj: Object) -> Iterator[Fact]:
    """Whether pods of one account get its token without a word, and when the account was made."""
    yield "account_automount", (obj.namespace, obj.name, _WORDS[obj.document.get("automountServiceAccountToken")])
    created = (obj.document.get("metadata") or {}).get("creationTimestamp")
    if created:
        yield "account_made", (obj.namespace, obj.name, milliseconds(created))


def secret_facts(obj: Object) -> Iterator[Fact]:
    """The user whose token a Secret holds."""
    annotations = (obj.document.get("metadata") or {}).get("annotations") or {}
    name = annotations.get("kubernetes.io/service-account.name")
    if obj.document.get("type") == TOKEN_SECRET and name:
        yield "lasting_token", (obj.key, account_user(obj.namespace, str(name)))


_SPEC = ("spec.serviceAccountName", "spec.serviceAccount", "spec.automountServiceAccountToken", "spec.volumes")

MODULE = FactModule(
    name="tokens",
    extractors={"Pod": (reader(account_facts, *_SPEC, "status.phase", by=(*_SPEC, "status.phase")),)},
)

IDENTITIES = FactModule(
    name="identities",
    extractors={"Pod": identity_facts, "ServiceAccount": service_account_facts, "Secret": secret_facts},
    gives=frozenset({"pod_identity", "pod_automount", "pod_declares_token", "account_automount", "lasting_token"}),
)
