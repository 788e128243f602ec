"""What is kept of rules between runs: never stale, never needed, never somebody else's."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from kubelogic.logic import Evaluation, Rulebook, compiler, joins, prepared
from kubelogic.logic.encoded import Clauses, Files
from kubelogic.logic.kept import Codes, KeptRules, Texts, directory, keep_answer, keep_rules, kept_answer, kept_rules

_RULES = """
#: parent(A: str, B: str) "{A} is a parent of {B}"
#: elder(A: str, B: str) "{A} comes before {B}"
elder(A, B) <= parent(A, B)
elder(A, C) <= parent(A, B) & elder(B, C)
"""
_TEXTS = (("rules/family.dl", _RULES),)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache directory."""
    monkeypatch.setenv("KUBELOGIC_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _keep(texts: Texts) -> None:
    book = Rulebook.parse(dict(texts))
    keep_rules(texts, KeptRules.of(book.files, book.clauses, book.facts))


def test_parsed_files_come_back_equal(cache: Path) -> None:
    book = Rulebook.parse(dict(_TEXTS))
    assert kept_rules(_TEXTS) is None
    _keep(_TEXTS)
    found = kept_rules(_TEXTS)
    assert found is not None
    clauses = Clauses(found.clauses, found.heads, found.reads)
    files = Files(found.files, found.omissions, clauses, found.sizes)
    assert clauses == book.clauses
    assert clauses.reads == book.clauses.reads == (("parent",), ("parent", "elder"))
    assert files == book.files
    assert Rulebook.checked(tuple(files)) == book
    assert cache.stat().st_mode & 0o077 == 0, "nobody else may look or write"


def test_a_changed_text_is_another_rulebook(cache: Path) -> None:
    _keep(_TEXTS)
    assert kept_rules((("rules/family.dl", _RULES + "\n"),)) is None
    assert kept_rules((("rules/other.dl", _RULES),)) is None


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff" * 100, b"[1, 2]"])
def test_a_damaged_file_counts_as_none(cache: Path, data: bytes) -> None:
    _keep(_TEXTS)
    codes = Codes()
    codes.code("x = 1", "<a>")
    codes.keep()
    for path in cache.iterdir():
        path.write_bytes(data)
    assert kept_rules(_TEXTS) is None
    assert eval(Codes().code("6 * 7", "<a>", "eval")) == 42


def test_a_directory_that_others_may_write_to_is_not_used(cache: Path) -> None:
    _keep(_TEXTS)
    cache.chmod(0o777)
    assert kept_rules(_TEXTS) is None
    cache.chmod(0o700)
    assert kept_rules(_TEXTS) is not None


def test_clauses_are_decoded_when_they_are_asked_for(cache: Path) -> None:
    _keep(_TEXTS)
    found = kept_rules(_TEXTS)
    assert found is not None
    clauses = Clauses(found.clauses, found.heads, found.reads)
    first, second = clauses
    assert clauses[1] is second
    assert list(clauses.about({"parent"})) == [first, second]
    assert list(clauses.about({"nobody"})) == []
    assert clauses.only([1])[0] is second
    assert clauses.followed_by([first]).heads == ("elder", "elder", "elder")
    assert pickle.loads(pickle.dumps(clauses)) == clauses
    assert clauses != [second, first]


def test_compiled_joins_are_kept(cache: Path) -> None:
    codes = Codes()
    codes.code("x = 6 * 7", "<a>")
    codes.keep()
    (path,) = cache.iterdir()
    before = path.stat().st_mtime_ns
    again = Codes()
    space: dict[str, int] = {}
    exec(again.code("x = 6 * 7", "<a>"), space)
    assert space["x"] == 42
    again.keep()
    assert path.stat().st_mtime_ns == before, "nothing new, nothing written"
    again.code("x = 1", "<a>")
    again.keep()
    assert path.stat().st_mtime_ns > before


def test_a_join_is_found_by_rule_and_sizes_without_its_source(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "family.dl").write_text(_RULES)
    book = Rulebook.read([rules])

    def elders() -> list[tuple[object, ...]]:
        codes = Codes()
        monkeypatch.setattr(joins, "CODES", codes)
        prepared._shared.cache_clear()
        prepared._prepared.cache_clear()
        evaluation = Evaluation(book)
        evaluation.update({"parent": [("a", "b"), ("b", "c")]})
        codes.keep()
        return sorted(evaluation.rows("elder"))

    first = elders()
    assert list(cache.glob("plans-*"))
    monkeypatch.setattr(compiler, "source_of", None)
    assert elders() == first == [("a", "b"), ("a", "c"), ("b", "c")]
    (rules / "family.dl").write_text(_RULES.replace("elder(B, C)", "elder(B, C) & (A != C)"))
    assert Rulebook.read([rules]).mark != book.mark, "another rule is another rulebook"


def test_old_rulebooks_go(cache: Path) -> None:
    for number in range(11):
        texts = (("rules/family.dl", _RULES + "\n" * number),)
        _keep(texts)
    assert len(list(cache.glob("rules-*"))) == 8
    assert kept_rules(texts) is not None


def test_no_directory_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBELOGIC_CACHE_DIR", "")
    monkeypatch.chdir(tmp_path)
    _keep(_TEXTS)
    codes = Codes()
    codes.code("x = 1", "<a>")
    codes.keep()
    assert kept_rules(_TEXTS) is None
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KUBELOGIC_CACHE_DIR", str(tmp_path / "file" / "below"))
    _keep(_TEXTS)
    codes = Codes()
    codes.code("x = 1", "<a>")
    codes.keep()
    assert kept_rules(_TEXTS) is None


def _answers(cache: Path) -> Path:
    keep_answer("book", "question", b"an answer")
    assert kept_answer("book", "question") == b"an answer"
    return next(cache.glob("answer-*"))


def test_a_file_with_one_wrong_bit_counts_as_none(cache: Path) -> None:
    path = _answers(cache)
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert kept_answer("book", "question") is None
        path.write_bytes(data[:at])
        assert kept_answer("book", "question") is None
    keep_answer("book", "question", b"another")
    assert kept_answer("book", "question") == b"another"


def test_what_is_no_file_counts_as_none(cache: Path) -> None:
    path = _answers(cache)
    path.unlink()
    os.mkfifo(path)  # which would be waited for
    assert kept_answer("book", "question") is None
    path.unlink()
    path.mkdir()
    assert kept_answer("book", "question") is None
    keep_answer("book", "question", b"another")
    assert [each.name for each in cache.iterdir()] == [path.name], "nothing half written is left"


def test_what_a_killed_process_left_half_written_goes(cache: Path) -> None:
    _answers(cache)
    old, new = cache / "half-a", cache / "half-b"
    old.write_bytes(b"x")
    new.write_bytes(b"x")
    os.utime(old, (0, 0))
    keep_answer("book", "question", b"another")
    assert (old.exists(), new.exists()) == (False, True)


def test_the_folder_may_go_while_it_is_used(cache: Path) -> None:
    path = _answers(cache)
    path.unlink()
    cache.rmdir()
    assert kept_answer("book", "question") is None
    assert _answers(cache) == path


def test_a_relative_cache_directory_counts_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBELOGIC_CACHE_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert directory() == tmp_path / ".cache" / "kubelogic"
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert directory() == Path("/cache/kubelogic")
