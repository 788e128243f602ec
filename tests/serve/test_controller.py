"""A small controller, written with plain watches of the Python client, runs for an hour of simulated time.

It keeps one Deployment for each ConfigMap with the label ``kind=site``, with as many replicas as the ConfigMap says,
makes it anew when somebody deletes it, and writes what it saw into an annotation. Meanwhile a node fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from kubelogic.serve.remote import remote
from tests.serve.test_clients import ROOT, WEB
from tests.support.serving import node

pytestmark = pytest.mark.slow

kubernetes = pytest.importorskip("kubernetes")


class Controller:
    """Watches ConfigMaps and Deployments, each from where it was, and brings the one in line with the other."""

    def __init__(self, kubeconfig: Path) -> None:
        api = kubernetes.config.new_client_from_config(str(kubeconfig))
        self.core, self.apps = kubernetes.client.CoreV1Api(api), kubernetes.client.AppsV1Api(api)
        self.ended = threading.Event()
        self.failures: list[str] = []
        self.rounds = 0
        lists = (self.core.list_namespaced_config_map, self.apps.list_namespaced_deployment)
        self.threads = [threading.Thread(target=self._follow, args=(each,), daemon=True) for each in lists]
        self.turn = threading.Lock()

    def _follow(self, listing: Any) -> None:
        while not self.ended.is_set():
            try:
                since = listing("default", label_selector="kind=site").metadata.resource_version
                self._reconcile()
                watch = kubernetes.watch.Watch()
                for _ in watch.stream(
                    listing, "default", label_selector="kind=site", resource_version=since, timeout_seconds=2
                ):
                    self._reconcile()
            except Exception as error:  # noqa: BLE001  told by the test
                self.failures.append(repr(error))
                time.sleep(0.2)

    def _reconcile(self) -> None:
        with self.turn:
            self.rounds += 1
            sites = self.core.list_namespaced_config_map("default", label_selector="kind=site").items
            made = self.apps.list_namespaced_deployment("default", label_selector="kind=site").items
            there = {each.metadata.name: each for each in made}
            for site in sites:
                name, wanted = site.metadata.name, int(site.data["replicas"])
                found = there.get(name)
                if found is None:
                    labels = {"kind": "site"}
                    body = {"metadata": {"name": name, "labels": labels}, "spec": {**WEB, "replicas": wanted}}
                    self.apps.create_namespaced_deployment("default", body)
                    continue
                if found.spec.replicas != wanted:
                    self.apps.patch_namespaced_deployment(name, "default", {"spec": {"replicas": wanted}})
                seen = str(found.status.ready_replicas or 0)
                if (site.metadata.annotations or {}).get("ready") != seen:
                    note = {"metadata": {"annotations": {"ready": seen}}}
                    self.core.patch_namespaced_config_map(name, "default", note)


def test_an_hour_of_a_controller(tmp_path: Path) -> None:
    nodes, kubeconfig = tmp_path / "nodes.json", tmp_path / "kubeconfig"
    nodes.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [node("n1"), node("n2"), node("n3")]}))
    arguments = ["serve", str(nodes), "--clock", "manual", "--kubeconfig", str(kubeconfig)]
    process = subprocess.Popen([sys.executable, "-m", "kubelogic", *arguments], cwd=ROOT)
    try:
        until = time.monotonic() + 60
        while not kubeconfig.exists() and time.monotonic() < until:
            time.sleep(0.1)
        server, controller = remote(str(kubeconfig)), Controller(kubeconfig)
        for thread in controller.threads:
            thread.start()

        def minutes(number: int) -> None:
            for _ in range(number):
                server.send("POST", "/kubelogic/v1/clock", {"step": "1m"})
                time.sleep(0.3)

        def ready() -> str | None:
            return (controller.core.read_namespaced_config_map("shop", "default").metadata.annotations or {}).get(
                "ready"
            )

        site = {"metadata": {"name": "shop", "labels": {"kind": "site"}}, "data": {"replicas": "2"}}
        controller.core.create_namespaced_config_map("default", site)
        minutes(5)
        assert ready() == "2"
        controller.core.patch_namespaced_config_map("shop", "default", {"data": {"replicas": "5"}})
        minutes(10)
        assert ready() == "5"
        controller.core.patch_node("n1", {"metadata": {"annotations": {"kubelogic.dev/fail": "true"}}})
        minutes(15)
        assert ready() == "5"
        placed = controller.core.list_namespaced_pod("default", field_selector="status.phase=Running").items
        assert {each.spec.node_name for each in placed if each.metadata.deletion_timestamp is None} == {"n2", "n3"}
        controller.apps.delete_namespaced_deployment("shop", "default")
        minutes(30)
        assert ready() == "5"
        controller.ended.set()
        for thread in controller.threads:
            thread.join(20)
        assert controller.failures == []
        assert controller.rounds > 10
    finally:
        process.terminate()
        process.wait(20)
