"""Fetching a model, from a small hub on this machine that answers as Hugging Face does."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cloudchamber.model.discovery import ModelNotFoundError, Places, find
from cloudchamber.model.download import DownloadError, download
from cloudchamber.model.split_files import part_names
from tests.model.gguf_files import random_embedding, write_model, write_split_model

COMMIT = "c" * 40


class Hub(BaseHTTPRequestHandler):
    """`/org/repo/resolve/main/FILE` of what is in `files`."""

    files: dict[str, bytes]

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        repository, _, file = self.path.lstrip("/").partition("/resolve/main/")
        body = self.files.get(file)
        if repository == "org/gated":
            self._refuse(403, "GatedRepo")
        elif repository != "org/repo":
            self._refuse(404, "RepoNotFound")
        elif body is None:
            self._refuse(404, "EntryNotFound")
        else:
            self._send(body, with_body=with_body)

    def _send(self, body: bytes, *, with_body: bool) -> None:
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    one = write_model(tmp_path / "one.gguf", random_embedding(2_000, 64))
    parts = write_split_model(tmp_path)
    Hub.files = {path.name: path.read_bytes() for path in (one, *parts)}
    Hub.files["sub/text.gguf"] = b"hello"
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Places([tmp_path / "hub"], [], [], bundled=False, hub=f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def test_a_model_is_fetched_and_then_found_without_the_hub(places: Places) -> None:
    told: list[tuple[int, int]] = []
    model = find("org/repo/one.gguf", places, lambda done, total: told.append((done, total)))
    whole = Hub.files["one.gguf"]
    assert model.path.read_bytes() == whole
    assert model.source == "huggingface"
    assert told[-1] == (len(whole), len(whole))
    without_hub = Places(places.hugging_face, [], [], bundled=False, hub="http://127.0.0.1:9")
    assert find("org/repo/one.gguf", without_hub) == model


def test_all_parts_of_a_split_model_are_fetched(places: Places) -> None:
    model = find("org/repo/split-00001-of-00002.gguf", places)
    assert model.path.name == "split-00001-of-00002.gguf"
    assert model.path.with_name("split-00002-of-00002.gguf").is_file()
    assert model.bytes == sum(len(body) for name, body in Hub.files.items() if name.startswith("split"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("org/repo/absent.gguf", r"org/repo has no file absent\.gguf"),
        ("nobody/nothing/a.gguf", "no public repository nobody/nothing"),
        ("org/gated/a.gguf", "asks for an agreement"),
        ("org/repo/sub/text.gguf", "not a GGUF"),
        ("org/re po/a.gguf", "not a name"),
    ],
)
def test_a_refusal_is_a_sentence(places: Places, text: str, sentence: str) -> None:
    with pytest.raises(ModelNotFoundError, match=sentence):
        find(text, places)


def test_no_hub_in_reach_is_a_sentence_within_seconds(tmp_path: Path) -> None:
    places = Places([tmp_path], [], [], bundled=False, hub="http://127.0.0.1:9")
    with pytest.raises(ModelNotFoundError, match="can't be reached"):
        find("org/repo/one.gguf", places)


def test_names_of_parts() -> None:
    assert part_names("a.gguf") == ["a.gguf"]
    assert part_names("x/a-00002-of-00002.gguf") == ["x/a-00001-of-00002.gguf", "x/a-00002-of-00002.gguf"]
    with pytest.raises(DownloadError, match="claims"):
        download("org/repo", "a-00001-of-99999.gguf", None, None, None)
    with pytest.raises(DownloadError, match="claims"):
        download("org/repo", "a-00000-of-00000.gguf", None, None, None)
