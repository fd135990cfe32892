"""Which tests failed and why, in a few lines, out of a runner's output.

What is kept of a run on a far machine is often only the end of its output, so these lines are
the last ones there. Standard library only and Python 3.9.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
WIDTH = 200
"""Characters of a line; what is beyond is cut."""
AT_MOST = 16
"""Lines for all runners together: they must fit in the last screen of the output."""
REASONS = 4
"""Lines of why a test failed, at most."""

NAMES = {
    # "  1) [live] › tests/live/run.spec.ts:12:1 › a typed prompt is answered ─────"
    "playwright": re.compile(r"^\s*\d+\) (?P<name>\[.+?)[\s─]*$"),
    # " FAIL  src/app/wants.test.ts > wants > asks once"
    "vitest": re.compile(r"^\s*FAIL\s+(?P<name>.+)$"),
    # "FAILED tests/server/test_x.py::test_y - AssertionError: assert 1 == 2"
    "pytest": re.compile(r"^(?P<name>(FAILED|ERROR) \S.*)$"),
}
"""The line that names a failed test, by runner."""

REASON = re.compile(r"^\s*(\w*Error:|Test timeout|Expected|Received|Locator:|Worker teardown|> +\d+ \|)")
"""A line that says why, after the name: the last is the line of code. pytest says why beside the name."""


def told(runner: str, lines: Sequence[str], at_most: int = AT_MOST) -> list[str]:
    """The failed tests' names, each with the first lines of why; the last lines of a runner unknown here.

    Every name is there before any reason is, as far as `at_most` lines reach.
    """
    plain = [COLOUR.sub("", line).rstrip() for line in lines]
    if runner not in NAMES:
        return [cut(line) for line in plain if line][-min(at_most, 6) :]
    found = list(failed_tests(NAMES[runner], plain))
    if not found:
        return [cut(line) for line in plain if line][-min(at_most, 6) :]
    names = found[:at_most]
    room = at_most - len(names)
    out: list[str] = []
    for name, reasons in names:
        told = reasons[: min(REASONS, room)]
        room -= len(told)
        out += [cut(name), *(cut(f"    {reason}") for reason in told)]
    if len(found) > len(names):
        out[-1] = f"… and {len(found) - len(names) + 1} more"
    return out


def failed_tests(name: re.Pattern[str], lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each failed test once, with the lines that say why."""
    seen: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        match = name.match(line)
        if match:
            current = seen.setdefault(match["name"].strip(), [])
        elif REASON.match(line) and " ".join(line.split()) not in current:
            current.append(" ".join(line.split()))
    yield from seen.items()


def cut(line: str) -> str:
    """A line no longer than `WIDTH`."""
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"
