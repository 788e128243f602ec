"""Lines one level off, dashes and spaces that lack, other spellings: told by their cause, where the mistake is."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.api import load
from kubelogic.text.location import InputError

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  labels:
    app: web
spec:
  nodeSelector:
    disk: ssd
  tolerations:
  - operator: Exists
  containers:
  - name: app
    image: i
    resources:
      requests:
        cpu: 100m
      limits:
        memory: 1Gi
    readinessProbe:
      httpGet:
        port: 80
    securityContext:
      capabilities:
        drop: [ALL]
"""


def told(tmp_path: Path, text: str) -> list[str]:
    """What is said, each with its line."""
    path = tmp_path / "web.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        load([str(path)])
    return [f"{fault.location.line}: {fault.message}" for fault in error.value.faults]


def moved(text: str, first: str, lines: int, by: int) -> str:
    """A text with some lines from the first that begins so further in or out."""
    found = text.splitlines()
    start = next(n for n, line in enumerate(found) if line.strip().startswith(first))
    for n in range(start, start + lines):
        found[n] = " " * by + found[n] if by > 0 else found[n][-by:]
    return "\n".join(found) + "\n"


@pytest.mark.parametrize(
    ("first", "lines", "by", "said"),
    [
        ("resources:", 5, -2, ["19: spec.resources is out of place itself: it looks as if it belonged to "]),
        (
            "securityContext:",
            1,
            -2,
            ["24: spec.securityContext is out of place itself: it looks as if it belonged to "],
        ),
        (
            "tolerations:",
            2,
            2,
            ["10: by its indentation it is out of place: it looks as if it belonged to spec.tolerations"],
        ),
        (
            "limits:",
            2,
            2,
            ["19: must be a quantity such as 100m or 1Gi, is a mapping; by its indentation it is out of "],
        ),
        (
            "tolerations:",
            2,
            -2,
            ["a pod needs at least one container (this follows from the unknown field tolerations)"],
        ),
    ],
    ids=["what follows", "fields of it", "among names", "among amounts", "what it swallowed"],
)
def test_one_level_off(first: str, lines: int, by: int, said: list[str], tmp_path: Path) -> None:
    found = " ".join(told(tmp_path, moved(POD, first, lines, by)))
    for each in said:
        assert each.partition(": ")[2] in found, found


def test_a_list_whose_key_alone_is_too_far_left(tmp_path: Path) -> None:
    text = "a:\n  b:\n    - c\n    d: 1\n"
    assert told(tmp_path, text)[0].endswith(
        "this line is indented by 4, as the dashes of the list above it, whose key in line 2 is indented by 2"
    )


CONTAINERS = "spec: {containers: [{name: a, image: i}]}\n"
HEAD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"
APPS = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"{HEAD}spec: {{securityContext: {{readOnlyRootFilesystem: true}}, containers: [{{name: a, image: i}}]}}\n",
            'unknown field "readOnlyRootFilesystem"; it is a field of spec.containers[0].securityContext',
        ),
        (f"{APPS}spec: {{containers: []}}\n", "it looks as if it belonged to spec.template.spec.containers"),
        ("apiVersion: v1\nkind: Node\nmetadata: {name: a}\nallocatable: {cpu: 4}\n", "belonged to status.allocatable"),
        (
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {schedule: x, template: {spec: {}}}\n",
            "belonged to spec.jobTemplate.spec.template",
        ),
        (
            f"{HEAD}spec: {{affinity: {{nodeAffinity: {{preferredDuringSchedulingIgnoredDuringExecution: "
            "[{nodeSelectorTerms: []}]}}}\n",
            "is a list of {weight: NUMBER, preference: ",
        ),
        (
            f"{HEAD}spec: {{affinity: {{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: []}}}}}}\n",
            "must be a mapping, is a list; put the list under nodeSelectorTerms",
        ),
        (
            HEAD.replace("{name: web}", "\n  name:web") + CONTAINERS,
            "is the text \"name:web\"; put a space after the ':'",
        ),
        (f"{HEAD}spec:\n  containers:\n    -name: a\n", "must be a list, is a mapping; put a space after the '-'"),
        (f"{HEAD}spec:\n  containers:\n  -name: a\n", "unknown field \"-name\"; put a space after the '-'"),
        (f"{HEAD}spec:\n  containers:\n  -name: a\n   image: i\n", "the line above has no space after its dash"),
        (f"{HEAD}spec: {{nodeSelector: [disk: ssd]}}\n", "must be a mapping, is a list; write its entries without '-'"),
        (
            "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: a}\nspec: {accessModes: ReadWriteOnce}\n",
            'must be a list, is the text "ReadWriteOnce"; write [ReadWriteOnce]',
        ),
        (f"{HEAD}spec: {{containers: nginx:1.2}}\n", 'must be a list, is the text "nginx:1.2"'),
        ("apiversion: v1\nKind: Pod\n", "apiversion is written apiVersion and Kind is written kind"),
        ("apiVersion: apps/v1\nkind: deploy\nmetadata: {name: a}\n", "did you mean apps/v1 Deployment?"),
        ("apiVersion: v1\nkind: Pods\nmetadata: {name: a}\n", "did you mean v1 Pod?"),
        (f"- {HEAD.replace(chr(10), chr(10) + '  ').rstrip()}\n", "under items of a List (apiVersion: v1, kind: List)"),
        ("a: [*]\n", "* begins an alias, which has a name; a text that begins with it needs quotes"),
        ("a: %x\n", "nothing in YAML starts with %; a text that begins with it needs quotes"),
    ],
)
def test_what_was_meant(text: str, said: str, tmp_path: Path) -> None:
    found = told(tmp_path, text)
    assert any(said in each for each in found), found


@pytest.mark.parametrize(
    ("amount", "meant"),
    [("1GB", "1G or 1Gi"), ("64mb", "64M or 64Mi"), ("64 Mi", "64Mi"), ("2 cores", "2"), ("8KB", "8k or 8Ki")],
)
def test_units_as_people_write_them(amount: str, meant: str, tmp_path: Path) -> None:
    text = POD.replace("memory: 1Gi", f"memory: {amount}")
    assert any(each.startswith("19: ") and f"{meant}" in each for each in told(tmp_path, text))


def test_a_key_that_is_there_twice_is_told_with_what_it_breaks(tmp_path: Path) -> None:
    text = f"{HEAD}{CONTAINERS[:-2]}, volumes: [{{name: v, name: w, emptyDir: {{}}}}]}}\n"
    text = text.replace("image: i}", "image: i, volumeMounts: [{name: v, mountPath: /v}]}")
    found = told(tmp_path, text)
    assert '4: key "name" is already set in this mapping; the last one counts' in found
    assert any('"v" is not a volume of this pod' in each for each in found)
