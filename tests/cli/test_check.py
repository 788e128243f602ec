"""``kubelogic check`` as it is typed: exit codes, formats that other programs read, bases, settings."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
import xmlschema

from kubelogic.apiserver.reading import load
from kubelogic.cli import main
from kubelogic.cluster import Cluster
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.report import machine
from kubelogic.report.check import check_document
from kubelogic.verbs.check import Input, check

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "tests" / "data" / "schemas"
FIXTURE = str(ROOT / "fixtures" / "check" / "web.yaml")

Typed = Callable[..., tuple[int, str, str]]

WEB = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: app, image: "web:1", ports: [{containerPort: 8080}]}]
"""
SERVICE = """apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 9090}]}
"""


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["check", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One check of invalid input and findings of each severity, in every format."""
    bad = tmp_path_factory.mktemp("outputs") / "a b.yaml"
    bad.write_text(WEB.replace("image: ", "imgae: ").replace("name: web", "name: wob") + "---\n" + SERVICE)
    reading = load([FIXTURE, bad], keep_going=True)
    found = check(Input(cluster=Cluster.of(reading.objects), notices=reading.notices, faults=reading.refused))
    return {
        "json": json.dumps(check_document(found)),
        "sarif": json.dumps(machine.sarif(found, load_rulebook())),
        "gitlab": json.dumps(machine.gitlab(found)),
        "junit": machine.junit(found),
        "github": machine.github(found),
    }


def test_sarif_follows_its_schema(outputs: dict[str, str]) -> None:
    log = json.loads(outputs["sarif"])
    jsonschema.validate(log, json.loads((SCHEMAS / "sarif-2.1.0.json").read_text(encoding="utf-8")))
    (run,) = log["runs"]
    assert [run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] for each in run["results"]] == [
        each["ruleId"] for each in run["results"]
    ]
    assert {"KL112", "KL153", "KL401"} <= {each["ruleId"] for each in run["results"]}
    (excused,) = [each for each in run["results"] if "suppressions" in each]
    assert excused["suppressions"] == [
        {"kind": "inSource", "justification": "a cache, the shop is only slower without it"}
    ]
    rules = {each["id"]: each for each in run["tool"]["driver"]["rules"]}
    assert rules["KL401"]["shortDescription"]["text"] == "a budget that blocks every drain"
    assert rules["KL401"]["fullDescription"]["text"].startswith("A budget that blocks every drain.")
    assert all((ROOT / each["helpUri"].partition("/blob/main/")[2]).is_file() for each in rules.values())
    files = {each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in run["results"]}
    assert any(each.endswith("a%20b.yaml") for each in files)


def test_junit_follows_its_schema(outputs: dict[str, str]) -> None:
    xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd")).validate(outputs["junit"])
    root = ElementTree.fromstring(outputs["junit"])
    cases = root.findall("./testsuite/testcase")
    assert root.get("tests") == str(len(cases))
    assert root.get("failures") == str(len(root.findall("./testsuite/testcase/failure")))


def test_github_and_gitlab_have_every_finding(outputs: dict[str, str]) -> None:
    document = json.loads(outputs["json"])
    number = len(document["findings"])
    lines = outputs["github"].splitlines()
    assert len(lines) == number
    assert all(line.startswith(("::error file=", "::warning file=", "::notice file=")) for line in lines)
    report = json.loads(outputs["gitlab"])
    assert len(report) == number
    assert len({each["fingerprint"] for each in report}) == number
    assert {each["severity"] for each in report} <= {"info", "minor", "major", "critical"}
    assert all(each["location"]["lines"]["begin"] > 0 for each in report)


def test_the_document_says_all(outputs: dict[str, str]) -> None:
    document = json.loads(outputs["json"])
    assert (document["kind"], document["passes"], document["failOn"]) == ("Check", False, "error")
    budget = next(each for each in document["findings"] if each["code"] == "KL401")
    assert budget["object"] == {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "namespace": "shop",
        "name": "web",
    }
    assert budget["next"] == {"text": "set spec.minAvailable to 1", "checked": True}
    assert (budget["location"]["line"], budget["severity"]) == (41, "error")


def test_exit_codes_and_what_fails(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(WEB)
    (tmp_path / "bad.yaml").write_text(WEB + "---\n" + SERVICE)
    code, out, _ = typed("web.yaml")
    assert (code, out.splitlines()[0]) == (0, "Passes: nothing to find fault with in 1 object.")
    code, out, _ = typed("bad.yaml")
    assert code == 1
    assert "bad.yaml:14:61: error: Service shop/web leads to port 9090" in out
    assert typed("bad.yaml", "--ignore", "KL15")[0] == 0
    assert typed("bad.yaml", "--select", "KL4", "--fail-on", "warning")[0] == 1
    code, _, err = typed("gone.yaml")
    assert (code, "gone.yaml: error: cannot be read" in err) == (2, True)
    code, _, err = typed("web.yaml", "--select", "KL4100")
    assert (code, err) == (2, "kubelogic check: no code begins with KL4100; did you mean KL410?\n")
    code, _, err = typed()
    assert (code, "PATH" in err) == (2, True)


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_a_revision_is_a_base(typed: Typed, tmp_path: Path) -> None:
    folder = tmp_path / "k8s"
    folder.mkdir()
    (folder / "theirs.yaml").write_text(SERVICE + "---\n" + WEB)
    git(tmp_path, "init", "-q", ".")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    (folder / "mine.yaml").write_text((WEB + "---\n" + SERVICE).replace("web", "mine").replace("9090", "9091"))
    code, out, _ = typed("k8s", "--base", "HEAD")
    assert code == 1
    assert out.startswith("Fails: 1 error and 1 warning in 4 objects; 2 findings that the base has, too, left out.")
    assert "Service shop/mine leads to port 9091" in out
    (folder / "mine.yaml").write_text(WEB.replace("web", "mine"))
    assert typed("k8s", "--base", "HEAD")[0] == 0
    code, _, err = typed("k8s", "--base", "HAED")
    assert (code, err) == (2, "kubelogic check: --base HAED: no such file, and no revision of the git repository\n")


def test_a_file_of_manifests_is_a_base_too(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text(SERVICE + "---\n" + WEB)
    (tmp_path / "new.yaml").write_text(WEB.replace("web:1", "web:2"))
    code, out, _ = typed("new.yaml", "--base", "old.yaml")
    assert (code, "2 objects" in out, "KL103" in out) == (0, True, False)


def test_findings_about_objects_of_a_dump_stand_in_the_manifest(typed: Typed, tmp_path: Path) -> None:
    dumped = SERVICE.replace("namespace: shop}", "namespace: shop, uid: u1}").replace("9090", "8080")
    (tmp_path / "dump.yaml").write_text(dumped + "---\n" + WEB.replace("namespace: shop}", "namespace: shop, uid: u2}"))
    (tmp_path / "mine.yaml").write_text(SERVICE)
    code, out, _ = typed("mine.yaml", "--base", "dump.yaml")
    assert (code, "mine.yaml:4:61: error: Service shop/web leads to port 9090" in out) == (1, True)


SETTINGS = """
[tool.other]
paths = ["nowhere"]

[tool.kubelogic]
paths = ["k8s"]
ignore = ["KL153"]
fail-on = "warning"
"""


def test_settings_count_and_what_is_typed_counts_first(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "k8s"
    folder.mkdir()
    (folder / "web.yaml").write_text(SERVICE + "---\n" + WEB)
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    monkeypatch.chdir(folder)
    code, out, _ = typed()
    assert (code, "web.yaml:10:3: warning: A single pod" in out, "KL153" in out) == (1, True, False)
    assert typed("--fail-on", "error")[0] == 0
    assert typed("--ignore", "KL4")[0] == 1


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("fial-on = 'error'", "1:1", "unknown key fial-on; did you mean fail-on?"),
        ("\nfail-on = 'eror'", "2:1", "fail-on is one of error, warning, note, never, not 'eror'; did you mean error?"),
        ("paths = 3", "1:1", "paths is a list of texts, not 3"),
        ("exclude = [1]", "1:1", "exclude is a list of texts, not [1]"),
        ("timeout = 0", "1:1", "timeout is a number of seconds above 0, not 0"),
        ("namespace = []", "1:1", "namespace is a text, not []"),
        ("[set]\nx = 1.5", "2:1", "x is set to a number or a text, not to 1.5"),
        ("set.x = true", "1:5", "x is set to a number or a text, not to True"),
        ("set = {y = 1, x = []}", "1:15", "x is set to a number or a text, not to []"),
        ("set = 3", "1:1", "set is a table of parameters: numbers or texts by name"),
        ("paths = [", "1:10", "this is no TOML: "),
        (
            "\nexists = ['ConfigMap/a', 'Secret']",
            "2:1",
            "exists takes Kind/name or Kind/namespace/name, such as Secret/",
        ),
        ("exists = '//'", "1:1", "exists takes Kind/name or Kind/namespace/name, such as Secret/shop/keys, not '//'"),
        ("exists = 'Secret/a/b/c'", "1:1", "exists takes Kind/name or Kind/namespace/name"),
        ("exists = 'secret/a'", "1:1", "exists takes Kind/name or Kind/namespace/name"),
    ],
)
def test_faults_of_settings_have_a_place(typed: Typed, tmp_path: Path, text: str, line: str, message: str) -> None:
    (tmp_path / "kubelogic.toml").write_text(text)
    code, _, err = typed("x.yaml")
    assert code == 2
    assert f"kubelogic.toml:{line}: error: {message}" in err


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("\n[set]\nno_such = 3", (), ("3:1", "there is no parameter 'no_such'")),
        ("[set]\nnode_monitor_grace_period = 'x'", (), ("2:1", "node_monitor_grace_period takes a whole number")),
        ("set = {no_such = 3}", (), ("1:8", "there is no parameter 'no_such'")),
        ("set.node_monitor_perio = 3", (), ("1:5", "there is no parameter 'node_monitor_perio'; did you mean node_mo")),
        ("paths = 'a'\n[set]\npaths = 3", (), ("3:1", "there is no parameter 'paths'")),
        ("[set]\nnode_monitor_period = 99999999999999999999", (), ("2:1", "this is no 64-bit number")),
        ("[set]\ndefault_storage_class = 'A/b'", (), ("2:1", "'A/b' is no name of a StorageClass")),
        ("[set]\nnode_cidr_mask_size = 4", (), ("2:1", "cluster_cidr 10.244.0.0/16 is smaller than")),
        ("\nselect = ['KL4', 'KL9999']", (), ("2:1", "no code begins with KL9999")),
        ("ignore = 'kl4'", ("--select", "KL4"), ("1:1", "no code begins with kl4; did you mean KL4?")),
        (
            "base = 'gone.yaml'",
            (),
            ("1:1", "base gone.yaml: no such file, and no revision either: the paths are in no"),
        ),
    ],
)
def test_what_settings_name_in_vain_has_a_place(
    typed: Typed, tmp_path: Path, text: str, more: tuple[str, ...], said: tuple[str, str]
) -> None:
    (tmp_path / "kubelogic.toml").write_text(text)
    (tmp_path / "web.yaml").write_text(WEB)
    code, out, err = typed("web.yaml", *more)
    assert (code, out) == (2, "")
    line, message = said
    assert f"kubelogic.toml:{line}: error: {message}" in err


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("base = 'gone.yaml'", ("--base", "lost"), "--base lost: no such file, and no revision either"),
        ("select = 'KL9999'", ("--select", "KL9998"), "kubelogic check: no code begins with KL9998"),
        ("[set]\nnode_monitor_period = 7000", ("--set", "nor_this=1"), "there is no parameter 'nor_this'"),
    ],
)
def test_what_is_typed_in_vain_is_not_put_down_to_settings(
    typed: Typed, tmp_path: Path, text: str, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "kubelogic.toml").write_text(text)
    (tmp_path / "web.yaml").write_text(WEB)
    code, out, err = typed("web.yaml", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "kubelogic.toml" not in err


@pytest.mark.parametrize("what", ["loop", "nothing", "folder"])
def test_settings_that_cannot_be_read_are_not_left_out(typed: Typed, tmp_path: Path, what: str) -> None:
    path = tmp_path / "kubelogic.toml"
    if what == "folder":
        path.mkdir()
    else:
        path.symlink_to("kubelogic.toml" if what == "loop" else "elsewhere.toml")
    (tmp_path / "web.yaml").write_text(SERVICE + "---\n" + WEB)
    code, out, err = typed("web.yaml")
    assert (code, out) == (2, "")
    assert "kubelogic.toml: error: cannot be read: " in err


def test_what_exists_may_have_any_name(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "kubelogic.toml").write_text("exists = ['ClusterRole/system:node', 'Secret/shop/a.b', 'ConfigMap/x']")
    (tmp_path / "web.yaml").write_text(WEB)
    assert typed("web.yaml")[0] == 0


def test_codes_in_small_letters_and_severities_are_meant_once(
    typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "web.yaml").write_text(WEB)
    code, _, err = typed("web.yaml", "--select", "kl4", "--ignore", "kl152")
    assert (code, "no code begins with kl4; did you mean KL4?" in err) == (2, True)
    assert "no code begins with kl152; did you mean KL152?" in err
    with pytest.raises(SystemExit):
        typed("web.yaml", "--fail-on", "Error")
    assert "did you mean error?" in " ".join(capsys.readouterr().err.split())


def test_a_table_that_is_none(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool]\nkubelogic = 3\n")
    code, _, err = typed("x.yaml")
    assert (code, "pyproject.toml:2:1: error: tool.kubelogic is a table of settings, not 3" in err) == (2, True)
    (tmp_path / "pyproject.toml").write_text("tool = 'kubelogic'\n")
    assert "no such file" in typed("x.yaml")[2]


def test_nothing_excuses_an_annotation_without_a_reason(typed: Typed, tmp_path: Path) -> None:
    bare = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, annotations: {kubelogic.dev/ignore: KL153}}\n"
    (tmp_path / "x.yaml").write_text(bare + "spec: {containers: [{name: a, image: i}]}\n")
    code, out, _ = typed("x.yaml")
    assert (code, "[KL180]" in out, "excuses an object" in out) == (1, True, False)
