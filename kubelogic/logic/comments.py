"""What the comments of a rule file say: its header (``#!``) and the declarations of its predicates (``#:``)."""

from __future__ import annotations

import difflib
import re

from kubelogic.logic.errors import RuleFault
from kubelogic.logic.terms import Argument, Declaration, Omission, Place

HEADER_KEYS = ("title", "source", "docs", "reason", "code", "omits", "note", "length")
"""What a header may say; all but ``omits`` at most once."""

_HEADER = re.compile(r"#! ?(\w+):\s*(.*)$")
_MORE_HEADER = re.compile(r"#!\s+(.*)$")
_OMISSION = re.compile(r"(?P<code>[A-Z]+[0-9]+)\s+(?P<subject>\S+)\s+(?:\u2014|--?)\s+(?P<words>.+)$")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_DECLARATION = re.compile(
    r"(?:(?P<role>input|output|open)\s+)?(?P<name>[a-z_]\w*)(?P<open>[(\[])(?P<args>[^)\]]*)[)\]]"
    r"(?:\s*==\s*(?P<value>[^\"]+?)|\s*->\s*(?P<result>[^\"]+?))?\s*(?P<sentence>\".*)?$"
)


class Comments:
    """Reads the comments of one file, collecting faults instead of stopping at the first."""

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        self.lines = tuple(self.text.split("\n"))
        self.faults: list[RuleFault] = []

    def fault(self, place: Place, message: str, hint: str = "") -> None:
        excerpt = self.lines[place.line - 1] if 0 < place.line <= len(self.lines) else ""
        self.faults.append(RuleFault(place=place, message=message, hint=hint, excerpt=excerpt))

    def header(self) -> tuple[dict[str, str], tuple[Omission, ...]]:
        entries: list[tuple[str, list[str], Place]] = []
        for number, line in enumerate(self.lines, 1):
            if not line.startswith("#!"):
                continue
            place = Place(file=self.path, line=number, column=1, end_column=len(line) + 1)
            if match := _HEADER.match(line):
                entries.append((match[1], [match[2].strip()], place))
            elif entries and (match := _MORE_HEADER.match(line)):
                entries[-1][1].append(match[1].strip())
            elif line[2:].strip():
                self.fault(place, "not a header line", "write: #! key: words")
        found: dict[str, str] = {}
        omits: list[Omission] = []
        for key, texts, place in entries:
            words = " ".join(filter(None, texts))
            if key not in HEADER_KEYS:
                near = difflib.get_close_matches(key, HEADER_KEYS, n=1)
                known = f"the keys are {', '.join(HEADER_KEYS)}"
                self.fault(place, f"unknown header key {key!r}", f"did you mean {near[0]}?" if near else known)
            elif not words:
                self.fault(place, f"header key {key!r} says nothing")
            elif key == "omits":
                match = _OMISSION.match(words)
                omits.append(
                    Omission(
                        code=match["code"] if match else "",
                        subject=match["subject"] if match else "",
                        words=match["words"] if match else words,
                        place=place,
                    )
                )
            elif key in found:
                self.fault(place, f"header key {key!r} is given twice")
            else:
                found[key] = words
        if omits:
            found["omits"] = "; ".join(omission.words for omission in omits)
        return found, tuple(omits)

    def declarations(self) -> list[Declaration]:
        blocks: list[tuple[int, str]] = []
        previous = -2
        for number, line in enumerate(self.lines, 1):
            if not line.startswith("#:"):
                continue
            content = line[2:].strip()
            if previous == number - 1 and not (blocks[-1][1].endswith('"') and blocks[-1][1].count('"') > 1):
                blocks[-1] = (blocks[-1][0], f"{blocks[-1][1]} {content}")
            else:
                blocks.append((number, content))
            previous = number
        found: list[Declaration] = []
        for number, content in blocks:
            place = Place(file=self.path, line=number, column=1, end_column=len(self.lines[number - 1]) + 1)
            if declaration := self.declaration(content, place):
                found.append(declaration)
        return found

    def declaration(self, content: str, place: Place) -> Declaration | None:
        match = _DECLARATION.match(content)
        if not match:
            self.fault(place, "not a declaration", 'write: name(Argument: type, ...) "sentence"')
            return None
        texts = [text for text in match["args"].split(",") if text.strip()]
        extra = match["value"] or match["result"]
        if extra:
            texts.append(extra)
        if (match["open"] == "[") != bool(match["value"]):
            self.fault(place, "a functional predicate is declared as name[Key: type] == Value: type")
        arguments = []
        for text in texts:
            name, _, kind = (part.strip() for part in text.partition(":"))
            if not name.isidentifier() or not kind.isidentifier():
                self.fault(place, f"argument {text.strip()!r} must be written Name: type")
                return None
            arguments.append(Argument(name=name, type=kind))
        sentence = (match["sentence"] or "").strip()
        if len(sentence) < 3 or not sentence.endswith('"'):
            self.fault(place, f"{match['name']} needs a sentence in double quotes")
        names = [argument.name for argument in arguments]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.fault(place, f"{match['name']} has two arguments called {name}")
        for name in sorted(set(names)):
            if not name[0].isupper():
                self.fault(place, f"argument {name} must start with a capital letter")
        for name in _PLACEHOLDER.findall(sentence):
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean {near[0]}?" if near else f"the arguments are {', '.join(names)}"
                self.fault(place, f"the sentence of {match['name']} mentions {{{name}}}, which is no argument", hint)
        return Declaration(
            predicate=match["name"],
            arguments=tuple(arguments),
            sentence=sentence[1:-1],
            place=place,
            functional=match["open"] == "[",
            function=bool(match["result"]),
            role=match["role"] or "",
        )
