"""Requests: what the app asks of the trainer, one JSON object a line in ``requests.jsonl``, only ever appended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError


class _Request(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    time: datetime = Field(default_factory=lambda: datetime.now(UTC))


class StopRequest(_Request):
    """End at the next step boundary with a checkpoint, for good. In a chat: go away."""

    kind: Literal["stop"] = "stop"


class PauseRequest(_Request):
    """End at the next step boundary with a checkpoint, to go on later."""

    kind: Literal["pause"] = "pause"


class CheckpointRequest(_Request):
    """Save a checkpoint at the next step boundary and go on."""

    kind: Literal["checkpoint"] = "checkpoint"


class ChatMessage(BaseModel):
    """One turn of a conversation."""

    model_config = ConfigDict(frozen=True)

    role: Literal["system", "user", "assistant"]
    content: str


class PromptRequest(_Request):
    """Answer this conversation, by the tuned model, the base or both; temperature 0 takes the likeliest token."""

    kind: Literal["prompt"] = "prompt"
    prompt_id: str
    messages: list[ChatMessage]
    speakers: list[Literal["tuned", "base"]] = ["tuned"]
    max_new_tokens: int = Field(512, ge=1, le=32768)
    temperature: float = Field(0.0, ge=0, le=5)
    top_p: float = Field(1.0, gt=0, le=1)
    seed: int = 0


class StopAnswerRequest(_Request):
    """Stop the answers to this prompt within a token."""

    kind: Literal["stop_answer"] = "stop_answer"
    prompt_id: str


Request = StopRequest | PauseRequest | CheckpointRequest | PromptRequest | StopAnswerRequest
request_reader: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])


def read_request(line: str | bytes) -> Request | None:
    """Read one line of ``requests.jsonl``, or return None where it is none that this side knows."""
    try:
        return request_reader.validate_json(line)
    except ValidationError:
        return None


def write_request(request: Request) -> str:
    """Return the request as one line of JSON with its newline."""
    return request.model_dump_json() + "\n"
