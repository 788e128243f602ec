"""Each file of filters, scores and admission has its table of facts and what they derive."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.facts.rulebook import builtin_rules

HERE = Path(__file__).parent


@pytest.mark.parametrize("folder", ["admission", "scheduling"])
def test_every_rule_file_has_a_table(folder: str) -> None:
    files = {path.stem for path in (builtin_rules() / folder).glob("*.dl")}
    assert {path.stem for path in (HERE / folder).glob("*.yaml")} >= {
        name for name in files if name in OWN.get(folder, files)
    }


OWN = {"admission": {"priority", "default_tolerations", "runtime_class"}}
"""Where other parts keep rule files in the same folder, those that are meant here."""
