"""Which line of a Helm template made a rendered line: only where no other line of the template can have made it.

A template is read as a net of all that it can write: literal lines as they stand, lines with actions as their literal
pieces, blocks that may be left out (``if``, ``with``) or repeated (``range``), and actions that write any lines, at
least as deep as their ``nindent`` says. All ways through the net that give the rendered document are followed; where
they agree on the line, it is known. What a value writes below ``key: {{ .. }}`` is taken to be deeper than the key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from kubelogic.patterns import regex

_ACTION = regex(
    r"""\{\{(-(?=\s))?((?:/\*(?:[^*]|\*(?!/))*\*/|"(?:\\.|[^"\\])*"|`[^`]*`|'(?:\\.|[^'\\])*'"""
    r"""|[^"'`}/]|/(?!\*)|\}(?!\}))*)\}\}"""
)
"""Source: Go, text/template/parse/lex.go."""
_ASSIGNED = regex(r"\$\w*\s*(?:,\s*\$\w+\s*)?:?=(?!=)")
_INDENTED = regex(r"\|\s*n?indent\s+(\d+)$")
"""The last step of a pipe that indents each of its lines. Source: Masterminds/sprig, strings.go, indent, nindent."""
_CONTROL = frozenset({"if", "with", "range", "else", "end", "define", "block", "break", "continue"})
_OPENING = frozenset({"if", "with", "range", "define", "block"})
_MOST = 4_000_000
"""Ways to write a line, times rendered lines, up to which a document is looked at."""


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """Text, or an action with whether it trims what is before it (``left``) and after it (``right``)."""

    text: str
    action: bool = False
    left: bool = False
    right: bool = False

    @property
    def word(self) -> str:
        """The keyword that steers the template; ``none`` if the action writes nothing, empty if it writes."""
        if self.text.startswith("/*") or _ASSIGNED.match(self.text):
            return "none"
        word = self.text.split(maxsplit=1)[0] if self.text else "none"
        return word if word in _CONTROL else ""

    @property
    def least(self) -> int:
        """The indentation that all lines have that the action writes."""
        found = _INDENTED.search(self.text)
        return int(found[1]) if found is not None else 0


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line with its number from 1, together with the lines over which its actions reach."""

    number: int
    parts: tuple[_Part, ...]


class _Edge(msgspec.Struct, kw_only=True):
    """One rendered line, from a state to a state: ``pieces`` with anything between, or any line ``least`` deep."""

    source: int
    target: int
    number: int
    pieces: tuple[str, ...] = ()
    bare: bool = False
    least: int = 0

    def fits(self, line: str, *, first: bool) -> bool:
        """Whether it can be this line; the indentation of a document's first line was trimmed."""
        if not self.pieces:
            return first or len(line) - len(line.lstrip()) >= self.least
        head, *rest = self.pieces
        if first or self.bare:
            line, head = line.lstrip(), head.lstrip()
        if not rest:
            return line == head
        if not line.startswith(head):
            return False
        at = len(head)
        for piece in rest[:-1]:
            if (found := line.find(piece, at)) < 0:
                return False
            at = found + len(piece)
        return line.endswith(rest[-1]) and len(line) - len(rest[-1]) >= at


class _Block(msgspec.Struct, kw_only=True):
    """A block that is open: where it was entered, where its (first) body starts, and where its bodies end."""

    word: str
    number: int
    entry: int
    body: int
    exits: list[int]
    complete: bool = False


class _UnclearError(Exception):
    """A template in which blocks start or end amid text."""


class _Net:
    """All that a template can write."""

    def __init__(self, template: str) -> None:
        self.silent: list[list[int]] = []
        self.edges: list[_Edge] = []
        self._at = self._state()
        self.starts, self.finals = [self._at], list[int]()
        self._open: list[_Block] = []
        self._bare = self._glued = False
        for line in _split(template):
            self._add(line)
        if self._open:
            raise _UnclearError
        self.finals.append(self._at)

    def _state(self, *before: int) -> int:
        self.silent.append([])
        for each in before:
            self.silent[each].append(len(self.silent) - 1)
        return len(self.silent) - 1

    def _add(self, line: _Line) -> None:
        parts = line.parts
        words = [each.word for each in parts if each.action]
        controls = [word for word in words if word not in ("", "none")]
        written = "".join(each.text for each in parts if not each.action).strip()
        if not written and "" not in words:
            for each in parts:
                if each.action:
                    self._steer(each.word, each.text, line.number)
                    self._bare = each.right
            return
        if any(each.word in ("define", "block") for each in self._open):
            return
        told = [each for each in parts if each.action or each.text.strip()]
        glued = told[0].left and "" in words
        if controls:
            if not _balanced(controls):
                raise _UnclearError
            first = next(i for i, each in enumerate(parts) if each.action and each.word not in ("", "none"))
            parts = (*parts[:first], _Part(text="any", action=True))
        pieces, before = _pieces(parts), self._at
        glued = (glued or (told[0].left and bool(controls))) and not told[0].least
        if glued and self.edges:
            self._glue()
        if len(pieces) == 1:
            self._literal(line.number, pieces[0])
        elif any(each.strip() for each in pieces):
            indent = len(parts[0].text) - len(parts[0].text.lstrip(" ")) if not parts[0].action else 0
            least = max(each.least for each in parts if each.action)
            self._value(line.number, pieces, least or _below(pieces[0], indent))
            if glued:
                self.silent[before].append(self._at)
        else:
            least = min(each.least for each in parts if each.action and not each.word)
            self._anything(line.number, least, documents=not least and parts[0].action)
        self._bare = told[-1].right
        self._glued = told[-1].right and "" in words

    def _glue(self) -> None:
        """What comes next may be written onto the end of the line before it."""
        last = self.edges[-1]
        for each in self.edges:
            if each.number == last.number and each.pieces:
                each.pieces = (*each.pieces, "")

    def _literal(self, number: int, text: str) -> None:
        if text == "---" or text.startswith("--- "):
            self.finals.append(self._at)
            self._at = self._state()
            self.starts.append(self._at)
            return
        before, self._at = self._at, self._state()
        pieces = ("", text.lstrip()) if self._glued else (text,)
        self.edges.append(_Edge(source=before, target=self._at, number=number, pieces=pieces, bare=self._bare))
        if self._glued:
            self.silent[before].append(self._at)

    def _value(self, number: int, pieces: tuple[str, ...], least: int) -> None:
        before, self._at = self._at, self._state()
        if self._glued:
            pieces = ("", pieces[0].lstrip(), *pieces[1:])
            self.silent[before].append(self._at)
        self.edges.append(_Edge(source=before, target=self._at, number=number, pieces=pieces, bare=self._bare))
        self.edges.append(_Edge(source=self._at, target=self._at, number=number, least=least))

    def _anything(self, number: int, least: int, *, documents: bool) -> None:
        self._at = self._state(self._at)
        self.edges.append(_Edge(source=self._at, target=self._at, number=number, least=least))
        if documents:  # an action that is indented writes no separator
            self.starts.append(self._at)
            self.finals.append(self._at)

    def _steer(self, word: str, text: str, number: int) -> None:
        if word in _OPENING:
            apart = word in ("define", "block")
            body = self._state() if apart else self._state(self._at)
            self._open.append(_Block(word=word, number=number, entry=self._at, body=body, exits=[]))
            self._at = body
        elif word in ("break", "continue"):
            around = [each for each in self._open if each.word == "range"]
            if not around:
                raise _UnclearError
            if word == "continue":
                self.silent[self._at].append(around[-1].body)
            else:
                around[-1].exits.append(self._at)
        elif word in ("else", "end"):
            if not self._open:
                raise _UnclearError
            block = self._open[-1]
            block.exits.append(self._at)
            if block.word == "range" and not block.complete:
                self.silent[self._at].append(block.body)
            if word == "else":
                block.complete = text == "else"
                self._at = self._state(block.entry)
            else:
                self._close(self._open.pop())

    def _close(self, block: _Block) -> None:
        if block.word in ("define", "block"):
            self._at = block.entry
            if block.word == "block":
                self._anything(block.number, 0, documents=True)
            return
        self._at = self._state(*block.exits)
        if not block.complete:
            self.silent[block.entry].append(self._at)

    def reached(self) -> list[int]:
        """For each state the states that it leads to without a line, as bits."""
        found: list[int] = []
        for state in range(len(self.silent)):
            seen, left = 0, [state]
            while left:
                each = left.pop()
                if not seen >> each & 1:
                    seen |= 1 << each
                    left.extend(self.silent[each])
            found.append(seen)
        return found


def made_by(template: str, rendered: str) -> Mapping[int, int]:
    r"""The line of the template that made each line of a rendered document, from 1, where only one can have.

    Args:
        template: the text of the template's file.
        rendered: one document that it made, without the separator before it.

    >>> text = "spec:\n{{- if .Values.on }}\n  replicas: {{ .Values.n }}\n{{- end }}\n  paused: true"
    >>> made_by(text, "spec:\n  replicas: 3\n  paused: true")
    {1: 1, 2: 3, 3: 5}
    """
    lines = [(n, text.rstrip()) for n, text in enumerate(rendered.split("\n"), start=1) if text.strip()]
    try:
        net = _Net(template)
    except _UnclearError:
        return {}
    if len(net.edges) * len(lines) > _MOST:
        return {}
    reached = net.reached()
    leaving: dict[int, list[_Edge]] = {}
    for each in net.edges:
        leaving.setdefault(each.source, []).append(each)
    now, ways = _union(reached[each] for each in net.starts), list[list[_Edge]]()
    for index, (_, text) in enumerate(lines):
        edges = (each for state in _bits(now) for each in leaving.get(state, ()))
        fit = [each for each in edges if each.fits(text, first=not index)]
        ways.append(fit)
        now = _union(reached[each.target] for each in fit)
    goal = _union(1 << each for each in net.finals)
    found: dict[int, int] = {}
    for (number, _), fit in zip(reversed(lines), reversed(ways), strict=True):
        through = [each for each in fit if reached[each.target] & goal]
        numbers = {each.number for each in through}
        if len(numbers) == 1:
            found[number] = numbers.pop()
        goal = _union(1 << each.source for each in through)
    return dict(sorted(found.items())) if goal & _union(reached[each] for each in net.starts) else {}


def column_of(written: str, rendered: str, column: int) -> int:
    """The column in the line of a template for one in the line that it made: the same text, else the action.

    >>> column_of("  replicas: {{ .Values.n }}", "  replicas: 3", 3)
    3
    >>> column_of('  image: "{{ .Values.image }}:1"', '  image: "app:1"', 15)
    11
    """
    ours, theirs = (len(each) - len(each.lstrip()) for each in (written, rendered))
    shifted = column - theirs + ours
    if shifted > ours and written[ours : shifted - 1] == rendered[theirs : column - 1]:
        return shifted
    return written.find("{{") + 1 or ours + 1


def _split(template: str) -> Iterator[_Line]:
    """The lines of a template; an action that reaches over several belongs to the one where it starts."""
    parts: list[_Part] = []
    number = first = 1
    at = 0
    for found in (*_ACTION.finditer(template), None):
        text = template[at : len(template) if found is None else found.start()]
        for index, piece in enumerate(text.split("\n")):
            if index:
                yield _Line(number=first, parts=tuple(parts))
                number += 1
                parts, first = [], number
            if piece:
                parts.append(_Part(text=piece))
        if found is not None:
            body = found[2]
            right = body.endswith("-") and body[-2:-1].isspace()
            body = (body[:-1] if right else body).strip()
            parts.append(_Part(text=body, action=True, left=bool(found[1]), right=right))
            number += found[0].count("\n")
            at = found.end()
    yield _Line(number=first, parts=tuple(parts))


def _pieces(parts: Sequence[_Part]) -> tuple[str, ...]:
    """The literal text between actions that write; spaces before these may be trimmed with what they write."""
    pieces = [""]
    for index, part in enumerate(parts):
        if not part.action:
            text = part.text
            if index and parts[index - 1].right:
                text = text.lstrip()
            if index + 1 < len(parts) and parts[index + 1].left:
                text = text.rstrip()
            pieces[-1] += text
        elif part.word != "none":
            pieces[-1] = pieces[-1].rstrip()
            pieces.append("")
    pieces[-1] = pieces[-1].rstrip()
    return tuple(pieces)


def _below(head: str, indent: int) -> int:
    """How deep lines are at least that a value writes below its key, or below the dash of its entry.

    >>> _below("  - name:", 2), _below("  -", 2), _below("", 2)
    (5, 3, 3)
    """
    head = head.rstrip()
    key = head.lstrip(" -")
    return 1 + (len(head) - len(key) if key else max(len(head) - 1, indent))


def _balanced(words: Iterable[str]) -> bool:
    depth = 0
    for word in words:
        depth += (word in _OPENING) - (word == "end")
        if depth < 0 or (not depth and word != "end"):
            return False
    return depth == 0


def _union(masks: Iterable[int]) -> int:
    found = 0
    for each in masks:
        found |= each
    return found


def _bits(mask: int) -> Iterator[int]:
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1
