"""The command line: `cloudchamber [serve]`, `models`, `record`, `export`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from cloudchamber import __version__
from cloudchamber.cli_export import export, open_file
from cloudchamber.cli_sessions import DataOption, KeepOption
from cloudchamber.cli_sessions import app as sessions_app
from cloudchamber.cli_terminal import HarmlessFormatter, echo, err, fail, out, plain

if TYPE_CHECKING:
    from cloudchamber.inference.options import EngineOptions
    from cloudchamber.model.discovery import FoundModel
    from cloudchamber.sessions.store import Store

# Everything heavy is imported inside the command that needs it: `--help` and a mistyped
# option should answer at once.

DEFAULT_COMMAND: Final = "serve"


class DefaultGroup(TyperGroup):
    """A group whose first word may be left out: `cloudchamber model.gguf` serves."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        words = {*self.commands, "-h", "--help", "--version"}
        if not args or args[0] not in words:
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=DefaultGroup,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"cloudchamber {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """See a language model's inference while it happens."""


ModelArgument = Annotated[
    str | None,
    typer.Argument(
        help="A .gguf file, a Hugging Face org/repo/file.gguf, or a name that `models` lists. "
        "Without it, the small model that comes along.",
        show_default=False,
    ),
]
CtxOption = Annotated[int, typer.Option("--ctx", min=0, help="Context in tokens; 0 lets the model decide.")]
ThreadsOption = Annotated[int, typer.Option("--threads", min=0, help="0: one for each physical core.")]
GpuOption = Annotated[int, typer.Option("--gpu-layers", min=-1, help="Layers on the GPU; -1 is all.")]
RotateOption = Annotated[
    bool,
    typer.Option("--rotating-cache", help="Keep no more of sliding-window layers than their window needs."),
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Show the log, llama.cpp's too.")]


@app.command()
def serve(
    model: ModelArgument = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Bind to this; default: loopback, all with --share.")
    ] = "",
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Default: 8844, or the next that is free.")
    ] = None,
    ctx: CtxOption = 0,
    threads: ThreadsOption = 0,
    gpu_layers: GpuOption = -1,
    rotating_cache: RotateOption = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
    autostart: Annotated[
        bool, typer.Option("--autostart/--no-autostart", help="Run a first prompt when the page opens.")
    ] = True,
    replay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Show a recording instead of a model.")
    ] = None,
    keep: Annotated[bool, typer.Option("--record/--no-record", help="Keep every run as a session.")] = True,
    keep_attention: Annotated[
        bool,
        typer.Option(
            "--record-attention/--no-record-attention",
            help="Keep with every run what all heads' attention is computed from.",
        ),
    ] = True,
    keep_size: KeepOption = None,
    data: DataOption = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A further host name the page is reached by.")
    ] = None,
    share: Annotated[bool, typer.Option("--share", help="Open it to other machines, over https.")] = False,
    tls_cert: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Certificate for --share; else mkcert's or a self-signed one."),
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key.")] = None,
    root_path: Annotated[
        str, typer.Option(metavar="PREFIX", help="Path prefix under which a proxy shows the page.")
    ] = "",
    proxy: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="A proxy whose X-Forwarded headers count; repeatable."),
    ] = None,
    verbose: VerboseOption = False,
) -> None:
    """Run a model and show it in the browser (the default command)."""
    _log_to_terminal(verbose)
    if replay and model is not None:
        fail(f"--replay shows a recording and runs no model; leave {model} out, or --replay.")
    from cloudchamber.server import run

    session = (
        _replay(replay)
        if replay
        else _live(
            model,
            _options(ctx, threads, gpu_layers, rotating_cache, keep_attention),
            autostart,
            _store(data, keep_size),
            keep,
        )
    )
    try:
        opening = run.Opening(
            host=host,
            port=port,
            names=tuple(allow_host or ()),
            share=share,
            tls_cert=tls_cert,
            tls_key=tls_key,
            prefix=root_path,
            proxies=tuple(proxy or ()),
            data=data,
        )
        run.run(session, opening, browser=browser, say=echo)
    except (run.PortError, run.OpeningError) as error:
        fail(str(error))


@app.command()
def models() -> None:
    """List the models found on this machine."""
    from rich.filesize import decimal
    from rich.table import Table

    from cloudchamber.model.discovery import discover

    found = discover()
    if not found:
        fail("No models were found. Give a .gguf file, or a Hugging Face org/repo/file.gguf.")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("name", "size", "from", "file"):
        table.add_column(title, justify="right" if title == "size" else "left", overflow="fold")
    for item in found:
        table.add_row(plain(item.name), decimal(item.bytes), plain(item.source), plain(str(item.path)))
    out().print(table)


