"""Dead letters as notify keeps them."""

from pydantic import Field

from services.notify.cases.models import Instant, StoredModel


class StoredDeadLetter(StoredModel):
    """A record some consumer could not read; the first one per origin counts."""

    origin: str = Field(alias="_id")
    topic: str
    reason: str
    seen_at: Instant
    told_at: Instant | None = None
    read_at: Instant | None = None
