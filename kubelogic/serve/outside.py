"""How containers behave in a cluster that is served: what their commands and images say of themselves.

A command ``true``, ``false`` or ``sh -c "exit N"`` ends after a second, ``sleep N`` after that time; a readiness probe
that runs ``false`` never passes; images whose names match a pattern cannot be pulled. All else runs for ever.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import uid_of
from kubelogic.cluster.state import State
from kubelogic.logic import Row
from kubelogic.text.numbers import whole

MISSING_IMAGES = ("*missing*", "*:1.161")
"""Images that no registry has, unless told otherwise; among them the mistyped tag of the Kubernetes documentation."""

_SECOND = 1000


class Outside(msgspec.Struct, kw_only=True):
    """Follows the pods of a state and says what the world does about them.

    Attributes:
        missing: patterns of images that cannot be pulled.
    """

    missing: Sequence[str] = MISSING_IMAGES
    _seen: Cluster = msgspec.field(default_factory=Cluster)

    def __call__(self, state: State) -> tuple[State, int | None]:
        """The state with what its containers do; nothing happens later by itself."""
        found = state.cluster.differences(self._seen, ("Pod",))
        self._seen = state.cluster
        fresh = [*found.come, *(pod for old, pod in found.replaced if not _alike(old, pod))]
        rows = [row for pod in fresh for row in self._rows(pod)]
        known = state.world
        new = [(name, row) for name, row in rows if row not in known.get(name, frozenset())]
        return (state.with_world(add=new) if new else state), None

    def _rows(self, pod: Object) -> Iterator[tuple[str, Row]]:
        spec: Mapping[str, Any] = pod.document.get("spec") or {}
        containers = spec.get("containers") or ()
        for each in (*containers, *(spec.get("initContainers") or ())):
            image = str(each.get("image") or "")
            if any(fnmatch.fnmatchcase(image, pattern) for pattern in self.missing):
                yield "image_cannot_be_pulled", (image,)
        for each in containers:
            found = ending(each)
            if found is not None:
                yield "pod_exits", (uid_of(pod), *found)
                break
        for each in containers:
            if ((each.get("readinessProbe") or {}).get("exec") or {}).get("command") == ["false"]:
                yield "pod_said_ready", (uid_of(pod), 0)


def _alike(old: Object, new: Object) -> bool:
    return old.document.get("spec") is new.document.get("spec") and uid_of(old) == uid_of(new)


def ending(container: Mapping[str, Any]) -> tuple[int, int] | None:
    """After how many milliseconds a container ends by itself, and with which code; None if it runs for ever.

    >>> ending({"command": ["sh", "-c"], "args": ["exit 3"]}), ending({"command": ["nginx"]})
    ((1000, 3), None)
    >>> ending({"command": ["sleep", "90"]})
    (90000, 0)
    """
    words = [str(each) for each in (*(container.get("command") or ()), *(container.get("args") or ()))]
    if len(words) > 2 and words[0].rpartition("/")[2] in ("sh", "bash") and words[1] in ("-c", "-ec"):
        return _of_shell(words[2])
    return _of_words(words)


def _of_shell(text: str) -> tuple[int, int] | None:
    """The end of a line of shell: of its parts one after the other."""
    total, code = 0, 0
    for part in re.split(r"\s*(?:;|&&)\s*", text.strip()):
        words = part.split()
        if words[:1] == ["exit"]:
            return max(total, _SECOND), code if len(words) < 2 or (said := whole(words[1])) is None else said
        if words[:1] == ["echo"] or not words:
            continue
        found = _of_words(words)
        if found is None:
            return None
        total += found[0]
        code = found[1]
        if code and "&&" in text:
            break
    return max(total, _SECOND), code


def _of_words(words: Sequence[str]) -> tuple[int, int] | None:
    match words:
        case ["true" | "/bin/true", *_]:
            return _SECOND, 0
        case ["false" | "/bin/false", *_]:
            return _SECOND, 1
        case ["echo" | "date", *_]:
            return _SECOND, 0
        case ["sleep", text] if re.fullmatch(r"\d{1,7}(\.\d+)?[smhd]?", text):
            unit = {"m": 60, "h": 3600, "d": 86_400}.get(text[-1], 1)
            return max(int(float(text.rstrip("smhd")) * unit * 1000), 1), 0
    return None
