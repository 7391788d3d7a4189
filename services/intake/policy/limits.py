"""How often one network may ask for receipts: a token bucket as a value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left of an allowance at a moment (monotonic seconds)."""

    left: float
    at: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """``capacity`` at once, ``per_second`` afterwards."""

    capacity: float
    per_second: float

    def full(self, now: float) -> Bucket:
        """A bucket nobody has drawn from."""
        return Bucket(self.capacity, now)

    def refilled(self, bucket: Bucket, now: float) -> Bucket:
        """The bucket as it stands now."""
        return Bucket(min(self.capacity, bucket.left + (now - bucket.at) * self.per_second), now)

    def drawn(self, bucket: Bucket, cost: float, now: float) -> Bucket:
        """The bucket after paying; it may go below nothing, which only makes the wait longer."""
        return Bucket(self.refilled(bucket, now).left - cost, now)

    def wait(self, bucket: Bucket, now: float) -> float:
        """Seconds until one more question is allowed; 0 when it is."""
        missing = 1 - self.refilled(bucket, now).left
        return max(0.0, missing / self.per_second)
