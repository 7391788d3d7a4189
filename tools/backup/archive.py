"""The archive of a backup: one encrypted file whose content is counted and hashed part by part.

Content: a stream of BSON documents ``{"part": name, "data": document}``, compressed with gzip, encrypted with age to a
public key. The last document is the manifest, so an archive that was cut off has none. ``age -d -i age.key`` and any
reader of BSON open it without this program.
"""

import gzip
import hashlib
import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import bson
import pyrage  # type: ignore[import-untyped]  # says no types
from bson.raw_bson import RawBSONDocument

from shared.progress import Progress, silent

FORMAT: Final = 1
SUFFIX: Final = ".ieum.age"
_PART, _DATA, _MANIFEST = "part", "data", "manifest"
_LENGTH_BYTES: Final = 4
_LARGEST: Final = 48 * 1024 * 1024
"""Of a document: a record or a document of the store (16 MB) with what it is wrapped in."""


class ArchiveError(Exception):
    """The archive cannot be written, or is not whole; the text says what was found."""


@dataclass
class _Part:
    count: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def add(self, raw: bytes) -> None:
        self.count += 1
        self.digest.update(raw)

    def said(self) -> dict[str, Any]:
        return {"count": self.count, "sha256": self.digest.hexdigest()}


class ArchiveWriter:
    """Writes an archive next to its place and moves it there when it is whole; an interrupted one leaves nothing."""

    def __init__(self, path: Path, recipient: str, progress: Progress = silent) -> None:
        """``recipient``: the public key (``age1…``) it is encrypted to."""
        self._progress = progress
        self._added = 0
        self._path = path
        self._draft = path.with_suffix(".unfinished")
        self._recipient = pyrage.x25519.Recipient.from_str(recipient)
        self._parts: defaultdict[str, _Part] = defaultdict(_Part)
        self._failures: list[BaseException] = []

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        read, write = os.pipe()
        self._plain = os.fdopen(write, "wb")
        self._encrypting = threading.Thread(target=self._encrypt, args=(read,), name="encrypt")
        self._encrypting.start()
        self._zip = gzip.GzipFile(fileobj=self._plain, mode="wb", compresslevel=6, mtime=0)
        return self

    def add(self, part: str, document: Mapping[str, Any]) -> None:
        """Append one document to a part; one of the store that was not decoded stays as it is, byte by byte."""
        raw = bytes(document.raw) if isinstance(document, RawBSONDocument) else bson.encode(document)
        self._parts[part].add(raw)
        self._write({_PART: part, _DATA: RawBSONDocument(raw)})
        self._added += 1
        self._progress(self._added, None)

    def finish(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Close the archive with its manifest and put it in its place; returns what the manifest says."""
        parts = {name: part.said() for name, part in sorted(self._parts.items())}
        whole = {"format": FORMAT, **manifest, "parts": parts}
        self._write({_MANIFEST: whole})
        self._close()
        if self._failures:
            raise ArchiveError(f"{self._draft} could not be written: {self._failures[0]}")
        self._draft.replace(self._path)
        return whole

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        self._draft.unlink(missing_ok=True)

    def _write(self, document: Mapping[str, Any]) -> None:
        try:
            self._zip.write(bson.encode(document))
        except BrokenPipeError:
            self._encrypting.join()  # it says why
            raise ArchiveError(f"{self._draft} could not be written: {self._failures[0]}") from None

    def _close(self) -> None:
        if self._encrypting.is_alive():
            try:
                self._zip.close()
                self._plain.close()
            except BrokenPipeError:
                pass  # told as a failure of the thread
            self._encrypting.join()

    def _encrypt(self, read: int) -> None:
        try:
            # The pipe first: whoever writes to it waits for ever where nobody closes this end.
            with os.fdopen(read, "rb") as plain, open(self._draft, "wb", opener=_for_owner) as encrypted:
                pyrage.encrypt_io(plain, encrypted, [self._recipient])
                encrypted.flush()
                os.fsync(encrypted.fileno())
        except BaseException as error:  # handed over to the writer
            self._failures.append(error)


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def verified(path: Path, identity: str, progress: Progress = silent) -> dict[str, Any]:
    """The manifest of an archive every byte of which was read and found as it was written. Raises ``ArchiveError``."""
    parts: defaultdict[str, _Part] = defaultdict(_Part)
    manifest: dict[str, Any] | None = None
    for number, (name, document) in enumerate(_documents(path, identity), 1):
        progress(number, None)
        if manifest is not None:
            raise ArchiveError(f"{path} goes on after its end: take another backup")
        if name is None:
            manifest = bson.decode(document.raw)
        else:
            parts[name].add(bytes(document.raw))
    if manifest is None:
        raise ArchiveError(f"{path} is incomplete: it has no manifest; take another backup")
    if manifest["format"] != FORMAT:
        raise ArchiveError(f"{path} has format {manifest['format']}, this build reads {FORMAT}: use the build it names")
    found = {name: part.said() for name, part in parts.items()}
    for name in sorted(found.keys() | manifest["parts"].keys()):
        if found.get(name) != manifest["parts"].get(name):
            raise ArchiveError(f"{path} is damaged: {name} is not what the manifest says; take another backup")
    return manifest


def parts_of(path: Path, identity: str) -> Iterator[tuple[str, RawBSONDocument]]:
    """Every document of an archive with the name of its part, in the order they were written."""
    for name, document in _documents(path, identity):
        if name is not None:
            yield name, document


def _documents(path: Path, identity: str) -> Iterator[tuple[str | None, RawBSONDocument]]:
    try:
        with _decrypted(path, identity) as stream:
            while (raw := _one(stream)) is not None:
                document = RawBSONDocument(raw)
                if _MANIFEST in document:
                    yield None, document[_MANIFEST]
                else:
                    yield document[_PART], document[_DATA]
    except FileNotFoundError as error:
        raise ArchiveError(f"{path} is not there: name an archive, such as backups/ieum-….ieum.age") from error
    except (OSError, EOFError, ValueError, bson.errors.BSONError, KeyError, pyrage.DecryptError) as error:
        raise ArchiveError(
            f"{path} cannot be read ({type(error).__name__}: {str(error)[:80]}): it is damaged or incomplete,"
            " or this is not the key it was encrypted for"
        ) from error


def _one(stream: IO[bytes]) -> bytes | None:
    head = stream.read(_LENGTH_BYTES)
    if not head:
        return None
    length = int.from_bytes(head, "little")
    if not _LENGTH_BYTES < length <= _LARGEST:
        raise ValueError(f"a document of {length} bytes")
    raw = head + stream.read(length - _LENGTH_BYTES)
    if len(raw) != length:
        raise EOFError("ends within a document")
    return raw


@contextmanager
def _decrypted(path: Path, identity: str) -> Iterator[IO[bytes]]:
    key = pyrage.x25519.Identity.from_str(identity)
    read, write = os.pipe()
    failures: list[BaseException] = []

    def decrypt() -> None:
        try:
            # The pipe first: whoever reads from it waits for ever where nobody closes this end.
            with os.fdopen(write, "wb") as plain, path.open("rb") as encrypted:
                pyrage.decrypt_io(encrypted, plain, [key])
        except BrokenPipeError:
            pass  # the reader had enough
        except BaseException as error:  # handed over to the reader
            failures.append(error)

    decrypting = threading.Thread(target=decrypt, name="decrypt")
    decrypting.start()
    with os.fdopen(read, "rb") as plain:
        try:
            with gzip.GzipFile(fileobj=plain, mode="rb") as stream:
                yield stream  # type: ignore[misc]  # it reads bytes
        except EOFError:
            if not failures:
                raise
        finally:
            plain.close()
            decrypting.join()
    if failures:
        raise failures[0]
