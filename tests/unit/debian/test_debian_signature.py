"""Recorded InRelease files of Debian, whole, tampered with, and judged by keys that are not theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from floe_images.engine.resolve.debian_release import parse_release
from floe_images.engine.resolve.debian_signature import ArchiveKey, archive_keys, verified_text
from floe_images.errors import SignatureError
from tests.support.debian_archive import Signer

GOLDEN = Path(__file__).parent / "golden"
RECORDED = 1_795_400_000  # about when the golden files were recorded
ALL_EXPIRED = 2_200_000_000  # 2039, when every shipped key has expired


def _signed(suite: str) -> bytes:
    return (GOLDEN / f"{suite}.InRelease").read_bytes()


def _refused(signed: bytes, keys: tuple[ArchiveKey, ...], now: float = RECORDED) -> str:
    with pytest.raises(SignatureError) as caught:
        verified_text(signed, keys, now=now, where="InRelease")
    assert caught.value.exit_code == 23
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suite", ["bookworm-updates", "bookworm-security"])
def test_a_recorded_index_is_debians(suite: str) -> None:
    text = verified_text(_signed(suite), archive_keys(suite), now=RECORDED, where="InRelease")
    assert text.startswith("Origin: Debian\n")
    assert "PGP" not in text
    release = parse_release(text, where="InRelease")
    assert release.codename == suite
    assert "main/binary-arm64/Packages.xz" in release.files


@pytest.mark.parametrize("suite", ["bookworm-updates", "bookworm-security"])
def test_each_key_alone_is_enough(suite: str) -> None:
    signers = 0
    for key in archive_keys(suite):
        verified_text(_signed(suite), (key,), now=RECORDED, where="InRelease")
        signers += 1
    assert signers == 2  # and the other signature of the file is then by an unknown key


def test_shipped_keys_are_what_the_table_says() -> None:
    import pysequoia

    for suite in ("bookworm", "bookworm-updates", "bookworm-security"):
        for key in archive_keys(suite):
            certificate = pysequoia.Cert.from_bytes(key.certificate)
            assert certificate.fingerprint == key.fingerprint
            assert any(key.owner in str(user) for user in certificate.user_ids)
            assert b"PUBLIC KEY" in key.certificate
    assert archive_keys("nosuch") == ()


def test_one_changed_byte_is_refused() -> None:
    signed = _signed("bookworm-updates")
    for old, new in ((b"12-updates", b"13-updates"), (b"Packages.xz", b"Packages.xy")):
        assert old in signed
        assert "no good signature" in _refused(signed.replace(old, new, 1), archive_keys("bookworm-updates"))


def test_keys_of_another_suite_do_not_count() -> None:
    text = _refused(_signed("bookworm-security"), archive_keys("bookworm-updates"))
    assert "wanted: Debian Archive Automatic Signing Key (12/bookworm)" in text
    assert "no good signature" in _refused(_signed("bookworm-updates"), archive_keys("bookworm-security"))


def test_a_key_of_somebody_else_and_no_key_at_all() -> None:
    stranger = Signer()
    _refused(stranger.sign("Origin: Debian\n"), archive_keys("bookworm"))
    _refused(_signed("bookworm-updates"), (stranger.key,))
    assert "none is shipped" in _refused(_signed("bookworm-updates"), ())


def test_a_certificate_under_anothers_fingerprint_does_not_count() -> None:
    stranger = Signer()
    (first, *_) = archive_keys("bookworm")
    swapped = ArchiveKey(owner=first.owner, fingerprint=first.fingerprint, certificate=stranger.key.certificate)
    _refused(stranger.sign("Origin: Debian\n"), (swapped,))


def test_expired_keys_count_no_longer() -> None:
    text = _refused(_signed("bookworm-updates"), archive_keys("bookworm-updates"), now=ALL_EXPIRED)
    assert "expired or revoked: Debian Archive Automatic Signing Key (12/bookworm)" in text


def test_text_around_the_signed_block_is_refused() -> None:
    keys, signed = archive_keys("bookworm-updates"), _signed("bookworm-updates")
    evil = b"Origin: Debian\nCodename: evil\n"
    twice = signed.rstrip(b"\n") + b"\n" + signed
    between = signed.replace(b"-----BEGIN PGP SIGNATURE", evil + b"-----BEGIN PGP SIGNATURE", 1)
    for forged in (evil + b"\n" + signed, signed + evil, twice, between):
        _refused(forged, keys)


def test_only_signed_text_comes_out() -> None:
    signer = Signer()
    signed = signer.sign("Origin: Debian\nCodename: bookworm\n")
    # A header of the armor and a line before the blank one are not signed.
    injected = signed.replace(b"Hash: SHA512\n", b"Hash: SHA512\nComment: Codename: evil\n", 1)
    assert injected != signed
    try:
        text = verified_text(injected, (signer.key,), now=RECORDED, where="InRelease")
    except SignatureError:
        return
    assert text == "Origin: Debian\nCodename: bookworm\n"


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"<html>404</html>", b"-----BEGIN PGP SIGNED MESSAGE-----\n", b"\xff" * 100]
)
def test_what_is_no_signed_message(data: bytes) -> None:
    _refused(data, archive_keys("bookworm"))


def test_a_cut_message_is_refused() -> None:
    signed = _signed("bookworm-updates")
    for end in (100, len(signed) // 2, len(signed) - 30, len(signed) - 400):
        _refused(signed[:end], archive_keys("bookworm-updates"))
