"""``kubelogic snapshot``: how to collect all of a cluster that is read."""

from __future__ import annotations

import argparse

from kubelogic.cli import YES, common, streams


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--command", action="store_true", dest="only", help="print nothing but the line of kubectl")
    parser.add_argument(
        "--no-secrets",
        action="store_true",
        help="leave Secrets out, whose values kubectl prints; what refers to one is told then",
    )
    common.add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Print; always 0."""
    from kubelogic.report.documents import header
    from kubelogic.verbs.snapshot import command, resources

    line, others = command(secrets=not args.no_secrets), resources(stable=False)
    if args.output != "text":
        found = {"command": line, "resources": list(resources(secrets=not args.no_secrets)), "others": list(others)}
        common.emit({**header("Snapshot"), **found}, args.output)
        return YES
    if args.only:
        streams.say(line)
        return YES
    said = ["This collects every kind of object that is read, of the cluster that kubectl is set to:", f"  {line}"]
    if others:
        said.append(f"Where the cluster serves them, add: {','.join(others)}")
    if not args.no_secrets:
        said.append(
            "Of Secrets only names and keys are read, but kubectl prints the values: --no-secrets leaves them out."
        )
    said.append("Then: kubelogic plan cluster.yaml, or with a change kubelogic plan cluster.yaml web.yaml")
    streams.say("\n".join(said))
    return YES
