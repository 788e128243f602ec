"""Ports that containers of one pod share: the API server takes them, with a warning.

Source: pkg/api/pod/warnings.go, warningsForPodSpecAndMeta, of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.text.location import Path, dotted


def shared_ports(report: Report, path: Path, spec: Tree) -> None:
    """Warn of ports that are there twice; the containers of a pod share one network.

    Args:
        report: gets the warnings.
        path: where the pod's spec stands.
        spec: the spec.
    """
    seen: dict[tuple[int, str], list[tuple[Path, str, int]]] = {}
    for place, port in _ports(path, spec):
        number, protocol = port.get("containerPort"), port.get("protocol") or "TCP"
        if not isinstance(number, int):
            continue
        address, host = port.get("hostIP") or "", port.get("hostPort") or 0
        others = seen.setdefault((number, protocol), [])
        for other, other_address, other_host in others:
            what = _clash(address, host, other_address, other_host)
            if what:
                report.warn(place, "KL191", f"{what} port definition with {dotted(other)}")
        others.append((place, address, host))


def _clash(address: str, host: int, other_address: str, other_host: int) -> str:
    if address == other_address and host == other_host:
        return "duplicate"
    if not host or not other_host:
        return "overlapping"
    return "dangerously ambiguous" if host == other_host and bool(address) != bool(other_address) else ""


def _ports(path: Path, spec: Tree) -> Iterator[tuple[Path, Tree]]:
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            for number, port in enumerate(container.get("ports") or ()):
                yield (*path, field, index, "ports", number), port
