"""What people feed first: folders to render, files of other kinds, lines one level off. The cause is said, once."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from kubelogic.cli import main

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: 'web:1'}]}\n"
OVERLAY = "resources: [web.yaml]\nnamePrefix: prod-\n"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which commands run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def kustomize_folder(tmp_path: Path, name: str = "overlay") -> Path:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(OVERLAY)
    (folder / "web.yaml").write_text("kind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n")
    return folder


def test_a_folder_of_kustomize_is_told_once_with_the_command(
    tmp_path: Path, tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = kustomize_folder(tmp_path)
    for path in (folder, folder / "kustomization.yaml"):
        assert main(["plan", str(path)]) == 2
        error = capsys.readouterr().err
        assert error.count(": error: ") == 1
        assert f"kubectl kustomize {folder} | kubelogic plan -" in error


@pytest.mark.parametrize("name", ["kubectl", "kustomize"])
def test_it_is_rendered_where_the_tool_is_there(
    name: str, tmp_path: Path, tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = kustomize_folder(tmp_path)
    words = {"kubectl": f"kustomize {folder}", "kustomize": f"build {folder}"}[name]
    tool(tools, name, f'[ "$*" = "{words}" ] || exit 9\nprintf "%s" "{POD}"')
    assert main(["plan", str(folder)]) == 3
    assert "default/web" in capsys.readouterr().out


def test_what_the_tool_refuses_is_told(tmp_path: Path, tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = kustomize_folder(tmp_path)
    tool(tools, "kubectl", 'echo "# Warning: old" >&2; echo "no such file: base" >&2; exit 1')
    assert main(["plan", str(folder)]) == 2
    assert f"kubectl kustomize {folder} says: no such file: base [KL117]" in capsys.readouterr().err


def test_a_chart_is_told_or_rendered(tmp_path: Path, tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "chart" / "templates").mkdir(parents=True)
    (tmp_path / "chart" / "Chart.yaml").write_text("apiVersion: v2\nname: bell\n")
    (tmp_path / "chart" / "values.yaml").write_text("replicas: 2\n")
    (tmp_path / "chart" / "templates" / "web.yaml").write_text("kind: {{ .Values.kind }}\n")
    assert main(["plan", str(tmp_path / "chart")]) == 2
    error = capsys.readouterr().err
    assert error.count(": error: ") == 1
    assert f"helm template {tmp_path}/chart | kubelogic plan -" in error
    tool(tools, "helm", f'printf "%s" "{POD}"')
    assert main(["plan", str(tmp_path / "chart")]) == 3


def test_what_to_pipe_goes_into_what_was_typed(
    tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With all other paths and flags; as ever where standard input is in use already."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chart" / "templates").mkdir(parents=True)
    (tmp_path / "chart" / "Chart.yaml").write_text("apiVersion: v2\nname: bell\n")
    (tmp_path / "my pod.yaml").write_text(POD)
    for typed, command in (
        (["plan", "chart", "my pod.yaml", "-n", "x"], "kubelogic plan - 'my pod.yaml' -n x"),
        (["explain", "deploy/web", "-f", "chart", "my pod.yaml"], "kubelogic explain deploy/web -f - 'my pod.yaml'"),
        (["plan", "chart/templates"], "kubelogic plan -"),
        (["check", "chart", "-o", "json"], "kubelogic check - -o json"),
    ):
        assert main(typed) == 2
        assert f"helm template chart | {command} [KL117]" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(POD.encode())))
    assert main(["plan", "chart", "-"]) == 2
    assert "helm template chart | kubelogic plan - [KL117]" in capsys.readouterr().err


def test_templates_of_a_chart_are_the_chart(tmp_path: Path, tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the chart is not around them, each says what it is."""
    for folder in ("chart/templates", "templates"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "web.yaml").write_text("metadata:\n  name: {{ .Release.Name }}\n")
    (tmp_path / "chart" / "Chart.yaml").write_text("apiVersion: v2\nname: bell\n")
    assert main(["plan", str(tmp_path / "chart" / "templates")]) == 2
    assert f"helm template {tmp_path}/chart | kubelogic plan -" in capsys.readouterr().err
    assert main(["plan", str(tmp_path / "chart" / "templates" / "web.yaml")]) == 2
    assert f"never rendered: helm template {tmp_path}/chart | kubelogic plan -" in capsys.readouterr().err
    assert main(["plan", str(tmp_path / "templates")]) == 2
    assert "a template of a Helm chart" in capsys.readouterr().err


