"""The command line: the default command, plain sentences for what a person got wrong."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from cloudchamber import __version__
from cloudchamber.cli import app
from cloudchamber.server.run import DEFAULT_PORT, PortError, bind, url_of

runner = CliRunner()


def test_it_says_its_version() -> None:
    assert runner.invoke(app, ["--version"]).output.strip() == f"cloudchamber {__version__}"


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_names_the_commands(word: str) -> None:
    said = runner.invoke(app, [word]).output
    assert all(name in said for name in ("serve", "models", "record", "export", "sessions"))


def test_models_lists_the_bundled_one() -> None:
    result = runner.invoke(app, ["models"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "SmolLM2" in result.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["no-such-model"], "No model is called"),
        (["serve", "/nowhere/model.gguf"], "There is no file"),
        (["--replay", "/nowhere/run"], "can't be read"),
        (["--replay", "/nowhere/run", "smollm2"], "runs no model; leave smollm2 out"),
        (["--replay", __file__], "is not a recording"),
        (["record", "/tmp/out", "no-such-model"], "No model is called"),
        (["record", "/tmp/out", "--head", "three"], "no head"),
        (["record", "/tmp/out", "--head", "3:99"], "no head 3:99; it has 30 layers of 9, counted from 0."),
        (["record", "/nowhere/out"], "There is no folder /nowhere."),
    ],
)
def test_mistakes_get_a_sentence_and_no_traceback(words: list[str], sentence: str) -> None:
    result = runner.invoke(app, words, env={"COLUMNS": "200"})
    assert result.exit_code == 1
    assert sentence in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_a_recording_spares_what_is_no_recording(tmp_path: Path) -> None:
    """Who forgets the file's name and writes the model's must not lose the model."""
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GGUF and the rest")
    result = runner.invoke(app, ["record", str(model)], env={"COLUMNS": "200"})
    assert result.exit_code == 1
    assert "is there and is no recording" in " ".join(result.output.split())
    assert model.read_bytes() == b"GGUF and the rest"


def test_a_recording_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    before = (Path(__file__).parents[2] / "playwright/fixtures/experts.chamber").read_bytes()
    file, model = tmp_path / "run.chamber", tmp_path / "cut.gguf"
    file.write_bytes(before)
    model.write_bytes(b"GGUF\x03\0\0\0")
    result = runner.invoke(app, ["record", str(file), str(model)], env={"COLUMNS": "200"})
    assert result.exit_code == 1
    assert "the file ends in the middle of its header" in " ".join(result.output.split())
    assert file.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [model, file]


def test_a_port_in_use_is_an_error_if_named_and_passed_over_if_not() -> None:
    with bind("127.0.0.1", None) as first, bind("127.0.0.1", None) as second:
        ports = [one.getsockname()[1] for one in (first, second)]
        assert ports[0] >= DEFAULT_PORT
        third = bind("127.0.0.1", None)
        third.close()
        with pytest.raises(PortError, match=f"Port {ports[0]} is in use"):
            bind("127.0.0.1", ports[0])
    with pytest.raises(PortError, match="can't be bound"):
        bind("192.0.2.1", 1)


def test_the_address_said_can_be_opened() -> None:
    with bind("0.0.0.0", 0) as bound:
        assert url_of(bound).startswith("http://127.0.0.1:")
    if socket.has_ipv6:
        try:
            with bind("::1", 0) as bound:
                assert url_of(bound).startswith("http://[::1]:")
        except PortError:
            pass  # no IPv6 on this machine


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_its_children(number: signal.Signals, tmp_path: Path) -> None:
    import psutil

    with bind("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    words = ["serve", "--no-browser", "--port", str(port), "--ctx", "256"]
    command = [sys.executable, "-c", "from cloudchamber.cli import app; app()", *words]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    try:
        until = time.monotonic() + 60
        children: list[psutil.Process] = []
        while not children and time.monotonic() < until:
            time.sleep(0.1)
            children = psutil.Process(process.pid).children(recursive=True)
        while time.monotonic() < until:
            try:
                assert httpx.get(f"http://127.0.0.1:{port}/healthz").json()["version"] == __version__
                break
            except httpx.TransportError:
                time.sleep(0.1)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        said, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode in (0, -number)
    assert f"http://127.0.0.1:{port}/" in said.decode()
    assert "Traceback" not in said.decode()
    assert not [child for child in children if child.is_running() and child.status() != "zombie"]
    assert list(tmp_path.glob("cloudchamber*")) == []
