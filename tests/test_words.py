"""Words of another dialect stay out of the product: its texts name the actor and use the field's verbs."""

from __future__ import annotations

import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "jetson_deploy"
DIALECT = re.compile(r"\b(told|nobody|somebody|everybody|deed)\b", re.IGNORECASE)
MOST_LINES = 10
"""A few may be right in their place; CONTRIBUTING.md says what to write instead."""


def test_told_nobody_somebody_everybody_and_deed_are_rare() -> None:
    lines = [
        f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if DIALECT.search(line)
    ]
    assert len(lines) <= MOST_LINES, "\n".join(lines)


def test_the_names_that_the_dialect_gave_are_gone() -> None:
    former = r"\b(Looker|Ladder|Scribe|Onlooker|Newcomer|see_off|hear_out|somebody_waits|born_with|let_go|LetGo|heir)\b"
    texts = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    found = {str(path.relative_to(PACKAGE)): re.findall(former, text) for path, text in texts.items()}
    # The key on disk keeps its bytes.
    assert {name: words for name, words in found.items() if words} == {"deployment/revisions.py": ["born_with"]}
