"""`cloudchamber export`, run as a person runs it."""

from __future__ import annotations

import gzip
import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cloudchamber.cli import app
from cloudchamber.cli_terminal import HarmlessFormatter
from cloudchamber.sessions import archive
from cloudchamber.sessions.archive import Manifest
from cloudchamber.sessions.container import open_container
from cloudchamber.sessions.container_writer import write_container
from cloudchamber.sessions.find import NotFoundError, find
from cloudchamber.sessions.from_recording import MemoryArchive, from_recording
from cloudchamber.sessions.store_list import SessionInfo
from cloudchamber.telemetry.recording import read_recording

FIXTURE = Path(__file__).parents[2] / "playwright/fixtures/smollm2.chamber"
PAGE = '<html><head><meta charset="utf-8" /></head><body></body></html>'


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["export", *(str(word) for word in words)], catch_exceptions=False)


def manifest_of(file: Path) -> Manifest:
    with open_container(file) as container:
        manifest = archive.read(container, Manifest, "manifest")
    assert manifest is not None
    return manifest


def test_a_session_becomes_a_file_and_that_file_another_without_its_prompt(tmp_path: Path) -> None:
    whole, redacted = tmp_path / "run.cloudchamber", tmp_path / "redacted.cloudchamber"
    done = run(FIXTURE, whole)
    assert done.exit_code == 0, done.output
    assert "72 tokens" in done.output
    assert manifest_of(whole).title.startswith("Tell me a story")
    done = run(whole, redacted, "--redact-prompt")
    assert done.exit_code == 0, done.output
    assert "lighthouse" not in done.output
    assert "who has the model can work the prompt out" in " ".join(done.output.split())
    assert manifest_of(redacted).redacted
    assert manifest_of(redacted).started.prompt == ""


def test_exact_distributions_can_be_left_out_of_a_file(tmp_path: Path) -> None:
    whole = from_recording(read_recording(FIXTURE))
    parts = {name: whole.part(name) or b"" for name in whole.names()}
    manifest = archive.decode(Manifest, parts["manifest"])
    parts["manifest"] = archive.encode(replace(manifest, distribution_exact=True))
    parts |= {archive.distribution_name(step): b"\xc0" for step in range(72)}
    write_container(tmp_path / "whole", MemoryArchive(parts))
    assert run(tmp_path / "whole", tmp_path / "same").exit_code == 0
    assert manifest_of(tmp_path / "same").distribution_exact
    done = run(tmp_path / "whole", tmp_path / "less", "--no-exact")
    assert done.exit_code == 0, done.output
    assert "left out" in done.output
    assert not manifest_of(tmp_path / "less").distribution_exact
    with open_container(tmp_path / "less") as less:
        assert set(less.names()) == set(whole.names())


def test_a_session_becomes_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text(PAGE)
    monkeypatch.setattr("cloudchamber.server.routes.PAGE", page)
    done = run(FIXTURE, tmp_path / "site", "--site", "--redact-prompt")
    assert done.exit_code == 0, done.output
    assert "web server" in done.output
    index = json.loads((tmp_path / "site/session.json").read_text())
    assert index["attention_layers"] == [23]
    assert index["redacted"]
    texts = [gzip.decompress(part.read_bytes()) for part in (tmp_path / "site/parts").rglob("*.gz")]
    assert not any(b"Tell me a story" in text for text in texts)
    again = run(FIXTURE, tmp_path / "site", "--site")
    assert again.exit_code == 1
    assert "not empty" in " ".join(again.output.split())


EVIL = "\x1b]0;owned\x07\x1b[31mred\x9b2J \u202egpj [bold]bold[/bold] 猫"
HARMLESS = "red\ufffd2J \ufffdgpj [bold]bold[/bold] 猫"


def test_a_strangers_title_can_do_nothing_to_the_terminal(tmp_path: Path) -> None:
    whole = from_recording(read_recording(FIXTURE))
    parts = {name: whole.part(name) or b"" for name in whole.names()}
    manifest = archive.decode(Manifest, parts["manifest"])
    parts["manifest"] = archive.encode(replace(manifest, title=EVIL))
    write_container(tmp_path / "evil", MemoryArchive(parts))
    done = run(tmp_path / "evil", tmp_path / "same")
    said = " ".join(done.output.split())
    assert HARMLESS in said
    # On a terminal there are escapes of the progress bar's own.
    assert not any(word in done.output for word in ("\x1b]", "\x07", "\x1b[31mred", "\x9b", "\u202e"))
    assert manifest_of(tmp_path / "same").title == EVIL, "the session itself stays as it is"


def test_what_goes_to_the_log_can_do_nothing_either() -> None:
    record = logging.LogRecord("x", logging.WARNING, "", 0, "“%s” goes next\nand more", (EVIL,), None)
    said = HarmlessFormatter("%(message)s").format(record)
    assert said.endswith("goes next\nand more")
    assert HARMLESS in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nothing like it",), "There is no session"),
        ((FIXTURE, "--layer", "5"), "holds no attention of layer 5"),
        ((Path(__file__),), "not a session's file"),
    ],
)
def test_what_can_not_be_is_told_in_a_sentence(
    tmp_path: Path, words: tuple[object, ...], sentence: str
) -> None:
    done = run(words[0], tmp_path / "out", *words[1:], "--data", tmp_path)
    assert done.exit_code == 1
    assert sentence in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()


def test_what_can_not_be_written_is_told_by_the_name_that_was_given(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    for target in ("folder", "file/run.cloudchamber"):
        done = run(FIXTURE, tmp_path / target)
        assert done.exit_code == 1
        assert f"{target} can't be written" in " ".join(done.output.replace("\n", "").split())
        assert ".part" not in done.output
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert run(FIXTURE, tmp_path / "new/folders/run.cloudchamber").exit_code == 0


def info(name: str, title: str) -> SessionInfo:
    return SessionInfo(
        id=name,
        title=title,
        model="Tiny",
        created=0,
        seconds=1,
        steps=1,
        bytes=1,
        complete=True,
        running=False,
        pinned=False,
        goes_next=False,
    )


INFOS = [info("abc1", "A story"), info("abd2", "Stars"), info("xyz3", "A storm")]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("newest", "abc1"),
        ("abd2", "abd2"),
        ("abd", "abd2"),
        ("a story", "abc1"),
        ("star", "abd2"),
        ("x", "xyz3"),
    ],
)
def test_a_session_is_found_by_what_a_person_types(text: str, name: str) -> None:
    assert find(INFOS, text).id == name


@pytest.mark.parametrize(
    ("text", "sentence"), [("a sto", "any of 2"), ("", "no session"), ("zz", "no session")]
)
def test_what_names_none_or_several_is_told(text: str, sentence: str) -> None:
    with pytest.raises(NotFoundError, match=sentence):
        find(INFOS, text)
