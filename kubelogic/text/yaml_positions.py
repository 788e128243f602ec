"""Where things stand in YAML text: libyaml's events with their marks, composed only to report something."""

from __future__ import annotations

from typing import Any

import yaml
from yaml._yaml import CParser

from kubelogic.text import scalars
from kubelogic.text.positions import Place


def places(data: bytes, number: int, *, first_line: int = 1) -> Place:
    """The places of everything in document ``number`` (from 0) of a piece of YAML.

    What an alias stands for is found at the alias, what is inside of it at the anchor; likewise for what
    ``<<`` merges in.
    """
    parser = CParser(data)
    parser.get_event()
    place = Place(line=first_line, column=1)
    for _ in range(number + 1):
        if parser.check_event(yaml.StreamEndEvent):
            break
        place = _document(parser, first_line)
    parser.dispose()
    return place


class _Open:
    """A mapping or sequence whose end has not come."""

    __slots__ = ("key", "merging", "place", "sequence")

    def __init__(self, place: Place, *, sequence: bool) -> None:
        self.place = place
        self.sequence = sequence
        self.key: str | None = None
        self.merging = False


def _document(parser: Any, first_line: int) -> Place:
    event: Any
    parser.get_event()
    anchors: dict[str, Place] = {}
    names: dict[str, str] = {}
    stack: list[_Open] = []
    root = Place(line=first_line, column=1)
    while not isinstance(event := parser.get_event(), yaml.DocumentEndEvent):
        if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            closed = stack.pop()
            if stack and stack[-1].merging:
                _merge(stack[-1], closed.place)
            continue
        mark = event.start_mark
        place = Place(line=first_line + mark.line, column=mark.column + 1)
        top = stack[-1] if stack else None
        opens = isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent))
        if isinstance(event, yaml.AliasEvent):
            if (target := anchors.get(event.anchor or "")) is not None:
                place.children, place.keys = target.children, target.keys
        elif event.anchor is not None:
            anchors[event.anchor] = place
            if isinstance(event, yaml.ScalarEvent):
                names[event.anchor] = _key(event)
        if top is None:
            root = place
        elif top.sequence:
            top.place.children[len(top.place.children)] = place
        elif top.merging:
            if not opens:
                _merge(top, place)
        elif top.key is not None:
            top.place.children[top.key] = place
            top.key = None
        else:
            top.merging = _is_merge(event)
            if not top.merging:
                is_alias = isinstance(event, yaml.AliasEvent)
                top.key = names.get(event.anchor or "", "") if is_alias else _key(event)
                top.place.keys[top.key] = (place.line, place.column)
        if opens:
            stack.append(_Open(place, sequence=isinstance(event, yaml.SequenceStartEvent)))
    return root


def _merge(top: _Open, place: Place) -> None:
    top.merging = False
    sources = [child for step, child in place.children.items() if isinstance(step, int)] or [place]
    for source in reversed(sources):
        top.place.children.update(source.children)
        top.place.keys.update(source.keys)


def _is_merge(event: Any) -> bool:
    return (
        isinstance(event, yaml.ScalarEvent)
        and event.value == "<<"
        and (event.tag == "tag:yaml.org,2002:merge" or (event.tag is None and bool(event.implicit[0])))
    )


def _key(event: Any) -> str:
    if event.tag is None or event.tag == "!":
        value = scalars.resolve(event.value) if event.implicit[0] else event.value
    else:
        value = scalars.resolve_tagged(event.tag, event.value)
    return scalars.key_text(value) or "null"
