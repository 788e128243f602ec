"""Get and list: objects, tables, pages, older versions.

Source: staging/src/k8s.io/apiserver, pkg/endpoints/handlers/get.go; pkg/storage/etcd3/store.go (GetList) and
pkg/storage/continue.go of Kubernetes 1.36.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.apiserver.reading import collector_paused
from kubelogic.cluster import Object
from kubelogic.serve.bodies import Form, wanted
from kubelogic.serve.cluster import Served, encoded, following, head
from kubelogic.serve.messages import Reply, Request
from kubelogic.serve.paths import Target
from kubelogic.serve.resources import Resource
from kubelogic.serve.selectors import Matcher, matcher
from kubelogic.serve.statuses import RequestError, bad_request, cause_of, failure, invalid, not_found
from kubelogic.serve.tables import table
from kubelogic.serve.tables.common import Printer
from kubelogic.serve.versions import served_as
from kubelogic.text.numbers import whole


def warnings_of(resource: Resource) -> tuple[str, ...]:
    """What the API server says to every request for a resource."""
    if (resource.group, resource.kind) == ("", "Endpoints"):
        return ("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",)
    if resource.kind == "ComponentStatus":
        return ("v1 ComponentStatus is deprecated in v1.19+",)
    return ()


def one(served: Served, request: Request, where: Target) -> Reply:
    """GET of an object."""
    obj = served.get(where.resource, where.key)
    if obj is None:
        raise not_found(where.resource, where.name)
    return shown(served, request, where.resource, served.written(obj, where.resource))


def shown(
    served: Served,
    request: Request,
    resource: Resource,
    document: Mapping[str, Any],
    *,
    status: int = 200,
    warnings: tuple[str, ...] = (),
) -> Reply:
    """One object in the form that is asked for."""
    body = formed(served, resource, document, wanted(request.accept), included(request.query))
    return Reply(status=status, body=body, warnings=(*warnings_of(resource), *warnings))


def included(query: Mapping[str, str]) -> str:
    """What rows of tables have of their objects, as a request wants it."""
    return query.get("includeObject") or "Metadata"


def formed(
    served: Served,
    made_by: Resource | Printer,
    document: Mapping[str, Any],
    form: Form,
    include: str,
    *,
    columns: bool = True,
) -> Mapping[str, Any]:
    """An object, its metadata, or the table of it: as a request wants it.

    Args:
        served: for the moment.
        made_by: the resource, or the printer of tables.
        document: the object.
        form: what is wanted.
        include: see ``included``.
        columns: whether a table says what its columns are.
    """
    if form.kind != "Table":
        return partial(document, form) if form.kind else document
    about = {"resourceVersion": (document.get("metadata") or {}).get("resourceVersion", "")}
    return table(made_by, [document], served.now, metadata=about, api=form.version, include=include, columns=columns)


def partial(document: Mapping[str, Any], form: Form) -> dict[str, Any]:
    """The metadata of an object alone."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"meta.k8s.io/{form.version}",
        "metadata": document.get("metadata") or {},
    }


def listing(served: Served, request: Request, where: Target) -> Reply:
    """GET of a collection."""
    resource, query = where.resource, request.query
    selects = matcher(query.get("labelSelector", ""), query.get("fieldSelector", ""), resource)
    revision, cluster, start = _moment(served, query)
    limit = _limit(query)
    objects = served.objects(resource, cluster)
    keys = served.keys(objects, resource.stored_kind, where.namespace)
    keys = following(keys, start) if start else keys
    found: list[bytes] = []
    rest, last = 0, ""
    with collector_paused():
        for number, key in enumerate(keys):
            if limit and len(found) == limit:
                rest = len(keys) - number if selects is None else _more(objects, resource, keys[number:], selects)
                break
            obj = objects[key]
            if selects is None or selects(as_read(obj, resource)):
                found.append(_text(served, obj, resource, revision, older=cluster is not None))
                last = key
    meta: dict[str, Any] = {"resourceVersion": str(revision)}
    if rest:
        meta["continue"] = _token(revision, last)
        if selects is None:
            meta["remainingItemCount"] = rest
    return Reply(body=_listed(served, request, resource, found, meta), warnings=warnings_of(resource))


def as_read(obj: Object, resource: Resource) -> Mapping[str, Any]:
    """An object as selectors read it: in the version that is asked for."""
    same = obj.document.get("apiVersion") == resource.api_version
    return obj.document if same else served_as(obj.document, resource.api_version)


def _more(objects: Mapping[str, Object], resource: Resource, keys: Sequence[str], selects: Matcher) -> int:
    """Whether anything that is selected follows."""
    return int(any(selects(as_read(objects[key], resource)) for key in keys))


