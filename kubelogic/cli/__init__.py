"""The command line: one module per command; each parses, calls one function, prints.

A command module has ``configure(parser)`` and ``run(args) -> exit code``. Only the module of the command that
was typed is imported, so ``--help`` stays quick.

Exit codes: 0 yes; 1 no; 2 bad input or usage; 3 unknown (a limit was reached); 70 a fault of kubelogic itself; 74 the
answer cannot be written; 130 interrupted.
"""

from __future__ import annotations

import gc
import os
import sys

from kubelogic import __version__
from kubelogic.cli import streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

YES, NO, BAD_INPUT, UNKNOWN = 0, 1, 2, 3

EXIT_CODES = (
    (YES, "yes"),
    (NO, "no: pods pending, findings, something broken"),
    (BAD_INPUT, "bad input or usage"),
    (UNKNOWN, "unknown: a limit was reached, or something is missing from the input"),
    (streams.INTERNAL, "a fault of kubelogic itself"),
    (streams.CANNOT_WRITE, "the answer cannot be written"),
    (130, "interrupted"),
)
"""Every exit code with what it says."""


COLLECT_AFTER = 5_000_000
"""New objects after which cyclic garbage is looked for. A command makes millions of values and next to no cycles:
none while it plans 5,000 pods. Python's default of 700 would spend a third of its time on looking."""


_TRACEBACK = "KUBELOGIC_TRACEBACK"
"""The environment variable with which a fault of kubelogic shows its traceback."""


class UsageError(Exception):
    """The arguments make no sense together, or name something that is not in the input: a text for each fault."""


COMMANDS = {
    "plan": "reconcile until settled: where every pod lands, what stays pending and why",
    "explain": "why a pod is pending, or why it is where it is",
    "check": "gate for CI: valid, placeable, invariants hold",
    "simulate": "run the control plane through failures, drains and changes",
    "verify": "prove that a cluster survives what may happen to it",
    "capacity": "how many more of a pod fit; the fewest nodes that hold everything",
    "diff": "what an edit changes",
    "reach": "may the one open connections to the other, by the NetworkPolicies of both",
    "can-i": "may somebody do something, by RBAC; or who may",
    "kubeadm": "preflight for many hosts at once, the phases of kubeadm, and the cluster that they make",
    "upgrade-plan": "the order in which nodes are upgraded, what blocks it, and whether every drain is granted",
    "query": "ask the rulebook: all rows of a relation",
    "why": "the derivation of a fact, or what is missing for it",
    "serve": "the Kubernetes API over the simulated cluster: kubectl and every other client speak to it",
    "step": "let time pass in a cluster that is served",
    "fail": "let a node of a cluster that is served fall silent, or come back",
    "snapshot": "all of a cluster that is read, in a file; or the line of kubectl that collects it",
    "rules": "list, check and document the rules",
    "demo": "plan and explain a small shop that comes with the program",
    "completion": "what makes bash, zsh or fish complete the command line",
    "man": "the man page",
    "version": "which kubelogic this is",
}
"""Every command with its line of help. One whose module does not exist is not offered."""


