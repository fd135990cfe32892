"""Kept sessions over HTTP: listed, read part by part, changed; nothing else can be named."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard

from cloudchamber.sessions.store import Store
from cloudchamber.telemetry import codec
from tests.server.serving import OWNER, DrivenSession, serving
from tests.sessions.runs import MODEL, batch, head, session_id

ONE, TWO, NONE = session_id(1), session_id(2), session_id(3)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "sessions.db", keep_bytes=10**9)
    for number in (1, 2):
        store.begin(head(number)).result()
        store.append(session_id(number), batch(number, 0, 70)).result()
    store.finish(ONE).result()
    store.put_body("vocabulary", MODEL.model.vocabulary_hash, b"words")
    yield store
    store.close()


@pytest.fixture
def client(store: Store, tmp_path: Path) -> Iterator[httpx.Client]:
    session = DrivenSession()
    session.store = store
    with (
        serving(session, tmp_path) as address,
        httpx.Client(base_url=f"http://{address}/", headers=OWNER) as client,
    ):
        yield client


def listed(client: httpx.Client) -> dict[str, Any]:
    body: dict[str, Any] = client.get("api/sessions").json()
    return body


def test_sessions_are_listed(client: httpx.Client, store: Store) -> None:
    body = listed(client)
    assert [info["id"] for info in body["sessions"]] == [TWO, ONE]
    assert body["limit"] == 10**9
    assert body["used"] == store.used
    assert body["recording"] is True
    info = body["sessions"][1]
    assert info["title"] == "Once upon a time"
    assert (info["steps"], info["complete"], info["running"]) == (70, True, False)
    assert not info["goes_next"]


@pytest.mark.parametrize("accepted", ["zstd", "gzip", "identity"])
@pytest.mark.parametrize("name", ["manifest", "timeline", "tokens/0", "frames/0", "vocabulary"])
def test_parts_are_what_the_store_has(client: httpx.Client, store: Store, name: str, accepted: str) -> None:
    for session in (ONE, TWO):
        with client.stream(
            "GET", f"api/sessions/{session}/parts/{name}", headers={"accept-encoding": accepted}
        ) as answer:
            raw = b"".join(answer.iter_raw())
            assert answer.status_code == 200
            encoding = answer.headers.get("content-encoding", "")
        assert encoding in ("", accepted) if accepted != "zstd" else encoding in ("", "zstd", "gzip")
        if encoding == "zstd":
            raw = zstandard.decompress(raw)
        elif encoding == "gzip":
            raw = gzip.decompress(raw)
        kept = store.archive(session)
        assert kept is not None
        assert raw == kept.part(name)
        forever = "immutable" in answer.headers["cache-control"]
        assert forever == (session == ONE and name != "manifest")


def test_stored_bytes_go_out_as_they_lie(client: httpx.Client, store: Store) -> None:
    kept = store.archive(ONE)
    assert kept is not None
    stored = kept.stored("frames/0")
    with client.stream(
        "GET", f"api/sessions/{ONE}/parts/frames/0", headers={"accept-encoding": "zstd"}
    ) as answer:
        assert ("zstd", b"".join(answer.iter_raw())) == stored


@pytest.mark.parametrize(
    "path",
    [
        f"api/sessions/{NONE}/parts/manifest",
        f"api/sessions/{ONE}/parts/frames/1",
        f"api/sessions/{ONE}/parts/../../../etc/passwd",
        f"api/sessions/{ONE}/parts/%2e%2e%2fmanifest",
        f"api/sessions/{ONE}/parts/manifest/",
        f"api/sessions/{ONE}/parts/",
        "api/sessions/../parts/manifest",
        "api/sessions/'%20OR%201/parts/manifest",
        f"api/sessions/{ONE}%00/parts/manifest",
    ],
)
def test_nothing_else_can_be_named(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code in (404, 503), "503 is the page, which is not built here"
    assert b"root:" not in client.get(path).content


def test_a_session_is_renamed_and_pinned(client: httpx.Client) -> None:
    answer = client.post(f"api/sessions/{ONE}", json={"title": "Stars"})
    assert answer.status_code == 200
    assert answer.json()["title"] == "Stars"
    assert client.post(f"api/sessions/{ONE}", json={"pinned": True}).json()["pinned"] is True
    kept = codec.decode(client.get(f"api/sessions/{ONE}/parts/manifest").content)
    assert kept["title"] == "Stars"


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'{"title": 3}', b'{"pinned": "yes"}', b'{"id": "x"}', b"[" * 4000, b"x" * 5000,
     b'{"title": "a", "bytes": 1}'],
)  # fmt: skip
def test_a_change_that_is_none_is_refused(client: httpx.Client, body: bytes) -> None:
    before = listed(client)
    assert client.post(f"api/sessions/{ONE}", content=body).status_code == 400
    assert listed(client) == before


def test_sessions_are_deleted_but_not_while_they_run(client: httpx.Client) -> None:
    assert client.delete(f"api/sessions/{ONE}").status_code == 204
    assert client.delete(f"api/sessions/{ONE}").status_code == 404
    assert client.delete(f"api/sessions/{TWO}").status_code == 409
    assert [info["id"] for info in listed(client)["sessions"]] == [TWO]
    assert client.post(f"api/sessions/{ONE}", json={"title": "x"}).status_code == 404


def test_a_store_that_fails_is_said(tmp_path: Path) -> None:
    session = DrivenSession()
    session.store = Store(tmp_path / "sessions.db")
    session.store.path.write_bytes(b"no database" * 1000)
    with (
        serving(session, tmp_path) as address,
        httpx.Client(base_url=f"http://{address}/", headers=OWNER) as client,
    ):
        answer = client.get("api/sessions")
    assert answer.status_code == 503
    assert "damaged" in answer.text
    session.store.close()


def test_without_a_store_there_are_no_sessions(tmp_path: Path) -> None:
    with (
        serving(DrivenSession(), tmp_path) as address,
        httpx.Client(base_url=f"http://{address}/", headers=OWNER) as client,
    ):
        assert listed(client)["sessions"] == []
        assert client.get(f"api/sessions/{ONE}/parts/manifest").status_code == 404
        assert client.delete(f"api/sessions/{ONE}").status_code == 404
