"""What is written of a cluster for other eyes: nothing that tells whose it is, and the plan is the same."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from kubelogic.cli import main
from kubelogic.verbs.anonymous import anonymised, without_secrets
from kubelogic.verbs.load import load
from kubelogic.verbs.plan import plan

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "db",
        "namespace": "shop",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": '{"stringData":{"password":"swordfish"}}'},
        "managedFields": [{"manager": "alice"}],
    },
    "data": {"password": "c3dvcmRmaXNo"},
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "acme-pay-0",
        "namespace": "acme",
        "uid": "1",
        "labels": {"app": "acme-pay", "statefulset.kubernetes.io/pod-name": "acme-pay-0", "tier": "gold"},
        "annotations": {"acme.com/owner": "Alice", "deployment.kubernetes.io/revision": "3"},
    },
    "spec": {
        "nodeName": "ip-10-0-0-7.acme.internal",
        "priorityClassName": "system-node-critical",
        "nodeSelector": {"kubernetes.io/os": "linux", "tier": "gold"},
        "containers": [
            {
                "name": "acme",
                "image": "registry.acme.com:5000/pay:1.2@sha256:" + "a" * 64,
                "command": ["run", "--token=swordfish"],
                "env": [{"name": "PASSWORD", "value": "swordfish"}],
                "resources": {"requests": {"cpu": "1"}},
            }
        ],
        "volumes": [{"name": "v", "nfs": {"server": "nfs.acme.com", "path": "/acme"}}],
    },
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "message": "acme is well"}]},
}


def test_values_of_secrets_are_never_there() -> None:
    found = json.dumps([without_secrets(SECRET), *anonymised([SECRET])])
    assert "swordfish" not in found
    assert "c3dvcmRmaXNo" not in found
    assert without_secrets(SECRET)["data"] == {"password": ""}
    assert "alice" not in found


def test_nothing_tells_whose_cluster_it_is() -> None:
    found = anonymised([POD])[0]
    assert re.findall("acme|gold|Alice|swordfish|1\\.2", json.dumps(found).replace("acme.com/owner", "")) == []
    name = found["metadata"]["name"]
    labels = found["metadata"]["labels"]
    assert labels["statefulset.kubernetes.io/pod-name"] == name == labels["app"] + "-0"
    spec = found["spec"]
    assert spec["nodeSelector"] == {"kubernetes.io/os": "linux", "tier": labels["tier"]}
    assert spec["priorityClassName"] == "system-node-critical"
    assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert spec["containers"][0]["resources"] == {"requests": {"cpu": "1"}}
    assert re.fullmatch(r"image-1:v1@sha256:0+1", spec["containers"][0]["image"])


SLOW = [pytest.param(each, marks=pytest.mark.slow) for each in ("shop", "moves")]


@pytest.mark.parametrize("source", ["pools/idle.yaml", *SLOW])
def test_the_plan_is_the_same(source: str) -> None:
    cluster = load(FIXTURES / source)
    other = load(anonymised([each.document for each in cluster]))
    one, two = plan(cluster), plan(other)
    assert [each.verdict for each in one.pending] == [each.verdict for each in two.pending]
    nodes = dict(zip(sorted(cluster.objects("Node")), sorted(other.objects("Node")), strict=True))
    mapped = sorted(nodes[each.node] for each in one.placements)
    assert mapped == sorted(each.node for each in two.placements)


def test_a_dump_is_written_for_other_eyes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, target = tmp_path / "given.json", tmp_path / "shown.json.gz"
    given.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [POD, SECRET]}), encoding="utf-8")
    assert main(["snapshot", str(given), "--anonymise", "-o", str(target)]) == 0
    assert "2 objects of 2 kinds" in capsys.readouterr().err
    written = gzip.decompress(target.read_bytes()).decode()
    assert "acme-pay" not in written
    assert [each["kind"] for each in json.loads(written)["items"]] == ["Pod", "Secret"]
    assert target.stat().st_mode & 0o077 == 0
    assert main(["snapshot", "--anonymise"]) == 2
    assert main(["snapshot", str(given), "-o", str(tmp_path / "none" / "x.yaml")]) == 2
    assert "no such file or directory" in capsys.readouterr().err


def test_live_needs_a_cluster(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("kubernetes")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert main(["plan", "--live"]) == 2
    assert "the kubeconfig cannot be used" in capsys.readouterr().err
    (tmp_path / "none").write_text("kind: [", encoding="utf-8")
    assert main(["plan", "--live"]) == 2
    assert "the kubeconfig cannot be used" in capsys.readouterr().err
    assert main(["plan", "--context", "x", "f.yaml"]) == 2
    assert "--context names a context" in capsys.readouterr().err
    assert main(["diff", "one.yaml"]) == 2
    assert "NEW (or --live" in capsys.readouterr().err
