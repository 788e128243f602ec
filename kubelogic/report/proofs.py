"""Answers of the rulebook and derivations, as text and as documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubelogic.explain.written import Written
from kubelogic.logic.words import Words
from kubelogic.report.documents import written_document
from kubelogic.report.lacking import lacking_document, noticed_documents, said_beside, said_first
from kubelogic.report.quantities import FORMATS
from kubelogic.report.style import PLAIN, Style
from kubelogic.report.tables import table
from kubelogic.report.terminal import one_line
from kubelogic.verbs.missing import Lacking
from kubelogic.verbs.query import QueryResult, WhyResult


def render_answer(answer: QueryResult, style: Style = PLAIN) -> str:
    """A table of the values that were asked for; the sentence of each row where nothing was asked for."""
    if not answer.rows:
        words = Words(answer.rulebook)
        lines = [f"Nothing fits {words.atom(answer.predicate, answer.pattern)}.", *_told(answer.hints)]
        return _beside("\n".join(lines), answer.lacking, style)
    if not answer.columns:
        sentence = Words(answer.rulebook, FORMATS).sentence(answer.predicate, answer.rows[0])
        return _beside("\n".join([sentence, *_told(answer.hints)]), answer.lacking, style)
    asked = [i for i, value in enumerate(answer.pattern) if value is None]
    rows = [[name.upper() for name in answer.columns]]
    rows += [[one_line(str(row[i])) for i in asked] for row in answer.rows]
    lines = table(rows, style)
    lines += [f"{len(answer.rows)} {'row' if len(answer.rows) == 1 else 'rows'}", *_told(answer.hints)]
    return _beside("\n".join(lines), answer.lacking, style)


def _beside(text: str, lacks: Lacking, style: Style = PLAIN) -> str:
    """An answer with what the input lacks."""
    return "\n\n".join([*said_first(lacks), text, *said_beside(lacks, style)])


def answer_document(answer: QueryResult) -> dict[str, Any]:
    """``kind: Query``."""
    words = Words(answer.rulebook)
    arguments = answer.rulebook.declarations[answer.predicate].arguments
    return {
        "schemaVersion": 1,
        "kind": "Query",
        "atom": words.atom(answer.predicate, answer.pattern),
        "predicate": answer.predicate,
        "columns": [argument.name for argument in arguments],
        "rows": [list(row) for row in answer.rows],
        "text": [words.sentence(answer.predicate, row) for row in answer.rows],
        "hints": list(answer.hints),
        "notices": noticed_documents(answer.lacking),
        **lacking_document(answer.lacking),
    }


def _told(hints: Sequence[str]) -> list[str]:
    return [f"hint: {hint}" for hint in hints]


def render_why(explanation: WhyResult) -> str:
    """The proofs, or what each rule lacks."""
    words = Words(explanation.rulebook, FORMATS)
    if explanation.refutation is not None:
        lines = [words.refutation(explanation.refutation), *_told(explanation.hints)]
        return _beside("\n".join(lines), explanation.lacking)
    blocks = [words.proof(proof) for proof in explanation.proofs]
    if explanation.others:
        blocks.append(
            f"{explanation.others} more {'row fits' if explanation.others == 1 else 'rows fit'}; --limit shows more."
        )
    blocks += _told(explanation.hints)
    return _beside("\n\n".join(blocks), explanation.lacking)


def why_document(explanation: WhyResult) -> dict[str, Any]:
    """``kind: Proof``."""
    words = Words(explanation.rulebook)
    document: dict[str, Any] = {
        "schemaVersion": 1,
        "kind": "Proof",
        "atom": words.atom(explanation.predicate, explanation.pattern),
        "holds": explanation.refutation is None,
    }
    if explanation.refutation is not None:
        document["refutation"] = words.refutation_document(explanation.refutation, place_document)
    else:
        document["proofs"] = [words.proof_document(proof, place_document) for proof in explanation.proofs]
        document["others"] = explanation.others
    document["hints"] = list(explanation.hints)
    document["notices"] = noticed_documents(explanation.lacking)
    return {**document, **lacking_document(explanation.lacking)}


def place_document(origin: object) -> Any:
    """Where a fact was written, in a document."""
    return written_document(origin) if isinstance(origin, Written) else str(origin)
