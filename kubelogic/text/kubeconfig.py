"""The way to a cluster that a kubeconfig names, with the official Python client: its certificates, tokens and plugins.

Only reads: there is no way to send anything but GET.
"""

from __future__ import annotations

import os
import ssl
import stat
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from kubelogic.text.live import Answer, LiveError
from kubelogic.text.sources import what

_TIMEOUT = 60.0
_BUSY = frozenset({429, 503})
_ATTEMPTS = 5
_LONGEST_WAIT = 30
_USUAL = "~/.kube/config"


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster that can be asked: ``Api``.

    Attributes:
        name: of the context.
        namespace: that the context names; empty if none.
    """

    name: str
    namespace: str
    _configuration: Any
    _pool: Any

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """Answer one request; where the server is busy, ask again when it says so.

        Raises:
            LiveError: it cannot be reached.
        """
        import urllib3

        url = self._configuration.host.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        for attempt in range(_ATTEMPTS):
            try:
                found = self._pool.request("GET", url, headers=self._headers(), redirect=False)
            except urllib3.exceptions.HTTPError as error:
                cause = getattr(error, "reason", None) or error
                raise LiveError(f"{self._configuration.host} cannot be reached: {cause}") from error
            if found.status not in _BUSY or attempt == _ATTEMPTS - 1:
                break
            after = str(found.headers.get("Retry-After") or "")
            time.sleep(min(int(after) if after.isdecimal() else 1, _LONGEST_WAIT))
        return Answer(status=found.status, body=found.data)

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "kubelogic"}
        for setting in self._configuration.auth_settings().values():
            if setting.get("in") == "header" and setting.get("value"):
                headers[setting["key"]] = setting["value"]
        return headers


def connect(*, context: str = "", kubeconfig: str = "") -> Connection:
    """The cluster of a context.

    Args:
        context: its name; empty for the current one.
        kubeconfig: a file; empty for ``KUBECONFIG``, else ``~/.kube/config``, else the account of the pod that this
            runs in.

    Raises:
        LiveError: there is no such context, or it cannot be used.
        ModuleNotFoundError: the client is not installed.
    """
    import yaml
    from kubernetes import client, config

    _refuse_what_is_no_file(kubeconfig)
    configuration = client.Configuration()
    name, namespace = "cluster", ""
    try:
        if not kubeconfig and not context and _in_cluster():
            config.load_incluster_config(client_configuration=configuration)
        else:
            contexts, active = config.list_kube_config_contexts(config_file=kubeconfig or None)
            chosen = next((each for each in contexts if each["name"] == context), None) if context else active
            if chosen is None:
                known = ", ".join(sorted(str(each["name"]) for each in contexts))
                raise LiveError(f"there is no context {context!r} in the kubeconfig, which has {known}")
            name = str(chosen["name"])
            namespace = str((chosen.get("context") or {}).get("namespace") or "")
            config.load_kube_config(
                config_file=kubeconfig or None,
                context=name,
                client_configuration=configuration,
                persist_config=False,
            )
        return Connection(name=name, namespace=namespace, _configuration=configuration, _pool=_pool(configuration))
    except (config.ConfigException, yaml.YAMLError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise LiveError(f"the kubeconfig cannot be used: {said[:300]}") from error


def _refuse_what_is_no_file(kubeconfig: str) -> None:
    """Refuse pipes and devices, which the client would wait for, or find empty when it reads them again."""
    named = kubeconfig or os.environ.get("KUBECONFIG") or _USUAL
    for each in filter(None, named.split(os.pathsep)):
        path = os.path.expanduser(each)
        if os.path.exists(path) and not stat.S_ISREG(mode := os.stat(path).st_mode):
            raise LiveError(f"the kubeconfig {each} cannot be used: it is {what(mode)}, not a file")


def _in_cluster() -> bool:
    """Whether this runs in a pod and no kubeconfig is set up."""
    named = os.environ.get("KUBECONFIG") or os.path.exists(os.path.expanduser(_USUAL))
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST")) and not named


def _pool(configuration: Any) -> Any:
    import urllib3

    options: dict[str, Any] = {
        "timeout": urllib3.Timeout(connect=10.0, read=_TIMEOUT),
        "retries": urllib3.Retry(connect=2, read=1, redirect=0, status=0, backoff_factor=0.2),
        "cert_reqs": ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE,
        "ca_certs": configuration.ssl_ca_cert,
        "cert_file": configuration.cert_file,
        "key_file": configuration.key_file,
    }
    if not configuration.verify_ssl:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    if name := getattr(configuration, "tls_server_name", None):
        options |= {"server_hostname": name, "assert_hostname": name}
    if configuration.proxy:
        return urllib3.ProxyManager(configuration.proxy, **options)
    return urllib3.PoolManager(**options)
