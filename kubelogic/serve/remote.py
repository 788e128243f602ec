"""A client of a served cluster: what ``kubelogic step``, ``kubelogic fail`` and the kubectl plugin send."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.text import sources

USUAL = "kubelogic.kubeconfig"


class RemoteError(Exception):
    """The server cannot be reached, or refuses."""


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """A server that a kubeconfig names."""

    url: str
    token: str
    authority: str

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, accept: str = "") -> bytes:
        """Send a request and return the body of the answer.

        Raises:
            RemoteError: the server cannot be reached, or refuses; in its words.
        """
        try:
            request = urllib.request.Request(
                self.url + path,
                method=method,
                data=None if body is None else json.dumps(body).encode(),
                headers={
                    "Authorization": f"Bearer {self.token}",
                    "Content-Type": "application/json",
                    "Accept": accept or "application/json",
                },
            )
            context = ssl.create_default_context(cadata=self.authority)
            with urllib.request.urlopen(request, context=context) as answer:
                found: bytes = answer.read()
                return found
        except urllib.error.HTTPError as error:
            raise RemoteError(_message(error.read()) or str(error)) from error
        except (http.client.HTTPException, OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise RemoteError(f"{self.url} cannot be reached: {reason}") from error


def _message(body: bytes) -> str:
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    return str(found.get("message") or "") if isinstance(found, dict) else ""


def remote(kubeconfig: str = "") -> Remote:
    """The server of a kubeconfig: the given one, else that of ``KUBECONFIG``, else the one that serve writes here.

    Raises:
        RemoteError: it cannot be read, or was not written by ``kubelogic serve``.
    """
    path = kubeconfig or os.environ.get("KUBECONFIG", "").split(os.pathsep)[0] or USUAL
    try:
        written = sources.file_bytes(path)
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        hint = "; kubelogic serve writes one, start it first" if isinstance(error, FileNotFoundError) else ""
        raise RemoteError(f"{path}: {why}{hint}") from error
    try:
        found = json.loads(written)
        cluster, user = found["clusters"][0]["cluster"], found["users"][0]["user"]
        return Remote(
            url=str(cluster["server"]),
            token=str(user["token"]),
            authority=base64.b64decode(cluster["certificate-authority-data"]).decode(),
        )
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise RemoteError(f"{path} is no kubeconfig that kubelogic serve has written") from error


def plugin(arguments: Sequence[str] | None = None) -> int:
    """``kubectl kubelogic explain pod/NAME [-n NAMESPACE]``: why a pod is pending, or why it is where it is."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    namespace = "default"
    for flag in ("-n", "--namespace"):
        if flag in words and words.index(flag) + 1 < len(words):
            place = words.index(flag)
            namespace = words[place + 1]
            del words[place : place + 2]
    if len(words) != 2 or words[0] != "explain":
        sys.stderr.write("usage: kubectl kubelogic explain pod/NAME [-n NAMESPACE]\n")
        return 2
    name = words[1].removeprefix("pods/").removeprefix("pod/")
    try:
        text = remote().send("GET", f"/kubelogic/v1/explain/{namespace}/{name}", accept="text/plain")
    except RemoteError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(text.decode())
    return 0
