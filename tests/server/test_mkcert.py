"""`--share` where mkcert is set up: its certificates are used, and trusted by who trusts its root."""

from __future__ import annotations

import os
import shutil
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from cloudchamber.server import tls
from cloudchamber.server.keys import SECRET_VARIABLE, OwnerKey
from cloudchamber.server.run import Opening, _certificate
from tests.server.serving import SECRET
from tests.server.test_opening import serving_tls

HOSTS = ["localhost", "127.0.0.1", "127.0.0.2"]


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where mkcert has its root, if it is set up; mkcert itself, or what stands in for it, is found."""
    monkeypatch.delenv(SECRET_VARIABLE, raising=False)
    if shutil.which("mkcert") is None:
        program = tmp_path / "bin/mkcert"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent}/mkcert.py" "$@"\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    folder = tmp_path / "authority"
    monkeypatch.setenv("CAROOT", str(folder))
    return folder


def set_up(authority: Path) -> Path:
    """Mkcert has made its root, as at its first use; the root."""
    shutil.rmtree(authority, ignore_errors=True)
    authority.mkdir()
    words = ["mkcert", "-cert-file", os.devnull, "-key-file", os.devnull, "x"]
    subprocess.run(words, check=True, capture_output=True, cwd=authority.parent)
    return authority / "rootCA.pem"


def test_shared_with_its_certificate_who_trusts_its_root_is_let_in_without_a_warning(
    authority: Path, tmp_path: Path
) -> None:
    root = set_up(authority)
    opening = Opening(host="127.0.0.2", share=True, data=tmp_path / "data", names=("chamber.test",))
    certificate = _certificate(opening, OwnerKey(SECRET))
    assert certificate is not None
    assert certificate.said == (
        "The certificate is mkcert's: browsers that trust its authority open the page without a warning.",
    )
    assert certificate.file.parent == tmp_path / "data/tls"
    assert stat.S_IMODE(certificate.key.stat().st_mode) == 0o600
    for name in ("-verify_hostname", "chamber.test"), ("-verify_ip", "127.0.0.2"):
        words = ["openssl", "verify", "-x509_strict", "-CAfile", str(root), *name, str(certificate.file)]
        assert subprocess.run(words, capture_output=True, text=True).stdout.endswith("OK\n"), name
    with serving_tls(tmp_path, certificate) as port:
        url = f"https://127.0.0.2:{port}/healthz"
        trusting = ssl.create_default_context(cafile=str(root))
        assert httpx.get(url, verify=trusting).json()["state"] == "ready"
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(url)


def test_it_is_kept_as_long_as_it_serves(authority: Path, tmp_path: Path) -> None:
    set_up(authority)

    def made(hosts: list[str]) -> bytes:
        found = tls.by_mkcert(tmp_path, hosts)
        assert found is not None
        tls.given(found.file, found.key)
        return found.file.read_bytes()

    first = made(HOSTS)
    assert made(HOSTS[:2]) == first
    assert (second := made([*HOSTS, "chamber.test"])) != first
    (tmp_path / "tls/mkcert.key").unlink()
    assert (third := made(HOSTS)) != second
    # An authority made anew has signed nothing yet.
    root = set_up(authority)
    assert made(HOSTS) != third
    words = ["openssl", "verify", "-CAfile", str(root), str(tmp_path / "tls/mkcert.pem")]
    assert subprocess.run(words, capture_output=True, text=True).stdout.endswith("OK\n")


def test_where_it_is_not_set_up_the_certificate_is_self_signed(authority: Path, tmp_path: Path) -> None:
    assert tls.by_mkcert(tmp_path, HOSTS) is None
    # Only the root itself was copied here, to be trusted: nothing can be signed with it.
    set_up(authority)
    (authority / "rootCA-key.pem").unlink()
    assert tls.by_mkcert(tmp_path, HOSTS) is None
    assert "self-signed" in tls.certificate(None, None, tmp_path, HOSTS[:1], HOSTS[1:]).said[0]


def test_one_that_fails_is_done_without(authority: Path, tmp_path: Path) -> None:
    set_up(authority)
    (authority / "rootCA-key.pem").chmod(0o600)
    (authority / "rootCA-key.pem").write_text("no key")
    assert "self-signed" in tls.certificate(None, None, tmp_path, HOSTS[:1], HOSTS[1:]).said[0]
