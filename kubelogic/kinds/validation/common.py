"""What all kinds share: metadata, labels, selectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from kubelogic.kinds.validation import api_words, names
from kubelogic.kinds.validation.problems import Report, Tree, quoted
from kubelogic.text.location import Path, dotted

NameRule = Callable[[str], str]

_ANNOTATIONS_LIMIT = 256 * 1024
_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
_NO_NAME = "Required value: name or generateName is required"
_NO_VALUES = "Required value: must be specified when `operator` is 'In' or 'NotIn'"
LABEL_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


HOOK = "helm.sh/hook"
"""The annotation that makes a manifest a hook of Helm."""


def check_name(report: Report, path: Path, value: str, rule: NameRule) -> None:
    """Check a name, noting what is wrong with it."""
    report.check(path, "KL123", value, rule)


def required_name(report: Report, path: Path, value: str | None, rule: NameRule, *, api: str = "") -> None:
    """Check a name that must be there; ``api`` is what the API server says if it is not."""
    if not value:
        report.required(path, api=api)
    else:
        check_name(report, path, value, rule)


def label_key(report: Report, path: Path, key: str, *, on_key: bool = False, at: str = "") -> None:
    """Check a label or annotation key."""
    if wrong := names.qualified_name(key):
        words = api_words.qualified_name(key)
        report.wrong(path, "KL124", f"the key {quoted(key)} {wrong}", key, *words, on_key=on_key, at=at)


def labels(report: Report, path: Path, values: Mapping[str, str] | None) -> None:
    """Check a mapping of labels."""
    for key, value in (values or {}).items():
        label_key(report, (*path, key), key, on_key=True, at=dotted(path))
        report.check((*path, key), "KL125", value, names.label_value, at=dotted(path))


def check_annotations(report: Report, path: Path, values: Mapping[str, str] | None) -> None:
    """Check a mapping of annotations."""
    size = 0
    for key, value in (values or {}).items():
        label_key(report, (*path, key), key.lower(), on_key=True, at=dotted(path))
        size += len(key.encode()) + len(value.encode(errors="surrogatepass"))
    if size > _ANNOTATIONS_LIMIT:
        report.too_long(path, size, _ANNOTATIONS_LIMIT, "bytes")


def selector(report: Report, path: Path, value: Tree | None) -> None:
    """Check a label selector."""
    if value is None:
        return
    labels(report, (*path, "matchLabels"), value.get("matchLabels"))
    for index, expression in enumerate(value.get("matchExpressions", ())):
        _label_expression(report, (*path, "matchExpressions", index), expression)


def _label_expression(report: Report, path: Path, expression: Tree) -> None:
    operator, values = expression.get("operator", ""), expression.get("values", [])
    expression_values(report, path, operator, values)
    if operator not in LABEL_OPERATORS:
        unknown_operator(report, path, operator, LABEL_OPERATORS)
    label_key(report, (*path, "key"), expression.get("key", ""))
    for index, value in enumerate(values):
        report.check((*path, "values", index), "KL125", value, names.label_value)


def _unknown_operator(operator: str, allowed: Iterable[str]) -> str:
    known = ", ".join(allowed)
    return f"{quoted(operator)} is not an operator; use {known}" if operator else f"is required: use {known}"


def unknown_operator(report: Report, path: Path, operator: str, allowed: Iterable[str], *, at: str = "") -> None:
    """Note an operator that is missing or not one of those allowed."""
    words = "not a valid selector operator"
    report.wrong((*path, "operator"), "KL135", _unknown_operator(operator, allowed), operator, words, at=at)


def expression_values(report: Report, path: Path, operator: str, values: list[str]) -> None:
    """Check that an expression has values if, and only if, its operator takes some."""
    if operator in ("In", "NotIn") and not values:
        report.add((*path, "values"), "KL135", f"is required when the operator is {operator}", api=_NO_VALUES)
    elif operator in ("Exists", "DoesNotExist") and values:
        words = "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        report.add((*path, "values"), "KL135", f"may not be set when the operator is {operator}; remove it", api=words)


def matches(value: Tree | None, own: Mapping[str, str]) -> bool:
    """Whether labels fit a selector; an absent selector fits nothing, an empty one everything."""
    if value is None:
        return False
    if any(own.get(key) != wanted for key, wanted in value.get("matchLabels", {}).items()):
        return False
    for expression in value.get("matchExpressions", ()):
        key, values = expression.get("key", ""), expression.get("values", [])
        holds = {
            "In": key in own and own[key] in values,
            "NotIn": own.get(key) not in values or key not in own,
            "Exists": key in own,
            "DoesNotExist": key not in own,
        }.get(expression.get("operator", ""), True)
        if not holds:
            return False
    return True


def is_empty(value: Tree) -> bool:
    """Whether a selector has no condition."""
    return not value.get("matchLabels") and not value.get("matchExpressions")


def has_bad_operator(value: Tree | None) -> bool:
    """Whether a selector cannot be evaluated at all."""
    return any(
        expression.get("operator") not in LABEL_OPERATORS
        or (expression["operator"] in ("In", "NotIn")) != bool(expression.get("values"))
        for expression in (value or {}).get("matchExpressions", ())
    )


def metadata(report: Report, tree: Tree, rule: NameRule, *, namespaced: bool) -> None:
    """Check the metadata of an object."""
    meta: Tree = tree.get("metadata", {})
    path: Path = ("metadata",)
    name, prefix = meta.get("name"), meta.get("generateName")
    if prefix and (wrong := rule(names.masked(prefix))):
        detail = api_words.RULES[rule](names.masked(prefix))
        report.invalid((*path, "generateName"), "KL123", prefix, wrong, detail=detail)
    if name:
        check_name(report, (*path, "name"), name, rule)
    elif not prefix:
        report.add((*path, "name"), "KL104", "is required: give the object a name or a generateName", api=_NO_NAME)
    if namespaced and meta.get("namespace"):
        check_name(report, (*path, "namespace"), meta["namespace"], names.dns_label)
    report.at_least(meta, "generation", path)
    labels(report, (*path, "labels"), meta.get("labels"))
    check_annotations(report, (*path, "annotations"), meta.get("annotations"))
    _hook(report, (*path, "annotations", HOOK), meta)
    _owners(report, (*path, "ownerReferences"), meta.get("ownerReferences", ()))
    _finalizers(report, (*path, "finalizers"), meta.get("finalizers", ()))


def _hook(report: Report, path: Path, meta: Tree) -> None:
    """Tell that a manifest is a hook of Helm, which an install need not leave running. Docs: helm.sh, charts_hooks."""
    hook = (meta.get("annotations") or {}).get(HOOK)
    if hook and not meta.get("uid"):
        apart = "helm test alone runs it" if hook.startswith("test") else "Helm runs it before or after the release"
        message = f"is {hook!r}: {apart}, and here it is an object like others; helm template --no-hooks leaves it out"
        report.warn(path, "KL191", message)


def template_metadata(report: Report, path: Path, meta: Tree | None) -> None:
    """Check labels and annotations of a template."""
    labels(report, (*path, "labels"), (meta or {}).get("labels"))
    check_annotations(report, (*path, "annotations"), (meta or {}).get("annotations"))


def _owners(report: Report, path: Path, owners: Iterable[Tree]) -> None:
    manager = ""
    owners = list(owners)
    for index, owner in enumerate(owners):
        for key in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(key):
                words = "version must not be empty" if key == "apiVersion" else "must not be empty"
                at, value = f"{dotted(path)}.{key}", owner.get(key) or ""
                report.wrong((*path, index, key), "KL120", "is required", value, words, at=at)
        if (owner.get("apiVersion"), owner.get("kind")) == ("v1", "Event"):
            api = "/v1, Kind=Event is disallowed from being an owner"
            report.wrong((*path, index), "KL141", "an Event cannot own anything", owner, api, at=dotted(path))
        if owner.get("controller"):
            this = f"{owner.get('kind', '')}/{owner.get('name', '')}"
            if manager:
                detail = (
                    "Only one reference can have Controller set to true. "
                    f'Found "true" in references for {manager} and {this}'
                )
                text = f"only one owner can be the controller: {manager} or {this}"
                report.wrong(
                    (*path, index), "KL141", text, [_in_order(each) for each in owners], detail, at=dotted(path)
                )
            manager = manager or this


def _in_order(owner: Tree) -> Tree:
    """An owner reference with its fields in the order of its type."""
    fields = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")
    empty = {"apiVersion": "", "kind": "", "name": "", "uid": ""}
    return {name: owner.get(name, empty.get(name)) for name in fields if name in owner or name in empty}


def _finalizers(report: Report, path: Path, finalizers: Iterable[str]) -> None:
    found = list(finalizers)
    for index, finalizer in enumerate(found):
        label_key(report, (*path, index), finalizer, at=dotted(path))
    if "orphan" in found and "foregroundDeletion" in found:
        api = "finalizer orphan and foregroundDeletion cannot be both set"
        report.wrong(path, "KL142", "orphan and foregroundDeletion exclude each other", found, api)
    for index, finalizer in enumerate(found):
        _with_domain(report, (*path, index), finalizer)


def finalizer_name(report: Report, path: Path, finalizer: str) -> None:
    """Check a finalizer: a standard one, or one with a domain."""
    label_key(report, path, finalizer)
    _with_domain(report, path, finalizer)


def _with_domain(report: Report, path: Path, finalizer: str) -> None:
    if "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
        detail = "name is neither a standard finalizer name nor is it fully qualified"
        report.invalid(
            path, "KL123", finalizer, "must be a standard finalizer or have a domain before a '/'", detail=detail
        )
