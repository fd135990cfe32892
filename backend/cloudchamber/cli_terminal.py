"""What the commands print in colours and columns.

rich takes a tenth of a second to import: a server, which says a sentence or two, does without.

Titles, models' names and paths may be a stranger's: what a terminal would obey in them is shown as U+FFFD.
"""

from __future__ import annotations

import functools
import logging
import re
from typing import TYPE_CHECKING, Final, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console


@functools.cache
def out() -> Console:
    from rich.console import Console

    return Console(highlight=False)


@functools.cache
def err() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


_OBEYED: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and line feed
    r"\u2028\u2029\u202a-\u202e\u2066-\u2069"  # breaks of lines; what turns the order of others round
    r"\ud800-\udfff]"  # what can't be written at all
)


def harmless(text: str) -> str:
    """A text in which nothing is left that a terminal would obey."""
    return _OBEYED.sub("\ufffd", text)


def plain(text: str) -> str:
    """A text for rich: harmless, and what stands in brackets is no markup."""
    from rich.markup import escape

    return escape(harmless(text))


class HarmlessFormatter(logging.Formatter):
    """The log's lines."""

    def format(self, record: logging.LogRecord) -> str:
        return harmless(super().format(record))


def echo(text: str) -> None:
    """To the person, unbroken: addresses stay in one piece, and what looks like emoji in a fingerprint."""
    typer.echo(harmless(text))


def say(text: str) -> None:
    """To the person, in lines of the terminal's width."""
    out().print(plain(text))


def fail(text: str) -> NoReturn:
    """Say why the command can't be obeyed, and end."""
    err().print(f"[red]cloudchamber:[/] {plain(text)}")
    raise typer.Exit(1)
