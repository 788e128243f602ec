"""Admission policies and pod presets decide about requests as kube-apiserver does."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.apiserver import requests
from kubelogic.apiserver.requests import Outcome
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State

GROUP = "admissionregistration.k8s.io/v1"
DEPLOYMENTS = {
    "apiGroups": ["apps"],
    "apiVersions": ["v1"],
    "resources": ["deployments"],
    "operations": ["CREATE", "UPDATE"],
}
PODS = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}


def named(kind: str, name: str, spec: dict[str, Any], api_version: str = GROUP) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def validating(*validations: dict[str, Any], rule: dict[str, Any] = DEPLOYMENTS, **more: Any) -> dict[str, Any]:
    match = {"resourceRules": [rule], **more.pop("match", {})}
    spec = {"matchConstraints": match, "validations": list(validations), **more}
    return named("ValidatingAdmissionPolicy", "rule", spec)


def bound(*actions: str, **more: Any) -> dict[str, Any]:
    spec = {"policyName": "rule", "validationActions": list(actions or ("Deny",)), **more}
    return named("ValidatingAdmissionPolicyBinding", "rule-here", spec)


def mutating(name: str, *mutations: dict[str, Any], rule: dict[str, Any] = PODS, **more: Any) -> list[dict[str, Any]]:
    spec = {"matchConstraints": {"resourceRules": [rule]}, "mutations": list(mutations), "reinvocationPolicy": "Never"}
    binding = named("MutatingAdmissionPolicyBinding", f"{name}-here", {"policyName": name})
    return [named("MutatingAdmissionPolicy", name, {**spec, **more}), binding]


def applied(expression: str) -> dict[str, Any]:
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def patched(expression: str) -> dict[str, Any]:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


def deployment(replicas: int = 3, **labels: str) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "app:1"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    made = named("Deployment", "web", spec, "apps/v1")
    made["metadata"]["labels"] = labels
    return made


def pod(name: str = "one", *, labels: dict[str, str] | None = None, **container: Any) -> dict[str, Any]:
    made = named("Pod", name, {"containers": [{"name": "a", "image": "app:1", **container}]}, "v1")
    made["metadata"]["labels"] = labels or {}
    return made


def config(name: str, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"for": "rule"}},
        "data": data,
    }


def begun(*documents: dict[str, Any]) -> State:
    state = State.of(Cluster.of([]))
    for document in documents:
        outcome = requests.create(state, document)
        assert outcome.answer.accepted, outcome.answer.message
        state = outcome.state
    return state


def sent(document: dict[str, Any], *before: dict[str, Any]) -> Outcome:
    return requests.create(begun(*before), document)


FEW = {"expression": "object.spec.replicas <= 2"}


def test_what_a_policy_denies_is_refused_in_its_words() -> None:
    answer = sent(deployment(), validating(FEW), bound()).answer
    said = "ValidatingAdmissionPolicy 'rule' with binding 'rule-here' denied request: "
    assert answer.message == f'deployments.apps "web" is forbidden: {said}failed expression: {FEW["expression"]}'
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.obstacles[0].path == ("spec", "validations", 0, "expression")


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"message": " too many "}, "too many"),
        ({"messageExpression": "'at most 2, not ' + string(object.spec.replicas)"}, "at most 2, not 3"),
        ({"messageExpression": "object.nothing", "message": "too many"}, "too many"),
        ({"messageExpression": "''", "message": "too many"}, "too many"),
        ({"messageExpression": "'two\\nlines'"}, "failed expression: object.spec.replicas <= 2"),
    ],
)
def test_the_message_is_computed_written_or_the_expression(more: dict[str, Any], text: str) -> None:
    answer = sent(deployment(), validating({**FEW, **more}), bound()).answer
    assert answer.message.endswith(f"denied request: {text}")


@pytest.mark.parametrize(
    ("reason", "status"), [("Forbidden", 403), ("Unauthorized", 401), ("RequestEntityTooLarge", 413), ("Invalid", 422)]
)
def test_the_reason_gives_the_status(reason: str, status: int) -> None:
    answer = sent(deployment(), validating({**FEW, "reason": reason}), bound()).answer
    assert (answer.reason, answer.status) == (reason, status)


def test_a_policy_without_a_binding_does_nothing() -> None:
    assert sent(deployment(), validating(FEW)).answer.accepted


def test_warnings_let_the_request_pass() -> None:
    outcome = sent(deployment(), validating({**FEW, "message": "many"}), bound("Warn", "Audit"))
    assert outcome.answer.accepted
    said = "Validation failed for ValidatingAdmissionPolicy 'rule' with binding 'rule-here': many"
    assert [each.text for each in outcome.state.warned] == [said]


ERROR = {"expression": "object.spec.nothing == 1"}


@pytest.mark.parametrize(("policy", "accepted"), [("Fail", False), ("Ignore", True)])
def test_an_error_counts_by_the_failure_policy(policy: str, *, accepted: bool) -> None:
    answer = sent(deployment(), validating(ERROR, failurePolicy=policy), bound()).answer
    assert answer.accepted == accepted
    if not accepted:
        words = f"expression '{ERROR['expression']}' resulted in error: no such key: nothing"
        assert answer.message.endswith(words)


@pytest.mark.parametrize(
    ("conditions", "accepted"),
    [
        (["object.metadata.name == 'web'"], False),
        (["object.metadata.name != 'web'"], True),
        (["object.metadata.name != 'web'", "object.nothing"], True),
        (["object.nothing"], False),
    ],
)
def test_conditions_say_which_requests_are_meant(conditions: list[str], *, accepted: bool) -> None:
    told = [{"name": f"c{number}", "expression": each} for number, each in enumerate(conditions)]
    assert sent(deployment(), validating(FEW, matchConditions=told), bound()).answer.accepted == accepted


@pytest.mark.parametrize(
    ("match", "binding", "accepted"),
    [
        ({"objectSelector": {"matchLabels": {"team": "a"}}}, {}, False),
        ({"objectSelector": {"matchLabels": {"team": "b"}}}, {}, True),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}, {}, False),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}, {}, True),
        ({"excludeResourceRules": [{**DEPLOYMENTS, "resourceNames": ["web"]}]}, {}, True),
        ({}, {"matchResources": {"objectSelector": {"matchLabels": {"team": "b"}}}}, True),
        ({"resourceRules": [{**DEPLOYMENTS, "resources": ["*"]}]}, {}, False),
        ({"resourceRules": [{**DEPLOYMENTS, "apiGroups": ["batch"]}]}, {}, True),
        ({"resourceRules": [{**DEPLOYMENTS, "operations": ["DELETE"]}]}, {}, True),
        ({"resourceRules": [{**DEPLOYMENTS, "scope": "Cluster"}]}, {}, True),
    ],
)
def test_constraints_say_which_objects_are_meant(
    match: dict[str, Any], binding: dict[str, Any], *, accepted: bool
) -> None:
    answer = sent(deployment(team="a"), validating(FEW, match=match), bound(**binding)).answer
    assert answer.accepted == accepted


MOST = {"expression": "object.spec.replicas <= variables.most", "messageExpression": "string(variables.most)"}


@pytest.mark.parametrize(
    ("reference", "accepted", "ends"),
    [
        ({"name": "two", "parameterNotFoundAction": "Deny"}, False, "denied request: 2"),
        ({"name": "five", "parameterNotFoundAction": "Deny"}, True, ""),
        ({"selector": {"matchLabels": {"for": "rule"}}, "parameterNotFoundAction": "Deny"}, False, "denied request: 2"),
        ({"name": "none", "parameterNotFoundAction": "Allow"}, True, ""),
        ({"name": "none", "parameterNotFoundAction": "Deny"}, False, "`Deny` parameterNotFoundAction"),
    ],
)
def test_parameters(reference: dict[str, Any], ends: str, *, accepted: bool) -> None:
    policy = validating(
        MOST,
        paramKind={"apiVersion": "v1", "kind": "ConfigMap"},
        variables=[{"name": "most", "expression": "int(params.data.most)"}],
    )
    answer = sent(
        deployment(), config("two", most="2"), config("five", most="5"), policy, bound(paramRef=reference)
    ).answer
    assert answer.accepted == accepted
    assert answer.message.endswith(ends)


def test_parameters_of_a_kind_that_is_not_read_are_told() -> None:
    policy = validating(MOST, paramKind={"apiVersion": "example.com/v1", "kind": "Limit"})
    outcome = sent(deployment(), policy, bound(paramRef={"name": "x", "parameterNotFoundAction": "Deny"}))
    assert outcome.answer.accepted
    assert ["was not asked" in each.text for each in outcome.state.warned] == [True]


@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
def test_a_policy_that_asks_the_authorizer_is_told_and_not_asked(policy: str) -> None:
    asks = validating({"expression": "authorizer.path('/x').check('get').allowed()"}, failurePolicy=policy)
    outcome = sent(deployment(), asks, bound())
    assert outcome.answer.accepted
    assert ["its expressions use the authorizer" in each.text for each in outcome.state.warned] == [True]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("foo(object.spec.replicas) > 1", "undeclared reference to 'foo' (in container '')"),
        ("params.most > 1", "undeclared reference to 'params' (in container '')"),
    ],
)
def test_a_policy_with_names_that_nothing_declares_is_refused(expression: str, words: str) -> None:
    answer = requests.create(State.of(Cluster.of([])), validating({"expression": expression})).answer
    assert (answer.accepted, answer.status) == (False, 422)
    assert words in answer.message


def test_a_variable_that_fails_says_so() -> None:
    policy = validating({"expression": "variables.a > 1"}, variables=[{"name": "a", "expression": "object.nothing"}])
    answer = sent(deployment(), policy, bound()).answer
    assert answer.message.endswith('composited variable "a" fails to evaluate: no such key: nothing')


def test_an_update_sees_what_was() -> None:
    shrink = validating({"expression": "oldObject == null || object.spec.replicas >= oldObject.spec.replicas"})
    state = begun(deployment(3), shrink, bound())
    assert requests.scale(state, "Deployment", "default/web", 4).answer.accepted
    assert not requests.scale(state, "Deployment", "default/web", 2).answer.accepted


def test_a_deletion_can_be_denied() -> None:
    keep = validating(
        {"expression": "oldObject.metadata.name != 'web'"}, rule={**DEPLOYMENTS, "operations": ["DELETE"]}
    )
    state = begun(deployment(3), keep, bound())
    assert "denied request" in requests.delete(state, "Deployment", "default/web").answer.message


def stored(outcome: Outcome, key: str = "default/one") -> dict[str, Any]:
    assert outcome.answer.accepted, outcome.answer.message
    found = outcome.state.cluster.get("Pod", key)
    assert found is not None
    document: dict[str, Any] = dict(found.document)
    return document


def test_an_apply_configuration_is_merged_by_the_keys_of_lists() -> None:
    side = applied("Object{spec: Object.spec{containers: [Object.spec.containers{name: 'side', image: 'side:1'}]}}")
    spec = stored(sent(pod(), *mutating("side", side)))["spec"]
    assert [each["name"] for each in spec["containers"]] == ["a", "side"]
    assert spec["containers"][1]["imagePullPolicy"] == "IfNotPresent"  # the defaults come after the change


def test_a_json_patch_is_applied_in_order() -> None:
    patch = patched("[JSONPatch{op: 'add', path: '/metadata/annotations', value: {'a': 'b'}}]")
    then = patched("[JSONPatch{op: 'test', path: '/metadata/annotations/a', value: 'b'}]")
    assert stored(sent(pod(), *mutating("note", patch, then)))["metadata"]["annotations"] == {"a": "b"}


@pytest.mark.parametrize(("policy", "accepted"), [("Fail", False), ("Ignore", True)])
def test_a_mutation_that_fails(policy: str, *, accepted: bool) -> None:
    answer = sent(
        pod(), *mutating("bad", patched("[JSONPatch{op: 'test', path: '/x', value: 1}]"), failurePolicy=policy)
    ).answer
    assert answer.accepted == accepted
    assert accepted or "policy 'bad' with binding 'bad-here' denied request: " in answer.message


@pytest.mark.parametrize(
    ("mutation", "words"),
    [
        (applied("3"), "must evaluate to Object"),
        (patched("{'a': 1}"), "must evaluate to a list of JSONPatch"),
        (patched("['a']"), "must evaluate to a list of JSONPatch"),
        (patched("[JSONPatch{op: 'remove', path: '/metadata/name'}]"), "changes the name"),
        (patched("[JSONPatch{op: 'replace', path: '', value: 1}]"), "denied request"),
        (applied("Object{kind: 'Secret'}"), "changes the name"),
    ],
)
def test_what_is_no_mutation_is_refused(mutation: dict[str, Any], words: str) -> None:
    assert words in sent(pod(), *mutating("odd", mutation)).answer.message


def test_a_preset_that_makes_a_pod_wrong_is_refused() -> None:
    answer = sent(pod(labels=FRONT), preset("half", volumeMounts=[{"name": "none", "mountPath": "/x"}])).answer
    assert (answer.status, "volumeMounts" in answer.message) == (422, True)


def test_what_a_mutation_makes_wrong_is_refused() -> None:
    answer = sent(pod(), *mutating("bad", applied("Object{spec: Object.spec{restartPolicy: 'Sometimes'}}"))).answer
    assert (answer.status, "restartPolicy" in answer.message) == (422, True)


def test_validation_sees_what_mutation_has_made() -> None:
    label = mutating("label", applied("Object{metadata: Object.metadata{labels: {'tier': 'gold'}}}"))
    rule = validating({"expression": "object.metadata.labels.tier == 'gold'"}, rule=PODS)
    assert sent(pod(), *label, rule, bound()).answer.accepted


SEEN = "Object{metadata: Object.metadata{annotations: {'seen': %s}}}"
LATE = "object.metadata.?labels.late.hasValue() ? 'yes' : 'no'"


@pytest.mark.parametrize(("policy", "seen"), [("Never", "no"), ("IfNeeded", "yes")])
def test_a_policy_that_may_be_asked_again_sees_what_later_ones_did(policy: str, seen: str) -> None:
    first = mutating("a", applied(SEEN % LATE), reinvocationPolicy=policy)
    later = mutating("b", applied("Object{metadata: Object.metadata{labels: {'late': 'x'}}}"))
    assert stored(sent(pod(), *first, *later))["metadata"]["annotations"] == {"seen": seen}


def test_two_policies_that_fight_over_a_field_are_found_in_any_order() -> None:
    gold = applied("Object{metadata: Object.metadata{labels: {'tier': 'gold'}}}")
    for names in (("a", "b"), ("b", "a")):
        silver = patched(
            "'tier' in object.metadata.?labels.orValue({}) ? [] : "
            "[JSONPatch{op: 'add', path: '/metadata/labels', value: {'tier': 'silver'}}]"
        )
        bronze = applied("Object{metadata: Object.metadata{labels: {'tier': 'bronze'}}}")
        outcome = sent(pod(), *mutating(names[0], gold), *mutating(names[1], bronze))
        fight = (
            "MutatingAdmissionPolicys a and b fight over metadata.labels.tier: which goes last decides what it becomes"
        )
        assert [each.text for each in outcome.state.warned] == [fight]
        assert not sent(pod(), *mutating(names[0], gold), *mutating(names[1], silver)).state.warned


def preset(name: str, **spec: Any) -> dict[str, Any]:
    whole = {"selector": {"matchLabels": {"role": "frontend"}}, **spec}
    made = named("PodPreset", name, whole, "settings.k8s.io/v1alpha1")
    made["metadata"]["resourceVersion"] = "7"
    return made


CACHE = {
    "env": [{"name": "DB_PORT", "value": "6379"}],
    "envFrom": [{"configMapRef": {"name": "etcd-env-config"}}],
    "volumes": [{"name": "cache-volume", "emptyDir": {}}],
    "volumeMounts": [{"mountPath": "/cache", "name": "cache-volume"}],
}
FRONT = {"role": "frontend"}


def test_a_preset_is_merged_into_the_pods_that_it_selects() -> None:
    found = stored(sent(pod(labels=FRONT, env=[{"name": "MY", "value": "1"}]), preset("cache", **CACHE)))
    container = found["spec"]["containers"][0]
    assert container["env"] == [{"name": "MY", "value": "1"}, {"name": "DB_PORT", "value": "6379"}]
    assert container["envFrom"] == CACHE["envFrom"]
    assert container["volumeMounts"] == CACHE["volumeMounts"]
    assert [each["name"] for each in found["spec"]["volumes"]] == ["cache-volume"]
    assert found["metadata"]["annotations"]["podpreset.admission.kubernetes.io/podpreset-cache"]


@pytest.mark.parametrize("why", ["label", "exclude", "namespace"])
def test_other_pods_are_left_alone(why: str) -> None:
    made = pod(labels={} if why == "label" else FRONT)
    if why == "exclude":
        made["metadata"]["annotations"] = {"podpreset.admission.kubernetes.io/exclude": "true"}
    other = preset("cache", **CACHE)
    if why == "namespace":
        other["metadata"]["namespace"] = "other"
    found = stored(sent(made, other))
    assert "env" not in found["spec"]["containers"][0]


def test_several_presets_are_applied_together() -> None:
    found = stored(sent(pod(labels=FRONT), preset("cache", **CACHE), preset("more", env=[{"name": "X", "value": "1"}])))
    assert [each["name"] for each in found["spec"]["containers"][0]["env"]] == ["DB_PORT", "X"]
    assert sorted(found["metadata"]["annotations"]) == [
        "podpreset.admission.kubernetes.io/podpreset-cache",
        "podpreset.admission.kubernetes.io/podpreset-more",
    ]


@pytest.mark.parametrize(
    ("container", "other", "what"),
    [
        ({"env": [{"name": "DB_PORT", "value": "1"}]}, [], "environment variable DB_PORT is not the one of the pod"),
        ({"volumeMounts": [{"name": "x", "mountPath": "/cache"}]}, [], "mount path /cache is not the one of the pod"),
        (
            {},
            [preset("b", env=[{"name": "DB_PORT", "value": "1"}])],
            "environment variable DB_PORT is not the one of b",
        ),
    ],
)
def test_a_conflict_leaves_an_event_and_the_pod_as_it_was(
    container: dict[str, Any], other: list[dict[str, Any]], what: str
) -> None:
    volumes = [{"name": "x", "emptyDir": {}}]
    made = pod(labels=FRONT, **container)
    made["spec"]["volumes"] = volumes
    outcome = sent(made, preset("cache", **CACHE), *other)
    found = stored(outcome)
    assert found["spec"]["containers"][0].get("env") == container.get("env")
    assert "annotations" not in found["metadata"]
    events = outcome.state.cluster.objects("Event")
    assert [each.document["reason"] for each in events.values()] == ["PodPresetConflict"]
    assert what.rpartition(" is not ")[0] in " ".join(each.text for each in outcome.state.warned)


def test_a_new_preset_changes_no_pod_that_is_there() -> None:
    state = begun(pod(labels=FRONT), preset("cache", **CACHE))
    changed = requests.patch(state, "Pod", "default/one", {"metadata": {"labels": {"x": "y"}}})
    assert "env" not in stored(changed)["spec"]["containers"][0]
