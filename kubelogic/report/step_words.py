"""What steps of a scenario say of images, metrics, nodes and pods, in words and with units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.explain.units import in_bytes
from kubelogic.reconcile.times import clock
from kubelogic.report.quantities import exact

Arguments = Mapping[str, Any]

_SWITCHES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "pull": ("it can be pulled", "it cannot be pulled"),
        "start": ("they can be started", "they cannot be started"),
        "ready": ("they become ready by themselves", "they do not become ready by themselves"),
        "exits": ("they end", "they run on"),
        "stops": ("they stop when asked to", "they do not stop when asked to"),
    }
)
"""What is said of the containers of an image, where it is so and where it is not."""

_PRESSURES = ("memory_pressure", "disk_pressure", "pid_pressure")


def behaviour(said: Arguments) -> str:
    """How containers of an image behave from now on.

    >>> behaviour({"image": "web:2", "pull": False, "exit_code": 0})
    'it cannot be pulled'
    >>> behaviour({"image": "web:2", "ready_after": 30_000, "exit_after": 90_000, "exit_code": 137, "of_memory": True})
    'they are ready 30s after each start, they end 1m30s after each start with exit code 137 (OOMKilled)'
    """
    return ", ".join(_behaviour(said))


def _behaviour(said: Arguments) -> Iterator[str]:
    for name, words in _SWITCHES.items():
        if said.get(name) is not None:
            yield words[0 if said[name] else 1]
    if said.get("ready_after") is not None:
        yield f"they are ready {clock(said['ready_after'])} after each start"
    if said.get("exit_after") is not None:
        memory = " (OOMKilled)" if said.get("of_memory") else ""
        yield f"they end {clock(said['exit_after'])} after each start with exit code {said.get('exit_code', 0)}{memory}"
    elif said.get("of_memory") is not None:
        yield f"exit code 137 {'means' if said['of_memory'] else 'does not mean'} that they ran out of memory"
    if said.get("waits_for"):
        yield f"they end with exit code 0 when {'.'.join(filter(None, said['waits_for']))} is answered"


def measured(said: Arguments) -> str:
    """What is measured from now on.

    >>> measured({"metric": "cpu", "each": 90, "container": "app"}), measured({"metric": "memory", "total": 2 << 30})
    ('each 90m, of container app', 'in all 2Gi')
    >>> measured({"metric": "requests", "value": 1500}), measured({"metric": "cpu", "gone": True})
    ('1500m', 'not measured any more')
    """
    metric = str(said.get("metric") or "")
    amounts = [f"{word}{_amount(metric, said[name])}" for name, word in _AMOUNTS if said.get(name) is not None]
    if not amounts:
        amounts = ["not measured any more"]
    container = f", of container {said['container']}" if said.get("container") else ""
    return f"{', '.join(amounts)}{container}"


_AMOUNTS = (("each", "each "), ("total", "in all "), ("value", ""))


def _amount(metric: str, value: int) -> str:
    if in_bytes(metric):
        return exact(metric, value)
    return f"{value // 1000}" if value % 1000 == 0 else f"{value}m"


def reported(said: Arguments) -> str:
    """What a kubelet reports from now on.

    >>> reported({"node": "n1", "ready": False, "memory_pressure": True, "disk_pressure": False})
    'not Ready, memory pressure, no disk pressure'
    """
    found = [] if said.get("ready") is None else ["Ready" if said["ready"] else "not Ready"]
    found += [
        f"{'' if said[name] else 'no '}{name.replace('_', ' ')}" for name in _PRESSURES if said.get(name) is not None
    ]
    return ", ".join(found)


def pod_told(said: Arguments) -> str:
    """What becomes of a pod.

    >>> pod_told({"key": "shop/web", "ready": False, "exit_code": 3})
    'it is not ready, its containers end with exit code 3'
    """
    found = [] if said.get("ready") is None else ["it is ready" if said["ready"] else "it is not ready"]
    if said.get("exit_code") is not None:
        found.append(f"its containers end with exit code {said['exit_code']}")
    return ", ".join(found)


WORDS: Mapping[str, Callable[[Arguments], str]] = MappingProxyType(
    {
        "Behave": behaviour,
        "Measure": measured,
        "MeasureObject": measured,
        "Report": reported,
        "TellPod": pod_told,
    }
)
"""How the ``rest`` of the arguments is told, by the type of the entry."""
