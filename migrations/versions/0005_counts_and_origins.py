"""Counts of what became of jobs; since when a job waits, and for whose request"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("queued_at", sa.DateTime(timezone=True), nullable=True))
        jobs.add_column(sa.Column("request_id", sa.String(length=128), nullable=True))
        jobs.add_column(sa.Column("trace_parent", sa.String(length=55), nullable=True))
    op.execute("UPDATE jobs SET queued_at = created_at")
    op.create_table(
        "totals",
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("label", sa.String(length=50), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", "label", name="pk_totals"),
    )


def downgrade() -> None:
    op.drop_table("totals")
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_column("trace_parent")
        jobs.drop_column("request_id")
        jobs.drop_column("queued_at")
