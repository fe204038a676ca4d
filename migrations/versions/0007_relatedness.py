"""The share of a question's words became how probably it is about the document."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OVERLAP = ("least_overlap", 0.6)
_RELATEDNESS = ("least_relatedness", 0.75)
_JOBS = sa.table("jobs", sa.column("id", sa.String()), sa.column("method", sa.JSON()))


def upgrade() -> None:
    _rename(_OVERLAP, _RELATEDNESS)


def downgrade() -> None:
    _rename(_RELATEDNESS, _OVERLAP)


def _rename(old: tuple[str, float], new: tuple[str, float]) -> None:
    """Rename the setting; what is neither 0 nor 1 gets the new one's value in the presets."""
    connection = op.get_bind()
    (old_name, _), (new_name, usual) = old, new
    for job_id, method in connection.execute(sa.select(_JOBS.c.id, _JOBS.c.method)).all():
        if old_name not in method:
            continue
        renamed = {key: value for key, value in method.items() if key != old_name}
        was = method[old_name]
        renamed[new_name] = was if was in (0.0, 1.0) else usual
        change = sa.update(_JOBS).where(_JOBS.c.id == job_id).values(method=renamed)
        connection.execute(change)
