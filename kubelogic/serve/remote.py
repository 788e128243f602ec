"""A client of a served cluster: what ``kubelogic step``, ``kubelogic fail`` and the kubectl plugin send."""

from __future__ import annotations

import argparse
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
from urllib.parse import quote

import msgspec

from kubelogic.report.terminal import prepared
from kubelogic.report.width import width_of
from kubelogic.text import sources

USUAL = "kubelogic.kubeconfig"


class RemoteError(Exception):
    """The server cannot be reached, or refuses."""


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """A server that a kubeconfig names."""

    url: str
    token: str
    authority: str
    path: str

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
            why = (getattr(reason, "strerror", None) or str(reason)).lower()
            raise RemoteError(
                f"{self.url}, the server of {self.path}, cannot be reached: {why}; kubelogic serve starts one and "
                "prints the KUBECONFIG to export"
            ) from error


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
            path=path,
            authority=base64.b64decode(cluster["certificate-authority-data"]).decode(),
        )
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise RemoteError(f"{path} is no kubeconfig that kubelogic serve has written") from error


_USAGE = "kubectl kubelogic explain [KIND/]NAME [-n NAMESPACE]"


def plugin(arguments: Sequence[str] | None = None) -> int:
    """``kubectl kubelogic explain [KIND/]NAME [-n NAMESPACE]``: the answer of ``kubelogic explain``."""
    parser = argparse.ArgumentParser(usage=_USAGE, add_help=False)
    parser.add_argument("-n", "--namespace", default="default")
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("words", nargs="*")
    args = parser.parse_intermixed_args(arguments)
    verb, *words = args.words or [""]
    if args.help or verb != "explain" or len(words) not in (1, 2):
        (sys.stdout if args.help else sys.stderr).write(f"usage: {_USAGE}\n")
        return 0 if args.help else 2
    width = width_of(sys.stdout)
    path = "/".join(quote(each, safe="") for each in [args.namespace, *"/".join(words).split("/")])
    try:
        text = remote().send(
            "GET", f"/kubelogic/v1/explain/{path}" + (f"?width={width}" if width else ""), accept="text/plain"
        )
    except RemoteError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(prepared(text.decode().rstrip("\n"), width=width, encoding=sys.stdout.encoding) + "\n")
    return 0
