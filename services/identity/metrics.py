"""Metrics of sign-ins. No label names an account, a person or an organisation."""

from typing import Final

from prometheus_client import Counter, Gauge

from shared.metrics import REGISTRY

SIGN_INS: Final = Counter(
    "ieum_identity_sign_ins", "Sign-ins by method and outcome.", ["method", "outcome"], registry=REGISTRY
)
NOTICES: Final = Counter(
    "ieum_identity_notices",
    "Mails to people about their accounts, by what became of them.",
    ["notice", "outcome"],
    registry=REGISTRY,
)
ENDED: Final = Counter(
    "ieum_identity_sessions_ended", "Sessions that ended before their time.", ["reason"], registry=REGISTRY
)
ALTERED: Final = Counter(
    "ieum_identity_account_tampering",
    "What somebody else wrote or took away in identity's store, by kind.",
    ["object"],
    registry=REGISTRY,
)
KEY_AGE: Final = Gauge("ieum_identity_signing_key_age_seconds", "Age of the key that signs.", registry=REGISTRY)
KEYS: Final = Gauge("ieum_identity_signing_keys", "Signing keys that are published.", registry=REGISTRY)
KEYS_REFUSED: Final = Gauge(
    "ieum_identity_rejected_signing_keys",
    "Signing keys in the store that are not as identity wrote them.",
    registry=REGISTRY,
)
