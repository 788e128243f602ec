"""Bodies: what a request sends, in whatever form, and what its Accept header asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from kubelogic.patterns import regex
from kubelogic.serve.messages import Request
from kubelogic.serve.resources import Resource
from kubelogic.serve.statuses import bad_request, failure

PROTOBUF = "application/vnd.kubernetes.protobuf"
MOST_BYTES = 3 * 1024 * 1024
"""A body may have so many bytes. Source: apiserver, MaxRequestBodyBytes."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What a client wants: ``Table``, ``PartialObjectMetadata``, or empty for the object itself, and its version."""

    kind: str = ""
    version: str = "v1"
    yaml: bool = False


def wanted(accept: str) -> Form:
    """The first form of an Accept header that is served.

    >>> wanted("application/json;as=Table;v=v1;g=meta.k8s.io,application/json").kind
    'Table'
    """
    for part in (accept or "*/*").split(","):
        media, *options = (each.strip() for each in part.split(";"))
        given = dict(option.partition("=")[::2] for option in options)
        if media in ("application/json", "*/*", "application/*"):
            kind = given.get("as", "")
            if not kind:
                return Form()
            if given.get("g") == "meta.k8s.io" and given.get("v") in ("v1", "v1beta1"):
                if kind == "Table":
                    return Form(kind="Table", version=given["v"])
                if kind in ("PartialObjectMetadata", "PartialObjectMetadataList"):
                    return Form(kind="PartialObjectMetadata", version=given["v"])
        elif media in ("application/yaml", "text/yaml") and not given.get("as"):
            return Form(yaml=True)
    return Form()


def document(request: Request, resource: Resource) -> dict[str, Any]:
    """The object that a request sends.

    Raises:
        RequestError: it cannot be read.
    """
    media = request.content_type.split(";")[0].strip() or "application/json"
    if media == PROTOBUF:
        from kubelogic.serve.protobuf import decoded

        sent: dict[str, Any] = decoded(request.body, resource)
        return sent
    if media not in ("application/json", "application/yaml", "text/yaml"):
        raise _unsupported()
    found = parsed(request.body, yaml=media != "application/json")
    if not isinstance(found, dict):
        raise bad_request(f"couldn't get version/kind; json parse error: {_GO_KINDS[type(found)]}")
    given, kind = str(found.get("apiVersion") or ""), str(found.get("kind") or "")
    if (given or kind) and (given != resource.api_version or kind != resource.kind):
        message = (
            f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
            f"no kind {_quoted(kind)} is registered for version {_quoted(given)}"
        )
        if given and given != resource.api_version:
            message = (
                f"the API version in the data ({given}) does not match the expected API version "
                f"({resource.api_version})"
            )
        raise bad_request(message)
    return {**found, "apiVersion": resource.api_version, "kind": resource.kind}


_GO_KINDS: Mapping[type, str] = {
    list: "json: cannot unmarshal array into Go value of type struct",
    str: "json: cannot unmarshal string into Go value of type struct",
    int: "json: cannot unmarshal number into Go value of type struct",
    float: "json: cannot unmarshal number into Go value of type struct",
    bool: "json: cannot unmarshal bool into Go value of type struct",
    type(None): "Object 'Kind' is missing in 'null'",
}


def _quoted(text: str) -> str:
    return json.dumps(text)


def _unsupported() -> Exception:
    """415: a body of a kind that is not read."""
    message = (
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    )
    return failure(415, "UnsupportedMediaType", message)


def parsed(body: bytes, *, yaml: bool = False) -> Any:
    """The JSON tree of a body.

    Raises:
        RequestError: 400; it is none.
    """
    try:
        tree = json.loads(body)
        return _without_halves(tree) if _HALF.search(body) else tree
    except RecursionError as error:
        raise bad_request("error decoding: it is nested too deeply") from error
    except ValueError as error:
        if not yaml:
            raise bad_request(f"error decoding: {error}") from error
    return _from_yaml(body)


_HALF = regex(rb"\\u[dD][89a-fA-F]")


def _without_halves(tree: Any) -> Any:
    """A tree whose texts have no half of a surrogate pair: as Go reads them, each is the replacement character."""
    text = json.dumps(tree, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


_DEEPEST = 1_000
_MOST_VALUES = 1_000_000


def _depth(body: bytes) -> int:
    """How deep brackets are nested at most, quoted ones counted, too."""
    most = depth = 0
    for mark in re.findall(rb"[\[{\]}]", body):
        depth += 1 if mark in b"[{" else -1
        most = max(most, depth)
    return most


def _size(value: Any, known: dict[int, int], inside: frozenset[int] = frozenset()) -> int:
    """How many values a tree has once its aliases are written out.

    Raises:
        ValueError: it holds itself.
    """
    if not isinstance(value, dict | list):
        return 1
    if id(value) in inside:
        raise ValueError("an alias stands for what it is in")
    if id(value) not in known:
        children = value.values() if isinstance(value, dict) else value
        below = inside | {id(value)}
        known[id(value)] = 1 + sum(_size(each, known, below) for each in children)
    return known[id(value)]


def _from_yaml(body: bytes) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if _depth(body) > _DEEPEST:
        raise bad_request("error decoding YAML: it is nested too deeply")
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 2)
    try:
        tree = reader.load(body)
        if _size(tree, {}) > _MOST_VALUES:
            raise bad_request("error decoding YAML: document contains excessive aliasing")
        return json.loads(json.dumps(tree, default=str))
    except (YAMLError, ValueError, RecursionError) as error:
        raise bad_request(f"error decoding YAML: {str(error).splitlines()[0]}") from error


def mapping(request: Request) -> Mapping[str, Any]:
    """The mapping that a request sends; nothing if it sends something else.

    Raises:
        RequestError: 400; it cannot be read.
    """
    found = parsed(request.body, yaml=True)
    return found if isinstance(found, dict) else {}


def options(request: Request) -> Mapping[str, Any]:
    """The options of a delete: from the body if there is one, else from the query.

    Raises:
        RequestError: 400; they cannot be read.
    """
    if request.body:
        media = request.content_type.split(";")[0].strip()
        if media == PROTOBUF:
            from kubelogic.serve.protobuf import decoded_type

            chosen: Mapping[str, Any] = decoded_type(request.body, "DeleteOptions")
            return chosen
        return mapping(request)
    given: dict[str, Any] = {}
    if request.query.get("propagationPolicy"):
        given["propagationPolicy"] = request.query["propagationPolicy"]
    if request.query.get("gracePeriodSeconds"):
        try:
            given["gracePeriodSeconds"] = int(request.query["gracePeriodSeconds"])
        except ValueError as error:
            raise bad_request(
                f"strconv.ParseInt: parsing {_quoted(request.query['gracePeriodSeconds'])}: invalid syntax"
            ) from error
    return given
