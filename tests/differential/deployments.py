"""Deployments: what one look at a Deployment does.

Source: pkg/controller/deployment: deployment_controller.go (syncDeployment), sync.go (getNewReplicaSet, scale,
cleanupDeployment, calculateStatus), rolling.go, recreate.go; util/deployment_util.go (NewRSNewReplicas,
FindNewReplicaSet, FindActiveOrLatest, GetReplicaSetProportion, ResolveFenceposts).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.differential.reading import (
    Document,
    World,
    by_key,
    controlled_by,
    controller,
    deleting,
    ended,
    meta,
    moment,
    number,
    scaled,
    selects,
    spec,
    status,
)

Effect = tuple[Any, ...]

DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """A Deployment and its ReplicaSets, oldest first."""

    world: World
    key: str
    deployment: Document
    sets: Sequence[tuple[str, Document]]
    new: str

    @property
    def old(self) -> Sequence[tuple[str, Document]]:
        return [each for each in self.sets if each[0] != self.new]

    @property
    def wanted(self) -> int:
        return number(spec(self.deployment), "replicas", 1)

    @property
    def is_rolling(self) -> bool:
        return (spec(self.deployment).get("strategy") or {}).get("type") != "Recreate"

    @property
    def fenceposts(self) -> tuple[int, int]:
        """maxSurge and maxUnavailable, resolved."""
        if not self.is_rolling:
            return 0, 0
        rolling = (spec(self.deployment).get("strategy") or {}).get("rollingUpdate") or {}
        surge = scaled(rolling.get("maxSurge", "25%"), self.wanted, up=True)
        unavailable = scaled(rolling.get("maxUnavailable", "25%"), self.wanted, up=False)
        if surge == 0 and unavailable == 0:
            unavailable = 1
        return surge, min(unavailable, self.wanted)


def look(world: World) -> Iterator[Effect]:
    """Effects: ``(scale, rs, n)``, ``(new set, deployment, n)``, ``(drop set, rs)``, numbers of statuses."""
    for key, deployment in by_key(world.of("Deployment")):
        yield from _look(world, key, deployment)


def _look(world: World, key: str, deployment: Document) -> Iterator[Effect]:
    found = _Look(world=world, key=key, deployment=deployment, sets=_sets(world, key, deployment), new="")
    template = _plain(spec(deployment).get("template") or {})
    new = next((name for name, rs in found.sets if _plain(spec(rs).get("template") or {}) == template), "")
    here = _Look(world=world, key=key, deployment=deployment, sets=found.sets, new=new)
    if deleting(deployment):
        yield from _numbers(here)
        return
    if spec(deployment).get("paused"):
        yield from _scale(here)
        yield from _clean_up(here)
        yield from _numbers(here)
        return
    if _was_scaled(here):
        yield from _scale(here)
        yield from _numbers(here)
        return
    effects = list(_roll(here) if here.is_rolling else _recreate(here))
    yield from effects
    if not any(effect[0] in ("scale", "new set") for effect in effects) and _complete(here):
        yield from _clean_up(here)
    yield from _numbers(here)


def _sets(world: World, key: str, deployment: Document) -> Sequence[tuple[str, Document]]:
    """Claimed ReplicaSets by age; orphans go to the first Deployment that selects their labels."""
    namespace = key.partition("/")[0]
    selector = spec(deployment).get("selector")
    mine = []
    for name, rs in by_key(world.of("ReplicaSet")):
        if name.partition("/")[0] != namespace or not selects(selector, meta(rs).get("labels")):
            continue
        if controlled_by(rs, meta(deployment)["uid"]):
            mine.append((name, rs))
        elif controller(rs) is None and not deleting(rs) and not deleting(deployment):
            first = next(
                other
                for other, document in by_key(world.of("Deployment"))
                if selects(spec(document).get("selector"), meta(rs).get("labels")) and not deleting(document)
            )
            if first == key:
                mine.append((name, rs))
    return sorted(mine, key=lambda each: (moment(meta(each[1]).get("creationTimestamp")), each[0]))


def _plain(template: Document) -> Document:
    """A template without its hash (EqualIgnoreHash)."""
    about = meta(template)
    labels = {name: value for name, value in (about.get("labels") or {}).items() if name != HASH}
    return {**template, "metadata": {**about, "labels": labels}}


def _size(rs: Document) -> int:
    return number(spec(rs), "replicas", 1)


def _total(here: _Look) -> int:
    return sum(_size(rs) for _, rs in here.sets)


def _available(sets: Sequence[tuple[str, Document]]) -> int:
    return sum(number(status(rs), "availableReplicas") for _, rs in sets)


def _annotation(rs: Document, name: str) -> int | None:
    text = (meta(rs).get("annotations") or {}).get(name)
    return None if text is None else int(text)


def _of(here: _Look, name: str) -> Document:
    return next(rs for key, rs in here.sets if key == name)


def _was_scaled(here: _Look) -> bool:
    """isScalingEvent."""
    return any(
        _size(rs) > 0 and _annotation(rs, DESIRED) is not None and _annotation(rs, DESIRED) != here.wanted
        for _, rs in here.sets
    )


# -- rolling.go -----------------------------------------------------------------------------------------------


def _first_size(here: _Look) -> int:
    """NewRSNewReplicas for a set of none."""
    if not here.is_rolling:
        return here.wanted
    room = here.wanted + here.fenceposts[0] - _total(here)
    return min(room, here.wanted) if room > 0 else 0


def _roll(here: _Look) -> Iterator[Effect]:
    if not here.new:
        yield ("new set", here.key, _first_size(here))
        return
    new = _of(here, here.new)
    size = _size(new)
    if size > here.wanted:
        yield ("scale", here.new, here.wanted)
        return
    if size < here.wanted:
        room = here.wanted + here.fenceposts[0] - _total(here)
        if room > 0:
            yield ("scale", here.new, size + min(room, here.wanted - size))
            return
    old = [(name, rs) for name, rs in here.old if _size(rs) > 0]
    if not old:
        return
    least = here.wanted - here.fenceposts[1]
    not_available = size - number(status(new), "availableReplicas")
    most = _total(here) - least - not_available
    if most <= 0:
        return
    sizes = {name: _size(rs) for name, rs in old}
    cleaned = 0
    for name, rs in old:  # cleanupUnhealthyReplicas
        unhealthy = sizes[name] - number(status(rs), "availableReplicas")
        if cleaned >= most or unhealthy == 0:
            continue
        if unhealthy < 0:
            return  # it reports more than it wants: an error, tried again
        gone = min(most - cleaned, unhealthy)
        sizes[name] -= gone
        cleaned += gone
    spare = _available([(here.new, new), *old]) - least  # scaleDownOldReplicaSetsForRollingUpdate
    dropped = 0
    for name, _ in old:
        if spare <= 0 or dropped >= spare:
            break
        gone = min(sizes[name], spare - dropped)
        sizes[name] -= gone
        dropped += gone
    yield from (("scale", name, sizes[name]) for name, rs in old if sizes[name] != _size(rs))


# -- recreate.go ----------------------------------------------------------------------------------------------


def _recreate(here: _Look) -> Iterator[Effect]:
    active = [(name, rs) for name, rs in here.old if _size(rs) > 0]
    if active:
        yield from (("scale", name, 0) for name, _ in active)
        return
    uids = {meta(rs)["uid"] for _, rs in here.old}
    if any(
        not ended(pod) and (controller(pod) or {}).get("uid") in uids and _selected(here, pod)
        for pod in here.world.of("Pod").values()
    ):
        return
    if not here.new:
        yield ("new set", here.key, here.wanted)
    elif _size(_of(here, here.new)) != here.wanted:
        yield ("scale", here.new, here.wanted)


def _selected(here: _Look, pod: Document) -> bool:
    return selects(spec(here.deployment).get("selector"), meta(pod).get("labels"))


# -- sync.go --------------------------------------------------------------------------------------------------


def _scale(here: _Look) -> Iterator[Effect]:
    active = [(name, rs) for name, rs in here.sets if _size(rs) > 0]
    only = _active_or_latest(here, active)
    if only is not None:
        if _size(_of(here, only)) != here.wanted:
            yield ("scale", only, here.wanted)
        return
    if here.new and _saturated(here, _of(here, here.new)):
        yield from (("scale", name, 0) for name, rs in here.old if _size(rs) > 0)
        return
    if not here.is_rolling:
        return
    allowed = here.wanted + here.fenceposts[0] if here.wanted > 0 else 0
    to_add = allowed - _total(here)
    grows = to_add > 0
    order = sorted(
        active,
        key=lambda each: (
            -_size(each[1]),
            (-1 if grows else 1) * moment(meta(each[1]).get("creationTimestamp")),
            each[0],
        ),
    )
    sizes = {name: _size(rs) for name, rs in order}
    added = 0
    if to_add != 0:
        for name, rs in order:
            share = _proportion(here, rs, to_add, added)
            sizes[name] += share
            added += share
        first = order[0][0]
        sizes[first] = max(0, sizes[first] + to_add - added)
    yield from (("scale", name, sizes[name]) for name, rs in order if sizes[name] != _size(rs))


def _active_or_latest(here: _Look, active: Sequence[tuple[str, Document]]) -> str | None:
    match active:
        case []:
            return here.new or (here.old[-1][0] if here.old else None)
        case [(name, _)]:
            return name
    return None


def _saturated(here: _Look, new: Document) -> bool:
    return (
        _size(new) == here.wanted
        and _annotation(new, DESIRED) == here.wanted
        and number(status(new), "availableReplicas") == here.wanted
    )


def _proportion(here: _Look, rs: Document, to_add: int, added: int) -> int:
    if _size(rs) == 0 or to_add in (0, added):
        return 0
    fraction = _fraction(here, rs)
    return min(fraction, to_add - added) if to_add > 0 else max(fraction, to_add - added)


def _fraction(here: _Look, rs: Document) -> int:
    if here.wanted == 0:
        return -_size(rs)
    target = here.wanted + here.fenceposts[0]
    base = _annotation(rs, MAXIMUM) or number(status(here.deployment), "replicas")
    if base == 0:
        return 0
    exact = _size(rs) * target / base
    rounded = int(exact + 0.5) if exact >= 0 else int(exact - 0.5)
    return rounded - _size(rs)


def _complete(here: _Look) -> bool:
    """DeploymentComplete of the status that stands in the document."""
    told = status(here.deployment)
    return (
        number(told, "updatedReplicas") == here.wanted
        and number(told, "replicas") == here.wanted
        and number(told, "availableReplicas") == here.wanted
        and number(told, "observedGeneration") >= number(meta(here.deployment), "generation")
    )


def _clean_up(here: _Look) -> Iterator[Effect]:
    limit = number(spec(here.deployment), "revisionHistoryLimit", 10)
    alive = [(name, rs) for name, rs in here.old if not deleting(rs)]
    order = sorted(alive, key=lambda each: (_annotation(each[1], REVISION) or 0, each[0]))
    for name, rs in order[: max(0, len(alive) - limit)]:
        observed = number(status(rs), "observedGeneration") >= number(meta(rs), "generation")
        if _size(rs) == 0 and number(status(rs), "replicas") == 0 and observed:
            yield ("drop set", name)


def _numbers(here: _Look) -> Iterator[Effect]:
    told: Mapping[str, int] = {
        field: sum(number(status(rs), field) for _, rs in here.sets)
        for field in ("replicas", "readyReplicas", "availableReplicas", "terminatingReplicas")
    }
    updated = number(status(_of(here, here.new)), "replicas") if here.new else 0
    numbers = {
        **told,
        "updatedReplicas": updated,
        "unavailableReplicas": max(0, _total(here) - told["availableReplicas"]),
        "observedGeneration": number(meta(here.deployment), "generation"),
    }
    for field, value in sorted(numbers.items()):
        yield ("status", "Deployment", here.key, field, value)
