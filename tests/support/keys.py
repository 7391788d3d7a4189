"""Keys as ``tests.integration.intake.harness`` gives them to intake."""

from typing import Final

from services.intake.encryption.keys import IntakeKeys
from services.intake.encryption.receipt_issuer import ReceiptIssuer
from shared.encryption import Keyring

KEYS: Final = IntakeKeys(b"r" * 32)
OTHER_KEYS: Final = IntakeKeys(b"x" * 32)


def issuer(keys: IntakeKeys = KEYS) -> ReceiptIssuer:
    """Receipts under the master key of the harness."""
    return ReceiptIssuer(keys.receipts, Keyring([b"m" * 32]))
