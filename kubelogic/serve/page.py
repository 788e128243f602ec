"""The page at ``/``: one file with its style and script, which asks this server alone.

It holds nothing of the cluster, so whoever asks gets it; what it shows it asks for with the token of the kubeconfig.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files

from kubelogic.report.markup import look


@cache
def page() -> tuple[bytes, str]:
    """The page, and the policy under which a browser opens it: its own script, this server, nothing else."""
    here = files("kubelogic").joinpath("serve", "look")
    script = here.joinpath("page.js").read_text(encoding="utf-8")
    whole = here.joinpath("page.html").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return whole.replace("/*LOOK*/", look()).replace("/*SCRIPT*/", script).encode(), policy


def wants_page(method: str, path: str, accept: str) -> bool:
    """Whether a browser asks for the page; other clients get the list of paths there."""
    return method in ("GET", "HEAD") and path == "/" and "text/html" in accept
