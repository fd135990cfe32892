"""The last lines of a run that failed: which tests, and why."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import check
import failures
from steps import Result

PLAYWRIGHT = """
Running 66 tests using 1 worker

  ✘  1 [live] › live/run.spec.ts:12:1 › a typed prompt is answered (30.1s)
  ✓  2 [live] › live/run.spec.ts:48:1 › on first open (3.0s)

  1) [live] › live/run.spec.ts:12:1 › a typed prompt is answered ─────────────────

    Error: expect(locator).toHaveText(expected) failed

    Locator:  getByRole('status')
    Expected pattern: /Paused/
    Received string:  "Finished"

      24 |     await chamber.button("Pause").click();
    > 25 |     await expect(chamber.status).toHaveText(/Paused/);
         |                                  ^
        at /x/run.spec.ts:25:34

  2) [pictures] › pictures/nebula.spec.ts:20:1 › confident ─────────────────

    Error: nebula-confident: 70 pixels far off (46 allowed)

  2 failed
    [live] › live/run.spec.ts:12:1 › a typed prompt is answered ──────────
    [pictures] › pictures/nebula.spec.ts:20:1 › confident ─────────────────
  65 passed (3.2m)
"""


def test_playwright_names_each_failed_test_and_says_why() -> None:
    lines = failures.told("playwright", PLAYWRIGHT.splitlines())
    assert lines == [
        "[live] › live/run.spec.ts:12:1 › a typed prompt is answered",
        "    Error: expect(locator).toHaveText(expected) failed",
        "    Locator: getByRole('status')",
        "    Expected pattern: /Paused/",
        '    Received string: "Finished"',
        "[pictures] › pictures/nebula.spec.ts:20:1 › confident",
        "    Error: nebula-confident: 70 pixels far off (46 allowed)",
    ]


def test_vitest_names_its_failed_tests() -> None:
    said = [
        "\x1b[41m FAIL \x1b[49m a.test.ts > wants > asks once",
        "\x1b[31mAssertionError\x1b[22m: expected 1 to be 2",
    ]
    assert failures.told("vitest", said) == [
        "a.test.ts > wants > asks once",
        "    AssertionError: expected 1 to be 2",
    ]


def test_pytest_as_it_really_writes(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "def test_a(): assert 1 == 2, 'not two'\ndef test_b(nothing): pass\n"
    )
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert failures.told("pytest", said.splitlines()) == [
        "FAILED test_it.py::test_a - AssertionError: not two",
        "ERROR test_it.py::test_b",
    ]


def test_names_go_before_reasons_and_the_rest_is_counted() -> None:
    said = [f"FAILED test_it.py::test_{i} - AssertionError" for i in range(40)]
    lines = failures.told("pytest", said, at_most=5)
    assert len(lines) == 5
    assert lines[-1] == "… and 36 more"
    both = failures.told("playwright", PLAYWRIGHT.splitlines(), at_most=3)
    assert [line for line in both if line.startswith("[")] == [
        "[live] › live/run.spec.ts:12:1 › a typed prompt is answered",
        "[pictures] › pictures/nebula.spec.ts:20:1 › confident",
    ]
    assert len(both) == 3


def test_of_an_unknown_runner_the_last_lines_are_told() -> None:
    assert failures.told("mypy", ["a.py:1: error: no", "", "Found 1 error"]) == [
        "a.py:1: error: no",
        "Found 1 error",
    ]


def test_the_summary_ends_with_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    results = {
        "vitest": Result("done", closing=["Tests  9 passed"], lines=["Tests  9 passed"]),
        "playwright": Result("failed", "exit code 1", closing=["65 passed"], lines=PLAYWRIGHT.splitlines()),
    }
    check.summary(results)
    last = capsys.readouterr().out.rstrip().splitlines()
    assert "── playwright failed ──" in last
    assert last.index("── playwright failed ──") > last.index("65 passed")
    assert "pixels far off" in last[-1]
