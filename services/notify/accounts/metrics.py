"""What is counted of sign-ins. No label names an account, a person or an organisation."""

from typing import Final

from prometheus_client import Counter, Gauge

from shared.metrics import REGISTRY

SIGN_INS: Final = Counter("notify_sign_ins", "Sign-ins by way and outcome.", ["way", "outcome"], registry=REGISTRY)
ENDED: Final = Counter("notify_sessions_ended", "Sessions that ended before their time.", ["why"], registry=REGISTRY)
RENEWED: Final = Counter("notify_sessions_renewed", "Access tokens given to a session.", registry=REGISTRY)
ALTERED: Final = Counter(
    "notify_accounts_altered",
    "What somebody else wrote or took away in notify's store, by kind.",
    ["what"],
    registry=REGISTRY,
)
KEY_AGE: Final = Gauge("notify_signing_key_age_seconds", "Age of the key that signs.", registry=REGISTRY)
KEYS: Final = Gauge("notify_signing_keys", "Signing keys that are published.", registry=REGISTRY)
KEYS_REFUSED: Final = Gauge(
    "notify_signing_keys_refused", "Signing keys in the store that are not as notify wrote them.", registry=REGISTRY
)
