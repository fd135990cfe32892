"""Certificates whose key can't be used, given and kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cloudchamber.server import certificates, tls


def test_a_locked_key_is_refused_and_no_passphrase_is_asked_for(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificates.make(cert, key, ["localhost"])
    private = load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame"),
        )
    )
    with pytest.raises(tls.TlsError, match="locked with a passphrase"):
        tls.given(cert, key)


def test_a_kept_certificate_without_its_own_key_is_made_anew(tmp_path: Path) -> None:
    """As a start leaves it that is cut off between the two files."""
    made = tls.self_signed(tmp_path, ["localhost"])
    certificates.make(tmp_path / "other.pem", tmp_path / "other.key", ["localhost"])
    made.key.write_bytes((tmp_path / "other.key").read_bytes())
    before = made.file.read_bytes()
    again = tls.self_signed(tmp_path, ["localhost"])
    assert again.file.read_bytes() != before
    tls.given(again.file, again.key)
