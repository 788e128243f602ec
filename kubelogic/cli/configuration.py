"""The configuration of the scheduler, given as a file."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kubelogic.text.location import Fault, InputError, Location

if TYPE_CHECKING:
    from kubelogic.apiserver.reading import Reading

_KIND = "KubeSchedulerConfiguration"


def files(args: argparse.Namespace) -> list[str]:
    """The file that was given, to be read after all others."""
    return [args.scheduler_config] if args.scheduler_config else []


def ask_for(args: argparse.Namespace, reading: Reading) -> None:
    """Make sure that what was given as the configuration of the scheduler holds one.

    Raises:
        InputError: if it does not.
    """
    given = args.scheduler_config
    if not given or given == "-":
        return
    origins = (each.origin for each in reading.objects if each.kind == _KIND)
    read = [*(origin.order[0] for origin in origins if origin), *(fault.location.file for fault in reading.refused)]
    if not any(file == given or file.startswith(given.rstrip("/") + "/") for file in read):
        message = f"--scheduler-config: there is no {_KIND} in it"
        raise InputError([Fault(location=Location(file=given), code="KL102", message=message)])
