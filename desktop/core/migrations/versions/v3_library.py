"""Datasets and their versions, the queue, labels of runs, measured peaks, settings."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"
branch_labels = None
depends_on = None


def new_columns() -> dict[str, tuple[sa.Column, ...]]:  # type: ignore[type-arg]
    return {
        "configs": (
            sa.Column("notes", sa.String(), nullable=False, server_default=""),
            sa.Column("engine", sa.String()),
        ),
        "runs": (
            sa.Column("position", sa.Float()),
            sa.Column("not_before", sa.DateTime()),
            sa.Column("notes", sa.String(), nullable=False, server_default=""),
            sa.Column("tags", sa.JSON(), nullable=False, server_default="[]"),
            sa.Column("is_archived", sa.Boolean(), nullable=False, server_default=sa.false()),
        ),
    }


def upgrade() -> None:
    for table, columns in new_columns().items():
        for column in columns:
            op.add_column(table, column)
    op.create_table(
        "datasets",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("notes", sa.String(), nullable=False, server_default=""),
        sa.Column("created", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "dataset_versions",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column(
            "dataset",
            sa.String(),
            sa.ForeignKey("datasets.name", onupdate="CASCADE", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source", sa.JSON(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("modified_ns", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("rows_total", sa.Integer(), nullable=False),
        sa.Column("shape", sa.String()),
        sa.Column("mapping", sa.JSON()),
        sa.Column("reading", sa.JSON(), nullable=False),
        sa.Column("bad_rows", sa.String(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.UniqueConstraint("dataset", "number", name="uq_dataset_versions"),
    )
    op.create_index("ix_dataset_versions_dataset", "dataset_versions", ["dataset"])
    op.create_table(
        "peaks",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("card", sa.String(), nullable=False),
        sa.Column("placement", sa.String(), nullable=False),
        sa.Column("predicted_bytes", sa.Integer(), nullable=False),
        sa.Column("measured_bytes", sa.Integer(), nullable=False),
        sa.Column("is_exact", sa.Boolean(), nullable=False),
        sa.Column("taken", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("value", sa.JSON(), nullable=False),
    )


def downgrade() -> None:
    for name in ("settings", "peaks", "dataset_versions", "datasets"):
        op.drop_table(name)
    for table, columns in new_columns().items():
        with op.batch_alter_table(table) as batch:
            for column in columns:
                batch.drop_column(column.name)
