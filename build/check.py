"""Every check and every test: `python3 build/check.py test`, or `lint` for the quick ones.

Sets up what is missing first, and runs side by side what can be: while llama.cpp compiles,
the page is checked, built and tested. Standard library only and Python 3.9.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import bootstrap
import browser
import failures
import wheel
from steps import ROOT, Log, Result, Schedule, Step, StepError, report

PYTHON = str(ROOT / ".venv/bin/python")
NODE_BIN = ROOT / "node_modules/.bin"


def matching(pattern: str) -> Callable[[Sequence[str]], Sequence[str]]:
    """The last unbroken group of lines that match: a runner's closing lines."""

    def closing(lines: Sequence[str]) -> Sequence[str]:
        out: list[str] = []
        for line in reversed([failures.COLOUR.sub("", line) for line in lines]):
            if re.search(pattern, line):
                out.insert(0, line.strip())
            elif out:
                break
        return out

    return closing


def command(*words: str, cwd: str = ".", failure: str = "") -> Callable[[Log], None]:
    """A step's work that is one command."""

    def work(log: Log) -> None:
        log.run(
            words, cwd=ROOT / cwd, env={**os.environ, "FORCE_COLOR": "0", "NO_COLOR": "1"}, failure=failure
        )

    return work


def ruff(log: Log) -> None:
    log.run([PYTHON, "-m", "ruff", "check", "."])
    log.run([PYTHON, "-m", "ruff", "format", "--check", "."])


def drive_browser(log: Log) -> None:
    """The Playwright suite, in the Chromium that the set-up found or installed."""
    path = browser.find()
    if not path:
        raise StepError(browser.NONE_TO_BE_HAD)
    log.run(
        [f"{NODE_BIN}/playwright", "test"],
        cwd=ROOT / "playwright",
        env={**os.environ, "CHROMIUM": path, "FORCE_COLOR": "0"},
    )


def lint_steps() -> list[Step]:
    """What reads the sources and runs nothing of them."""
    return [
        Step(
            "biome",
            command(f"{NODE_BIN}/biome", "check", "--colors=off", "."),
            ["node"],
            closing=matching("^Checked "),
        ),
        Step(
            "tsc",
            command("npm", "run", "--silent", "types", "--workspaces", "--if-present"),
            ["node"],
            closing=lambda lines: ["tsc: no errors"] if not lines else lines[-1:],
        ),
        Step("ruff", ruff, ["python"], closing=matching("All checks passed|already formatted")),
        Step("mypy", command(PYTHON, "-m", "mypy"), ["python"], closing=matching("Success|Found ")),
        Step(
            "protocol",
            command(PYTHON, "build/generate_protocol.py", "--check"),
            ["python"],
            closing=matching("up to date"),
        ),
    ]


def test_steps() -> list[Step]:
    """What runs the code. Python's and the browser's tests measure time, so each runs alone."""
    return [
        Step(
            "vitest",
            command("npm", "test", "--silent", "--workspace", "frontend"),
            ["node", "python"],
            closing=matching(r"^\s*(Test Files|Tests) "),
        ),
        Step("wheel", wheel.check_wheel, ["python", "page"], closing=matching("^wheel: ")),
        Step(
            "pytest",
            command(PYTHON, "-m", "pytest", "-q"),
            ["python"],
            alone=True,
            closing=matching(r"\d+ (passed|failed|error).* in "),
        ),
        Step(
            "playwright",
            drive_browser,
            ["python", "node", "page", "browser"],
            alone=True,
            closing=matching(r"^\s+\d+ (passed|failed|flaky|skipped|did not run|interrupted)"),
        ),
    ]


def summary(results: Mapping[str, Result]) -> None:
    """Each step's state and time, each runner's own closing lines as it wrote them, then what failed."""
    print("\n── summary ──")
    for name, result in results.items():
        print(f"{name:>10}  {result.state:<8} {result.seconds:6.0f} s  {result.message}")
    print()
    for result in results.values():
        if result.state != "not run":
            print(*result.closing, sep="\n", end="\n" if result.closing else "")
    failed = {name: result for name, result in results.items() if result.state == "failed"}
    for name, result in failed.items():
        print(f"\n── {name} failed ──")
        print(
            *failures.told(name, result.lines, failures.AT_MOST // len(failed)) or [result.message], sep="\n"
        )


def main(what: str) -> int:
    needed = {"python", "node", "page", "browser"} if what == "test" else {"python", "node"}
    steps = bootstrap.steps(needed)
    checks = lint_steps() + (test_steps() if what == "test" else [])
    present = {step.name for step in steps} | {check.name for check in checks}
    for check in checks:
        check.needs = [need for need in check.needs if need in present]
    started = time.monotonic()
    results = Schedule(steps + checks).run()
    summary(results)
    print(f"\n{what}: {time.monotonic() - started:.0f} s", flush=True)
    return report(results)


if __name__ == "__main__":
    if sys.argv[1:] not in (["lint"], ["test"]):
        raise SystemExit(f"usage: {sys.argv[0]} lint|test")
    raise SystemExit(main(sys.argv[1]))
