"""Render one chat template from a stranger, in a process that may be killed.

Reads one JSON request from stdin, writes one JSON answer to stdout. The sandbox keeps the
template from touching anything; the limits here keep it from taking all time and memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from datetime import datetime
from typing import Any, Final, NoReturn

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

CPU_SECONDS: Final = 3
MEMORY_BYTES: Final = 512 << 20
MAX_OUTPUT: Final = 4 << 20


def _limit() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
        # macOS refuses this one; the reader's clock and byte count hold there.
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _raise(message: str) -> NoReturn:
    raise TemplateError(str(message)[:500])


def _to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)


def render(template: str, variables: dict[str, Any]) -> str:
    """As Hugging Face's `apply_chat_template` does it. Raises whatever the template raises."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    return environment.from_string(template).render(**variables)


def main() -> None:
    request = json.load(sys.stdin)
    _limit()
    try:
        text = render(request["template"], request["variables"])
        answer = {"text": text} if len(text) <= MAX_OUTPUT else {"error": "its output is too long"}
    except MemoryError:
        answer = {"error": "it takes too much memory"}
    except Exception as error:  # a stranger's template may raise anything
        answer = {"error": f"{type(error).__name__}: {error}"[:500]}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
