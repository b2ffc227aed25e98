"""Runs that wait for another one."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("after", sa.String()))


def downgrade() -> None:
    op.drop_column("runs", "after")
