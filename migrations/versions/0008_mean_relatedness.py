"""How probably a question is about a document counts all passages, not only the best one.

So the same questions come to higher values, and what the presets ask for rose with them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_NAME = "least_relatedness"
_OF_THE_BEST, _OF_THE_MEAN = 0.75, 0.85
_JOBS = sa.table("jobs", sa.column("id", sa.String()), sa.column("method", sa.JSON()))


def upgrade() -> None:
    _move(_OF_THE_BEST, _OF_THE_MEAN)


def downgrade() -> None:
    _move(_OF_THE_MEAN, _OF_THE_BEST)


def _move(old: float, new: float) -> None:
    """Give jobs with the presets' value the new one."""
    connection = op.get_bind()
    for job_id, method in connection.execute(sa.select(_JOBS.c.id, _JOBS.c.method)).all():
        if method.get(_NAME) == old:
            change = sa.update(_JOBS).where(_JOBS.c.id == job_id)
            connection.execute(change.values(method=method | {_NAME: new}))
