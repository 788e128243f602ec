"""``kubelogic snapshot``: all of a cluster that is read, in a file; or the line of kubectl that collects it."""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Mapping, Sequence
from typing import Any

from kubelogic.cli import UNKNOWN, YES, UsageError, common, documents, live, streams
from kubelogic.cli.options import add_options
from kubelogic.text.writing import write_whole


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "paths",
        nargs="*",
        default=[],
        metavar="PATH",
        help="write the objects of a dump instead of those of a cluster, such as with --anonymise",
    )
    add_options(
        parser,
        """
        --command  print nothing but the line of kubectl
        --no-secrets  leave Secrets out of the line, whose values kubectl prints; what refers to one is told then
        --context NAME  another context of the kubeconfig than the current
        --anonymise  with -o FILE: replace names, images, values of labels and annotations, environment and
            commands, each by the same everywhere, so that a plan stays the same
        -o, --output FILE|FORMAT  read the cluster and write it to FILE (.yaml, .json, either with .gz; - for
            standard output): values of Secrets are never written. Or text, json or yaml: how to say the line of
            kubectl
        --no-color  plain text even on a terminal
        """,
        {"--command": {"dest": "only"}, "--context": {"default": ""}, "--output": {"default": "text"}},
    )


def run(args: argparse.Namespace) -> int:
    """Print the line, 0; or write the file: 0, or 3 if not all kinds could be read."""
    if args.output not in common.FORMATS:
        return _written(args)
    if args.anonymise or args.paths or args.context:
        raise UsageError("says what to write; -o FILE says where to")
    return _told(args)


def _written(args: argparse.Namespace) -> int:
    from kubelogic.verbs.anonymous import anonymised, without_secrets

    documents, said = _documents(args)
    found = anonymised(documents) if args.anonymise else [without_secrets(each) for each in documents]
    _write(found, args.output)
    kinds = {each["kind"] for each in found}
    streams.warn(f"{len(found)} objects of {len(kinds)} kinds, values of Secrets left out")
    for each in said:
        streams.warn(each)
    return UNKNOWN if any("(403)" in each for each in said) else YES


def _documents(args: argparse.Namespace) -> tuple[list[Mapping[str, Any]], list[str]]:
    """The objects as they were given, and what could not be read."""
    from kubelogic.text import documents, sources
    from kubelogic.text.archives import sources_of
    from kubelogic.text.live import told
    from kubelogic.text.location import Fault, InputError

    faults: list[Fault] = []
    said: list[str] = []
    read: Sequence[sources.Source | Fault]
    if args.paths:
        names, faults = sources.find(args.paths)
        stdin = common.standard_input(names)
        read = [each for name in names for each in sources_of(name, stdin)]
    else:
        reading = live.fetched(args.context, "")
        read, said = reading.sources, told(reading.unread)
    found: list[Mapping[str, Any]] = []
    for each in read:
        if isinstance(each, Fault):
            faults.append(each)
        else:
            found += [item.document for item in documents.read(each, faults)]
    if faults:
        raise InputError(faults)
    return found, said


def _write(found: Sequence[Mapping[str, Any]], name: str) -> None:
    """Write a List; a file is there as a whole or not at all, and only for the eyes of who asked."""
    if name == "-":
        streams.emit_text(_text(found, name, ascii_only=documents.ascii_only()).decode().removesuffix("\n"))
        return
    text = _text(found, name.removesuffix(".gz"))
    data = gzip.compress(text, mtime=0) if name.endswith(".gz") else text
    try:
        write_whole(name, data)
    except OSError as error:
        raise UsageError(f"-o {name}: {(error.strerror or str(error)).lower()}") from error


def _text(found: Sequence[Mapping[str, Any]], name: str, *, ascii_only: bool = False) -> bytes:
    import msgspec

    if name.endswith(".json"):
        items = b",\n".join(msgspec.json.encode(each) for each in found)
        return b'{"apiVersion": "v1", "kind": "List", "items": [\n' + items + b"\n]}\n"
    import yaml

    dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    made: str = yaml.dump_all(found, Dumper=dumper, sort_keys=False, allow_unicode=not ascii_only, width=1000)
    return made.encode()


def _told(args: argparse.Namespace) -> int:
    from kubelogic.report.documents import header
    from kubelogic.verbs.snapshot import command, resources

    line, others = command(secrets=not args.no_secrets), resources(stable=False)
    if args.output != "text":
        found = {"command": line, "resources": list(resources(secrets=not args.no_secrets)), "others": list(others)}
        documents.emit({**header("Snapshot"), **found}, args.output)
        return YES
    if args.only:
        streams.emit_text(line)
        return YES
    said = ["This collects every kind of object that is read, of the cluster that kubectl is set to:", f"  {line}"]
    if others:
        said.append(f"Where the cluster serves them, add: {','.join(others)}")
    if not args.no_secrets:
        said.append(
            "Of Secrets only names and keys are read, but kubectl prints the values: --no-secrets leaves them out."
        )
    said.append("Without kubectl, and without values of Secrets: kubelogic snapshot -o cluster.yaml")
    said.append("Then: kubelogic plan cluster.yaml, or with a change kubelogic plan cluster.yaml web.yaml")
    streams.say("\n".join(said))
    return YES
