"""The chat template: how a person's words become the text a model was trained to answer.

A template is Jinja from a stranger's file, so it runs sandboxed in a process of its own with
a deadline. One such process is kept ready, which makes rendering a matter of milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from llama_cpp import llama_cpp

SECONDS: Final = 4.0
MAX_TEMPLATE: Final = 256 << 10
_MAX_ANSWER: Final = 32 << 20


class TemplateFailedError(RuntimeError):
    """The template did not give a text; the message says why."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The prompt as the model sees it."""

    text: str
    notice: str
    """A sentence when the model's own template could not be used; else empty."""


class ChatTemplate:
    """One model's template. `close` ends the process kept ready."""

    def __init__(self, template: str, bos: str, eos: str) -> None:
        self.source = template
        self._bos = bos
        self._eos = eos
        self._spare: subprocess.Popen[bytes] | None = None
        if 0 < len(template) <= MAX_TEMPLATE:
            self._spare = _start()

    def render(self, prompt: str) -> Rendered:
        """The prompt as a conversation's first turn. Never raises for a bad template: falls
        back to llama.cpp's built-in form of it, then to the bare prompt, and says so."""
        try:
            return Rendered(self._render_sandboxed(prompt), "")
        except TemplateFailedError as failure:
            reason = str(failure)
        built_in = _built_in(self.source, prompt)
        if built_in is not None:
            return Rendered(
                built_in, f"The model's chat template failed ({reason}); llama.cpp's built-in one is used."
            )
        return Rendered(prompt, f"The model's chat template failed ({reason}); the prompt went in as it is.")

    def _render_sandboxed(self, prompt: str) -> str:
        if len(self.source) > MAX_TEMPLATE:
            raise TemplateFailedError("it is too long")
        process, self._spare = self._spare or _start(), None
        variables = {
            "messages": [{"role": "user", "content": prompt}],
            "add_generation_prompt": True,
            "bos_token": self._bos,
            "eos_token": self._eos,
            "tools": None,
        }
        request = json.dumps({"template": self.source, "variables": variables}).encode()
        try:
            answer = _ask(process, request)
        finally:
            self._spare = _start()
        text = answer.get("text")
        if not isinstance(text, str):
            raise TemplateFailedError(str(answer.get("error", "it gave no answer")).rstrip("."))
        return text

    def close(self) -> None:
        if self._spare is not None:
            _end(self._spare)
            self._spare = None


def _start() -> subprocess.Popen[bytes]:
    # As a file, not a module: the package need not be imported for it, nor llama.cpp.
    script = Path(__file__).with_name("template_process.py")
    return subprocess.Popen(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-I", str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _ask(process: subprocess.Popen[bytes], request: bytes) -> dict[str, Any]:
    """Send the request and take the answer, within the deadline and a size."""
    deadline = threading.Timer(SECONDS, process.kill)
    deadline.start()
    data = b""
    try:
        assert process.stdin is not None and process.stdout is not None  # noqa: PT018
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(request)
            process.stdin.close()
        data = process.stdout.read(_MAX_ANSWER)
    finally:
        deadline.cancel()
        _end(process)
    if not data:
        raise TemplateFailedError("it takes too long or too much memory")
    try:
        answer = json.loads(data)
    except ValueError as error:
        raise TemplateFailedError("its output is too long") from error
    return answer if isinstance(answer, dict) else {}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    process.wait()


def _built_in(template: str, prompt: str) -> str | None:
    """llama.cpp's own rendering of the templates it recognises, without Jinja."""
    if len(template) > MAX_TEMPLATE:
        return None
    message = llama_cpp.llama_chat_message(role=b"user", content=prompt.encode())
    chat = (llama_cpp.llama_chat_message * 1)(message)
    size = 4 * len(prompt.encode()) + 4096
    buffer = ctypes.create_string_buffer(size)
    written = llama_cpp.llama_chat_apply_template(template.encode(), chat, 1, True, buffer, size)
    return buffer.raw[:written].decode("utf-8", "replace") if 0 <= written <= size else None
