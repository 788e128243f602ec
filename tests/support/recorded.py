"""Where the pods of a recorded trace went: the choice among nodes that are equally good is that of the recording."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Whose = Callable[[str], tuple[str, str]]
"""What a trace calls the owner of a pod (empty: none) and the pod itself, by the pod's key."""


@dataclass(slots=True)
class Recorded:
    """Answers which node a pod got in the step that is being played; each recorded node counts for one pod.

    Pods with a name of their own are found by it, those with a generated one by their owner.
    """

    case: Mapping[str, Any]
    whose: Whose | None = None
    left: dict[str, list[str]] = field(default_factory=dict)

    def begin(self, step: int, whose: Whose) -> None:
        """Turn to a step; 0 is the time before the first."""
        self.whose = whose
        found: dict[str, list[str]] = defaultdict(list)
        for name, node in self._bound(step):
            found[name].append(node)
        self.left = dict(found)

    def __call__(self, pod: str, nodes: tuple[str, ...]) -> str | None:
        """The recorded node of a pod, if it is one of those that are equally good."""
        owner, name = self.whose(pod) if self.whose is not None else ("", "")
        for called in (f"Pod/{name}", owner):
            for node in self.left.get(called, ()):
                if node in nodes:
                    self.left[called].remove(node)
                    return node
        return None

    def _bound(self, step: int) -> Iterator[tuple[str, str]]:
        """Whom a trace shows to get a node in a step, by name and by owner, in order."""
        owners = self._owners()
        if step == 0:
            pods = (self.case["settled"][0]["state"].get("Pod") or {}).items()
            seen = [(name, pod.get("node")) for name, pod in sorted(pods)]
        else:
            seen = [
                (event["name"], (event.get("what") or {}).get("node"))
                for event in self.case["events"]
                if event["kind"] == "Pod" and event["step"] == step and event["change"] != "deleted"
            ]
        for name, node in seen:
            if node:
                yield owners.get(name) or f"Pod/{name}", str(node)

    def _owners(self) -> dict[str, str]:
        """The owners of pods with generated names."""
        states = [each["state"].get("Pod") or {} for each in self.case["settled"]]
        found = {name: str(pod.get("owner") or "") for state in states for name, pod in state.items()}
        for event in self.case["events"]:
            if event["kind"] == "Pod" and event["change"] == "added":
                found[event["name"]] = str((event.get("what") or {}).get("owner") or "")
        return {name: owner for name, owner in found.items() if owner and not owner.startswith("StatefulSet/")}
