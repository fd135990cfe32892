"""`cloudchamber export` and `open`: a session as one file or as a folder, and such a file on show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloudchamber.cli_sessions import DataOption, KeepOption, keep_bytes
from cloudchamber.cli_terminal import echo, err, fail, out, say

if TYPE_CHECKING:
    from cloudchamber.sessions.archive import Archive, Manifest
    from cloudchamber.sessions.store_room import Room


def export(
    session: Annotated[
        str,
        typer.Argument(help="Its id or title, as `sessions` lists them, `newest`, or a file."),
    ],
    target: Annotated[Path, typer.Argument(help="The file to write, or with --site the folder.")],
    site: Annotated[
        bool, typer.Option("--site", help="A folder for any static host, with the page in it.")
    ] = False,
    layer: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Take this layer's attention along and no other's. "
            "Without it a file has all, a folder the most informative one.",
            show_default=False,
        ),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact/--no-exact",
            help="Take the exact distributions along, about 4 bytes a word and token; a folder never does.",
        ),
    ] = True,
    redact: Annotated[bool, typer.Option("--redact-prompt", help="Leave the prompt's text out.")] = False,
    keep_size: KeepOption = None,
    data: DataOption = None,
) -> None:
    """Write a session to one file, or to a folder that any static host serves."""
    from cloudchamber.sessions import recorder_words
    from cloudchamber.sessions.container_format import ContainerError
    from cloudchamber.sessions.find import NotFoundError, opened
    from cloudchamber.sessions.shares import withdraw_links
    from cloudchamber.sessions.site import SiteError
    from cloudchamber.sessions.store import Store
    from cloudchamber.sessions.store_folder import store_path
    from cloudchamber.sessions.store_schema import StoreError
    from cloudchamber.telemetry.codec import CodecError

    store = Store(store_path(data), keep_bytes=keep_bytes(keep_size, data))
    store.on_gone = lambda gone: withdraw_links(store.path.parent, gone)

    def tell(room: Room) -> None:
        for sentence in recorder_words.of_completing(room, store.keep_bytes):
            say(sentence)

    try:
        with _waiting_for(opened(store, session, still=True, tell=tell)) as archive:
            _write(archive, target, site, layer, exact and not site, redact)
    except (NotFoundError, ContainerError, SiteError, StoreError) as error:
        fail(str(error))
    except CodecError as error:
        fail(f"The session is damaged: {error}.")
    except OSError as error:
        fail(f"{error.filename or target} can't be written or read: {error.strerror}.")
    finally:
        store.close()


def open_file(
    file: Annotated[Path, typer.Argument(help="A session's file, `.cloudchamber`.")],
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Default: 8844, or the next that is free.")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
) -> None:
    """Show a session's file in the browser."""
    from cloudchamber.server import run
    from cloudchamber.server.file_session import FileSession
    from cloudchamber.sessions.container import open_container
    from cloudchamber.sessions.container_format import ContainerError
    from cloudchamber.sessions.file_store import FileStore

    try:
        with open_container(file) as container:
            store = FileStore(file, container)
            run.run(
                FileSession(store),
                run.Opening(port=port),
                browser=browser,
                say=echo,
                query=f"?session={store.session}",
            )
    except (ContainerError, run.PortError, run.OpeningError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{file} can't be read: {error.strerror}.")


@contextmanager
def _waiting_for(opening: AbstractContextManager[Archive]) -> Iterator[Archive]:
    """What is opened, with a word while that takes its time."""
    with ExitStack() as stack:
        with err().status("Completing the session"):
            archive = stack.enter_context(opening)
        yield archive


def _write(archive: Archive, target: Path, site: bool, layer: int | None, exact: bool, redact: bool) -> None:
    from cloudchamber.server.routes import PAGE
    from cloudchamber.sessions.archive import MANIFEST, Manifest, read
    from cloudchamber.sessions.container_format import ContainerError
    from cloudchamber.sessions.container_writer import write_container
    from cloudchamber.sessions.redact import Excerpt, Redacted
    from cloudchamber.sessions.site import write_site

    manifest = read(archive, Manifest, MANIFEST)
    if manifest is None:
        raise ContainerError("The session has no manifest.")
    taken = archive
    if site or layer is not None or not exact:
        layers = _layers(archive, manifest, layer) if site or layer is not None else manifest.attention_layers
        taken = Excerpt(archive, layers, exact=exact)
    if redact:
        taken = Redacted(taken)
    from rich.filesize import decimal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("Exporting"), BarColumn(), MofNCompleteColumn(), TextColumn("parts"))
    with Progress(*columns, console=err(), transient=True) as progress:
        task = progress.add_task("", total=None)

        def report(done: int, count: int) -> None:
            progress.update(task, completed=done, total=count)

        try:
            size = (
                write_site(target, taken, PAGE, report)
                if site
                else write_container(target, taken, progress=report)
            )
        except OSError as error:
            # Of the target, not of what it is built in, of which nobody has heard.
            raise OSError(error.errno, error.strerror, str(target)) from error
    title = "The session" if redact else f"“{manifest.title}”"
    say(f"{title}, {manifest.steps} tokens, is in {target} ({decimal(size)}).")
    if redact:
        out().print("The prompt's text and tokens are left out; what the model answered is not.")
        out().print(
            "Nor are the numbers: from norms and attention, who has the model can work the prompt out."
        )
    if not exact:
        out().print("Exact distributions are left out.")
    if site:
        out().print("Put the folder on any web server.")


def _layers(archive: Archive, manifest: Manifest, layer: int | None) -> list[int]:
    """The layer whose attention goes along, if there is one."""
    from cloudchamber.sessions.informative import choose_layer

    held = manifest.attention_layers
    if layer is not None:
        if layer not in held:
            fail(f"The session holds no attention of layer {layer}.")
        return [layer]
    chosen = choose_layer(archive, manifest) if len(held) > 1 else None
    if chosen is None:
        return held
    out().print(
        f"Attention of layer {chosen[0]} goes along: its heads say most beyond what the distance tells "
        f"({chosen[1]:.1f} nats a query, all heads together; --layer takes another)."
    )
    return [chosen[0]]
