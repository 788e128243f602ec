"""The reference page of the scenario language, written from the table of its words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kubelogic.reconcile.components import COMPONENTS
from kubelogic.reconcile.expectations import MEASURES
from kubelogic.verbs.scenario_expect import FIELDS
from kubelogic.verbs.scenario_times import ENVELOPE
from kubelogic.verbs.scenario_words import WORDS

_HEAD = """\
# The language of scenarios

<!-- Written by `python -m kubelogic.report.scenario_reference` from the table of words; a test compares. -->

A scenario says what people and the world do to a cluster, when, and what is expected of it: `kubelogic simulate
manifests/ nodes.yaml --scenario FILE`. It is YAML or JSON: a list of steps, or a mapping with `steps` and a
`horizon`, the time up to which the run goes. A step has a time and one word:

```yaml
horizon: 20m
steps:
- {at: 1m, drain: zone=a}
- {at: 5m, setImage: {name: web, image: "web:2"}}
- {always: true, expect: {name: web, ready: {atLeast: 2}}}
- {by: 15m, expect: {name: web, complete: true}}
```

What is wrong in a scenario is refused before anything runs, exit code 2, with file, line and column of every fault:
words and fields that there are not, objects that are neither in the cluster nor applied by the scenario, metrics
that no autoscaler reads, probes and images that no container has, steps after the horizon. What the API server or
kubectl refuses during the run is told in their words in the timeline and under NOT WELL, with the line of the step.

Times are seconds, text such as `1m30s`, `500ms` or `7d`, or a moment of the calendar (`2026-11-02T08:00Z`,
`2026-11-02T09:00:00+01:00`). The clock starts where [the how-to](../how-to/simulate.md) says, or at `--start`.
Steps of one moment are done in the order of the file; what takes no time happens in between.
"""

_WHOM = """\
## Whom a step is about

Nodes: a name (`drain: n1`), a list (`drain: [n1, n2]`), labels (`fail: zone=a`, `cordon: "pool=batch,tier!=db"`),
or in a mapping one of `node`, `nodes`, `zone` and `selector`. `zone` and `region` stand for the labels
`topology.kubernetes.io/zone` and `region`. On the command line: `--fail zone=a@1m`, `--drain n1,n2@5m`, `--reboot
n1@10m`.

Workloads: `name: web` is a Deployment; `kind: StatefulSet, name: db` and `name: sts/db` are the same.

Pods whose names nobody knows beforehand: `of: web`, `of: sts/db`, or `selector`, with `node` and `count` (1 if left
out, or `all`). Running pods come first, then the names decide; pods that have ended or are being deleted are never
meant.

Nodes and pods that are described are found when the step comes. If there are none then, the step is refused and
told.
"""

_EXPECT = """\
## expect

What has to be so. It does nothing; whether it held is told under AS EXPECTED or, with both numbers, times and the
line, under NOT WELL, and what did not hold makes the exit code 1. The exit code is also 1 if something else is not
well at the end.

```yaml
- {at: 5m, expect: {name: web, ready: 3}}
- {by: 5m, expect: {name: job/import, complete: true}}
- {at: end, expect: {pending: 0}}
- {always: true, expect: {name: web, ready: {atLeast: 2}}}
- {always: true, from: 1m, until: 10m, expect: {name: svc/web, endpoints: ">= 1"}}
- {once: true, until: 10m, expect: {kind: Node, name: n1, ready: false}}
```

Numbers are a number, `{atLeast: 2}`, `{atMost: 4}`, both for a range, `{not: 2}`, or text such as `">= 2"`. `always`
without `from` begins with the moment at which it is so first; if it never is, it is broken. What is over in the same
instant in which it began does not count.
"""


def reference() -> str:
    """The page, in Markdown."""
    parts = [_HEAD, "\n".join(["## When", "", *_table(ENVELOPE)]), _WHOM]
    parts.append("\n".join(["## Words", "", *(f"- [`{word}`](#{word.lower()}): {_short(word)}" for word in WORDS)]))
    for word, each in WORDS.items():
        lines = [f"### {word}", "", each.does, ""]
        lines += [*_table(each.fields), ""] if each.fields else []
        lines += ["```yaml", each.example, "```"]
        parts.append("\n".join(lines))
    parts.append(
        "\n".join(
            [
                "### Components",
                "",
                "`stop` and `start` take one of these; `deployment` is short for `deployment-controller`."
                " Kubelets are stopped with `fail`.",
                "",
                *_wrapped(COMPONENTS),
            ]
        )
    )
    parts.append("\n".join([_EXPECT, *_table(FIELDS)]))
    assert set(MEASURES) <= set(FIELDS)
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _short(word: str) -> str:
    return WORDS[word].does.partition(". ")[0].rstrip(".")


def _table(fields: Mapping[str, str]) -> Iterator[str]:
    yield "| field | meaning |"
    yield "|---|---|"
    for name, text in fields.items():
        yield f"| `{name}` | {text} |"


def _wrapped(names: tuple[str, ...]) -> Iterator[str]:
    for start in range(0, len(names), 4):
        yield ", ".join(f"`{name}`" for name in names[start : start + 4]) + ("," if start + 4 < len(names) else ".")


if __name__ == "__main__":
    import sys

    sys.stdout.write(reference())
