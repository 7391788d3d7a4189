"""Dead letters as notify keeps them."""

from datetime import datetime

from pydantic import Field

from services.notify.cases.models import StoredModel


class StoredDeadLetter(StoredModel):
    """A record some consumer could not read; the first one per origin counts."""

    origin: str = Field(alias="_id")
    topic: str
    reason: str
    seen_at: datetime
    told_at: datetime | None = None
    read_at: datetime | None = None
