"""Would the property tests notice a fault in the rules? Each of ``faults.yaml`` is put in; the test named has to fail.

The tests run with the budget of examples that they have by default and the suite's seed; only shrinking is left out.
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from kubelogic.facts import rulebook
from kubelogic.logic import RuleErrors

FAULTS = yaml.safe_load((Path(__file__).parent / "faults.yaml").read_text(encoding="utf-8"))
_SETTINGS = "_hypothesis_internal_use_settings"
GENERATE = (Phase.explicit, Phase.generate)


@pytest.fixture
def use_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Put a fault into a copy of the rules, which are the built-in ones from then on."""

    def use(fault: Mapping[str, Any]) -> None:
        copy = tmp_path / "rules"
        shutil.copytree(rulebook.builtin_rules(), copy)
        file = copy / fault["file"]
        text = file.read_text(encoding="utf-8")
        assert text.count(fault["old"]) == 1, f"{fault['file']} has changed: {fault['old']!r} is not in it once"
        file.write_text(text.replace(fault["old"], fault["new"]), encoding="utf-8")
        monkeypatch.setattr(rulebook, "builtin_rules", lambda: copy)
        rulebook.builtin_rulebook.cache_clear()

    yield use
    monkeypatch.undo()
    rulebook.builtin_rulebook.cache_clear()


def run(caught_by: str) -> None:
    """Run a property test as the suite does."""
    module_name, _, name = caught_by.partition(".")
    module = import_module(f"tests.property.{module_name}")
    test = getattr(module, name)
    if isinstance(test, type) and issubclass(test, RuleBasedStateMachine):
        module.BOOK.clear()
        try:
            run_state_machine_as_test(test, settings=settings(test.TestCase.settings, phases=GENERATE))
        finally:
            module.BOOK.clear()
        return
    benches = {"pipeline": "Pipeline", "derive": "deriving"}
    wanted = [getattr(module, make)() for name, make in benches.items() if name in inspect.signature(test).parameters]
    with pytest.MonkeyPatch.context() as patch:
        if hasattr(test, _SETTINGS):
            patch.setattr(test, _SETTINGS, settings(getattr(test, _SETTINGS), phases=GENERATE))
        test(*wanted)


def params(quick: bool) -> list[Any]:
    chosen = [each for each in FAULTS if quick == bool(each.get("quick"))]
    return [pytest.param(each, id=each["wrong"].replace(" ", "-").replace(",", "")) for each in chosen]


Use = Callable[[Mapping[str, Any]], None]


@pytest.mark.parametrize("fault", params(quick=True))
def test_a_fault_is_noticed(fault: Mapping[str, Any], use_rules: Use) -> None:
    noticed(fault, use_rules)


@pytest.mark.slow
@pytest.mark.parametrize("fault", params(quick=False))
def test_each_fault_is_noticed(fault: Mapping[str, Any], use_rules: Use) -> None:
    noticed(fault, use_rules)


def noticed(fault: Mapping[str, Any], use_rules: Use) -> None:
    use_rules(fault)
    rulebook.builtin_rulebook()  # a fault that the checker of rules notices needs no test
    with pytest.raises(AssertionError):
        run(fault["caught_by"])


def test_there_are_twenty_of_them() -> None:
    assert len(FAULTS) >= 20
    assert len({(each["file"], each["old"], each["new"]) for each in FAULTS}) == len(FAULTS)
    for each in FAULTS:
        module, _, name = each["caught_by"].partition(".")
        assert hasattr(import_module(f"tests.property.{module}"), name), each["caught_by"]


def test_a_fault_that_is_no_rule_is_told_apart(use_rules: Use) -> None:
    use_rules({"file": "scheduling/node_terms.dl", "old": "(Number > Least)", "new": "(Number > Leest)"})
    with pytest.raises(RuleErrors):
        rulebook.builtin_rulebook()
