"""The configuration of the scheduler, given as a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelogic.text.location import Fault, InputError, Location

if TYPE_CHECKING:
    from kubelogic.apiserver.reading import Reading

_KIND = "KubeSchedulerConfiguration"


def expect(given: str, reading: Reading) -> None:
    """Make sure that what was given as the configuration of the scheduler holds one.

    Args:
        given: the file or folder, which was read after all others; empty if there is none, ``-`` is not looked at.
        reading: what was read.

    Raises:
        InputError: if it does not.
    """
    if not given or given == "-":
        return
    origins = (each.origin for each in reading.objects if each.kind == _KIND)
    read = [*(origin.order[0] for origin in origins if origin), *(fault.location.file for fault in reading.refused)]
    if not any(file == given or file.startswith(given.rstrip("/") + "/") for file in read):
        message = f"--scheduler-config: there is no {_KIND} in it"
        raise InputError([Fault(location=Location(file=given), code="KL102", message=message)])
