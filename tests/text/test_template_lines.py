"""Lines of Helm templates behind rendered lines: known where only one can have made them, and never a wrong one."""

from __future__ import annotations

import random

import pytest

from kubelogic.text.template_lines import made_by

CHART = """\
{{- if .Values.enabled -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "x.fullname" . }}
  labels:
    {{- include "x.labels" . | nindent 4 }}
spec:
  {{- if not .Values.autoscaling.enabled }}
  replicas: {{ .Values.replicaCount }}
  {{- end }}
  template:
    spec:
      containers:
        - name: {{ .Chart.Name }}
          {{- with .Values.securityContext }}
          securityContext:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default
            .Chart.AppVersion }}"
          ports:
            {{- range .Values.ports }}
            - name: {{ .name }}
              containerPort: {{ .port }}
            {{- end }}
          resources: {{- toYaml .Values.resources | nindent 12 }}
{{- end }}
"""

RENDERED = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels:
    app: web
    part: shop
spec:
  template:
    spec:
      containers:
        - name: app
          securityContext:
            runAsUser: 1
          image: "nginx:1"
          ports:
            - name: a
              containerPort: 1
            - name: b
              containerPort: 2
          resources:
            limits: {cpu: 1}
"""


def of(template: str, rendered: str) -> list[int]:
    """The line of the template for each rendered line; 0 where it is not known."""
    found = made_by(template, rendered)
    return [found.get(number, 0) for number in range(1, len(rendered.rstrip("\n").split("\n")) + 1)]


def test_a_chart_as_helm_create_makes_it() -> None:
    made = [2, 3, 4, 5, 6, 7, 7, 8, 12, 13, 14, 15, 17, 18, 20, 22, 24, 25, 24, 25, 27, 27]
    assert of(CHART, RENDERED) == made


TABLE = {
    "no actions": ("a: 1\nb: 2", "a: 1\nb: 2", [1, 2]),
    "blank lines and comments": ("# x\n\na: 1\n{{/* c\n */}}\nb: 2", "# x\na: 1\n\nb: 2", [1, 3, 0, 6]),
    "a value on a line": ("a: {{ .x }}\nb: 2", "a: 7\nb: 2", [1, 2]),
    "a value of several lines": ("a: {{ .x | nindent 2 }}\nb: 2", "a:\n  c: 1\n  d: 1\nb: 2", [1, 1, 1, 2]),
    "below an entry": ("- n: {{ .x }}\n  {{ if .y }}\n  o: 1\n  {{ end }}", "- n: 1\n  o: 1", [1, 3]),
    "the key is an action": ("{{ .k }}: 1\nb: 2", "a: 1\nb: 2", [1, 2]),
    "another branch": ("{{ if .x }}\na: 1\n{{ else if .y }}\na: 2\n{{ else }}\na: 3\n{{ end }}", "a: 2", [4]),
    "equal branches": ("{{ if .x }}\na: 1\n{{ else }}\na: 1\n{{ end }}\nb: 2", "a: 1\nb: 2", [0, 6]),
    "a literal or an include": ('{{ if .x }}\na: 1\n{{ end }}\n  {{ include "y" . }}\nb: 2', "a: 1\nb: 2", [0, 5]),
    "an include of documents": ('a: 1\n{{ include "y" . }}\nb: 2', "a: 1\nb: 2", [0, 0]),
    "deeper than a literal": (
        "l:\n{{- with .x }}\n  a: 1\n{{- end }}\n  {{- toYaml .y | nindent 4 }}",
        "l:\n  a: 1\n    b: 1",
        [1, 3, 5],
    ),
    "an include is all": ('{{- include "all" . }}', "a: 1\nb: 2", [1, 1]),
    "one of two documents": ("a: {{ .x }}\nk: A\n---\na: {{ .y }}\nk: B", "a: 2\nk: B", [4, 5]),
    "a document for each": ("{{ range .x }}\n---\na: {{ . }}\n{{ end }}", "a: 2", [3]),
    "twice the same document": ("a: {{ .x }}\n---\na: {{ .y }}", "a: 2", [0]),
    "not what it can write": ("a: {{ .x }}\nb: 1", "a: 2\nb: 3", [0, 0]),
    "cut short": ("a: {{ .x }}\nb: 1", "a: 2", [0]),
    "defined elsewhere": ('{{ define "x" }}\na: 1\n{{ end }}\na: 1', "a: 1", [4]),
    "a block amid text": ("a: {{ if .x }}1{{ else }}2{{ end }}\nb: 1", "a: 2\nb: 1", [1, 2]),
    "a block that starts amid text": ("a: {{ if .x }}\n1{{ end }}\nb: 1", "a: 1\nb: 1", [0, 0]),
    "a block without end": ("{{ if .x }}\na: 1", "a: 1", [0]),
    "an end without block": ("a: 1\n{{ end }}", "a: 1", [0]),
    "break and continue": (
        "{{ range .x }}\na: 1\n{{ if .y }}\n{{ continue }}\n{{ end }}\nb: 2\n{{ else }}\nc: 3\n{{ end }}",
        "a: 1\na: 1\nb: 2",
        [2, 2, 6],
    ),
    "variables write nothing": ('{{- $x := list "}}" `{{` -}}\n  a: 1\n{{ $x = 2 }}\nb: 2', "a: 1\nb: 2", [2, 4]),
    "glued to the line before": ('a: 1\n  {{- include "x" . }}\nb: 2', "a: 1 # x\nb: 2", [1, 3]),
    "glued to the line after": ("a: {{ .x -}}\nb: 2\nc: 3", "a: 1b: 2\nc: 3", [1, 3]),
    "lines end as on Windows": ("a: {{ .x }}\r\nb: 2\r\n", "a: 1\r\nb: 2\r\n", [1, 2]),
    "an action that is open": ("a: {{ .x\nb: 2", "a: 1\nb: 2", [0, 0]),
    "a separator within an include": ('{{ include "x" . }}\nb: 2', "c: 1", [1]),
}


@pytest.mark.parametrize("name", TABLE)
def test_lines(name: str) -> None:
    template, rendered, made = TABLE[name]
    assert of(template, rendered) == made


class Written:
    """A template of few words, so that many lines are alike, and what one way through it writes."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.template: list[str] = []
        self.body = self._body(3)

    def _body(self, depth: int) -> list[tuple[str, int, object]]:
        return [self._one(depth) for _ in range(self.draw.randint(1, 4))]

    def _one(self, depth: int) -> tuple[str, int, object]:
        kind = self.draw.choice(["text", "text", "value", "any", "if", "range", "else"] if depth else ["text", "value"])
        indent, word = self.draw.choice([0, 2]), self.draw.choice("ab")
        if kind == "text":
            return kind, self._line(text := f"{' ' * indent}{word}: 1"), text
        if kind == "value":
            return kind, self._line(f"{' ' * indent}{word}: {{{{ .x }}}}"), f"{' ' * indent}{word}: "
        if kind == "any":
            return kind, self._line(f"{{{{- toYaml .x | nindent {indent} }}}}"), indent
        number = self._line("{{- range .x }}" if kind == "range" else "{{- if .x }}")
        bodies = [self._body(depth - 1)]
        if kind == "else":
            self._line("{{- else }}")
            bodies.append(self._body(depth - 1))
        self._line("{{- end }}")
        return kind, number, bodies

    def _line(self, text: str) -> int:
        self.template.append(text)
        return len(self.template)

    def written(self, body: list[tuple[str, int, object]]) -> list[tuple[str, int]]:
        lines: list[tuple[str, int]] = []
        for kind, number, what in body:
            if kind == "text":
                lines.append((str(what), number))
            elif kind == "value":
                lines.append((f"{what}{self.draw.randint(1, 2)}", number))
            elif isinstance(what, int):
                few = range(self.draw.randint(1, 2))
                lines += [(f"{' ' * what}{self.draw.choice('ab')}: {self.draw.randint(1, 2)}", number) for _ in few]
            elif isinstance(what, list):
                times = self.draw.randint(0, 2) if kind == "range" else 1 if kind == "else" else self.draw.randint(0, 1)
                for _ in range(times):
                    lines += self.written(self.draw.choice(what))
        return lines


def test_never_a_wrong_line() -> None:
    known = 0
    for seed in range(400):
        case = Written(seed)
        lines = case.written(case.body)
        found = made_by("\n".join(case.template), "\n".join(text for text, _ in lines))
        told = [(number, found[number], true) for number, (_, true) in enumerate(lines, start=1) if number in found]
        assert [each for each in told if each[1] != each[2]] == [], seed
        known += len(told)
    assert known > 500
