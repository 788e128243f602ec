"""What admission said about objects that it took, as notices."""

from __future__ import annotations

from kubelogic.cluster.owners import owner_with_origin
from kubelogic.cluster.state import State
from kubelogic.text.notices import Notice


def warnings_of(state: State) -> tuple[Notice, ...]:
    """The warnings of a run, each at the object that a person wrote; what several objects are told is told once."""
    found: dict[tuple[str, str], list[Notice]] = {}
    for each in sorted(state.warned):
        obj = state.cluster.get(each.kind, each.key)
        source = owner_with_origin(state.cluster, obj) if obj is not None else None
        place = source.place() if source is not None else None
        message = f"{each.kind} {each.key}: {each.text}"
        about = str(source) if source is not None else each.key
        found.setdefault((about, each.text), []).append(Notice(code="KL199", message=message, location=place))
    return tuple(
        Notice(code=first.code, message=first.message, location=first.location, count=len(notices))
        for notices in found.values()
        for first in notices[:1]
    )
