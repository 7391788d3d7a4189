"""Certificates of the engines on this machine: after a kill between two files, and by a clock that was wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tools.local import certificates, security
from tools.local.certificates import ADMIN, BROKER, CA, STORE, Certificates
from tools.local.keys import SecretsError
from tools.local.security import LocalSecurity

AHEAD = timedelta(days=400)


class Clock(datetime):
    """A clock that is ahead."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # as it is called here
        del tz
        return datetime.now(UTC) + AHEAD


def files(made: Certificates) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in made.folder.iterdir()}


def fits(made: Certificates, name: str) -> bool:
    """Whether a server or client can use these files."""
    found = x509.load_pem_x509_certificate(made.certificate(name).read_bytes())
    key = serialization.load_pem_private_key(made.key(name).read_bytes(), password=None)
    found.verify_directly_issued_by(x509.load_pem_x509_certificate(made.authority.read_bytes()))
    whole = b"".join(path.read_bytes() for path in (made.key(name), made.certificate(name), made.authority))
    return key.public_key() == found.public_key() and made.both(name).read_bytes() == whole


def test_what_is_good_stays(tmp_path: Path) -> None:
    made = Certificates(tmp_path)
    made.ensure()
    before = files(made)
    made.ensure()
    assert files(made) == before


@pytest.mark.parametrize("left", [f"{BROKER}.key", f"{STORE}.pem", f"{ADMIN}.both.pem", f"{CA}.pem"])
def test_files_of_two_makings_are_made_anew(left: str, tmp_path: Path) -> None:
    """As a kill leaves them that came between two of them: the engine would never answer, and not say why."""
    made, other = Certificates(tmp_path / "made"), Certificates(tmp_path / "other")
    made.ensure()
    other.ensure()
    (made.folder / left).write_bytes((other.folder / left).read_bytes())
    if left == f"{CA}.pem":
        made.key(CA).write_bytes(other.key(CA).read_bytes())
    made.ensure()
    assert all(fits(made, name) for name in (BROKER, STORE, ADMIN))


def test_certificates_of_a_clock_that_was_ahead_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They looked good for ten years, and nothing that checks them believed them."""
    with monkeypatch.context() as wrong:
        wrong.setattr(certificates, "datetime", Clock)
        wrong.setattr(security, "datetime", Clock)
        LocalSecurity(tmp_path).ensure()
    with pytest.raises(SecretsError, match=r"ca\.pem counts from .*clock.*delete .*start again"):
        LocalSecurity(tmp_path).ensure()
