"""Definitions of custom resources, and webhooks.

Source: staging/src/k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go
(ValidateCustomResourceDefinition); pkg/apis/admissionregistration/validation/validation.go
(validateValidatingWebhook, validateMutatingWebhook). Of schemas only the root is looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kubelogic.kinds.validation import names
from kubelogic.kinds.validation.common import metadata, required_name
from kubelogic.kinds.validation.problems import Report, Tree, quoted
from kubelogic.text.location import Path

_SPEC: Path = ("spec",)
_APPROVAL = "api-approved.kubernetes.io"
_APPROVED_BY = "https://github.com/kubernetes/enhancements/pull/1111"
_REVIEW_VERSIONS = ("v1", "v1beta1")
_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_LONGEST_TIMEOUT = 30


def definition(report: Report, tree: Tree) -> None:
    """Check a CustomResourceDefinition."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    spec = tree.get("spec", {})
    kinds, group = spec.get("names", {}), spec.get("group", "")
    required_name(report, (*_SPEC, "group"), group, names.dns_subdomain)
    if group and "." not in group:
        said = "should be a domain with at least one dot"
        report.invalid((*_SPEC, "group"), "KL123", group, said, detail=said)
    plural, name = kinds.get("plural", ""), tree.get("metadata", {}).get("name", "")
    if plural and group and name and name != f"{plural}.{group}":
        message = f"must be {plural}.{group}: the plural and the group"
        report.wrong(("metadata", "name"), "KL123", message, name, 'must be spec.names.plural+"."+spec.group')
    if group.endswith((".k8s.io", ".kubernetes.io")) and not _approved(tree):
        message = f"the group {group} is protected: {_APPROVAL} is required"
        said = f'protected groups must have approval annotation "{_APPROVAL}", see {_APPROVED_BY}'
        where = f"metadata.annotations[{_APPROVAL}]"
        report.add(("metadata", "annotations"), "KL120", message, api=f"Required value: {said}", at=where)
    report.one_of((*_SPEC, "scope"), spec.get("scope"), ("Cluster", "Namespaced"))
    for key in ("plural", "kind"):
        required_name(report, (*_SPEC, "names", key), kinds.get(key), _word if key == "plural" else _kind)
    if kinds.get("singular") and (wrong := _word(kinds["singular"])):
        report.invalid((*_SPEC, "names", "singular"), "KL123", kinds["singular"], wrong)
    if kinds.get("listKind") and kinds["listKind"] == kinds.get("kind"):
        path, said = (*_SPEC, "names", "listKind"), "kind and listKind may not be the same"
        report.wrong(path, "KL126", "must differ from kind", kinds["listKind"], said)
    if spec.get("preserveUnknownFields"):
        message = "must be false; use x-kubernetes-preserve-unknown-fields"
        report.wrong((*_SPEC, "preserveUnknownFields"), "KL127", message, True, "must be false")
    _versions(report, spec.get("versions", []))
    _conversion(report, spec.get("conversion") or {})


def _conversion(report: Report, conversion: Tree) -> None:
    """Source: validateCustomResourceConversion."""
    where = (*_SPEC, "conversion")
    strategy, hook = conversion.get("strategy"), conversion.get("webhook") or {}
    report.one_of((*where, "strategy"), strategy, ("None", "Webhook"))
    if strategy == "Webhook" and not hook.get("clientConfig"):
        report.required((*where, "webhook", "clientConfig"), "required when strategy is set to Webhook")
    if strategy == "Webhook" and not hook.get("conversionReviewVersions"):
        report.required((*where, "webhook", "conversionReviewVersions"), "required when strategy is set to Webhook")


def _approved(tree: Tree) -> bool:
    return bool((tree.get("metadata", {}).get("annotations") or {}).get(_APPROVAL))


def _word(value: str) -> str:
    """A DNS label that begins with a letter."""
    return names.dns_label(value) or ("" if value[:1].isalpha() else "must start with a letter")


def _kind(value: str) -> str:
    return _word(value.lower())


