"""HTML: elements whose text is escaped, and a page that asks no host for anything."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

_VOID = frozenset({"meta", "br"})

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What the page may load: nothing but the style within it."""


class Html(str):
    """Markup; every other text is escaped where it is put into an element."""

    __slots__ = ()


Part = str | Html | Iterable["Part"]


def escaped(part: Part) -> Html:
    """Text or markup as markup.

    >>> escaped("<b> & 'x'")
    '&lt;b&gt; &amp; &#x27;x&#x27;'
    """
    if isinstance(part, Html):
        return part
    if isinstance(part, str):
        return Html(html.escape("".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in part)))
    return Html("".join(escaped(each) for each in part))


def element(tag: str, *parts: Part, **attributes: str) -> Html:
    """An element. Of attributes ``_`` at the end is cut off, and others become ``-``.

    >>> element("p", "a < b", class_="soft")
    '<p class="soft">a &lt; b</p>'
    """
    named = "".join(f' {name.rstrip("_").replace("_", "-")}="{escaped(value)}"' for name, value in attributes.items())
    return Html(f"<{tag}{named}>" if tag in _VOID else f"<{tag}{named}>{escaped(parts)}</{tag}>")


def section(title: str, *parts: Part) -> Html:
    """A section under its heading."""
    return element("section", element("h2", title), *parts)


def unfold(title: Part, *parts: Part, is_open: bool = False) -> Html:
    """What is shown when it is asked for, with the keyboard as well."""
    state = {"open": "open"} if is_open else {}
    return element("details", element("summary", title), *parts, **state)


def table(head: Sequence[str], rows: Iterable[Sequence[Part]], *, label: str) -> Html:
    """A table; where it is too wide, it scrolls by itself."""
    top = element("tr", *(element("th", each, scope="col") for each in head))
    body = [element("tr", *(element("td", cell) for cell in row)) for row in rows]
    inner = element("table", element("thead", top), element("tbody", body))
    return element("div", inner, class_="scroll", tabindex="0", role="region", aria_label=label)


def bar(label: str, share: float, text: str) -> Html:
    """How full something is, from 0 to 1."""
    width = f"width:{min(max(share, 0.0), 1.0) * 100:.0f}%"
    filled = element("i", element("i", style=width), aria_hidden="true")
    return element("div", element("span", label), filled, element("span", text, class_="soft"), class_="bar")


@cache
def look() -> str:
    """The style sheet of every page."""
    return files("kubelogic").joinpath("report", "look", "look.css").read_text(encoding="utf-8")


def page(title: str, head: Part, body: Part) -> str:
    """A whole file: in light or dark as its reader has it, readable on a phone, without a request to any host.

    It is in ASCII, so that it is well whatever encoding standard output has.

    Args:
        title: of the window.
        head: what stands above all, with the verdict as its ``h1``.
        body: the sections.
    """
    whole = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", http_equiv="Content-Security-Policy", content=POLICY),
            element("title", title),
            element("style", Html(look())),
        ),
        "\n",
        element(
            "body",
            element("a", "Skip to the answer", class_="skip", href="#answer"),
            element("header", head),
            element("main", body, id="answer"),
        ),
        lang="en",
    )
    return "<!doctype html>\n" + whole.encode("ascii", "xmlcharrefreplace").decode()
