"""`cloudchamber sessions`, on a real store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.text import Text
from typer.testing import CliRunner

from cloudchamber import cli, cli_terminal
from cloudchamber.cli import app
from cloudchamber.sessions.shares import Shares
from cloudchamber.sessions.store import Store
from cloudchamber.sessions.store_folder import LIMIT
from tests.sessions.runs import batch, head, session_id


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sessions, of which one was cut off by a crash."""
    store = Store(tmp_path / "sessions.db")
    for number, prompt in ((1, "Why is the sky blue?"), (2, "Count [bold]sheep[/bold]")):
        store.begin(head(number, prompt, created=1.6e9 + number)).result()
        store.append(session_id(number), batch(number, 0, 70, padding=30_000)).result()
    store.finish(session_id(1)).result()
    store.submit(
        lambda db: db.execute("UPDATE session SET owner = '1:0.5' WHERE key = 2").fetchall()
    ).result()
    store.close()
    return tmp_path


@pytest.fixture
def run(data: Path) -> Callable[..., str]:
    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["sessions", *words, "--data", str(data)], env={"COLUMNS": "200"})
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return " ".join(result.output.split())

    return run


def test_sessions_are_listed_with_all_that_is_asked_for(run: Callable[..., str]) -> None:
    for words in ((), ("list",)):
        said = run(*words)
        for word in ("Why is the sky blue?", "Tiny", "70", "0:02", "2020-09-1", "2.1 MB", session_id(1)[:8]):
            assert word in said
        assert "Count [bold]sheep[/bold]" in said
        assert said.count("cut off") == 1
        assert "of 10.0 GB are used." in said


def test_a_terminal_of_80_columns_has_room_for_what_names_a_session(data: Path) -> None:
    cli_terminal.out.cache_clear()  # it has the width of an earlier test
    for words in (["pin", "why"], []):
        result = CliRunner().invoke(app, ["sessions", *words, "--data", str(data)], env={"COLUMNS": "80"})
    cli_terminal.out.cache_clear()
    text = Text.from_ansi(result.output)  # colours have no width
    assert max(line.cell_len for line in text.split()) <= 80
    for word in (session_id(1)[:8], session_id(2)[:8], "2.1 MB", "pinned", "cut off", "Tiny", "2020-09-13"):
        assert word in text.plain


def test_what_goes_next_is_told(run: Callable[..., str]) -> None:
    assert "goes next" not in run()
    assert "goes next" in run("--keep-size", "1MB")
    assert "is no size" in run("--keep-size", "much", code=1)


def test_the_limit_is_that_of_the_last_server_there(run: Callable[..., str], data: Path) -> None:
    cli._store(data, "1MB").close()
    assert "of 1.0 MB are used" in run()
    assert "goes next" in run()
    assert "of 3.0 GB are used" in run("--keep-size", "3GB")
    for damaged in (b"", b"\xff", b"-1", b"9" * 4000, "\u0663".encode()):
        (data / LIMIT).write_bytes(damaged)
        assert "of 10.0 GB are used" in run()


def test_nothing_that_is_listed_or_said_commands_the_terminal(run: Callable[..., str]) -> None:
    said = run("rename", "why", "\x1b[31mred\x9b")
    assert "“\ufffd[31mred\ufffd”" in said
    for words in ((), ("pin", session_id(1)), ("delete", "nothing\x1b[2J", session_id(1))):
        said = run(*words, code=1 if "delete" in words else 0)
        # On a terminal there are escapes of the table's own.
        assert not any(word in said for word in ("\x1b[31mred", "\x9b", "\x1b[2J"))
    assert "\ufffd[31mred\ufffd" in run()


def test_sessions_are_renamed_pinned_and_deleted(run: Callable[..., str]) -> None:
    assert "is now “Colours”" in run("rename", "why", "Colours")
    assert "“Colours” is pinned" in run("pin", "colours")
    assert "pinned" in run()
    assert "no longer pinned" in run("pin", session_id(1), "--off")
    assert "There is no session" in run("delete", "Why", code=1)
    assert "“Colours” is deleted" in run("delete", "Colours")
    assert "Colours" not in run()


@pytest.mark.parametrize(
    "words", [["delete", "newest"], ["pin", "newest"], ["rename", "newest", "Mine"], ["list"]]
)
def test_a_folder_named_before_the_command_is_the_one_that_is_changed(
    data: Path, tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    usual = tmp_path_factory.mktemp("usual")
    store = Store(usual / "sessions.db")
    store.begin(head(7, "Not to be touched", created=1.7e9)).result()
    store.finish(session_id(7)).result()
    before = store.list()
    env = {"CLOUDCHAMBER_DATA": str(usual), "COLUMNS": "200"}
    result = CliRunner().invoke(app, ["sessions", "--data", str(data), *words], env=env)
    assert result.exit_code == 0, result.output
    assert "Count [bold]sheep[/bold]" in result.output
    assert store.list() == before
    store.close()


def test_a_limit_named_before_the_command_is_shown(data: Path) -> None:
    words = ["sessions", "--data", str(data), "--keep-size", "3GB", "list"]
    assert "of 3.0 GB are used" in CliRunner().invoke(app, words, env={"COLUMNS": "200"}).output


def test_a_session_named_twice_is_deleted_once(run: Callable[..., str]) -> None:
    assert run("delete", "why", session_id(1)) == "“Why is the sky blue?” is deleted."


def test_what_another_program_deleted_meanwhile_is_said_to_be_gone(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for change in ("rename", "pin"):
        with monkeypatch.context() as patch:
            patch.setattr(Store, change, lambda *_: False)
            words = ("why", "Other") if change == "rename" else ("why",)
            assert "was deleted just now" in run(change, *words, code=1)


def test_links_to_what_is_deleted_are_withdrawn(run: Callable[..., str], data: Path) -> None:
    shares = Shares(data / "shares.db", place="127.0.0.1:1")
    for session in (session_id(1), "live"):
        shares.make(session=session, right="viewer", seconds=60)
    run("delete", "why")
    assert [share.session for share in shares.valid()] == ["live"]
    shares.close()
    (data / "shares.db").write_bytes(b"no database" * 1000)
    assert "is deleted" in run("delete", "count")


def test_nothing_kept_yet_is_said(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["sessions", "--data", str(tmp_path / "none")])
    assert "No sessions are kept yet" in result.output
    assert not (tmp_path / "none").exists()


def test_a_damaged_store_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "sessions.db").write_bytes(b"no database" * 1000)
    result = CliRunner().invoke(app, ["sessions", "--data", str(tmp_path)], env={"COLUMNS": "300"})
    assert result.exit_code == 1
    assert "is damaged" in result.output
