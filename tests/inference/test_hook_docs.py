"""The example in docs/hook.md runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOC = Path(__file__).parents[2] / "docs" / "hook.md"


def test_the_example_runs(smollm2: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", DOC.read_text(), re.DOTALL)
    statements = program.replace('"model.gguf"', repr(str(smollm2)))
    exec(compile(statements, str(DOC), "exec"), {})
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 8
    assert all(re.search(r"p [01]\.\d{3}  entropy \d+\.\d\d nats", line) for line in lines)
