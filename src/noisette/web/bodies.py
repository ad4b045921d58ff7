"""What the page sends: every field by name, type and range; anything else is refused before it reaches the store."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from noisette.pipeline.review import Verdict
from noisette.pipeline.review_queues import QueueName

MAX_BULK = 200
_ID = Annotated[int, Field(ge=0, lt=2**31)]
_NUMBER = Annotated[int, Field(ge=0, lt=2**62)]
_CLIENT_ID = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,80}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class DecisionBody(_Body):
    """One decision."""

    client_id: _CLIENT_ID
    sample_id: _ID
    verdict: Verdict
    correct_label: _ID | None = None
    seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] | None = None
    queue: QueueName = "class"


class BulkBody(_Body):
    """One decision for many samples."""

    client_id: _CLIENT_ID
    sample_ids: Annotated[list[_ID], Field(min_length=1, max_length=MAX_BULK)]
    verdict: Verdict
    queue: QueueName = "class"


class UndoBody(_Body):
    """Decisions of the sender to take back, together."""

    decision_ids: Annotated[list[_NUMBER], Field(min_length=1, max_length=MAX_BULK)]


class ExemplarBody(_Body):
    """A sample to pin or reject as an exemplar of its class."""

    class_id: _ID
    sample_id: _ID
    action: Literal["pin", "reject", "clear"]


class RefitBody(_Body):
    """Nothing but ``{}``: every write is JSON, which no form of another site can send."""