def _versions(report: Report, versions: list[Tree]) -> None:
    where = (*_SPEC, "versions")
    if not versions:
        report.required(where, "one version at least")
        return
    seen: set[str] = set()
    for index, version in enumerate(versions):
        name = version.get("name", "")
        required_name(report, (*where, index, "name"), name, _word)
        if name and name in seen:
            report.duplicate((*where, index, "name"), name)
        seen.add(name)
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        path = (*where, index, "schema", "openAPIV3Schema")
        if schema is None:
            report.required(path, "schemas are required")
        elif not isinstance(schema, Mapping):
            report.add(path, "KL110", "must be a mapping")
        elif schema.get("type") != "object":
            report.add((*path, "type"), "KL121", "must be object at the root")
    stored = sum(bool(version.get("storage")) for version in versions)
    if stored != 1:
        report.add(where, "KL143", f"exactly one version has storage: true, here {stored} have")


def webhooks(report: Report, tree: Tree) -> None:
    """Check a ValidatingWebhookConfiguration or a MutatingWebhookConfiguration."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    seen: set[str] = set()
    for index, hook in enumerate(tree.get("webhooks", ())):
        path: Path = ("webhooks", index)
        name = hook.get("name", "")
        required_name(report, (*path, "name"), name, names.dns_subdomain)
        if name and name.count(".") < 2:
            said = "should be a domain with at least three segments separated by dots"
            report.invalid((*path, "name"), "KL123", name, said, detail=said)
        if name and name in seen:
            report.duplicate((*path, "name"), name)
        seen.add(name)
        _webhook(report, path, hook)


def _webhook(report: Report, path: Path, hook: Tree) -> None:
    report.one_of((*path, "sideEffects"), hook.get("sideEffects"), ("None", "NoneOnDryRun"))
    for key, allowed in (
        ("failurePolicy", ("Fail", "Ignore")),
        ("matchPolicy", ("Equivalent", "Exact")),
        ("reinvocationPolicy", ("IfNeeded", "Never")),
    ):
        report.choice((*path, key), hook.get(key) or None, allowed)
    timeout = hook.get("timeoutSeconds")
    if timeout is not None:
        report.between(timeout, (*path, "timeoutSeconds"), 1, _LONGEST_TIMEOUT)
    versions = hook.get("admissionReviewVersions", [])
    where = (*path, "admissionReviewVersions")
    if not versions:
        report.required(where, f"one of {', '.join(_REVIEW_VERSIONS)}")
    elif not set(versions) & set(_REVIEW_VERSIONS):
        report.add(where, "KL121", f"must have one of {', '.join(_REVIEW_VERSIONS)}")
    for index, version in enumerate(versions):
        if version in versions[:index]:
            report.duplicate((*where, index), version)
    _client(report, (*path, "clientConfig"), hook.get("clientConfig", {}))
    for index, rule in enumerate(hook.get("rules", ())):
        _rule(report, (*path, "rules", index), rule)


def _client(report: Report, path: Path, client: Mapping[str, Any]) -> None:
    url, service = client.get("url"), client.get("service")
    if (url is None) == (service is None):
        report.add(path, "KL142", "exactly one of url and service is required")
    if url is not None and not url.startswith("https://"):
        report.add((*path, "url"), "KL143", f"{quoted(url)} must begin with https://")
    if service is None:
        return
    for key in ("name", "namespace"):
        report.present((*path, "service", key), service.get(key))
    if "port" in service:
        report.between(service["port"], (*path, "service", "port"), 1, 65535)
    if service.get("path") and not service["path"].startswith("/"):
        report.add((*path, "service", "path"), "KL143", "must begin with /")


def _rule(report: Report, path: Path, rule: Mapping[str, Any]) -> None:
    operations = rule.get("operations", [])
    report.present((*path, "operations"), operations)
    for index, operation in enumerate(operations):
        report.choice((*path, "operations", index), operation, _OPERATIONS)
    for key in ("operations", "apiGroups", "apiVersions"):
        _alone(report, (*path, key), rule.get(key, []), required=key != "operations")
    report.present((*path, "resources"), rule.get("resources"))
    report.choice((*path, "scope"), rule.get("scope") or None, ("*", "Cluster", "Namespaced"))


def _alone(report: Report, path: Path, values: Collection[str], *, required: bool) -> None:
    if required and not values:
        report.required(path)
    if len(values) > 1 and "*" in values:
        report.add(path, "KL142", "if '*' is there, it must be alone")
