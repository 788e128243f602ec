"""Parts of specs as Hypothesis strategies: taints, tolerations, selectors, terms of affinity, spreads.

Values come from few choices, so that constraints of different pods and nodes meet often. Every part is as the API
server stores it, defaults included.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Document = dict[str, Any]

ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"
APPS = ("web", "db", "cache")
NAMESPACES = ("shop", "ops")
EFFECTS = ("NoSchedule", "NoExecute", "PreferNoSchedule")

TOPOLOGY_KEYS = st.sampled_from([ZONE, HOST])
POD_LABELS = st.fixed_dictionaries({"app": st.sampled_from(APPS)}, optional={"tier": st.sampled_from(["a", "b"])})
TAINTS = st.fixed_dictionaries(
    {
        "key": st.sampled_from(["dedicated", "spot"]),
        "value": st.sampled_from(["", "x"]),
        "effect": st.sampled_from(EFFECTS),
    }
)
TOLERATIONS = st.one_of(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(["dedicated", "spot", "node.kubernetes.io/unschedulable"]),
            "operator": st.just("Equal"),
            "value": st.sampled_from(["", "x"]),
        },
        optional={"effect": st.sampled_from(EFFECTS)},
    ),
    st.fixed_dictionaries(
        {"operator": st.just("Exists")},
        optional={"key": st.sampled_from(["dedicated", "spot"]), "effect": st.sampled_from(EFFECTS)},
    ).filter(lambda t: "key" in t or "effect" in t),
)
POD_SELECTORS = st.one_of(
    st.none(),
    st.just({}),
    st.builds(lambda app: {"matchLabels": {"app": app}}, st.sampled_from(APPS)),
    st.builds(
        lambda operator, apps: {"matchExpressions": [{"key": "app", "operator": operator, "values": sorted(apps)}]},
        st.sampled_from(["In", "NotIn"]),
        st.frozensets(st.sampled_from(APPS), min_size=1, max_size=2),
    ),
    st.builds(
        lambda operator: {"matchExpressions": [{"key": "tier", "operator": operator}]},
        st.sampled_from(["Exists", "DoesNotExist"]),
    ),
)
NODE_REQUIREMENTS = st.one_of(
    st.builds(
        lambda key, operator, values: {"key": key, "operator": operator, "values": sorted(values)},
        st.sampled_from([ZONE, "disk"]),
        st.sampled_from(["In", "NotIn"]),
        st.frozensets(st.sampled_from(["a", "b", "ssd", "hdd"]), min_size=1, max_size=2),
    ),
    st.builds(
        lambda key, operator: {"key": key, "operator": operator},
        st.sampled_from([ZONE, "disk"]),
        st.sampled_from(["Exists", "DoesNotExist"]),
    ),
    st.builds(
        lambda operator, value: {"key": "cores", "operator": operator, "values": [str(value)]},
        st.sampled_from(["Gt", "Lt"]),
        st.integers(3, 9),
    ),
)
NODE_TERMS = st.builds(
    lambda expressions: {"matchExpressions": expressions} if expressions else {},
    st.lists(NODE_REQUIREMENTS, max_size=2),
)
POD_TERMS = st.builds(
    lambda selector, key, more: {
        "topologyKey": key,
        **({} if selector is None else {"labelSelector": selector}),
        **more,
    },
    POD_SELECTORS,
    TOPOLOGY_KEYS,
    st.one_of(
        st.just({}),
        st.builds(lambda names: {"namespaces": sorted(names)}, st.frozensets(st.sampled_from(NAMESPACES), min_size=1)),
        st.sampled_from([{"namespaceSelector": {}}, {"namespaceSelector": {"matchLabels": {"team": "one"}}}]),
    ),
)
SPREADS = st.fixed_dictionaries(
    {
        "topologyKey": TOPOLOGY_KEYS,
        "maxSkew": st.integers(1, 2),
        "whenUnsatisfiable": st.just("DoNotSchedule"),
        "labelSelector": POD_SELECTORS.filter(lambda selector: selector is not None),
    },
    optional={
        "minDomains": st.integers(1, 3),
        "nodeTaintsPolicy": st.sampled_from(["Honor", "Ignore"]),
        "nodeAffinityPolicy": st.sampled_from(["Honor", "Ignore"]),
    },
)


@st.composite
def affinities(draw: st.DrawFn) -> Document:
    """Required affinity to nodes and pods, and anti-affinity; often none."""
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    affinity: Document = {}
    if draw(st.integers(0, 3)) == 3:
        terms = draw(st.lists(NODE_TERMS, min_size=1, max_size=2))
        affinity["nodeAffinity"] = {required: {"nodeSelectorTerms": terms}}
    for name in ("podAffinity", "podAntiAffinity"):
        if draw(st.integers(0, 3)) == 3:
            affinity[name] = {required: draw(st.lists(POD_TERMS, min_size=1, max_size=2))}
    return affinity
