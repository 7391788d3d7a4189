"""The two kinds of error a consumer knows, and nothing else.

A *permanent* error will fail the same way on every attempt: the record goes to the dead topic with its
reason. A *transient* error may pass: the work is retried with back-off and nothing is skipped.
"""


class IeumError(Exception):
    """Base of every error this project raises on purpose."""


class PermanentError(IeumError):
    """Trying again cannot help. ``reason`` is a stable code for headers and metrics, never personal data."""

    def __init__(self, reason: str, detail: str = "") -> None:
        """``reason`` is a short code such as ``not_json``; ``detail`` says more and holds no personal data."""
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class UnknownTypeError(IeumError):
    """A record of an event type or version this build does not know: a newer writer is at work.

    It is neither dead nor retried: the partition waits until a newer build reads it.
    """


class TransientError(IeumError):
    """The same work may succeed later (store away, broker away, lost race)."""


class FatalError(IeumError):
    """The process can no longer trust what it holds in memory and must end; a restart reads the log again."""


class OutOfSequenceError(FatalError):
    """A record of `routings` does not follow what is known of its report: records were lost, or were never written.

    A consumer stops that partition before the record, and goes on with all others.
    """

    def __init__(self, report_id: str, version: int, known: int) -> None:
        """``known``: the version that was read last, 0 for none."""
        super().__init__(f"report {report_id}: version {version} does not follow {known}")
        self.report_id = report_id
        self.version = version