app.command()(export)
app.command("open")(open_file)
app.add_typer(sessions_app, name="sessions")


@app.command()
def record(
    file: Annotated[Path, typer.Argument(help="Where to write the recording.")],
    model: ModelArgument = None,
    prompt: Annotated[str | None, typer.Option(help="Default: the prompt the page starts with.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Do not use the model's chat template.")] = False,
    max_tokens: Annotated[int, typer.Option(min=0, help="0: as many as the context holds.")] = 60,
    temperature: Annotated[float, typer.Option(min=0, max=10)] = 0.8,
    top_k: Annotated[int, typer.Option(min=0)] = 40,
    top_p: Annotated[float, typer.Option(min=0, max=1)] = 0.95,
    min_p: Annotated[float, typer.Option(min=0, max=1)] = 0.05,
    repeat_penalty: Annotated[float, typer.Option(min=0.1, max=10)] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="0 draws one.")] = 0,
    head: Annotated[
        list[str] | None, typer.Option(metavar="LAYER:HEAD", help="Record this head's attention; repeatable.")
    ] = None,
    ctx: CtxOption = 0,
    threads: ThreadsOption = 0,
    gpu_layers: GpuOption = -1,
    rotating_cache: RotateOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run a model without a page and write what a viewer would get to a file."""
    _log_to_terminal(verbose)
    from cloudchamber.server.live import DEFAULT_PROMPT
    from cloudchamber.server.record import RecordError, write_recording
    from cloudchamber.telemetry.commands import Generate
    from cloudchamber.telemetry.events import Sampling

    sampling = Sampling(
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repeat_penalty=repeat_penalty,
        seed=seed,
    )
    command = Generate(prompt=prompt or DEFAULT_PROMPT, raw=raw, max_tokens=max_tokens, sampling=sampling)
    heads = [_head(text) for text in head or []]
    chosen = _model(model)
    if chosen is None:
        fail("There is no model to record; name one.")
    try:
        frames = write_recording(
            file, chosen, _options(ctx, threads, gpu_layers, rotating_cache), command, heads, echo
        )
    except RecordError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{file} can't be written: {error.strerror or error}.")
    echo(f"{frames} frames, {file.stat().st_size / 1e6:.1f} MB, are in {file}.")


def _head(text: str) -> tuple[int, int]:
    layer, colon, head = text.partition(":")
    if not (colon and layer.isdecimal() and head.isdecimal()):
        fail(f"{text} is no head; write a layer and a head, such as 3:5.")
    return int(layer), int(head)


def _options(
    ctx: int, threads: int, gpu_layers: int, rotating_cache: bool, keep_attention: bool = True
) -> EngineOptions:
    from cloudchamber.inference.options import EngineOptions

    return EngineOptions(
        n_ctx=ctx,
        threads=threads,
        gpu_layers=gpu_layers,
        rotating_cache=rotating_cache,
        spool_attention=keep_attention,
    )


def _live(model: str | None, options: EngineOptions, autostart: bool, store: Store, record: bool) -> Any:
    from cloudchamber.server.live import LiveSession

    return LiveSession(options, model=_model(model), autostart=autostart, store=store, record=record)


def _store(data: Path | None, keep_size: str | None) -> Store:
    from cloudchamber.sessions import retention
    from cloudchamber.sessions.store import Store
    from cloudchamber.sessions.store_folder import data_folder, remember_limit, store_path

    try:
        limit = retention.KEEP_BYTES if keep_size is None else retention.size_of(keep_size)
    except ValueError as error:
        fail(str(error))
    remember_limit(data_folder(data), limit)
    return Store(store_path(data), keep_bytes=limit)


def _replay(path: Path) -> Any:
    from cloudchamber.server.replay import ReplaySession
    from cloudchamber.telemetry.recording import RecordingError, read_recording

    try:
        return ReplaySession(read_recording(path))
    except RecordingError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{path} can't be read: {error.strerror}.")


def _model(text: str | None) -> FoundModel | None:
    """The model a person named; the bundled one, if it is there, for none."""
    from cloudchamber.model.discovery import ModelNotFoundError, bundled, find

    if text is None:
        return bundled()
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TransferSpeedColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err(), transient=True) as progress:
        task: TaskID | None = None

        def on_bytes(done: int, total: int) -> None:
            nonlocal task
            if task is None:
                task = progress.add_task("Downloading")
            progress.update(task, completed=done, total=total or None)

        try:
            return find(text, on_bytes=on_bytes)
        except ModelNotFoundError as error:
            fail(str(error))


def _log_to_terminal(verbose: bool) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(HarmlessFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler])
