"""What the transcriptions read of a cluster: documents, owners, labels, readiness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Document = Mapping[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A cluster at a moment: documents by kind and key, and the milliseconds since 1970."""

    documents: Mapping[str, Mapping[str, Document]]
    now: int

    def of(self, kind: str) -> Mapping[str, Document]:
        """The documents of a kind by key."""
        return self.documents.get(kind) or {}


def moment(text: str | None) -> int:
    """A timestamp of the API in milliseconds; 0 for none."""
    if not text:
        return 0
    when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round((when - _EPOCH).total_seconds() * 1000)


def meta(document: Document) -> Document:
    """The metadata of a document."""
    return document.get("metadata") or {}


def spec(document: Document) -> Document:
    """The spec of a document."""
    return document.get("spec") or {}


def status(document: Document) -> Document:
    """The status of a document."""
    return document.get("status") or {}


def number(document: Document, name: str, default: int = 0) -> int:
    """A number of a map; the default where there is none."""
    found = document.get(name)
    return default if found is None else int(found)


def controller(document: Document) -> Document | None:
    """The owner reference with ``controller: true``."""
    return next((ref for ref in meta(document).get("ownerReferences") or () if ref.get("controller")), None)


def controlled_by(document: Document, uid: str) -> bool:
    """Whether the controller of an object has a uid."""
    reference = controller(document)
    return reference is not None and reference.get("uid") == uid


def deleting(document: Document) -> bool:
    """Whether an object has a deletion mark."""
    return bool(meta(document).get("deletionTimestamp"))


def selects(selector: Document | None, labels: Mapping[str, str] | None) -> bool:
    """LabelSelectorAsSelector, for matchLabels and In, NotIn, Exists, DoesNotExist."""
    have = labels or {}
    wanted = selector or {}
    if any(have.get(key) != value for key, value in (wanted.get("matchLabels") or {}).items()):
        return False
    for rule in wanted.get("matchExpressions") or ():
        key, values = rule["key"], rule.get("values") or ()
        match rule["operator"]:
            case "In":
                good = have.get(key) in values
            case "NotIn":
                good = have.get(key) not in values
            case "Exists":
                good = key in have
            case _:
                good = key not in have
        if not good:
            return False
    return True


def condition(document: Document, name: str) -> Document | None:
    """A condition of an object by type."""
    return next((each for each in status(document).get("conditions") or () if each.get("type") == name), None)


# -- pods -----------------------------------------------------------------------------------------------------


def phase(pod: Document) -> str:
    """The phase of a pod."""
    return str(status(pod).get("phase") or "Pending")


def ended(pod: Document) -> bool:
    """IsPodTerminal."""
    return phase(pod) in ("Succeeded", "Failed")


def active(pod: Document) -> bool:
    """IsPodActive."""
    return not ended(pod) and not deleting(pod)


def ready_since(pod: Document) -> int | None:
    """When the condition Ready became True; ``None`` while it is not."""
    found = condition(pod, "Ready")
    if found is None or found.get("status") != "True":
        return None
    return moment(found.get("lastTransitionTime"))


def is_ready(pod: Document) -> bool:
    """IsPodReady."""
    return ready_since(pod) is not None


def is_available(pod: Document, min_ready: int, now: int) -> bool:
    """IsPodAvailable: ready for ``min_ready`` seconds."""
    since = ready_since(pod)
    return since is not None and (min_ready == 0 or since + 1000 * min_ready <= now)


def runs_ready(pod: Document) -> bool:
    """isRunningAndReady of StatefulSets."""
    return phase(pod) == "Running" and is_ready(pod)


def by_key(documents: Mapping[str, Document]) -> Sequence[tuple[str, Document]]:
    """Keys and documents in order."""
    return sorted(documents.items())


def scaled(value: Any, total: int, *, up: bool) -> int:
    """GetScaledValueFromIntOrPercent."""
    if isinstance(value, str):
        share = int(value.removesuffix("%")) * total
        return -(-share // 100) if up else share // 100
    return int(value or 0)
