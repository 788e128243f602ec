"""A cluster that runs, read through its API: lists of objects to sources, and what could not be read.

Nothing is written: the only request is GET. Lists come in pages; one that is too old by the next page is asked for
anew as a whole, as client-go does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol
from urllib.parse import quote

import msgspec

from kubelogic.text.sources import Source

PAGE = 500
"""Objects of one page, as kubectl asks for them."""

_FORBIDDEN, _NOT_FOUND, _GONE = 403, 404, 410


class LiveError(Exception):
    """The cluster cannot be read at all; says why."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What an API server answers: the status code of HTTP, and the body."""

    status: int
    body: bytes


class Api(Protocol):
    """An API server that can be asked."""

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """Answer one request.

        Raises:
            LiveError: it cannot be reached.
        """


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One kind to be listed.

    Attributes:
        kind: such as ``Deployment``.
        plural: such as ``deployments``.
        api_versions: under which it may be served, the one to prefer first.
        namespaced: whether its objects live in namespaces.
    """

    kind: str
    plural: str
    api_versions: tuple[str, ...]
    namespaced: bool

    @property
    def name(self) -> str:
        """As kubectl calls it: ``deployments.apps``."""
        group = self.api_versions[0].rpartition("/")[0]
        return f"{self.plural}.{group}" if group else self.plural


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A kind that was not read, or not of all namespaces.

    Attributes:
        wanted: the kind.
        status: 403 if it may not be read, 404 if it is not served.
        only: the namespace of which it was read nevertheless; empty for none.
    """

    wanted: Wanted
    status: int
    only: str = ""


class LiveReading(msgspec.Struct, frozen=True, kw_only=True):
    """What a cluster gave: pages of lists, and the kinds that it did not give."""

    sources: tuple[Source, ...]
    unread: tuple[Unread, ...] = ()


class _Page(msgspec.Struct):
    """Of a list or a Status, what says how to go on."""

    metadata: dict[str, object] | None = None
    message: str = ""
    kind: str = ""

    @property
    def next(self) -> str:
        """The token of the next page; empty on the last one."""
        return str((self.metadata or {}).get("continue") or "")


def read(api: Api, wanted: Iterable[Wanted], *, name: str, namespace: str = "") -> LiveReading:
    """List every kind.

    Args:
        api: the cluster.
        wanted: the kinds.
        name: what the cluster is called in places of objects.
        namespace: where to look for objects of kinds that may not be listed in all namespaces; empty for nowhere.

    Raises:
        LiveError: the cluster cannot be reached, does not know the user, or answers what no API server does.
    """
    sources: list[Source] = []
    unread: list[Unread] = []
    for each in wanted:
        status, pages = _of_any_version(api, each, "")
        if status == _FORBIDDEN:
            status, pages = _of_any_version(api, each, namespace) if each.namespaced and namespace else (status, [])
            unread.append(Unread(wanted=each, status=_FORBIDDEN, only=namespace if pages else ""))
        elif status == _NOT_FOUND:
            unread.append(Unread(wanted=each, status=status))
        for number, page in enumerate(pages, 1):
            suffix = f"/{number}" if len(pages) > 1 else ""
            sources.append(Source(name=f"{name}/{each.name}{suffix}", data=page))
    return LiveReading(sources=tuple(sources), unread=tuple(unread))


def _of_any_version(api: Api, wanted: Wanted, namespace: str) -> tuple[int, list[bytes]]:
    """The pages of a kind, of the first version that is served; else 403 or 404."""
    status = _NOT_FOUND
    for api_version in wanted.api_versions:
        status, pages = _pages(api, _path(wanted, api_version, namespace))
        if status != _NOT_FOUND:
            return status, pages
    return status, []


def _path(wanted: Wanted, api_version: str, namespace: str) -> str:
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    return f"{root}/namespaces/{quote(namespace)}/{wanted.plural}" if namespace else f"{root}/{wanted.plural}"


def _pages(api: Api, path: str) -> tuple[int, list[bytes]]:
    query = {"limit": str(PAGE)}
    pages: list[bytes] = []
    while True:
        answer = api.get(path, query)
        if answer.status == _GONE and pages:
            pages, query = [], {}
            continue
        if answer.status in (_FORBIDDEN, _NOT_FOUND) and not pages:
            return answer.status, []
        page = _checked(answer, path)
        pages.append(answer.body)
        if not page.next:
            return answer.status, pages
        query = {"limit": str(PAGE), "continue": page.next}


def _checked(answer: Answer, path: str) -> _Page:
    try:
        page = msgspec.json.decode(answer.body, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError):
        page = _Page()
    if answer.status == 401:
        raise LiveError(f"the cluster does not know who asks (401): {page.message or 'Unauthorized'}")
    if answer.status != 200:
        raise LiveError(f"{path} is answered with {answer.status}: {page.message or 'no reason is given'}")
    if not page.kind.endswith("List"):
        raise LiveError(f"{path} is answered with something else than a list: is this an API server?")
    return page


def told(unread: Sequence[Unread]) -> list[str]:
    """One sentence for each reason why kinds were not read, in the words for what the input does not have."""
    said = []
    for only in sorted({each.only for each in unread if each.status == _FORBIDDEN}):
        names = [each.wanted.name for each in unread if each.status == _FORBIDDEN and each.only == only]
        some = f", but for those of namespace {only}" if only else ""
        said.append(
            f"not in the input: {', '.join(names)}{some}, which may not be listed (403); whether there are "
            f"{'others' if only else 'any'} is not known; kubectl auth can-i list {names[0]} -A says who may"
        )
    names = [each.wanted.name for each in unread if each.status == _NOT_FOUND]
    if names:
        said.append(f"not in the input: {', '.join(names)}, which the cluster does not serve (404)")
    return said