EXAMPLES = {
    "plan": (
        "kubelogic plan fixtures/shop",
        "kubelogic plan fixtures/shop/small-services.yaml --nodes 3:4cpu:16Gi",
        "kubelogic plan fixtures/check/cluster.yaml fixtures/check/web.yaml   # a dump: kubelogic snapshot --command",
        "cat fixtures/check/cluster.yaml | kubelogic plan - fixtures/check/web.yaml",
        "kubelogic plan --live fixtures/check/web.yaml   # in the cluster that kubectl is set to",
    ),
    "explain": (
        "kubelogic explain shop/vault fixtures/shop",
        "kubelogic explain -n shop deploy/frontend fixtures/shop --node memory-1",
        "kubelogic explain KL206",
    ),
    "check": (
        "kubelogic check fixtures/shop",
        "kubelogic check fixtures/check/web.yaml --base fixtures/check/cluster.yaml",
        "kubelogic check fixtures/shop/small-services.yaml --nodes 3:4cpu:16Gi --base HEAD -o sarif",
    ),
    "diff": (
        "kubelogic diff fixtures/check/web.yaml fixtures/check/new/web.yaml --with fixtures/check/cluster.yaml",
        "kubelogic diff HEAD fixtures/check/web.yaml --nodes 3:4cpu:16Gi",
    ),
    "simulate": (
        "kubelogic simulate fixtures/shop --fail general-1@30s --horizon 10m",
        "kubelogic simulate fixtures/check/cluster.yaml fixtures/check/web.yaml --drain elm@1m --horizon 10m",
    ),
    "verify": (
        "kubelogic verify fixtures/pools/idle.yaml --survive node:1",
        "kubelogic verify fixtures/check/cluster.yaml fixtures/check/web.yaml -n shop --during-rollout deploy/web",
        "kubelogic verify fixtures/pools/idle.yaml --drain-all --extra-nodes 1",
    ),
    "capacity": (
        "kubelogic capacity fixtures/shop --pod fixtures/shop/frontend.yaml --replicas 5",
        "kubelogic capacity fixtures/shop --resource cpu=2 --resource memory=4Gi --replicas 16",
        "kubelogic capacity fixtures/shop",
        "kubelogic capacity fixtures/pools/cluster.yaml --pools fixtures/pools/pools.yaml",
        "kubelogic capacity fixtures/pools/idle.yaml --spare",
    ),
    "reach": (
        "kubelogic reach shop/debug shop/db 5432 fixtures/network",
        "kubelogic reach any shop/db fixtures/network",
        "kubelogic reach shop/debug 10.0.0.0/8 443 fixtures/network --proof",
        "kubelogic reach any shop/db 5432 fixtures/network --only shop/debug",
        "kubelogic reach any shop/db 5432 fixtures/network --before HEAD",
    ),
    "can-i": (
        "kubelogic can-i get secrets -n shop fixtures/access",
        "kubelogic can-i delete pods -n shop fixtures/access --as system:serviceaccount:shop:web",
    ),
    "kubeadm": (
        "kubelogic kubeadm preflight fixtures/kubeadm/hosts.yaml",
        "kubelogic kubeadm preflight fixtures/kubeadm/unfit.yaml --ignore-preflight-errors Swap,NumCPU",
        "kubelogic kubeadm init fixtures/kubeadm/hosts.yaml | kubelogic plan - fixtures/check/web.yaml",
    ),
    "upgrade-plan": ("kubelogic upgrade-plan fixtures/kubeadm/old-node.yaml --to 1.37",),
    "query": ("kubelogic query --settled 'pod_phase(Pod, Phase)' fixtures/shop",),
    "why": ("kubelogic why --settled \"rejects_taint('shop/fraud', 'memory-1', Key, Value, Effect)\" fixtures/shop",),
    "serve": (
        "kubelogic serve fixtures/shop",
        "kubelogic serve --nodes 3:4cpu:16Gi --kubeconfig demo.yaml   # kubectl --kubeconfig demo.yaml get nodes",
    ),
    "step": ("kubelogic step 5m",),
    "fail": ("kubelogic fail node/general-1", "kubelogic fail node/general-1 --heal"),
    "snapshot": (
        "kubelogic snapshot --command",
        'eval "$(kubelogic snapshot --command)"',
        "kubelogic snapshot -o cluster.yaml",
        "kubelogic snapshot fixtures/shop --anonymise -o shown.yaml",
    ),
    "rules": (
        "kubelogic rules show taint_toleration",
        "kubelogic rules search toleration",
        "kubelogic rules parameters eviction",
    ),
    "demo": ("kubelogic demo", "kubelogic demo --copy shop   # then: kubelogic plan shop --watch"),
    "completion": (
        "source <(kubelogic completion bash)",
        "kubelogic completion zsh > ~/.zfunc/_kubelogic",
        "kubelogic completion fish > ~/.config/fish/completions/kubelogic.fish",
    ),
    "man": ("kubelogic man | man -l -",),
    "version": ("kubelogic version -o json",),
}
"""By command, what to type."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    Whatever goes wrong ends with one line: 70 is a fault of kubelogic itself, 74 an answer that cannot be written.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    thresholds = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER, *thresholds[1:])
    try:
        return _dispatch(arguments)
    except streams.OutputError as error:
        streams.warn(f"kubelogic: standard output cannot be written: {error}")
        return streams.CANNOT_WRITE
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the last resort: told, with a code of its own
        return _internal(error)
    finally:
        gc.set_threshold(*thresholds)


def _internal(error: Exception) -> int:
    """One line about a fault of kubelogic itself, and how to report it."""
    import traceback
    from pathlib import Path

    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({'/'.join(Path(last[0].filename).parts[-2:])}:{last[0].lineno})" if last else ""
    said = " ".join(str(error).split())
    what = f"{type(error).__name__}: {said[:200]}" if said else type(error).__name__
    if os.environ.get(_TRACEBACK):
        streams.warn("".join(traceback.format_exception(error)).rstrip())
    streams.warn(
        f"kubelogic: internal error: {what}{place}. This is a fault of kubelogic {__version__}, there is no answer; "
        f"please report it with the input and with what {_TRACEBACK}=1 adds."
    )
    return streams.INTERNAL


def _dispatch(arguments: list[str]) -> int:
    commands = available()
    if answered_at_once(arguments):
        from kubelogic.cli.overview import overview

        streams.say(overview(commands).removesuffix("\n"))
        return YES
    if not arguments:
        from kubelogic.cli.overview import overview

        streams.warn(overview(commands).removesuffix("\n"))
        return BAD_INPUT
    from kubelogic.cli import habits
    from kubelogic.cli.parser import parser_of

    arguments = habits.command_first(arguments, commands)
    typed = arguments[0] if arguments and arguments[0] in commands else None
    parser, modules = parser_of([typed] if typed is not None else [])
    parser.set_defaults(typed=arguments)
    if typed is not None:
        arguments = habits.as_kubectl(arguments, parser.of(typed))
    for module in modules:
        if hasattr(module, "prepared"):
            arguments = module.prepared(arguments)
    args = parser.parse_args(arguments)
    if getattr(args, "needs_path", False) and not (args.paths or args.live or args.kept):
        parser.of(args.command).error("the following arguments are required: PATH")
    if not getattr(args, "watch", False):
        return _guarded(args)
    from kubelogic.cli.follow import follow

    besides = next((module.watched for module in modules if hasattr(module, "watched")), None)
    try:
        further = (lambda: besides(args)) if besides else tuple
        return follow(lambda: _guarded(parser.parse_args(arguments)), args, further=further)
    except UsageError as error:
        streams.warn(f"kubelogic {args.command}: {error}")
        return BAD_INPUT


def answered_at_once(arguments: Sequence[str]) -> bool:
    """Whether the answer is ready: nobody interrupts it, and no parser need be made for it."""
    return list(arguments) in (["--help"], ["-h"])


def answer(arguments: list[str]) -> int:
    """Run one command within another; returns its exit code."""
    return _dispatch(arguments)


def available() -> list[str]:
    """The commands whose module is there, in the order of the table."""
    here = {entry.removesuffix(".py") for entry in os.listdir(os.path.dirname(__file__))}  # noqa: PTH120, PTH208
    return [name for name in COMMANDS if module_of(name) in here]


def module_of(command: str) -> str:
    """The name of the module of a command."""
    return command.replace("-", "_")


def _working_folder_is_there() -> bool:
    try:
        os.getcwd()  # noqa: PTH109
    except OSError:
        return False
    return True


def _guarded(args: argparse.Namespace) -> int:
    """Run the command; turn what the user can mend into a message and exit code 2."""
    from importlib import import_module

    from kubelogic.cli.limits import OutOfTimeError, allowed, bounded
    from kubelogic.cluster.extent import TooManyPodsError
    from kubelogic.logic.errors import RuleErrors
    from kubelogic.logic.kept import CODES
    from kubelogic.report.faults import render_faults, render_rule_faults
    from kubelogic.report.style import style_for
    from kubelogic.text.location import InputError

    style = style_for(sys.stderr, no_color=getattr(args, "no_color", False))
    try:
        with bounded(allowed(args)):
            if getattr(args, "parameters", None) and not getattr(args, "has_settings", False):
                from kubelogic.cli.assigned import expect

                expect(args)
            code: int = import_module(f"kubelogic.cli.{module_of(args.command)}").run(args)
    except InputError as error:
        from kubelogic.cli.again import piped

        faults = piped(error.faults, args) if getattr(args, "paths", ()) else error.faults
        streams.warn(render_faults(faults, style))
        return BAD_INPUT
    except RuleErrors as error:
        from kubelogic.facts.rulebook import limit_words

        if limit := limit_words(error):
            streams.warn(f"kubelogic {args.command}: unknown: {limit}")
            return UNKNOWN
        streams.warn(render_rule_faults(error.faults, style))
        return BAD_INPUT
    except UsageError as error:
        streams.warn("\n".join(f"kubelogic {args.command}: {each}" for each in error.args))
        return BAD_INPUT
    except TooManyPodsError as error:
        streams.warn(f"kubelogic {args.command}: unknown: {error}")
        return UNKNOWN
    except FileNotFoundError:
        if _working_folder_is_there():
            raise
        streams.warn(f"kubelogic {args.command}: the working directory is gone; change into one that is there")
        return BAD_INPUT
    except OutOfTimeError as error:
        streams.warn(
            f"kubelogic {args.command}: unknown: no answer within {error}, the limit for the whole command that "
            f"follows from --timeout {args.timeout:g}; a larger one may find it"
        )
        return UNKNOWN
    if left := getattr(args, "noticed", ()):  # a command that prints by itself has not told what reading had to say
        from kubelogic.report.plan import render_notices

        streams.warn(render_notices(left, style))
    CODES.keep()
    return code


if __name__ == "__main__":
    sys.exit(main())