def test_a_component_of_kustomize_is_told(tmp_path: Path, tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = kustomize_folder(tmp_path)
    (folder / "kustomization.yaml").write_text("kind: Component\npatches: [{path: web.yaml}]\n")
    tool(tools, "kubectl", 'echo "no matches for Id" >&2; exit 1')
    assert main(["plan", str(folder)]) == 2
    assert "a Kustomize component, which is a part of others" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("right", "written", "words"),
    [
        ("replicas: 1", "replicas: ${REPLICAS}", "envsubst < web.yaml | kubelogic plan -"),
        ("name: web", "name: $NAME-web", "envsubst < web.yaml"),
        ("replicas: 1", 'replicas: "{{ replicas }}"', "a template that was never rendered"),
        ("cpu: 100m", "cpu: <CPU>", "a placeholder that was never filled in"),
        ("name: web", "name: '%%NAME%%'", "a placeholder"),
        ("name: web", "name: %%NAME%%", "a placeholder"),
        ("replicas: 1", "replicas: many", ""),
    ],
)
def test_what_nobody_filled_in_is_told(
    right: str, written: str, words: str, empty_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (empty_folder / "web.yaml").write_text(DEPLOYMENT.replace(right, written, 1))
    assert main(["plan", "web.yaml"]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert words in error
    assert ("never" in error) == bool(words)


def test_several_such_folders_have_to_be_named(tmp_path: Path, tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    top = tmp_path / "repo"
    top.mkdir()
    for name in ("base", "prod"):
        kustomize_folder(top, name)
    assert main(["plan", str(top)]) == 2
    assert "2 folders in it have to be rendered" in (error := capsys.readouterr().err)
    assert f"{top}/base, {top}/prod" in error
    assert main(["plan", str(top), "--exclude", "base", "--exclude", "prod"]) == 2
    assert "there is no object" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pattern", "read"),
    [("bad*", ["good.yaml"]), ("sub", ["bad.yaml", "good.yaml"]), ("sub/*", ["bad.yaml", "good.yaml"]), ("*.yaml", [])],
)
def test_patterns_leave_out(pattern: str, read: list[str], tmp_path: Path) -> None:
    from kubelogic.text.sources import find

    (tmp_path / "sub").mkdir()
    for name in ("good.yaml", "bad.yaml", "sub/bad-too.yaml"):
        (tmp_path / name).write_text(POD)
    assert [os.path.relpath(each, tmp_path) for each in find([tmp_path], exclude=[pattern])[0]] == read


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('Error from server (NotFound): deployments.apps "web" not found\n', "this is what kubectl said"),
        ('error: the server doesn\'t have a resource type "pod3"\n', "this is what kubectl said"),
        ("The connection to the server localhost:8080 was refused\n", "this is what kubectl said"),
        ("No resources found in default namespace.\n", "this is what kubectl said"),
        ("Unable to connect to the server: dial tcp 10.0.0.1:6443: i/o timeout\n", "this is what kubectl said"),
        ("Name:         web\nNamespace:    default\nNode:         <none>\n", "kubectl describe"),
        ("NAME   READY   STATUS    RESTARTS   AGE\nweb-1  1/1     Running   0          3d\n", "print it with -o yaml"),
        ("apiVersion: v1\nkind: Config\nclusters: []\n", "a kubeconfig"),
        ("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n", "a configuration of kind"),
        ("services: {web: {image: 'web:1'}}\nvolumes: {}\n", "a Docker Compose file"),
        ("on: push\njobs: {}\n", "a GitHub workflow"),
        ("replicaCount: 2\n", "a values file of a Helm chart"),
        ("steps:\n- {at: 1s, fail: n1}\n", "simulate --scenario"),
    ],
)
def test_files_of_other_kinds_are_named(
    text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.yaml").write_text(text)
    assert main(["plan", str(tmp_path / "x.yaml")]) == 2
    error = capsys.readouterr().err
    assert error.count(" [KL1") == 1
    assert words in error


DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: "web:1"
        resources:
          requests: {cpu: 100m}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "place"),
    [
        ('        image: "web:1"\n', "", ""),
        ("        resources:\n          requests: {cpu: 100m}", "      ports: []", "containers[0].ports"),
        ("          requests: {cpu: 100m}", "        requests: {cpu: 100m}", "containers[0].resources.requests"),
        ("  replicas: 1", "replicas: 1", ""),
        ("  selector:", "selector:", ""),
        (
            "        resources:\n          requests",
            "        resources:\n        limits: {}\n        requests",
            "resources.requests",
        ),
        ("    metadata: {labels: {app: web}}", "    metadata:\n      labels:\n      app: web", "metadata.labels.app"),
        ("    spec:\n      containers:", "    spec:\n      replicas: 2\n      containers:", ""),
    ],
)
def test_a_line_one_level_off_is_told_by_its_cause(
    right: str, wrong: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert right in DEPLOYMENT
    (tmp_path / "x.yaml").write_text(DEPLOYMENT.replace(right, wrong))
    assert main(["plan", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert ("it looks as if it belonged to" in error) == bool(place)
    assert place in error


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            "        securityContext: {fsGroup: 3}\n",
            'unknown field "fsGroup"; it is a field of spec.template.spec.securityContext',
        ),
        (
            "        securityContext: {hostNetwork: true}\n",
            'unknown field "hostNetwork"; it is a field of spec.template.spec',
        ),
        ("        securityContext: {replikas: 2}\n", 'unknown field "replikas"; there is no such field here'),
        (
            "        livenessProbe: {httpGet: {port: 80, intialDelaySeconds: 3}}\n",
            'did you mean "initialDelaySeconds" of spec.template.spec.containers[0].livenessProbe?',
        ),
    ],
)
def test_a_field_of_something_further_out_is_told_whose_it_is(
    wrong: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.yaml").write_text(DEPLOYMENT.replace("        image:", f"{wrong}        image:", 1))
    assert main(["check", str(tmp_path)]) == 2
    told = " ".join(capsys.readouterr().out.split())
    assert said in told
    assert "excuses an object" not in told, "what cannot be read cannot be excused"


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (
            "      containers:",
            "      contaniers:",
            "a pod needs at least one container (this follows from the unknown field",
        ),
        ("  template:", "template:", "make them agree (this follows from the unknown field template)"),
        ("{matchLabels: {app: web}}", "{app: web}", "it looks as if it belonged to spec.selector.matchLabels.app"),
    ],
)
def test_what_follows_from_a_field_is_told_with_it(
    right: str, wrong: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.yaml").write_text(DEPLOYMENT.replace(right, wrong, 1))
    assert main(["check", str(tmp_path)]) == 2
    told = " ".join(capsys.readouterr().out.split())
    assert said in told
    assert "no valid object is left to look at" in told


def test_what_lacks_by_itself_follows_from_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.yaml").write_text(DEPLOYMENT.replace("      - name: app\n        image", "      - imgae"))
    assert main(["plan", str(tmp_path)]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "name: is required [KL120]" in told
    assert "(this follows from the unknown field spec.template.spec.containers[0].imgae)" in told


def test_a_misspelt_field_is_still_told_as_misspelt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.yaml").write_text(DEPLOYMENT.replace("        image:", "        imgae:"))
    main(["plan", str(tmp_path)])
    assert 'did you mean "image"?' in capsys.readouterr().err


@pytest.mark.parametrize("join", ["---\n\ufeff", "\ufeff---\n", "---\n# x\n\n\ufeff"])
def test_byte_order_marks_between_documents(join: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.yaml").write_text("\ufeff" + POD + join + POD.replace("web}", "b}"), "utf-8")
    assert main(["plan", str(tmp_path)]) == 3
    assert "2 pods" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        POD.replace("{name: web}", "{name: old, name: web}"),
        '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "old", "name": "web"}, '
        '"spec": {"containers": [{"name": "c", "image": "web:1"}]}}',
    ],
)
def test_a_key_twice_counts_as_the_last(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / ("x.json" if text.startswith("{") else "x.yaml")
    path.write_text(text)
    assert main(["plan", str(path)]) == 3
    out = capsys.readouterr().out
    assert "default/web" in out
    assert "the last one counts [KL101]" in out
    assert main(["plan", str(path), "--strict"]) == 2


def test_kinds_that_nobody_reads_are_all_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service = (
        "apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: {name: a}\nspec: {cidrs: [10.0.0.0/16]}\n---\n"
    )
    policy = (
        "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: a}\nspec: {controller: a.io/b}\n---\n"
    )
    limits = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: a}\nspec: {limits: []}\n---\n"
    (tmp_path / "x.yaml").write_text(service + policy + limits + POD)
    main(["plan", str(tmp_path)])
    out = capsys.readouterr().out
    assert out.count("KL109") == 2
    assert "v1 ServiceCIDR" in out
    assert "v1 IngressClass" in out


