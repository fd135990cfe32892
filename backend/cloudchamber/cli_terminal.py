"""What the commands print in colours and columns.

rich takes a tenth of a second to import: a server, which says a sentence or two, does without.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NoReturn

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


def say(text: str) -> None:
    """To the person, as it is: what stands in brackets is no markup."""
    from rich.markup import escape

    out().print(escape(text))


def fail(text: str) -> NoReturn:
    """Say why the command can't be obeyed, and end."""
    from rich.markup import escape

    err().print(f"[red]cloudchamber:[/] {escape(text)}")
    raise typer.Exit(1)
