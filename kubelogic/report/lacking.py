"""What the input does not have, beside any verdict: as text and as part of documents."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from kubelogic.report.plan import render_notices
from kubelogic.report.style import PLAIN, Style
from kubelogic.text import Notice
from kubelogic.verbs.missing import NO_NODES, Lacking


def said_first(found: Lacking) -> list[str]:
    """What makes every other word moot, and so comes before it."""
    return [each for each in found.remarks if each == NO_NODES]


def said_beside(found: Lacking, style: Style = PLAIN, *, told: Collection[Notice] = ()) -> list[str]:
    """The rest, for a person, without notices that were told already."""
    parts = [each for each in found.remarks if each != NO_NODES]
    notices = [each for each in found.notices if each.message not in {other.message for other in told}]
    parts += [render_notices(notices, style, title="NOT IN THE INPUT")] if notices else []
    return [*parts, render_notices(found.noticed, style)] if found.noticed else parts


def lines_beside(found: Lacking, style: Style = PLAIN) -> list[str]:
    """The same as lines below a first one: each part is a paragraph of its own."""
    return [line for part in said_beside(found, style) for line in ("", part)]


def lacking_document(found: Lacking) -> dict[str, Any]:
    """The keys ``unknown`` and ``missing`` of a document."""
    from kubelogic.report.documents import notice_document

    return {"unknown": list(found.remarks), "missing": [notice_document(each) for each in found.notices]}


def noticed_documents(found: Lacking) -> list[dict[str, Any]]:
    """What was noticed while the input was read, for the key ``notices`` of a document."""
    from kubelogic.report.documents import notice_document

    return [notice_document(each) for each in found.noticed]
