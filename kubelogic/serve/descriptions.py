"""What Kubernetes' own documents say of types and fields: descriptions, and which fields are required.

They are not part of this project. The package ``kubernetes-validate`` (extra ``serve``) carries the schemas that the
Kubernetes project publishes with each release; without it the served documents have no descriptions.

Source: api/openapi-spec/swagger.json of Kubernetes 1.36; k8s.io/kube-openapi, pkg/generators/enum.go (how the values of
an enumeration are listed in a description).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from importlib.util import find_spec

import msgspec

from kubelogic.patterns import regex

_RELEASE = regex(r"v1\.36\.(\d+)-local")


class Described(msgspec.Struct, frozen=True):
    """What is said of a type, or of a field."""

    description: str = ""
    required: Sequence[str] = ()
    properties: Mapping[str, Described] = {}


class _Documents(msgspec.Struct, frozen=True):
    definitions: dict[str, Described] = msgspec.field(name="$defs")


def available() -> bool:
    """Whether the package is installed."""
    return find_spec("kubernetes_validate") is not None


@cache
def _definitions() -> Mapping[str, Described]:
    if not available():
        return {}
    root = files("kubernetes_validate").joinpath("kubernetes-json-schema")
    found = [(int(match[1]), each) for each in root.iterdir() if (match := _RELEASE.fullmatch(each.name))]
    if not found:
        return {}
    raw = max(found, key=lambda each: each[0])[1].joinpath("_definitions.json").read_bytes()
    return msgspec.json.decode(raw, type=_Documents).definitions


def described(name: str) -> Described:
    """What is said of a type and of its fields; nothing if it is not known.

    Args:
        name: as OpenAPI documents write it, such as ``io.k8s.api.core.v1.Pod``.
    """
    return _definitions().get(name) or Described()


def with_values(description: str, values: Sequence[str]) -> str:
    """A description that lists the values of an enumeration at its end, as the API server's documents do.

    >>> print(with_values("What to do.", ["Delete", "Retain"]))
    What to do.
    <BLANKLINE>
    Possible enum values:
     - `"Delete"`
     - `"Retain"`
    """
    lines = "\n".join(f' - `"{each}"`' for each in values)
    return f"{description}\n\nPossible enum values:\n{lines}".lstrip("\n")
