"""Roles and bindings at random, and a direct evaluation that shares no code with the rules."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

VERBS = ("get", "list", "update", "*")
GROUPS = ("", "apps", "*")
RESOURCES = ("pods", "pods/log", "deployments", "deployments/scale", "*/scale", "*")
NAMES = ("a", "b")
SPACES = ("blue", "green")
USERS = ("ann", "bob", "system:serviceaccount:blue:web", "system:serviceaccount:green:web")
TEAMS = ("devs", "system:serviceaccounts", "system:serviceaccounts:blue", "system:authenticated")
LABELS = ("one", "two")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody wants to do."""

    verb: str
    group: str
    resource: str
    part: str
    name: str
    namespace: str


def some(rng: random.Random, values: Sequence[str]) -> list[str]:
    return sorted(rng.sample(values, rng.randint(1, 2)))


def rule(rng: random.Random) -> Document:
    found: Document = {"verbs": some(rng, VERBS), "apiGroups": some(rng, GROUPS), "resources": some(rng, RESOURCES)}
    if rng.random() < 0.25:
        found["resourceNames"] = some(rng, NAMES)
    return found


def documents(seed: int) -> list[Document]:
    """Up to six roles and up to six bindings."""
    rng = random.Random(seed)
    found: list[Document] = []
    for number in range(rng.randint(1, 6)):
        cluster = rng.random() < 0.6
        metadata: Document = {"name": f"r{number}"}
        role: Document = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole" if cluster else "Role",
            "metadata": metadata,
            "rules": [rule(rng) for _ in range(rng.randint(0, 2))],
        }
        if cluster:
            metadata["labels"] = {each: "yes" for each in LABELS if rng.random() < 0.4}
            if rng.random() < 0.3:
                role["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {rng.choice(LABELS): "yes"}}]}
        else:
            metadata["namespace"] = rng.choice(SPACES)
        found.append(role)
    for number in range(rng.randint(1, 6)):
        cluster = rng.random() < 0.4
        metadata = {"name": f"b{number}", **({} if cluster else {"namespace": rng.choice(SPACES)})}
        kind = "ClusterRole" if cluster else rng.choice(["ClusterRole", "Role"])
        found.append(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding" if cluster else "RoleBinding",
                "metadata": metadata,
                "roleRef": {"kind": kind, "name": f"r{rng.randint(0, 5)}"},
                "subjects": [subject(rng, cluster=cluster) for _ in range(rng.randint(0, 2))],
            }
        )
    return found


def subject(rng: random.Random, *, cluster: bool) -> Document:
    kind = rng.choice(["User", "Group", "ServiceAccount"])
    if kind == "User":
        return {"kind": kind, "name": rng.choice(USERS[:2])}
    if kind == "Group":
        return {"kind": kind, "name": rng.choice(TEAMS)}
    named = {"namespace": rng.choice(SPACES)} if cluster or rng.random() < 0.6 else {}
    return {"kind": kind, "name": "web", **named}


def request(rng: random.Random) -> Request:
    resource, _, part = rng.choice(["pods", "pods/log", "deployments", "deployments/scale"]).partition("/")
    return Request(
        verb=rng.choice(["get", "list", "update"]),
        group=rng.choice(["", "apps"]),
        resource=resource,
        part=part,
        name=rng.choice(["", *NAMES]),
        namespace=rng.choice(SPACES),
    )


# -- the direct evaluation -----------------------------------------------------------------------------------------


def allowed(found: Iterable[Document], user: str, groups: Iterable[str], asked: Request) -> bool:
    """Whether a user in groups may do something."""
    everything = list(found)
    roles = {
        (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in everything
    }
    for binding in everything:
        if not binding["kind"].endswith("Binding"):
            continue
        space = binding["metadata"].get("namespace", "")
        if space and space != asked.namespace:
            continue
        if not any(is_meant(each, space, user, groups) for each in binding["subjects"]):
            continue
        kind, name = binding["roleRef"]["kind"], binding["roleRef"]["name"]
        role = roles.get((kind, space if kind == "Role" else "", name))
        if role is not None and any(permits(each, asked) for each in rules_of(role, everything)):
            return True
    return False


def is_meant(each: Mapping[str, Any], space: str, user: str, groups: Iterable[str]) -> bool:
    match each["kind"]:
        case "User":
            return bool(each["name"] == user)
        case "Group":
            return each["name"] in groups
        case _:
            return user == f"system:serviceaccount:{each.get('namespace') or space}:{each['name']}"


def rules_of(role: Document, everything: Sequence[Document]) -> list[Document]:
    """The rules of a role, or of all that it takes in, however deep: what it says itself is overwritten then.

    Source: pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go, syncClusterRole.
    """
    todo, seen, found = [role], set(), []
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if "aggregationRule" not in one:
            found += one["rules"]
        for wanted in one.get("aggregationRule", {}).get("clusterRoleSelectors", ()):
            todo += [
                each
                for each in everything
                if each["kind"] == "ClusterRole" and wanted["matchLabels"].items() <= each["metadata"]["labels"].items()
            ]
    return found


def permits(each: Document, asked: Request) -> bool:
    whole = f"{asked.resource}/{asked.part}" if asked.part else asked.resource
    star = f"*/{asked.part}" if asked.part else "*"
    return (
        not {"*", asked.verb}.isdisjoint(each["verbs"])
        and not {"*", asked.group}.isdisjoint(each["apiGroups"])
        and not {"*", whole, star}.isdisjoint(each["resources"])
        and ("resourceNames" not in each or asked.name in each["resourceNames"])
    )
