"""The permanent codes of faults in manifests (``KL1xx``): one line each, never reused.

``docs/reference/manifest-codes.md`` lists them; the message of each fault says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kubelogic.patterns import regex

FORM = regex(r"[A-Z][A-Z0-9_-]*[0-9]")
"""What codes look like, also those of rules of one's own: ``KL206``, ``SHOP1``, ``OWN-7``."""

CODES: Mapping[str, str] = MappingProxyType(
    {
        "KL100": "the text is no YAML or JSON, or in no known encoding",
        "KL101": "a key is there twice in one mapping",
        "KL102": "apiVersion or kind is missing, misspelt, or no longer served",
        "KL103": "one name twice",
        "KL104": "the object has no name",
        "KL105": "a file that cannot be read, or input without any object",
        "KL106": "something else stands where an object should",
        "KL107": "too deep, too large, or too many aliases",
        "KL108": "a kind that is not part of Kubernetes was left out",
        "KL109": "a kind that no rule reads: it changes nothing here",
        "KL110": "a value has the wrong type",
        "KL111": "a number does not fit its type",
        "KL112": "unknown field",
        "KL113": "not a quantity",
        "KL114": "not a point in time",
        "KL115": "not base64",
        "KL116": "nested too deeply",
        "KL117": "a folder that has to be rendered first: Kustomize or Helm",
        "KL118": "a pool of nodes on the command line that cannot be read",
        "KL119": "what was assumed of nodes that the command line adds",
        "KL120": "a required value is missing",
        "KL121": "not one of the allowed values",
        "KL122": "a number is out of bounds",
        "KL123": "not a valid name",
        "KL124": "not a valid label or annotation key",
        "KL125": "not a valid label value",
        "KL126": "the same thing twice",
        "KL127": "may not be set here",
        "KL128": "refers to something that is not there",
        "KL129": "too long, too large or too many",
        "KL130": "the selector does not fit the template",
        "KL131": "not a valid port",
        "KL132": "not a valid address or address range",
        "KL133": "not a valid path",
        "KL134": "not a valid percentage",
        "KL135": "an expression with the wrong operator or values",
        "KL136": "requests and limits contradict each other",
        "KL137": "not a valid resource name",
        "KL138": "an amount is out of bounds",
        "KL139": "not a valid schedule or time zone",
        "KL140": "priority and priority class do not fit together",
        "KL141": "owner references contradict each other",
        "KL142": "settings exclude each other",
        "KL143": "not a valid format",
        "KL146": "a manifest cannot be applied to the object that a cluster printed",
        "KL147": "a setting that is unknown or wrong",
        "KL150": "nobody gives a Service its address",
        "KL151": "a Service stands for a name that nobody resolves",
        "KL152": "a Service selects no pod",
        "KL153": "a Service or a probe leads to a port that no container has",
        "KL166": "several pods report one address",
        "KL167": "ranges of addresses of several nodes overlap",
        "KL190": "accepted, but without effect",
        "KL191": "accepted, but probably not meant",
        "KL192": "deprecated",
        "KL193": "obeyed by a cluster, but not modelled",
        "KL194": "an object that a cluster printed is changed by a manifest",
        "KL195": "something that the input refers to is not in it, and what was assumed",
        "KL196": "a reference to something that is not in the input",
        "KL198": "an apiVersion or a field of another release, in what a cluster printed",
        "KL199": "admission warns of an object that it takes, or tells what it did not do to it",
    }
)
"""What each code stands for."""
