"""Makes and recognises receipts. A receipt cannot be worked out from anything that leaves intake.

It derives from a random source, sealed with the report's own key, under a key of receipts that can be replaced: who
knows that key and the ids of all reports, which are on the bus for ever, has no receipt. A repeated request gets the
same receipt as long as the report's key is there.
"""

import hmac
import secrets
from typing import Final, NamedTuple

import orjson

from services.intake.encryption.keys import KeyedDigests, ReceiptKeys
from services.intake.reports import documents, receipt_numbers
from services.intake.reports.documents import Document
from services.intake.reports.repository import FORMER_RECEIPT
from shared.encryption import DataKey, Keyring
from shared.errors import PermanentError

PART: Final = "receipt"
"""Where the source is, under ``sealed``."""
_NONCE_BYTES: Final = 16


class ReceiptSource(NamedTuple):
    """The values that a report's receipts derive from."""

    version: str
    """Of the key."""
    nonce: bytes
    """Random."""


class ReceiptIssuer:
    """All about receipts that needs a key."""

    def __init__(self, keys: ReceiptKeys, keyring: Keyring) -> None:
        """``keys`` are those of receipts; ``keyring`` opens the keys of reports."""
        self.keys: Final = keys
        self._keyring = keyring

    def new_source(self) -> ReceiptSource:
        """For a new report."""
        return ReceiptSource(self.keys.version, secrets.token_bytes(_NONCE_BYTES))

    def sealed(self, source: ReceiptSource, key: DataKey) -> dict[str, bytes]:
        """Seal a source for storage under ``sealed``."""
        return {PART: key.encrypt(PART, orjson.dumps({"version": source.version, "nonce": source.nonce.hex()}))}

    def receipt(self, report_id: str, source: ReceiptSource, counter: int) -> str:
        """A receipt of a report; ``counter`` is 0, or one more for each receipt another report already had."""
        made = self.keys.of(source.version).mac("receipt", report_id, source.nonce, str(counter))
        return receipt_numbers.from_number(int.from_bytes(made, "big") % receipt_numbers.SPACE)

    def again(self, document: Document) -> str:
        """The receipt a stored report was first given. Raises ``PermanentError``: changed by hand, or without its key.

        ``document`` needs its receipt's hashes and ``sealed`` without the fields.
        """
        receipt = self.receipt(document["_id"], self._source_of(document), document["receipt_counter"])
        hashes = self.hashes(receipt)
        if not {document["receipt_hash"], document.get(FORMER_RECEIPT)} & set(hashes):
            raise PermanentError("receipt_changed", "the stored receipt hash is not that of the report's receipt")
        return receipt

    def hash_of(self, receipt: str) -> str:
        """Hash a new receipt for storage: enough to find its report, useless without the key."""
        return _hash(self.keys.current, receipt)

    def hashes(self, receipt: str) -> tuple[str, ...]:
        """Hash a receipt with every key in use; the current one first."""
        return tuple(_hash(key, receipt) for key in self.keys.all)

    def same(self, stored: str, receipt: str) -> bool:
        """Return whether the stored hash is this receipt's."""
        return any([hmac.compare_digest(stored, one) for one in self.hashes(receipt)])  # noqa: C419  # each is compared

    def _source_of(self, document: Document) -> ReceiptSource:
        blob = (document.get("sealed") or {}).get(PART)
        if blob is None:
            raise PermanentError("receipt_changed", "the report has no source of a receipt")
        stored = orjson.loads(documents.key_of(document, self._keyring).decrypt(PART, bytes(blob)))
        return ReceiptSource(stored["version"], bytes.fromhex(stored["nonce"]))


def _hash(keys: KeyedDigests, receipt: str) -> str:
    return keys.mac("receipt hash", receipt).hex()
