"""YAML text to JSON trees, fast: libyaml's events, one loop, no recursion.

A stream is cut at its ``---`` lines, as kubectl does, and each piece is read on its own: one broken
document does not hide the faults of the others. Mappings with a key twice are refused, anchors cost what
they expand to, and tags never build anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
import yaml
from msgspec.structs import replace
from yaml._yaml import CParser

from kubelogic.patterns import regex
from kubelogic.text import characters, scalars
from kubelogic.text.mistaken import misindented
from kubelogic.text.pieces import MAX_DEPTH, TOO_DEEP, Piece, Trouble
from kubelogic.text.titles import title

_OPENING = (
    yaml.BlockMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.FlowSequenceStartToken,
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)

_SEPARATOR = regex(rb"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_DIRECTIVE = regex(rb"^%", re.MULTILINE)


_QUOTED = "a text that begins with it needs quotes"
_NAMED = {
    "while scanning an alias": "* begins an alias, which has a name",
    "while scanning an anchor": "& begins an anchor, which has a name",
}
"""What is said of an alias or anchor without a name, by what libyaml was at."""
_OF_INDENTATION = ("did not find expected key", "did not find expected '-' indicator", "mapping values are not allowed")
"""Problems that a line which stands one column off makes."""


class _RefusedError(Exception):
    """The rest of a piece cannot be read."""

    def __init__(self, mark: Any, code: str, message: str) -> None:
        self.mark = mark
        self.code = code
        self.message = message
        super().__init__(message)


def pieces(stream: bytes) -> Iterator[Piece]:
    """Cut a stream at its document separators. Streams with ``%`` directives stay whole.

    >>> [piece.data for piece in pieces(b"a: 1\\n---\\nb: 2")]
    [b'a: 1\\n', b'---\\nb: 2']
    """
    cuts = [0]
    if not _DIRECTIVE.search(stream):
        cuts += [match.start() for match in _SEPARATOR.finditer(stream) if match.start()]
    cuts.append(len(stream))
    line = 0
    for start, end in pairwise(cuts):
        piece = stream[start:end]
        yield Piece(start=start, line=line, data=piece)
        line += piece.count(b"\n")


def read(piece: Piece) -> tuple[list[tuple[int, Any]], list[Trouble]]:
    """The documents of one piece as numbered trees (None if empty), and all that is wrong with it.

    Values are what Kubernetes makes of them (see ``scalars``); keys are strings; merge keys (``<<``) are
    applied in the order of the text, as go-yaml v2 does. A document with trouble is not among the results,
    but those before it are.
    """
    builder = _Builder(first_line=piece.line + 1)
    documents: list[tuple[int, Any]] = []
    number = 0
    parser = CParser(piece.data)
    try:
        parser.get_event()
        while not parser.check_event(yaml.StreamEndEvent):
            before = len(builder.troubles)
            document = builder.document(parser)
            if all(trouble.code == "KL101" for trouble in builder.troubles[before:]):
                documents.append((number, document))
            if len(builder.troubles) > before:
                found = builder.troubles[before:]
                builder.troubles[before:] = [replace(trouble, about=title(document)) for trouble in found]
            number += 1
    except _RefusedError as refused:
        builder.report(refused.mark, refused.code, refused.message)
    except yaml.reader.ReaderError as error:
        offset, message = characters.forbidden_character(piece.data) or (0, str(error.reason))
        line, column = characters.line_and_column(piece.data, offset)
        builder.troubles.append(Trouble(line=piece.line + line, column=column, code="KL100", message=message))
    except yaml.MarkedYAMLError as error:
        deep = _first_too_deep(piece.data)
        if deep is not None:
            builder.report(deep, "KL107", TOO_DEEP)
        else:
            builder.report(error.problem_mark or error.context_mark, "KL100", _wording(error, piece))
    finally:
        parser.dispose()
    return documents, builder.troubles


def _first_too_deep(data: bytes) -> Any:
    """Where flow collections first nest deeper than ``MAX_DEPTH``; None if they never do.

    libyaml has limits of its own on nesting, which differ by release and look ahead of the events: whatever it
    refuses, the limit that is told is ours.
    """
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return None
    depth = 0
    try:
        for token in yaml.scan(data, Loader=yaml.SafeLoader):
            if isinstance(token, _OPENING):
                depth += 1
                if depth > MAX_DEPTH:
                    return token.start_mark
            elif isinstance(token, _CLOSING):
                depth -= 1
    except yaml.YAMLError:
        return None
    return None


def _wording(error: yaml.MarkedYAMLError, piece: Piece) -> str:
    problem = str(error.problem or "not YAML")
    if problem == "found character that cannot start any token" and error.problem_mark is not None:
        line, caret = characters.excerpt(piece.data, error.problem_mark.line + 1, error.problem_mark.column + 1)
        character = line[caret - 1 : caret]
        return (
            "a tab cannot indent YAML" if character == "\t" else f"nothing in YAML starts with {character}; {_QUOTED}"
        )
    context = str(error.context or "")
    if context in _NAMED:
        return f"{_NAMED[context]}; {_QUOTED}"
    before, at = error.context_mark, error.problem_mark
    if context and before is not None and at is not None and before.line != at.line:
        context += f" that begins in line {piece.line + 1 + before.line}"
    words = f"{problem} {context}" if context else problem
    why = misindented(piece.data, at.line) if at is not None and problem.startswith(_OF_INDENTATION) else ""
    return f"{words}: {why}" if why else words


class _Anchor(msgspec.Struct, kw_only=True):
    value: Any
    nodes: int
    height: int
    open: bool


class _Frame(msgspec.Struct, kw_only=True):
    """An open mapping or sequence."""

    value: Any
    anchor: str | None
    nodes_before: int
    key: str | None = None
    key_mark: Any = None
    merging: bool = False
    merged: set[str] = msgspec.field(default_factory=set)
    height: int = 0


class _Builder(msgspec.Struct, kw_only=True):
    first_line: int
    troubles: list[Trouble] = msgspec.field(default_factory=list)

    def report(self, mark: Any, code: str, message: str) -> None:
        line, column = (mark.line, mark.column + 1) if mark is not None else (0, 1)
        self.troubles.append(Trouble(line=self.first_line + line, column=column, code=code, message=message))

    def document(self, parser: Any) -> Any:  # noqa: PLR0915 - one loop over events, kept flat for speed
        """Read the next document of a parser."""
        get_event = parser.get_event
        get_event()  # DocumentStart
        anchors: dict[str, _Anchor] = {}
        stack: list[_Frame] = []
        root: Any = None
        top: _Frame | None = None
        nodes = aliased = 0
        scalar_event, mapping_event = yaml.ScalarEvent, yaml.MappingStartEvent
        sequence_event, alias_event = yaml.SequenceStartEvent, yaml.AliasEvent
        document_end = yaml.DocumentEndEvent
        resolve = scalars.resolve
        while True:
            event = get_event()
            kind = type(event)
            is_merge = False
            value: Any
            if kind is scalar_event:
                nodes += 1
                tag = event.tag
                if tag is None or tag == "!":
                    if event.implicit[0]:
                        value = event.value
                        is_merge = value == "<<"
                        value = resolve(value)
                        if type(value) is float and value - value != 0 and not _at_key(top):
                            self.report(event.start_mark, "KL100", f"{event.value} is no number that JSON can hold")
                    else:
                        value = event.value
                elif tag == "tag:yaml.org,2002:merge":
                    value = event.value
                    is_merge = value == "<<"
                else:
                    try:
                        value = scalars.resolve_tagged(tag, event.value)
                    except scalars.ScalarError as error:
                        self.report(event.start_mark, "KL100", str(error))
                        value = event.value
                if event.anchor is not None:
                    anchors[event.anchor] = _Anchor(value=value, nodes=1, height=0, open=False)
            elif kind is mapping_event or kind is sequence_event:
                nodes += 1
                if _at_key(top):
                    raise _RefusedError(event.start_mark, "KL100", "a mapping key has to be text, not a collection")
                if len(stack) >= MAX_DEPTH:
                    raise _RefusedError(event.start_mark, "KL107", TOO_DEEP)
                value = {} if kind is mapping_event else []
                top = _Frame(value=value, anchor=event.anchor, nodes_before=nodes)
                stack.append(top)
                if event.anchor is not None:
                    anchors[event.anchor] = _Anchor(value=value, nodes=0, height=0, open=True)
                continue
            elif kind is alias_event:
                nodes += 1
                anchor = anchors.get(event.anchor)
                if anchor is None:
                    raise _RefusedError(
                        event.start_mark, "KL100", f"there is no anchor &{event.anchor} before this alias"
                    )
                if anchor.open:
                    raise _RefusedError(event.start_mark, "KL100", f"anchor &{event.anchor} contains itself")
                value = anchor.value
                nodes += anchor.nodes
                aliased += anchor.nodes
                if _excessive(aliased, nodes):
                    raise _RefusedError(
                        event.start_mark, "KL107", f"aliases expand this document to over {nodes} nodes"
                    )
                if top is not None and anchor.height:
                    top.height = max(top.height, anchor.height)
                    if len(stack) + anchor.height > MAX_DEPTH:
                        raise _RefusedError(event.start_mark, "KL107", TOO_DEEP)
            elif kind is document_end:
                return root
            else:  # the end of a mapping or sequence
                frame = stack.pop()
                value = frame.value
                height = frame.height + 1
                if frame.anchor is not None:
                    anchors[frame.anchor] = _Anchor(
                        value=value, nodes=nodes - frame.nodes_before + 1, height=height, open=False
                    )
                top = stack[-1] if stack else None
                if top is not None and top.height < height:
                    top.height = height
            # ``value`` is complete: hang it into what is open
            if top is None:
                root = value
            elif type(top.value) is list:
                top.value.append(value)
            elif top.merging:
                self._merge(top, value, event.start_mark)
            elif top.key is None:
                if is_merge:
                    top.merging = True
                    continue
                key = value if type(value) is str else self._key(value, event.start_mark)
                if key in top.value and key not in top.merged:
                    self.report(event.start_mark, "KL101", f'key "{key}" is already set in this mapping')
                top.merged.discard(key)
                top.key = key
            else:
                top.value[top.key] = value
                top.key = None

    def _key(self, value: Any, mark: Any) -> str:
        if type(value) in (dict, list):
            raise _RefusedError(mark, "KL100", "a mapping key has to be text, not a collection")
        key = scalars.key_text(value)
        if key is None:
            self.report(mark, "KL100", "a mapping key cannot be null")
            return "null"
        return key

    def _merge(self, frame: _Frame, value: Any, mark: Any) -> None:
        frame.merging = False
        sources = value if type(value) is list else [value]
        for source in reversed(sources):
            if type(source) is not dict:
                self.report(mark, "KL100", "<< takes a mapping or a list of mappings")
                return
            frame.value.update(source)
            frame.merged.update(source)


def _at_key(top: _Frame | None) -> bool:
    """Whether the next node is a mapping key."""
    return top is not None and type(top.value) is dict and top.key is None and not top.merging


def _excessive(aliased: int, nodes: int) -> bool:
    """Whether too much of a document comes from aliases: the thresholds of go-yaml."""
    if aliased <= 100 or nodes <= 1000:
        return False
    low, high = 400_000, 4_000_000
    share = 0.99 if nodes <= low else 0.10 if nodes >= high else 0.99 - 0.89 * (nodes - low) / (high - low)
    return aliased / nodes > share
