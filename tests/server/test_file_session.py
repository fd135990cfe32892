"""A session's file on show: its parts over HTTP, and nothing of it to be changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from websockets.sync.client import connect

from cloudchamber.model.positions import METHODS
from cloudchamber.server.app import create_app
from cloudchamber.server.file_session import FileSession
from cloudchamber.server.keys import OwnerKey
from cloudchamber.sessions.container import open_container
from cloudchamber.sessions.container_format import ContainerError
from cloudchamber.sessions.container_writer import write_container
from cloudchamber.sessions.file_store import FileStore
from cloudchamber.sessions.from_recording import MemoryArchive, from_recording
from cloudchamber.sessions.reader import Session
from cloudchamber.sessions.store import Store
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.recording import read_recording
from tests.server.serving import OWNER, SECRET, DrivenSession, serving
from tests.sessions.runs import head, session_id

FIXTURE = Path(__file__).parents[2] / "playwright/fixtures/smollm2.chamber"
ID = "0be170e25b663ba9"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "run.cloudchamber"
    write_container(path, from_recording(read_recording(FIXTURE), session=ID))
    return path


@pytest.fixture
def client(file: Path) -> Iterator[TestClient]:
    with open_container(file) as container:
        app = create_app(FileSession(FileStore(file, container)), key=OwnerKey(SECRET))
        with TestClient(app, base_url="http://127.0.0.1", headers=OWNER) as client:
            yield client


def test_every_part_is_handed_out_as_it_is_in_the_file(client: TestClient, file: Path) -> None:
    with open_container(file) as container:
        for name in container.names():
            answer = client.get(f"/api/sessions/{ID}/parts/{name}")
            assert answer.status_code == 200
            assert answer.content == container.part(name)


def test_there_is_one_session_and_it_stays_as_it_is(client: TestClient) -> None:
    answer = client.get("/api/sessions").json()
    assert answer["recording"] is False
    listed = answer["sessions"]
    assert [session["id"] for session in listed] == [ID]
    assert client.post(f"/api/sessions/{ID}", json={"title": "Mine"}).status_code == 503
    assert client.delete(f"/api/sessions/{ID}").status_code == 503
    assert client.get("/api/sessions/ffffffffffffffff/parts/manifest").status_code == 404
    assert client.get(f"/api/sessions/{ID}/parts/frames/99").status_code == 404
    assert client.get("/healthz").json()["state"] == "replay"


def right_told(session: Any, page: Path, of: str) -> str:
    """What a page that looks at a session hears that it may do."""
    with serving(session, page) as address:
        url = f"ws://{address}/api/sessions/{of}/watch"
        with connect(url, compression=None, additional_headers=OWNER) as socket:
            told = codec.decode(socket.recv(timeout=10, decode=False))
    return str(told["right"])


def test_a_page_hears_that_nothing_can_be_done_with_it_but_look(file: Path, tmp_path: Path) -> None:
    with open_container(file) as container:
        assert right_told(FileSession(FileStore(file, container)), tmp_path, ID) == "file"
    kept = DrivenSession()
    kept.store = Store(tmp_path / "sessions.db")
    kept.store.begin(head(1)).result()
    assert right_told(kept, tmp_path, session_id(1)) == "owner"
    kept.store.close()


def test_no_link_leads_to_a_file_that_is_on_show_today(client: TestClient) -> None:
    assert client.get("/api/sessions").json()["changeable"] is False
    for session in (ID, "live"):
        answer = client.post("/api/shares", json={"session": session})
        assert answer.status_code == 400
        assert "pass that on" in answer.text


def test_a_part_that_is_damaged_is_told_and_not_shown(tmp_path: Path, file: Path) -> None:
    data = bytearray(file.read_bytes())
    with open_container(file) as container:
        entry = container._entries["timeline"]
    data[entry.offset + 20] ^= 1
    (tmp_path / "damaged").write_bytes(data)
    with open_container(tmp_path / "damaged") as container:
        app = create_app(FileSession(FileStore(tmp_path / "damaged", container)), key=OwnerKey(SECRET))
        with TestClient(app, base_url="http://127.0.0.1", headers=OWNER) as client:
            answer = client.get(f"/api/sessions/{ID}/parts/timeline")
            assert answer.status_code == 503
            assert "damaged" in answer.text
            assert client.get(f"/api/sessions/{ID}/parts/tokens/0").status_code == 200


def test_a_part_that_is_not_what_it_should_be_is_told_and_not_handed_out(tmp_path: Path, file: Path) -> None:
    """Its checksum is right: whoever made the file made it so."""
    with open_container(file) as container:
        parts = {name: container.part(name) or b"" for name in container.names()}
    timeline = codec.decode(parts["timeline"])
    parts["timeline"] = codec.encode(timeline | {"p": timeline["p"][:-1]})
    for name in ("vocabulary", "positions/umap"):
        body = codec.decode(parts[name])
        parts[name] = codec.encode(body | {"size": 5, "radius": np.ones(5, np.float32)})
    write_container(tmp_path / "crafted", MemoryArchive(parts))
    with open_container(tmp_path / "crafted") as container:
        app = create_app(FileSession(FileStore(tmp_path / "crafted", container)), key=OwnerKey(SECRET))
        with TestClient(app, base_url="http://127.0.0.1", headers=OWNER) as client:
            answer = client.get(f"/api/sessions/{ID}/parts/timeline")
            assert answer.status_code == 503
            assert (
                answer.text
                == "The session's timeline is not valid: the arrays of Timeline do not fit together.\n"
            )
            assert client.get(f"/api/sessions/{ID}/parts/tokens/0").status_code == 200
            for name in ("vocabulary", "positions/umap"):
                answer = client.get(f"/api/sessions/{ID}/parts/{name}")
                assert (answer.status_code, "is not valid" in answer.text) == (503, True)


def test_a_notebook_reads_vocabulary_and_positions_out_of_it(file: Path) -> None:
    with open_container(file) as container:
        session = Session(container)
        pieces = [session.vocabulary.piece(int(token)) for token in session.tokens.ids]
        assert [piece.decode() for piece in pieces] == session.tokens.text
        for method in METHODS:
            assert session.positions(method).method == method
            assert len(session.positions(method).radius) == len(session.vocabulary) == 49152
        with pytest.raises(IndexError):
            session.vocabulary.piece(49152)


@pytest.mark.parametrize("manifest", [None, b"\xc1", codec.encode({"format": 1}), codec.encode([1])])
def test_a_file_without_a_right_manifest_is_refused(tmp_path: Path, manifest: bytes | None) -> None:
    (tmp_path / "file").write_bytes(b"")
    parts = {"timeline": b"x"} if manifest is None else {"manifest": manifest}
    with pytest.raises(ContainerError, match="manifest"):
        FileStore(tmp_path / "file", MemoryArchive(parts))