def _text(served: Served, obj: Object, resource: Resource, revision: int, *, older: bool) -> bytes:
    return served.text(obj, resource, served.control.history.version_at(obj, revision) if older else None)


def _listed(
    served: Served, request: Request, resource: Resource, found: list[bytes], meta: dict[str, Any]
) -> dict[str, Any] | bytes:
    form = wanted(request.accept)
    if form.kind == "Table":
        documents, include = map(msgspec.json.decode, found), included(request.query)
        return table(resource, documents, served.now, metadata=meta, api=form.version, include=include)
    if form.kind:
        return {
            "kind": "PartialObjectMetadataList",
            "apiVersion": f"meta.k8s.io/{form.version}",
            "metadata": meta,
            "items": [partial(msgspec.json.decode(each), form) for each in found],
        }
    return list_text(resource, found, meta)


def list_text(resource: Resource, found: Sequence[bytes], meta: Mapping[str, Any]) -> bytes:
    """A list of objects as JSON: those of a built-in kind do not say again what they are."""
    about = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": meta}
    items = found
    if resource.custom is None:
        begin = len(head(resource))
        items = [b"{" + each[begin:] for each in found]
    return encoded(about)[:-1] + b',"items":[' + b",".join(items) + b"]}\n"


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit") or "0"
    try:
        return max(int(text), 0)
    except ValueError as error:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def _token(revision: int, last: str) -> str:
    body = {"v": "meta.k8s.io/v1", "rv": revision, "start": f"{last}\0"}
    return base64.urlsafe_b64encode(json.dumps(body, separators=(",", ":")).encode()).decode().rstrip("=")


def _moment(served: Served, query: Mapping[str, str]) -> tuple[int, Any, str]:
    """The revision to list at, the cluster then (None for the present), and the key to start after."""
    text, match = query.get("resourceVersion") or "", query.get("resourceVersionMatch") or ""
    token = query.get("continue") or ""
    if match and not text:
        raise unmatched("Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided")
    if match and match not in ("Exact", "NotOlderThan"):
        raise unmatched(f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""')
    if match and token:
        raise unmatched("Forbidden: resourceVersionMatch is forbidden when continue is provided")
    if match == "Exact" and text == "0":
        raise unmatched('Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    if token:
        return _continued(served, token, text)
    if not text or text == "0":
        return served.revision, None, ""
    number = whole(text)
    if number is None:
        shown = json.dumps(text)
        why = f"Invalid value: {shown}: strconv.ParseUint: parsing {shown}: invalid syntax"
        words = f"invalid resource version: resourceVersion: {why}"
        raise bad_request(words)
    if number > served.revision:
        raise too_large(number, served.revision)
    if match == "Exact" or (query.get("limit") and not match):
        found = served.control.history.at(number)
        if found is None or number < served.control.history.compacted:
            raise expired("The resourceVersion for the provided list is too old.")
        return number, found, ""
    return served.revision, None, ""


def unmatched(words: str) -> RequestError:
    """422: the parameter ``resourceVersionMatch`` cannot be so."""
    return invalid("", "ListOptions", "", [cause_of("resourceVersionMatch", words)])


def _continued(served: Served, token: str, text: str) -> tuple[int, Any, str]:
    if text and text != "0":
        raise bad_request("specifying resource version is not allowed when using continue")
    try:
        body = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        revision, start = int(body["rv"]), str(body["start"])
    except (ValueError, KeyError, TypeError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {_go_words(token)}") from error
    found = served.control.history.at(revision)
    if found is None:
        raise expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list "
            "without the continue parameter, or use the continue token in this response to retrieve the remainder of "
            "the results. Continuing with the provided token results in an inconsistent list - objects that were "
            "created, modified, or deleted between the time the first chunk was returned and now may show up in the "
            "list."
        )
    return revision, found, start


def _go_words(token: str) -> str:
    """What Go says of a token that is none."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error:
        return "illegal base64 data at input byte 0"
    if not raw:
        return "unexpected end of JSON input"
    first = chr(raw[0])
    shown = first if first.isascii() and first.isprintable() else f"\\u{raw[0]:04x}"
    return f"invalid character '{shown}' looking for beginning of value"


def expired(message: str) -> RequestError:
    """410: a version that is forgotten."""
    return failure(410, "Expired", message)


def too_large(asked: int, present: int) -> RequestError:
    """504: a version that does not exist yet."""
    message = f"Too large resource version: {asked}, current: {present}"
    details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    return failure(504, "Timeout", message, details=details)
