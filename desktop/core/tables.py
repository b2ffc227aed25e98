"""The tables of the catalogue, as the migrations make them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, UniqueConstraint, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The tables below."""


class ConfigRow(Base):
    """A saved config."""

    __tablename__ = "configs"
    name: Mapped[str] = mapped_column(primary_key=True)
    values: Mapped[dict[str, Any]] = mapped_column(JSON)
    contract: Mapped[int]
    saved: Mapped[datetime] = mapped_column(DateTime)
    notes: Mapped[str] = mapped_column(default="", server_default="")
    engine: Mapped[str | None]
    """The engine that it was saved with; None for one that was saved without."""


class RunRow(Base):
    """A run: what the user calls it, what was asked, and how far it came."""

    __tablename__ = "runs"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    engine: Mapped[str]
    folder: Mapped[str]
    values: Mapped[dict[str, Any]] = mapped_column(JSON)
    contract: Mapped[int]
    created: Mapped[datetime] = mapped_column(DateTime)
    started: Mapped[datetime | None] = mapped_column(DateTime)
    ended: Mapped[datetime | None] = mapped_column(DateTime)
    state: Mapped[str]
    step: Mapped[int]
    total_steps: Mapped[int | None]
    loss: Mapped[float | None]
    size_bytes: Mapped[int]
    after: Mapped[str | None]
    position: Mapped[float | None]
    """The place in the queue, smallest first; None for a run that is not in it."""
    not_before: Mapped[datetime | None] = mapped_column(DateTime)
    notes: Mapped[str] = mapped_column(default="", server_default="")
    tags: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    is_archived: Mapped[bool] = mapped_column(default=False, server_default=false())
    earlier_s: Mapped[float | None]
    """Seconds that it had worked before its latest start; None until its events have been read."""
    is_end_unseen: Mapped[bool] = mapped_column(default=False, server_default=false())
    """It has ended, and nobody has looked at it since."""


class TurnRow(Base):
    """One prompt of a chat and one answer to it."""

    __tablename__ = "turns"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    checkpoint: Mapped[int | None]
    speaker: Mapped[str]
    prompt: Mapped[str]
    answer: Mapped[str]
    first_token_s: Mapped[float]
    tokens_per_s: Mapped[float]
    asked: Mapped[datetime] = mapped_column(DateTime)


class DatasetRow(Base):
    """A dataset under the name that the user gave it."""

    __tablename__ = "datasets"
    name: Mapped[str] = mapped_column(primary_key=True)
    notes: Mapped[str] = mapped_column(default="", server_default="")
    created: Mapped[datetime] = mapped_column(DateTime)


class DatasetVersionRow(Base):
    """One state of a dataset: a file that is never changed by us, and what was found in it."""

    __tablename__ = "dataset_versions"
    __table_args__ = (UniqueConstraint("dataset", "number", name="uq_dataset_versions"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    dataset: Mapped[str] = mapped_column(
        ForeignKey("datasets.name", onupdate="CASCADE", ondelete="CASCADE"), index=True
    )
    number: Mapped[int]
    source: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Where it is from: a file, a Hub repository, or other versions and what was done with them."""
    path: Mapped[str]
    sha256: Mapped[str]
    size_bytes: Mapped[int]
    modified_ns: Mapped[int]
    rows: Mapped[int]
    rows_total: Mapped[int]
    shape: Mapped[str | None]
    mapping: Mapped[dict[str, str] | None] = mapped_column(JSON)
    reading: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What the user said of how to read it: delimiter, encoding, and so on."""
    bad_rows: Mapped[str]
    created: Mapped[datetime] = mapped_column(DateTime)


class PeakRow(Base):
    """What a run was predicted to need on one card, and what it needed; kept when the run is deleted."""

    __tablename__ = "peaks"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    run_id: Mapped[str]
    card: Mapped[str]
    placement: Mapped[str]
    predicted_bytes: Mapped[int]
    measured_bytes: Mapped[int]
    is_exact: Mapped[bool]
    """The rows were surely as long as the prediction took them to be."""
    taken: Mapped[datetime] = mapped_column(DateTime)


class SettingRow(Base):
    """A choice for the whole app, the same for window and command line; never a secret."""

    __tablename__ = "settings"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
