"""Certificates for the engines on this machine: an authority of its own, made at the first start, and what it signed.

Everything lies in one folder that only its owner can read. Keys are on the curve P-256; unless other hosts are asked
for, nothing but this machine's loopback address is named: such a certificate is worth nothing anywhere else.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tools.local.ports import LOOPBACK

CA: Final = "ca"
BROKER: Final = "ieum-broker"
STORE: Final = "ieum-store"
ADMIN: Final = "ieum-admin"
"""The administrator: the holder of this key may make topics, users and rights."""
_LEAVES: Final = (BROKER, STORE, ADMIN)
_DAYS: Final = 3650
_RENEW_DAYS: Final = 90
_BEGAN: Final = timedelta(days=1)
"""So long ago, since no two machines have the same clock."""


class Certificates:
    """Files of one folder: ``NAME.pem`` (certificate), ``NAME.key``, and both in ``NAME.both.pem`` for Kafka."""

    def __init__(self, folder: Path, hosts: Sequence[str] = ()) -> None:
        """``hosts``: names that servers have besides this machine's own."""
        self.folder = folder
        self._hosts = hosts

    @property
    def authority(self) -> Path:
        """The authority with which clients check servers."""
        return self.certificate(CA)

    def certificate(self, name: str) -> Path:
        """A certificate, as PEM."""
        return self.folder / f"{name}.pem"

    def key(self, name: str) -> Path:
        """Its private key, as PEM (PKCS #8)."""
        return self.folder / f"{name}.key"

    def both(self, name: str) -> Path:
        """Key and certificate chain in one file."""
        return self.folder / f"{name}.both.pem"

    def ensure(self) -> None:
        """Make what is missing, was half written or ends within three months; the authority stays as long as it can."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        if not self._good(CA):
            self._make(CA)
            for name in _LEAVES:
                self._make(name)
        for name in _LEAVES:
            if not self._good(name) or not self._belongs(name):
                self._make(name)

    def renew(self) -> None:
        """Sign everything anew with the same authority."""
        for name in _LEAVES:
            self._make(name)

    def _good(self, name: str) -> bool:
        if not self.certificate(name).exists() or not self.key(name).exists():
            return False
        return self._read(name).not_valid_after_utc > datetime.now(UTC) + timedelta(days=_RENEW_DAYS)

    def _belongs(self, name: str) -> bool:
        """Whether its files are of one making, and by the authority there is now: a kill may come between any two."""
        found, authority = self._read(name), self._read(CA)
        key = serialization.load_pem_private_key(self.key(name).read_bytes(), password=None)
        try:
            found.verify_directly_issued_by(authority)
        except InvalidSignature:
            return False
        parts = [path.read_bytes() for path in (self.key(name), self.certificate(name), self.authority)]
        is_whole = self.both(name).exists() and self.both(name).read_bytes() == b"".join(parts)
        return is_whole and key.public_key() == found.public_key()

    def valid_from(self) -> datetime:
        """Return from when on the authority counts."""
        return self._read(CA).not_valid_before_utc

    def _read(self, name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate(name).read_bytes())

    def _make(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name if name != CA else "Ieum on this machine")])
        if name == CA:
            issuer, signer = subject, key
        else:
            authority = self._read(CA)
            loaded = serialization.load_pem_private_key(self.key(CA).read_bytes(), password=None)
            if not isinstance(loaded, ec.EllipticCurvePrivateKey):
                raise TypeError(f"{self.key(CA)} is no key of an elliptic curve")
            issuer, signer = authority.subject, loaded
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BEGAN)
            .not_valid_after(now + timedelta(days=_DAYS))
            .add_extension(x509.BasicConstraints(ca=name == CA, path_length=0 if name == CA else None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        if name != CA:
            where = [x509.IPAddress(ip_address(LOOPBACK)), *map(x509.DNSName, ("localhost", *self._hosts))]
            uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            builder = builder.add_extension(x509.SubjectAlternativeName(where), critical=False)
            builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        certificate = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_secret(self.key(name), private)
        write_secret(self.certificate(name), certificate)
        if name != CA:
            write_secret(self.both(name), private + certificate + self.certificate(CA).read_bytes())


def write_secret(path: Path, content: bytes) -> None:
    """Replace a file as a whole, readable by its owner alone from the moment it exists; on disk when this returns."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # or after a power cut the file of before stands there, without the key now in use
    finally:
        os.close(folder)
