"""docs/rule-format.md names everything that there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.engine import lint, operators
from analyzer.engine.context import predicates
from analyzer.engine.context.base import seconds
from analyzer.engine.rule import SECTIONS, TEMPLATE_NAMES
from analyzer.engine.rule_file import RuleModel

PAGE = (Path(__file__).parents[2] / "docs" / "rule-format.md").read_text(encoding="utf-8")


def test_every_key_heading_placeholder_operator_and_lint_is_named() -> None:
    assert [name for name in RuleModel.model_fields if f"`{name}`" not in PAGE] == []
    assert [name for name in SECTIONS if f"## {name}\n" not in PAGE] == []
    assert [name for name in TEMPLATE_NAMES if f"{{{{ {name} }}}}" not in PAGE] == []
    assert [name for name in operators.OPERATORS if f"`{name}`" not in PAGE] == []
    assert [one.code for one in lint.lints() if f"| {one.code} |" not in PAGE] == []


@pytest.mark.parametrize("name", sorted(predicates()))
def test_every_predicate_is_there_with_its_defaults(name: str) -> None:
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name} {{")]
    written = line[line.index("{") + 1 : line.index("}")]
    defaults = dict(part.split(": ") for part in written.split(", "))

    assert {key: seconds(text) or float(text) for key, text in defaults.items()} == {
        key: param.default for key, param in predicates()[name].params.items()
    }


def test_the_example_of_the_page_is_a_sound_rule() -> None:
    from analyzer.engine import rule_file
    from analyzer.engine.lint import ERROR, Catalogue, run

    text = PAGE.split("```markdown\n")[1].split("```")[0]
    read = rule_file.parse(text, "knowledge/edge/cloudflare-524.md", {})

    assert [str(problem) for problem in read.problems] == []
    assert [str(one) for one in run(Catalogue([read])) if one.severity == ERROR] == []
