"""Scenario files: YAML or JSON to a ``Scenario``, or every fault with its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.cluster import Cluster
from kubelogic.cluster.clock import PRESENT
from kubelogic.reconcile.scenario import Event, Operation, Scenario
from kubelogic.text import sources as source_files
from kubelogic.text.documents import fault_at, trees
from kubelogic.text.location import Fault, InputError, Location
from kubelogic.text.location import Path as FieldPath
from kubelogic.text.origin import ItemOrigin
from kubelogic.verbs.scenario_expect import expectations
from kubelogic.verbs.scenario_fields import Fields, WrongFieldError, milliseconds, no_duration
from kubelogic.verbs.scenario_objects import check_objects
from kubelogic.verbs.scenario_targets import Known
from kubelogic.verbs.scenario_times import ENVELOPE, read_times
from kubelogic.verbs.scenario_undoing import undoes_nothing
from kubelogic.verbs.scenario_words import WORDS

_AS_KUBECTL: Mapping[str, str] = {
    **dict.fromkeys(("annotate", "edit", "label"), "patch"),
    **dict.fromkeys(("create", "run"), "apply"),
    "kill": "exit",
    "rollout": "restart",
    "set": "setImage",
    "wait": "expect",
}
"""Operations by what they are called elsewhere."""

OPERATIONS = (*WORDS, "expect")
"""What a step can do."""


def node_operation(word: str, node: str) -> Operation:
    """The operation of a word on a node, on several (``n1,n2``), or on all with a label (``zone=a``).

    Raises:
        WrongFieldError: if the text says no node.
    """
    make = WORDS[word].bare
    assert make is not None, word
    names = node.split(",")
    return make(names if len(names) > 1 and "=" not in node else node, ())


def read_scenario(
    name: str,
    *,
    namespace: str = "default",
    cluster: Cluster | None = None,
    start: int = PRESENT,
    stdin: bytes | None = None,
    besides: Sequence[Event] = (),
    horizon: int | None = None,
) -> Scenario:
    """Read a scenario file.

    Args:
        name: path of the file; ``-`` for what is in ``stdin``.
        stdin: see ``name``.
        namespace: for objects that name none.
        cluster: where the scenario begins, to find out whether its steps mean anything there; None: not to.
        start: when the clock starts, in milliseconds since 1970, for steps at a moment of the calendar.
        besides: what happens besides, in order of time: a step may take back what these did.
        horizon: milliseconds from the start up to which it goes, where somebody said so; then steps after it are left
            out instead of refused. None: what the file says.

    Raises:
        InputError: with every fault of the file, and of the files that it applies.
    """
    source = source_files.read(name, stdin)
    if isinstance(source, Fault):
        raise InputError([source])
    faults: list[Fault] = []
    documents = [(document, tree) for document, tree in trees(source, faults) if tree is not None]
    if faults:
        raise InputError(faults)
    if len(documents) != 1:
        message = f"a scenario is one document, here are {len(documents)}"
        raise InputError([Fault(location=Location(file=name), code="KL106", message=message)])
    document, tree = documents[0]
    reader = _Reader(
        origin=ItemOrigin(document=document),
        namespace=namespace,
        directory=Path(name).parent,
        start=start,
        horizon=horizon,
    )
    scenario = reader.read(tree)
    if cluster is not None:
        reader.check(cluster, besides)
    if reader.faults:
        raise InputError(reader.faults)
    return scenario


class _Reader(msgspec.Struct, kw_only=True):
    """Reads the steps of one file; what is wrong is collected."""

    origin: ItemOrigin
    namespace: str
    directory: Path
    start: int
    horizon: int | None = None
    """Up to when it goes, whatever the file says."""
    faults: list[Fault] = msgspec.field(default_factory=list)
    placed: list[tuple[FieldPath, Operation]] = msgspec.field(default_factory=list)
    events: list[Event] = msgspec.field(default_factory=list)

    def read(self, tree: Any) -> Scenario:
        horizon, steps = self._top(tree)
        base: FieldPath = ("steps",) if isinstance(tree, Mapping) else ()
        for number, step in enumerate(steps):
            try:
                self.events.extend(self._events(step, (*base, number), horizon))
            except WrongFieldError as error:
                self._report(error)
            except InputError as error:
                self.faults.extend(error.faults)
        self.events.sort(key=lambda event: event.at)
        return Scenario(events=tuple(self.events), horizon=horizon)

    def _top(self, tree: Any) -> tuple[int | None, list[Any]]:
        """The horizon and the steps; what is wrong around them is reported, and the steps are read all the same."""
        if isinstance(tree, list):
            return None, tree
        if not isinstance(tree, Mapping):
            self._report(WrongFieldError((), "a scenario is a list of steps, or a mapping with steps", code="KL106"))
            return None, []
        for key in tree:
            if key not in ("horizon", "steps"):
                what = "unknown field; there are horizon and steps"
                self._report(WrongFieldError((key,), what, on_key=True, code="KL112"))
        horizon = milliseconds(tree["horizon"]) if "horizon" in tree else None
        if horizon is None and "horizon" in tree:
            self._report(WrongFieldError(("horizon",), no_duration(tree["horizon"])))
        steps = tree.get("steps")
        if isinstance(steps, list):
            return horizon, steps
        if "steps" in tree or not self.faults:  # a word that is misspelt is said already
            self._report(WrongFieldError(("steps",), "must be a list of steps", code="KL120"))
        return horizon, []

    def check(self, cluster: Cluster, besides: Sequence[Event]) -> None:
        """Report steps that can mean nothing."""
        operations = [each for _, each in self.placed]
        events = sorted((*besides, *self.events), key=lambda event: event.at)
        known = Known.of(cluster, operations)
        for path, operation in self.placed:
            try:
                check_objects(cluster, operations, operation, path)
                known.check(operation, path)
                if vain := undoes_nothing(cluster, events, operation):
                    raise WrongFieldError(path, vain, code="KL142")
            except WrongFieldError as error:
                self._report(error)

    def _report(self, error: WrongFieldError) -> None:
        self.faults.append(fault_at(self.origin, error.path, error.code, error.message, on_key=error.on_key))

    def _events(self, step: Any, path: FieldPath, horizon: int | None) -> Iterator[Event]:
        if not isinstance(step, Mapping):
            raise WrongFieldError(path, "a step is a mapping with at and one operation")
        words = [str(word) for word in step if word not in ENVELOPE]
        for word in words:
            if word not in OPERATIONS:
                meant = _AS_KUBECTL.get(word)
                near = [meant] if meant else difflib.get_close_matches(word, (*OPERATIONS, *ENVELOPE), n=1)
                hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(OPERATIONS)}"
                raise WrongFieldError((*path, word), f"unknown operation{hint}", on_key=True, code="KL112")
        if len(words) != 1:
            count = "nothing" if not words else " and ".join(words)
            raise WrongFieldError(path, f"a step does one thing, this one {count}", code="KL142")
        word = words[0]
        said = self.horizon is not None
        times = read_times(
            step,
            path,
            expects=word == "expect",
            start=self.start,
            horizon=None if said else horizon,
            end=self.horizon if said else horizon,
        )
        location = self.origin.locate((*path, word), key=True)
        fields = self._fields(step[word], (*path, word))
        if word == "expect":
            if not isinstance(step[word], Mapping):
                raise WrongFieldError((*path, word), "must be a mapping")
            found: list[Operation] = [
                replace(each, when=times.when, since=times.since, until=times.until, location=location)
                for each in expectations(fields)
            ]
        else:
            found = [self._operation(word, step[word], fields)]
        self.placed.extend(((*path, word), each) for each in found)
        for operation in found:
            yield from times.events(operation, location)

    def _fields(self, value: Any, path: FieldPath) -> Fields:
        given = value if isinstance(value, Mapping) else {}
        return Fields(value=given, path=path, namespace=self.namespace, directory=self.directory)

    def _operation(self, word: str, value: Any, fields: Fields) -> Operation:
        if word in ("apply", "replace") and not isinstance(value, Mapping):
            value = {"files": value}
        return WORDS[word].operation(value, fields.path, lambda given: self._fields(given, fields.path))
