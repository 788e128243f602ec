"""What the server says of itself: version, health, metrics."""

from __future__ import annotations

from kubelogic.cluster.clock import timestamp
from kubelogic.serve.cluster import Served
from kubelogic.serve.messages import Reply, Request

VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2",
    "gitCommit": "$Format:%H$",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "go1.26.3",
    "compiler": "gc",
    "platform": "linux/amd64",
}
"""The release whose behaviour is served, as a build of it says that nobody has stamped."""

_CHECKS = ("ping", "log", "etcd", "informer-sync")
_HEALTH = ("healthz", "readyz", "livez")
_TEXT = "text/plain; charset=utf-8"


def answer(served: Served, request: Request, path: str) -> Reply | None:
    """The reply to a question about the server; None if it is another question."""
    if request.method not in ("GET", "HEAD"):
        return None
    match path:
        case "/version":
            return Reply(body=VERSION)
        case "/healthz" | "/readyz" | "/livez" if served.control.failure:
            told = f"[-]control loops ended: {served.control.failure}\n"
            return Reply(status=500, body=told.encode(), content_type=_TEXT)
        case "/healthz" | "/readyz" | "/livez":
            if "verbose" in request.query:
                lines = [f"[+]{name} ok" for name in _CHECKS]
                return Reply(body="\n".join([*lines, f"{path[1:]} check passed\n"]).encode(), content_type=_TEXT)
            return Reply(body=b"ok", content_type=_TEXT)
        case _ if path[1:].partition("/")[0] in _HEALTH:
            _, _, check = path[1:].partition("/")
            return Reply(body=b"ok", content_type=_TEXT) if check in _CHECKS else None
        case "/metrics":
            return Reply(body=metrics(served).encode(), content_type="text/plain; version=0.0.4; charset=utf-8")
        case "/":
            paths = ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3"]
            groups = sorted({f"/apis/{each.group}" for each in served.resources() if each.group})
            return Reply(body={"paths": sorted([*paths, *groups, "/readyz", "/version", "/kubelogic/v1"])})
    return None


def metrics(served: Served) -> str:
    """Figures in the form of Prometheus."""
    lines = [
        "# HELP apiserver_request_total Counter of apiserver requests broken out for each verb, resource and code.",
        "# TYPE apiserver_request_total counter",
    ]
    for (verb, resource, code), count in sorted(served.counts.items()):
        lines.append(f'apiserver_request_total{{verb="{verb}",resource="{resource}",code="{code}"}} {count}')
    lines += [
        "# HELP apiserver_resource_objects Number of stored objects, by kind.",
        "# TYPE apiserver_resource_objects gauge",
    ]
    for kind in served.cluster.kinds():
        lines.append(f'apiserver_resource_objects{{kind="{kind}"}} {len(served.cluster.objects(kind))}')
    control = served.control
    lines += [
        "# HELP kubelogic_revision Revision of the store.",
        "# TYPE kubelogic_revision counter",
        f"kubelogic_revision {served.revision}",
        "# HELP kubelogic_ticks_total Ticks that were evaluated.",
        "# TYPE kubelogic_ticks_total counter",
        f"kubelogic_ticks_total {control.ticks}",
        f"# HELP kubelogic_simulated_seconds The clock of the cluster, now {timestamp(served.now)}.",
        "# TYPE kubelogic_simulated_seconds gauge",
        f"kubelogic_simulated_seconds {served.now / 1000}",
    ]
    return "\n".join(lines) + "\n"
