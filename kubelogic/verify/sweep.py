"""The same question about many clusters: each in a process of its own, on all cores or on an engine that is named.

A cluster is a job. What becomes of it does not depend on who works on it; results come in the order of the jobs. A
worker that dies costs its job another try, three in all. With a results file, jobs that are in it are not done again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from kubelogic.text import InputError
from kubelogic.text.sources import file_bytes
from kubelogic.verbs.reconciled import Options
from kubelogic.verify.job import Job
from kubelogic.verify.verifying import verify

TRIES = 3
"""So often a job is tried whose worker dies."""

Result = Mapping[str, Any]
"""``name``, ``verdict`` (holds, broken, unknown, invalid), ``document`` and ``text`` of the answer; ``refused``
with the faults of what was left out, if anything was."""


class Engine(Protocol):
    """Who does jobs. A job whose worker died comes back with None."""

    def run(self, jobs: Sequence[tuple[int, Job]]) -> Iterator[tuple[int, Result | None]]:
        """Do jobs, in any order."""


def work(job: Job) -> Result:
    """Do one job. Everything that the user can mend is a result, not an exception."""
    import time

    from kubelogic.apiserver import scheduler_file
    from kubelogic.apiserver.reading import load
    from kubelogic.facts.rulebook import limit_words
    from kubelogic.logic.errors import RuleErrors
    from kubelogic.verbs.targets import UnknownPodError

    try:
        options = Options(
            scheduler=job.scheduler,  # type: ignore[arg-type]
            rules=tuple(map(Path, job.rules)),
            parameters=dict(job.parameters) or None,
            timeout=job.timeout,
            horizon=job.horizon,
            clock=time.monotonic,
        )
        reading = load(
            job.files,
            namespace=job.namespace,
            nodes=job.nodes,
            exclude=job.exclude,
            strict=job.strict,
            keep_going=job.keep_going,
            default_storage_class=job.default_storage_class,
        )
        scheduler_file.expect(job.scheduler_config, reading)
        found = verify(reading.cluster, job.question, options, notices=reading.notices)
    except (InputError, RuleErrors, UnknownPodError, ValueError) as error:
        limit = limit_words(error) if isinstance(error, RuleErrors) else ""
        verdict = "unknown" if limit else "invalid"
        return {"name": job.name, "verdict": verdict, "document": None, "text": limit or str(error)}
    except MemoryError:
        return _too_large(job)
    done: dict[str, Any] = {"name": job.name, "verdict": found.verdict}
    done |= {"document": found.to_dict(), "text": found.to_text()}
    return {**done, "refused": [str(each) for each in reading.refused]} if reading.refused else done


def sweep(
    jobs: Sequence[Job],
    engine: Engine,
    *,
    results: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Result]:
    """Do jobs; the results in their order.

    Args:
        jobs: what to do.
        engine: who does it.
        results: a file of results, a line each; jobs that are in it are not done again, others are added when done
            (not those whose processes died: the next sweep tries them again).
        progress: told how many are done, and of how many.

    Raises:
        OSError: if the results file cannot be read or written.
        NoResultsError: if it holds something else than results.
    """
    marks = [job.mark if results is not None else "" for job in jobs]
    kept = _kept(results)
    if results is not None:
        results.open("ab").close()  # what cannot be written is told before anything is done
    found: dict[int, Result] = {
        number: {**kept[mark], "name": jobs[number].name} for number, mark in enumerate(marks) if mark in kept
    }
    left = {number: TRIES for number in range(len(jobs)) if number not in found}
    if progress is not None:
        progress(len(found), len(jobs))
    while left:
        for number, answer in engine.run([(number, jobs[number]) for number in sorted(left)]):
            left[number] -= 1
            if answer is None and left[number]:
                continue
            text = f"the process that worked on it died {TRIES} times"
            died: Result = {"name": jobs[number].name, "verdict": "unknown", "document": None, "text": text}
            result = died if answer is None else answer
            del left[number]
            found[number] = result
            if results is not None and answer is not None:
                _keep(results, marks[number], result)
            if progress is not None:
                progress(len(found), len(jobs))
    return [found[number] for number in range(len(jobs))]


class Local(msgspec.Struct, frozen=True, kw_only=True):
    """The cores of this machine: a process for each job at a time, so that one that dies takes no other with it."""

    processes: int = 0
    """So many at a time; 0: as many as there are cores."""
    worker: Callable[[Job], Result] = work
    grace: float = 15.0
    """Seconds that a process has beside those of its search; then it is ended, and its verdict is unknown."""

    def run(self, jobs: Sequence[tuple[int, Job]]) -> Iterator[tuple[int, Result | None]]:
        """See ``Engine``."""
        import multiprocessing
        import time
        from multiprocessing.connection import wait

        context = multiprocessing.get_context("spawn")
        most = self.processes or os.cpu_count() or 1
        waiting = list(jobs)
        running: dict[Any, tuple[int, Any]] = {}
        ends: dict[Any, float] = {}
        try:
            while waiting or running:
                while waiting and len(running) < most:
                    number, job = waiting.pop(0)
                    ours, theirs = context.Pipe(duplex=False)
                    process = context.Process(target=_send, args=(theirs, self.worker, job), daemon=True)
                    process.start()
                    theirs.close()
                    running[ours] = number, process
                    ends[ours] = time.monotonic() + job.seconds + self.grace
                ready: list[Any] = list(
                    wait(list(running), max(0.0, min(map(ends.__getitem__, running)) - time.monotonic()))
                )
                for pipe in [each for each in running if each not in ready and ends[each] < time.monotonic()]:
                    number, late = running.pop(pipe)
                    late.kill()
                    late.join()
                    pipe.close()
                    yield number, _too_long(dict(jobs)[number], self.grace)
                for pipe in ready:
                    number, done = running.pop(pipe)
                    try:
                        result = pipe.recv()
                    except (EOFError, OSError):
                        result = None
                    done.join()
                    pipe.close()
                    yield number, result
        finally:
            for _, left in running.values():
                left.kill()


class Dask(msgspec.Struct, frozen=True, kw_only=True):
    """A Dask cluster at an address, such as ``10.0.0.1:8786``."""

    address: str
    worker: Callable[[Job], Result] = work

    def run(self, jobs: Sequence[tuple[int, Job]]) -> Iterator[tuple[int, Result | None]]:
        """See ``Engine``."""
        from distributed import Client, as_completed
        from distributed.scheduler import KilledWorker

        with Client(self.address) as client:
            futures = {client.submit(self.worker, job.from_anywhere(), pure=False): number for number, job in jobs}
            for future in as_completed(list(futures)):
                error = future.exception()
                if error is not None and not isinstance(error, KilledWorker):
                    raise error
                yield futures[future], None if error is not None else future.result()


class Ray(msgspec.Struct, frozen=True, kw_only=True):
    """A Ray cluster at an address: ``10.0.0.1:6379``, ``auto`` for the one of this machine, or a ``ray://`` one.

    The memory of a job is what its task reserves, so that no node works on more than it has room for; Ray ends a task
    when its node runs out.
    """

    address: str
    worker: Callable[[Job], Result] = work

    def run(self, jobs: Sequence[tuple[int, Job]]) -> Iterator[tuple[int, Result | None]]:
        """See ``Engine``."""
        import ray
        from ray import exceptions as died

        ours = not ray.is_initialized()
        if ours:
            ray.init(address=self.address, log_to_driver=False, configure_logging=False)
        try:
            task = ray.remote(max_retries=0)(self.worker)
            reserved = {job.memory for _, job in jobs}
            tasks = {memory: task.options(memory=memory) if memory else task for memory in reserved}
            running = {tasks[job.memory].remote(job.from_anywhere()): number for number, job in jobs}
            while running:
                ready, _ = ray.wait(list(running), num_returns=1)
                result: Result | None = None
                try:
                    result = ray.get(ready[0])
                except (died.WorkerCrashedError, died.OutOfMemoryError, died.NodeDiedError, died.ObjectLostError):
                    result = None  # the job is tried again
                yield running.pop(ready[0]), result
        finally:
            if ours:
                ray.shutdown()


class UnknownEngineError(ValueError):
    """There is no engine of that name, or it is not installed."""


_ENGINES = "there is dask:ADDRESS, ray:ADDRESS, ray://ADDRESS, and this machine if none is named"


def named(text: str, processes: int = 0) -> Engine:
    """The engine that a person typed: empty for this machine, ``dask:ADDRESS``, ``ray:ADDRESS``, ``ray://ADDRESS``.

    Raises:
        UnknownEngineError: if there is none, or if it is not installed.
    """
    if not text:
        return Local(processes=processes)
    word, _, address = text.partition(":")
    if word not in ("dask", "ray") or not address.strip("/"):
        raise UnknownEngineError(f"{text!r} is no engine; {_ENGINES}")
    from importlib.util import find_spec

    if find_spec({"dask": "distributed", "ray": "ray"}[word]) is None:
        raise UnknownEngineError(f"{word} is not installed: pip install 'kubelogic[{word}]'")
    if word == "dask":
        return Dask(address=address)
    if address.startswith("//") and find_spec("grpc") is None:
        raise UnknownEngineError("a ray:// address needs Ray's client: pip install 'ray[client]'")
    return Ray(address=text if address.startswith("//") else address)


def _send(pipe: Any, worker: Callable[[Job], Result], job: Job) -> None:
    try:
        _limit(job.memory)
        found = worker(job)
    except (MemoryError, ImportError) as error:
        if isinstance(error, ImportError) and not job.memory:
            raise
        _limit(0)  # there may be no room left for an answer
        found = _too_large(job)
    pipe.send(found)
    pipe.close()


def _limit(memory: int) -> None:
    import resource

    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (memory or most, most))


def _too_large(job: Job) -> Result:
    text = f"it takes more than {job.memory:,} bytes of memory"
    return {"name": job.name, "verdict": "unknown", "document": None, "text": text}


def _too_long(job: Job, grace: float) -> Result:
    text = f"no answer within {job.seconds + grace:g} s; a larger --timeout may find it"
    return {"name": job.name, "verdict": "unknown", "document": None, "text": text}


_OPENING = b'{"mark": "'
"""How each line of a results file begins."""


class NoResultsError(ValueError):
    """A file that is to keep results holds something else."""


def _kept(results: Path | None) -> dict[str, Result]:
    """The results in a file by mark; a line that was cut off when something was killed counts for nothing.

    Raises:
        NoResultsError: if the file holds something else: nothing is added to it then.
    """
    if results is None or not os.path.lexists(results):
        return {}
    try:
        data = file_bytes(str(results))
    except ValueError as error:
        raise NoResultsError(f"{results}: {error}; name another file") from error
    found: dict[str, Result] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        if not line.startswith(_OPENING[: len(line)]):
            raise NoResultsError(f"{results}:{number}: it holds no results of verify --each; name another file")
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if {"mark", "verdict"} <= entry.keys():
            found[str(entry.pop("mark"))] = entry
    return found


def _keep(results: Path, mark: str, result: Result) -> None:
    with results.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(json.dumps({"mark": mark, **result}).encode() + b"\n")
