"""How a worker process ended, as a sentence for a person."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from typing import Final

from cloudchamber.telemetry.events import Problem

_ASSERT: Final = re.compile(r"GGML_ASSERT\((.*)\) failed|GGML_ABORT.*|fatal error")
_WHAT: Final = re.compile(r"^\s*what\(\):\s*(.+)$")
_EXCEPTION: Final = re.compile(r"^(\w+(?:\.\w+)*(?:Error|Exception|Interrupt)): ?(.*)$")

_ANOTHER_FILE: Final = "Its file may be damaged; load it again, or choose another model."
_MEMORY: Final = "Choose a smaller model or a smaller context, or free some memory."


def explain(returncode: int, said: Sequence[str], *, loading: bool) -> Problem:
    """Why a worker that was not told to end has ended.

    `returncode` as of `subprocess` (negative: a signal); `said` the last lines of its output.
    """
    while_doing = "while loading the model" if loading else "while the model ran"
    reason = _reason(said)
    match -returncode:
        case signal.SIGKILL:
            code = "out-of-memory"
            message = f"The system ended the worker process {while_doing}, most likely for want of memory."
            hint = _MEMORY
        case signal.SIGABRT:
            code = "aborted"
            message = f"llama.cpp gave up {while_doing}{f': {reason}' if reason else ''}."
            hint = _ANOTHER_FILE
        case signal.SIGSEGV | signal.SIGBUS | signal.SIGFPE:
            code = "crashed"
            message = f"llama.cpp crashed {while_doing} ({signal.Signals(-returncode).name})."
            hint = _ANOTHER_FILE
        case signal.SIGILL:
            code = "illegal-instruction"
            message = f"llama.cpp met an instruction this processor lacks {while_doing}."
            hint = "Install llama-cpp-python built with GGML_NATIVE=OFF, as the README says."
        case number if number > 0:
            code = "killed"
            message = f"The worker process was ended by signal {number} {while_doing}."
            hint = "Load the model again."
        case _:
            code = "worker-failed"
            message = f"The worker process failed {while_doing}{f': {reason}' if reason else ''}."
            hint = "Load the model again; the server's log says more."
    return Problem(code=code, message=message, hint=hint)


def _reason(said: Sequence[str]) -> str:
    """The most telling of the last words, without paths and without a full stop."""
    for line in reversed(said):
        if match := _ASSERT.search(line):
            return f"a check failed, {match[1]}" if match[1] else _plain(line)
        if match := _WHAT.match(line) or _EXCEPTION.match(line):
            return _plain(match[match.lastindex or 0] or match[1])
    return ""


def _plain(text: str) -> str:
    return text.strip().rstrip(".")[:300]
