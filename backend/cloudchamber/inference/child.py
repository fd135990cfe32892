"""A worker process as the supervisor sees it: how it starts, and whether it lives."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import psutil

from cloudchamber.inference import wire
from cloudchamber.inference.logits_log import open_spool

_KEPT_LINES: Final = 200


@dataclass(slots=True, eq=False)
class Child:
    """One worker process and what is known of it."""

    process: Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    logits_fd: int
    said: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the load came to an end, good or bad."""
    asked: set[int] = field(default_factory=set)
    """Requests without an answer yet."""
    progress_at: float = 0.0
    """When the load last told how far it is, by the loop's clock."""
    heard_at: float = 0.0
    """When it last sent anything at all."""
    loading: bool = False
    """A progress bar of the load is on the screen."""
    explained: bool = False
    run_id: str = ""
    """Of the run in progress; empty without one."""
    at_work: bool = False
    """The run is to get on: it reads the prompt or writes, and is not paused."""
    prefilling: bool = False
    ended: bool = False

    def vital_sign(self) -> tuple[float, ...]:
        """Processor time, memory and progress of the load: a process in which none changes does nothing."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.process.pid)
            times, memory = process.cpu_times(), process.memory_info()
            return (round(times.user + times.system, 1), memory.rss, self.progress_at)
        return (self.progress_at,)


async def spawn() -> Child:
    """Start a worker that waits for what to load.

    Raises:
        OSError: no process or no pipe could be made.
    """
    ours, theirs = socket.socketpair()
    logits_fd = open_spool()
    try:
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, wire.BUFFER_BYTES)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cloudchamber.inference.worker",
            str(theirs.fileno()),
            str(logits_fd),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            pass_fds=(theirs.fileno(), logits_fd),
            start_new_session=True,
            env={**os.environ, "GGML_NO_BACKTRACE": "1", "PYTHONUNBUFFERED": "1"},
        )
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=1 << 20)
    except BaseException:
        ours.close()
        os.close(logits_fd)
        raise
    finally:
        theirs.close()
    child = Child(process, reader, writer, logits_fd)
    child.progress_at = child.heard_at = asyncio.get_running_loop().time()
    return child
