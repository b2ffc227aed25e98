"""What a run had worked before its latest start, and whether somebody has seen how it ended."""

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"
branch_labels = None
depends_on = None


def new_columns() -> tuple[sa.Column, ...]:  # type: ignore[type-arg]
    return (
        sa.Column("earlier_s", sa.Float()),
        sa.Column("is_end_unseen", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def upgrade() -> None:
    for column in new_columns():
        op.add_column("runs", column)


def downgrade() -> None:
    with op.batch_alter_table("runs") as batch:
        for column in new_columns():
            batch.drop_column(column.name)
