"""The durable store: what was acknowledged is there after any end of the server, and nothing is half there."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import time
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from kubelogic.cli import main
from kubelogic.cluster import Cluster
from kubelogic.cluster.objects import as_object
from kubelogic.cluster.state import State, Warned
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.serve.history import History
from kubelogic.serve.server import Settings, prepare
from kubelogic.serve.store import Kept, Store, StoreError, documents
from tests.support.serving import BEGIN, OPTIONS, Client, node, shared_engine

PODS = "/api/v1/namespaces/default/pods"


def pod(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "x"}]}}


def settings(path: Path) -> Settings:
    return Settings(options=OPTIONS, speed=0, begin=BEGIN, kubeconfig=Path("unused"), store=str(path))


def served(path: Path, *names: str) -> Client:
    """A server over a store, with nodes to begin with."""
    return Client(prepare([as_object(node(name)) for name in names], settings(path), shared_engine())[0])


def end(client: Client) -> None:
    """The end of a server, in order."""
    assert isinstance(client.served.control.keeper, Store)
    client.served.control.keeper.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store may be."""
    return tmp_path / "cluster.db"


def test_a_restart_goes_on_where_the_server_ended(path: Path) -> None:
    client = served(path, "n1", "n2")
    client.send("POST", PODS, pod("a"))
    client.send("POST", "/kubelogic/v1/perform", {"operation": "fail", "node": "n2"})
    client.settle(60)
    client.send("POST", PODS, pod("b"))
    client.send("DELETE", f"{PODS}/b?gracePeriodSeconds=0")
    client.send("POST", "/kubelogic/v1/clock", {"step": "5m"})
    before = client.served.control
    listed = client.get("/api/v1/pods")
    end(client)

    again = served(path)
    after = again.served.control
    assert again.served.now == before.state.now >= BEGIN + 360_000
    assert after.state.cluster == before.state.cluster
    for part in ("world", "memory", "names", "warned", "unseen_accounts"):
        assert getattr(after.state, part) == getattr(before.state, part), part
    assert after.state.world["node_silent_since"]
    assert again.get("/api/v1/pods") == listed
    assert after.history.versions == before.history.versions
    told = [(each.revision, each.type, each.obj.key, each.old_revision) for each in after.history.since(0)]
    assert told == [(each.revision, each.type, each.obj.key, each.old_revision) for each in before.history.since(0)]
    assert [(e.old.document if e.old else None) for e in after.history.since(0)] == [
        (each.old.document if each.old else None) for each in before.history.since(0)
    ]
    made = again.send("POST", PODS, pod("c")).body
    assert int(made["metadata"]["resourceVersion"]) > int(listed["metadata"]["resourceVersion"])
    again.send("POST", "/kubelogic/v1/perform", {"operation": "heal", "node": "n2"})
    again.settle(60)
    assert [row[:2] for row in again.table("/api/v1/nodes")] == [["n1", "Ready"], ["n2", "Ready"]]
    names = [each["metadata"]["name"] for each in again.get("/api/v1/events")["items"]]
    assert len(set(names)) == len(names)
    end(again)


def test_what_was_compacted_stays_gone(path: Path) -> None:
    client = served(path, "n1")
    client.served.control.history.keep = 5
    for number in range(8):
        client.send("POST", PODS, pod(f"p{number}"))
    compacted = client.served.control.history.compacted
    assert compacted > 1
    end(client)
    again = served(path)
    assert again.served.control.history.compacted == compacted
    watch = again.send("GET", f"{PODS}?watch=true&resourceVersion={compacted - 1}&timeoutSeconds=1")

    async def first() -> Any:
        if watch.stream is None:
            return watch.body
        async for line in watch.stream:
            return json.loads(line)["object"]
        return None

    assert asyncio.run(first())["code"] == 410
    with closing(sqlite3.connect(path)) as connection:
        [kept] = connection.execute("SELECT count(*) FROM changes").fetchone()
    assert kept == 5
    end(again)


