"""The processes a rig is made of: the stage, and crowds of viewers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import psutil

MEBIBYTE = 1 << 20
PAGE_SIZE = 4096


class Stage:
    """The real server with a recorded run, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], page: str) -> None:
        self.process = psutil.Process(process.pid)
        self.page = page
        """The page's address, with all that lets one in."""

    def resident(self) -> float:
        """MiB of memory that is this process's and in use."""
        return float(self.process.memory_full_info().uss) / MEBIBYTE


@contextmanager
def stage(rate: float | None = 29.5) -> Iterator[Stage]:
    """Start `soak.stage`, and end it."""
    words = [sys.executable, "-m", "soak.stage", *([] if rate is None else [str(rate)])]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield Stage(process, address(process.stdout))
    finally:
        process.terminate()
        process.wait(20)


def address(said: IO[str]) -> str:
    """The page's address, as the server says it when it can be reached."""
    for line in said:
        for word in line.split():
            if word.startswith("http"):
                return word
    raise RuntimeError("the server has ended before it could be reached")


def start_crowd(*words: object, prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start a task of `soak.crowd`."""
    command = [*prefix, sys.executable, "-m", "soak.crowd", *map(str, words)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def crowd(*words: object, prefix: Sequence[str] = ()) -> dict[str, Any]:
    """What a task of `soak.crowd` prints. Raises `RuntimeError` when it failed."""
    return result_of(start_crowd(*words, prefix=prefix))


def result_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a crowd to end, and read its account."""
    said, _ = process.communicate()
    if process.returncode:
        raise RuntimeError("the crowd failed")
    measured: dict[str, Any] = json.loads(said.splitlines()[-1])
    return measured


def kernel_buffers() -> float:
    """MiB of all TCP buffers of this machine."""
    with open("/proc/net/sockstat") as file:
        for line in file:
            if line.startswith("TCP:"):
                return int(line.split()[-1]) * PAGE_SIZE / MEBIBYTE
    return 0.0
