"""`cloudchamber sessions`: list what is kept, rename, pin, delete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloudchamber.cli_terminal import fail, out, plain, say

if TYPE_CHECKING:
    from cloudchamber.sessions.store import Store
    from cloudchamber.sessions.store_list import SessionInfo


_WIDTHS = {"tokens": 6, "length": 6, "date": 16, "size": 8, "id": 8}
_WIDE = 108
"""Columns of a terminal in which all there is to say of a session has room in one line."""

app = typer.Typer(help="List kept sessions; rename, pin or delete them.", no_args_is_help=False)

DataOption = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder of the sessions.", show_default=False)
]
KeepOption = Annotated[
    str | None,
    typer.Option(
        "--keep-size",
        metavar="SIZE",
        help="Room for kept sessions, such as 500MB; then the oldest that aren't pinned go. "
        "Default: 10GB; what is no server takes that of the last one.",
        show_default=False,
    ),
]
SessionArgument = Annotated[
    str, typer.Argument(help="Its id or title, or how one of them begins; `newest` is the newest.")
]


@app.callback(invoke_without_command=True)
def sessions(context: typer.Context, data: DataOption = None, keep: KeepOption = None) -> None:
    """List kept sessions; rename, pin or delete them."""
    if context.invoked_subcommand is None:
        _list(data, keep)
    else:
        # What stands before the command's name holds for it, unless the command says otherwise.
        context.default_map = {context.invoked_subcommand: {"data": data, "keep": keep}}


@app.command("list")
def listing(data: DataOption = None, keep: KeepOption = None) -> None:
    """List kept sessions, newest first."""
    _list(data, keep)


@app.command()
def rename(session: SessionArgument, title: str, data: DataOption = None) -> None:
    """Give a session another title."""
    with _store(data) as store:
        info = _found(store, session)
        changed = store.info(info.id) if store.rename(info.id, title) else None
    if changed is None:
        fail(f"“{info.title}” was deleted just now.")
    say(f"“{info.title}” is now “{changed.title}”.")


@app.command()
def pin(
    session: SessionArgument,
    off: Annotated[bool, typer.Option("--off", help="Let it go again when room is needed.")] = False,
    data: DataOption = None,
) -> None:
    """Keep a session, whatever room is needed."""
    with _store(data) as store:
        info = _found(store, session)
        if not store.pin(info.id, not off):
            fail(f"“{info.title}” was deleted just now.")
    say(f"“{info.title}” is {'no longer pinned' if off else 'pinned'}.")


@app.command()
def delete(
    session: Annotated[list[str], typer.Argument(help="Ids or titles, as `list` shows them.")],
    data: DataOption = None,
) -> None:
    """Delete sessions for good, and the links to them."""
    from cloudchamber.sessions.shares import withdraw_links

    with _store(data) as store:
        store.on_gone = lambda gone: withdraw_links(store.path.parent, gone)
        # One that is named twice is deleted once.
        for info in {info.id: info for info in [_found(store, text) for text in session]}.values():
            if not store.delete(info.id) and store.info(info.id) is not None:
                fail(f"“{info.title}” still runs; stop it first.")
            say(f"“{info.title}” is deleted.")


def keep_bytes(text: str | None, data: Path | None) -> int:
    """Bytes of `--keep-size`; without it what the last server there was told."""
    from cloudchamber.sessions import retention
    from cloudchamber.sessions.store_folder import data_folder, remembered_limit

    try:
        if text is not None:
            return retention.size_of(text)
    except ValueError as error:
        fail(str(error))
    limit = remembered_limit(data_folder(data))
    return retention.KEEP_BYTES if limit is None else limit


@contextmanager
def _store(data: Path | None, keep: str | None = None) -> Iterator[Store]:
    """The store, closed at the end; its errors as sentences."""
    from cloudchamber.sessions.store import Store
    from cloudchamber.sessions.store_folder import store_path
    from cloudchamber.sessions.store_schema import StoreError

    store = Store(store_path(data), keep_bytes=keep_bytes(keep, data))
    try:
        yield store
    except StoreError as error:
        fail(str(error))
    finally:
        store.close()


def _found(store: Store, text: str) -> SessionInfo:
    from cloudchamber.sessions.find import NotFoundError, find

    try:
        return find(store.list(), text)
    except NotFoundError as error:
        fail(str(error))


def _list(data: Path | None, keep: str | None) -> None:
    from rich.filesize import decimal
    from rich.table import Table

    with _store(data, keep) as store:
        infos, used = store.list(), store.used
    if not infos:
        out().print("No sessions are kept yet. Every run of `cloudchamber` becomes one.")
        return
    narrow = out().width < _WIDE
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("title", overflow="fold", min_width=12 if narrow else 16)
    if not narrow:
        table.add_column("model", no_wrap=True, max_width=22)
    for title, width in _WIDTHS.items():
        right = title in ("tokens", "length", "size")
        table.add_column(title, justify="right" if right else "left", no_wrap=True, min_width=width)
    table.add_column("")
    for info in infos:
        date = datetime.fromtimestamp(info.created, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
        numbers = (f"{info.steps:,}", _length(info.seconds), date, decimal(info.bytes), info.id[:8])
        names = (f"{info.title}\n{info.model}",) if narrow else (info.title, info.model)
        table.add_row(*map(plain, (*names, *numbers)), _standing(info))
    out().print(table)
    out().print(f"{decimal(used)} of {decimal(store.keep_bytes)} are used.")


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _standing(info: SessionInfo) -> str:
    """What is special about a session."""
    words = {
        "running": info.running,
        "cut off": not info.running and not info.complete,
        "pinned": info.pinned,
        "[yellow]goes next[/]": info.goes_next,
    }
    return ", ".join(word for word, holds in words.items() if holds)