def test_plan_reads_a_store(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = served(path, "n1")
    client.send("POST", PODS, pod("a"))
    assert main(["plan", "--store", str(path), "-q"]) == 0, "while it is served"
    end(client)
    assert main(["plan", "--store", str(path), "-o", "json"]) == 0
    printed = capsys.readouterr().out
    assert '"node": "n1"' in printed.partition("\n{")[2]
    assert [each["metadata"]["name"] for each in documents(str(path)) if each["kind"] == "Pod"] == ["a"]
    assert path.stat().st_mode & 0o077 == 0


def test_what_the_control_plane_wrote_is_read_again(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A store holds what controllers, the scheduler and the monitor of nodes wrote, not by a request."""
    client = served(path, "n1", "n2")
    plain = pod("c")["spec"]
    template = {"metadata": {"labels": {"app": "web"}}, "spec": plain}
    deployment = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    job = {"template": {"spec": {**plain, "restartPolicy": "Never"}}}
    scaler = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 9}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    huge = {"containers": [{"name": "c", "image": "x", "resources": {"requests": {"cpu": "99"}}}]}
    for version, kind, spec in (
        ("v1", "ResourceQuota", {"hard": {"pods": "4"}}),
        ("apps/v1", "Deployment", deployment),
        ("batch/v1", "Job", job),
        ("autoscaling/v2", "HorizontalPodAutoscaler", scaler),
        ("v1", "PersistentVolumeClaim", claim),
        ("v1", "Pod", huge),
    ):
        url = f"/{'apis' if '/' in version else 'api'}/{version}/namespaces/default/{kind.lower()}s"
        body = {"apiVersion": version, "kind": kind, "metadata": {"name": "web"}, "spec": spec}
        assert client.send("POST", url, body).status == 201
        client.settle(0.25)
    client.settle(20)
    silent = {"metadata": {"annotations": {"kubelogic.dev/fail": "true"}}}
    client.send("PATCH", "/api/v1/nodes/n1", silent, content_type="application/merge-patch+json")
    client.settle(400)
    reasons = {each["reason"] for each in client.get("/api/v1/events")["items"]}
    assert {"Scheduled", "FailedScheduling", "NodeNotReady", "TaintManagerEviction", "FailedCreate"} <= reasons
    end(client)
    assert main(["plan", "--store", str(path)]) == 1, "huge has no place"
    printed = capsys.readouterr()
    assert (printed.err, "error" in printed.out) == ("", False)


def test_what_is_no_store_is_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = served(path, "n1")
    with pytest.raises(StoreError, match="is served by another process"):
        served(path)
    end(client)
    with pytest.raises(StoreError, match="holds a cluster already"):
        served(path, "n2")
    other = path.with_name("other.db")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE a (b)")
        connection.commit()
    with pytest.raises(StoreError, match="no store of kubelogic serve"):
        served(other)
    text = path.with_name("text.db")
    text.write_text("apiVersion: v1\n" * 200, encoding="utf-8")
    with pytest.raises(StoreError, match="not a database"):
        served(text)
    assert main(["plan", "--store", str(text)]) == 2
    assert main(["plan", "--store", str(path.with_name("none"))]) == 2
    assert "there is no such store" in capsys.readouterr().err
    with pytest.raises(StoreError, match="not a directory"):
        Store.open(str(path / "below" / "x"))


def test_nothing_is_answered_once_nothing_can_be_kept(client: Client) -> None:
    class Full:
        def keep(self, *_: object) -> None:
            raise StoreError("database or disk is full")

    client.served.control.keeper = Full()
    with pytest.raises(StoreError):
        client.send("POST", PODS, pod("a"))
    answer = client.send("GET", PODS)
    assert (answer.status, answer.body["message"]) == (500, "the store cannot be written: database or disk is full")


def _written(number: int, state: State, history: History, store: Store) -> State:
    """One commit: two objects that always say the same, and one that comes and goes."""
    pair = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": each}, "data": {"n": str(number)}}
        for each in "ab"
    ]
    fleeting = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{number}", "namespace": "default"}}
    gone = [("Pod", f"default/p{number - 3}")]
    cluster = state.cluster.replacing(map(as_object, [*pair, fleeting]), without=gone)
    after = replace(
        state,
        cluster=cluster,
        now=number,
        world={"node_silent_since": frozenset({("n1", number)})},
        memory={("retries", "x"): number},
        names={"p": number},
        warned=frozenset({Warned(kind="Pod", key="p", text=str(number))}),
    )
    store.keep(after, history, history.record(state.cluster, cluster))
    return after


def _write_for_ever(path: str, pipe: int) -> None:
    store = Store.open(path)
    kept = store.load(builtin_rulebook()) or Kept(state=State(cluster=Cluster()), history=History())
    state, number = kept.state, kept.state.now
    kept.history.keep = 50
    while True:
        number += 1
        state = _written(number, state, kept.history, store)
        os.write(pipe, number.to_bytes(8, "big"))


def _killed(path: str, after: float) -> int:
    """The last number that a writer has acknowledged before it was killed."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            _write_for_ever(path, writing)
        finally:
            os._exit(70)
    os.close(writing)
    first = os.read(reading, 8)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    rest = first
    while part := os.read(reading, 65536):
        rest += part
    os.close(reading)
    return max(int.from_bytes(rest[place : place + 8], "big") for place in range(0, len(rest), 8))


@pytest.mark.parametrize("kills", [pytest.param(6), pytest.param(200, marks=pytest.mark.slow)])
def test_kill_at_any_moment(path: Path, kills: int) -> None:
    chance = random.Random(18)
    for _ in range(kills):
        told = _killed(str(path), chance.random() * 0.05)
        store = Store.open(str(path))
        kept = store.load(builtin_rulebook())
        store.close()
        assert kept is not None
        state, history = kept.state, kept.history
        assert state.now in (told, told + 1), "acknowledged, or written and not yet acknowledged"
        maps = state.cluster.objects("ConfigMap")
        assert {each.document["data"]["n"] for each in maps.values()} == {str(state.now)}
        assert state.memory == {("retries", "x"): state.now}
        assert state.world == {"node_silent_since": frozenset({("n1", state.now)})}
        assert state.names == {"p": state.now}
        assert [each.text for each in state.warned] == [str(state.now)]
        assert len(state.cluster.objects("Pod")) == min(state.now, 3)
        numbers = [each.revision for each in history.since(0)]
        assert numbers == list(range(max(history.compacted, 1) + 1, history.revision + 1))
        assert set(history.versions) == {(each.kind, each.key) for each in state.cluster}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
