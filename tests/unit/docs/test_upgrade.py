"""The page on upgrading says what becomes of every setting of the last release, and which are required since."""

import pytest
from pydantic.fields import FieldInfo

from shared.settings import variable_of
from tests.unit.docs.test_paths import PROJECT
from tools.docs_generation.settings import CLASSES

PAGE = (PROJECT / "docs/how-to/upgrade.md").read_text(encoding="utf-8")
GONE = [
    "INTAKE_DISK_FOLDER",
    "NOTIFY_ACCOUNT_KEY",
    "NOTIFY_MASTER_KEY",
    "NOTIFY_OIDC_ACR",
    "NOTIFY_OIDC_CLIENT_ID",
    "NOTIFY_OIDC_CLIENT_SECRET",
    "NOTIFY_OIDC_ISSUER",
    "NOTIFY_OIDC_ROLE_CLAIM",
    "NOTIFY_OIDC_ROLE_MAP",
    "NOTIFY_RETIRED_MASTER_KEYS",
    "ROUTING_CASES_PER_PERSON",
    "ROUTING_RECOUNT_EVERY_S",
    "ROUTING_REMEMBERED",
    "ROUTING_SNAPSHOT_EVERY_S",
]
"""Settings of 0.2.0 that there are not any more."""
KEPT = [
    "ANALYTICS_BATCH_RECORDS=2000",
    "ANALYTICS_PACE_S=0.5",
    "ANALYTICS_PORT=8004",
    "ANALYTICS_PROOF_S=60",
    "ANALYTICS_RECONCILE_EVERY_S=2",
    "ANALYTICS_RELEASE_EVERY_S=5",
    "IEUM_AUDIT_HEADS",
    "IEUM_AUDIT_KEY",
    "IEUM_HOST",
    "IEUM_IDENTITY_URL",
    "IEUM_KEYS_CACHE",
    "IEUM_LOG_LEVEL",
    "IEUM_METRICS_TOKEN",
    "IEUM_PUBLIC_URLS",
    "IEUM_TRUSTED_PROXIES",
    "INTAKE_DISK_ALARM_MB=2048",
    "INTAKE_DISK_DRAFTS_MB=1024",
    "INTAKE_DISK_REPORTS_MB=200",
    "INTAKE_ERASURE_PACE_S=60",
    "INTAKE_FREE_REPORTS=5",
    "INTAKE_LINK_KEY",
    "INTAKE_MANY_REPORTS=40",
    "INTAKE_MASTER_KEY",
    "INTAKE_PORT=8001",
    "INTAKE_QUEUE_LIMIT=2000",
    "INTAKE_RECEIPT_KEY",
    "INTAKE_RETIRED_MASTER_KEYS",
    "INTAKE_SIGNING_KEY",
    "INTAKE_STATUS_QUESTIONS_PER_MINUTE=30",
    "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_CALL_TIMEOUT_S=20",
    "KAFKA_DEAD_LETTER_CAP=100",
    "KAFKA_REPLICATION_FACTOR=1",
    "KAFKA_SASL_MECHANISM",
    "KAFKA_SASL_PASSWORD",
    "KAFKA_SASL_USERNAME",
    "KAFKA_SECURITY_PROTOCOL",
    "KAFKA_SESSION_TIMEOUT_MS=6000",
    "KAFKA_SSL_CAFILE",
    "KAFKA_SSL_CERTFILE",
    "KAFKA_SSL_KEYFILE",
    "KAFKA_TOPIC_PARTITIONS=6",
    "KAFKA_TOPIC_PREFIX",
    "MONGODB_CALL_TIMEOUT_S=10",
    "MONGODB_DATABASE_PREFIX",
    "MONGODB_URI",
    "NOTIFY_APPRISE_URLS",
    "NOTIFY_CENTRAL_ADDRESS",
    "NOTIFY_CLAIM_SIZE=200",
    "NOTIFY_COLLEAGUES_ADDRESS",
    "NOTIFY_DRILLS",
    "NOTIFY_DRILL_CREDENTIAL",
    "NOTIFY_DRILL_CREDENTIAL_FILE",
    "NOTIFY_DUTY_ADDRESS",
    "NOTIFY_GATHER_S=0.1",
    "NOTIFY_HEARTBEAT_URL",
    "NOTIFY_INTAKE_URL",
    "NOTIFY_LEAD_ADDRESS",
    "NOTIFY_LEASE_S=60",
    "NOTIFY_MAIL_FROM",
    "NOTIFY_MAIL_VIEW_URL",
    "NOTIFY_POLL_S=1",
    "NOTIFY_PORT=8003",
    "NOTIFY_QUIET_HOURS",
    "NOTIFY_SMTP_CONNECTIONS=4",
    "NOTIFY_SMTP_HOST",
    "NOTIFY_SMTP_PASSWORD",
    "NOTIFY_SMTP_PORT=8025",
    "NOTIFY_SMTP_SECURITY",
    "NOTIFY_SMTP_TIMEOUT_S=10",
    "NOTIFY_SMTP_USERNAME",
    "NOTIFY_STREAM_CLIENTS=500",
    "NOTIFY_WEBHOOKS",
    "ROUTING_CLOSING_EVERY_S=0.5",
    "ROUTING_LINKED_LOOKUP_S=1",
    "ROUTING_LOADS_EVERY_S=0.25",
    "ROUTING_MAX_RECORDS=3000",
    "ROUTING_PORT=8002",
    "ROUTING_TABLES_DIR",
]
"""Settings of 0.2.0 that there are still, with their default then where it was a number."""
REQUIRED = {"INTAKE_MASTER_KEY", "INTAKE_RECEIPT_KEY", "INTAKE_LINK_KEY", "INTAKE_SIGNING_KEY"}
"""Of those."""


def fields() -> dict[str, FieldInfo]:
    return {variable_of(cls, name): field for cls in CLASSES.values() for name, field in cls.model_fields.items()}


@pytest.mark.parametrize("setting", GONE)
def test_what_becomes_of_a_setting_that_is_gone_is_said(setting: str) -> None:
    assert setting not in fields()
    assert f"`{setting}`" in PAGE


@pytest.mark.parametrize("kept", KEPT)
def test_a_setting_of_the_release_is_there_still_and_another_default_is_said(kept: str) -> None:
    setting, _, default = kept.partition("=")
    assert setting in fields(), "gone since: move it to GONE and say on the page what becomes of it"
    if default and float(default) != fields()[setting].default:
        assert f"`{setting}`" in PAGE


def test_every_setting_that_is_required_since_is_named() -> None:
    required = {name for name, field in fields().items() if field.is_required()} - REQUIRED
    assert {name for name in required if f"`{name}`" not in PAGE} == set()