def test_objects_that_no_controller_here_works_on_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signing = (
        "apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: a}\n"
        "spec: {request: YQ==, signerName: example.com/x, usages: [client auth]}\n---\n"
    )
    migration = (
        "apiVersion: storagemigration.k8s.io/v1beta1\nkind: StorageVersionMigration\n"
        "metadata: {name: a}\nspec: {}\n---\n"
    )
    volume = (
        "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: a}\n"
        "spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], glusterfs: {endpoints: e, path: p}}\n"
    )
    (tmp_path / "x.yaml").write_text(signing + migration + volume)
    main(["plan", str(tmp_path)])
    told = [line for line in capsys.readouterr().out.splitlines() if line.endswith("]")]
    assert [line.rpartition("[")[2] for line in told] == ["KL108]", "KL109]", "KL192]"]
    assert "CertificateSigningRequest" in told[1]


def test_a_component_that_makes_nothing_is_told(
    tmp_path: Path, tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = kustomize_folder(tmp_path)
    (folder / "kustomization.yaml").write_text("kind: Component\npatches: []\n")
    tool(tools, "kubectl", "exit 0")
    assert main(["plan", str(folder)]) == 2
    assert "a Kustomize component, which is a part of others" in capsys.readouterr().err


def test_charts_that_a_kustomization_fetches_are_not_fetched(
    tmp_path: Path, tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = kustomize_folder(tmp_path)
    (folder / "kustomization.yaml").write_text("helmCharts:\n- name: redis\n")
    tool(tools, "kubectl", "echo must not run >&2; exit 1")
    assert main(["plan", str(folder)]) == 2
    error = capsys.readouterr().err
    assert f"kubectl kustomize --enable-helm {folder} | kubelogic plan -" in error
    assert "must not run" not in error


def test_a_library_chart_is_told(tmp_path: Path, tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "chart").mkdir()
    (tmp_path / "chart" / "Chart.yaml").write_text("apiVersion: v2\nname: bell\ntype: library\n")
    tool(tools, "helm", "exit 1")
    assert main(["plan", str(tmp_path / "chart")]) == 2
    assert "this is a Helm library chart, which makes nothing by itself" in capsys.readouterr().err


def test_a_packed_chart_is_a_chart(tmp_path: Path, tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other archives are read as before, also those that are damaged."""
    (tmp_path / "bell").mkdir()
    (tmp_path / "bell" / "Chart.yaml").write_text("apiVersion: v2\nname: bell\n")
    packed = tmp_path / "bell-1.0.0.tgz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(tmp_path / "bell", "bell")
    assert main(["plan", str(packed)]) == 2
    assert f"helm template {packed} | kubelogic plan -" in capsys.readouterr().err
    tool(tools, "helm", f'[ "$*" = "template {packed}" ] || exit 9\nprintf "%s" "{POD}"')
    assert main(["plan", str(packed)]) == 3
    packed.write_bytes(packed.read_bytes()[:20])
    capsys.readouterr()
    assert main(["plan", str(packed)]) == 2
    assert "the archive is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("```yaml\n" + POD + "```\n", "a block of Markdown"),
        ("$ kubectl get pod web -o yaml\n" + POD, "what was typed at a prompt"),
        ("me@host:~/k8s$ kubectl get pod web -o yaml\n" + POD, "what was typed at a prompt"),
        ("<!DOCTYPE html><html></html>\n", "a page of HTML"),
        ("--- a/web.yaml\n+++ b/web.yaml\n@@ -1 +1 @@\n-kind: Pod\n", "this is a diff"),
        ("diff --git a/web.yaml b/web.yaml\n", "this is a diff"),
        ("<<<<<<< HEAD\n" + POD + "=======\n" + POD + ">>>>>>> other\n", "a merge was not finished"),
        (POD + "<<<<<<< HEAD\nstatus: {}\n=======\n>>>>>>> other\n", "a merge was not finished"),
        ("services:\n  web: {image: web}\n", "a Docker Compose file"),
        ("releases:\n- name: web\n", "a helmfile"),
        ("- {op: add, path: /spec/replicas, value: 2}\n", "a JSON patch"),
        ('{"type": "ADDED", "object": {"kind": "Pod"}}\n', "an event of a watch"),
    ],
)
def test_other_files_are_told_by_what_they_are(
    text: str, said: str, empty_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (empty_folder / "web.yaml").write_text(text)
    assert main(["plan", "web.yaml"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("written", "unknown", "where"),
    [
        ("batch/v1 CronJob jobTemplate: {template: {spec: {}}}", "jobTemplate.template", "jobTemplate.spec.template"),
        ("apps/v1 Deployment template: {containers: []}", "template.containers", "spec.template.spec.containers"),
        (
            "apps/v1 Deployment template: {metadata: {labels: {a: b}}, replicas: 2}",
            "template.replicas",
            "spec.replicas",
        ),
        ("networking.k8s.io/v1 Ingress rules: [{paths: []}]", "rules[0].paths", "spec.rules[0].http.paths"),
        ("v1 Pod containers: [{resources: {cpu: 1}}]", "resources.cpu", "spec.containers[0].resources.requests.cpu"),
        ("v1 Pod containers: [{limits: {cpu: 1}}]", "containers[0].limits", "spec.containers[0].resources.limits"),
        ("v1 Pod containers: [{livenessProbe: {path: /}}]", "livenessProbe.path", "livenessProbe.httpGet.path"),
        (
            "v1 Pod affinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: []}}",
            "spec.affinity.required",
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution",
        ),
        (
            "v1 Pod affinity: {requiredDuringSchedulingIgnoredDuringExecution: []}",
            "spec.affinity.required",
            "there is no such field here",
        ),
    ],
)
def test_fields_that_belong_deeper_are_told_where(
    written: str, unknown: str, where: str, empty_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One place that takes such a value is named; of several none is."""
    version, name, body = written.split(maxsplit=2)
    (empty_folder / "web.yaml").write_text(
        f"apiVersion: {version}\nkind: {name}\nmetadata: {{name: web}}\nspec: {{{body}}}\n"
    )
    assert main(["plan", "web.yaml"]) == 2
    told = [each for each in capsys.readouterr().err.splitlines() if "unknown field" in each and unknown in each]
    assert told
    assert all(where in each or "follows from" in each for each in told)


def test_fields_of_the_object_are_told_where(empty_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (empty_folder / "web.yaml").write_text(
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\nminAvailable: 1\n"
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, replicas: 2}\n"
    )
    assert main(["plan", "web.yaml"]) == 2
    error = capsys.readouterr().err
    assert "it looks as if it belonged to spec.minAvailable" in error
    assert "it looks as if it belonged to spec.replicas" in error
