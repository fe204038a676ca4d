"""Settings, order and resumption belong to the job; documents have owners"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ACTIVE = sa.text("state IN ('queued', 'running')")
_JOB_COLUMNS = (
    ("version", sa.Integer()),
    ("preset", sa.String(length=100)),
    ("method", sa.JSON()),
)
_STAGE_COLUMNS = (
    ("device_kind", sa.String(length=20)),
    ("stage_started_at", sa.DateTime(timezone=True)),
    ("stage_start", sa.Integer()),
    ("checkpoint_key", sa.String(length=300)),
)
_COUNTS = ("priority", "failed_attempts", "pairs_tried")


def upgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        for name, kind in (*_JOB_COLUMNS, *_STAGE_COLUMNS):
            jobs.add_column(sa.Column(name, kind, nullable=True))
        for name in _COUNTS:
            jobs.add_column(sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    op.execute(_SETTINGS_TO_JOBS)
    with op.batch_alter_table("jobs") as jobs:
        for name, kind in _JOB_COLUMNS:
            jobs.alter_column(name, existing_type=kind, nullable=False)
        jobs.create_unique_constraint("uq_jobs_document_id_version", ["document_id", "version"])
    op.create_index(
        "uq_jobs_active",
        "jobs",
        ["document_id"],
        unique=True,
        sqlite_where=_ACTIVE,
        postgresql_where=_ACTIVE,
    )
    with op.batch_alter_table("documents") as documents:
        documents.drop_column("preset")
        documents.drop_column("method")
        documents.add_column(
            sa.Column("owner", sa.String(length=30), server_default="local", nullable=False)
        )
    op.create_index("ix_documents_owner", "documents", ["owner"])
    op.add_column("qa_pairs", sa.Column("number", sa.Integer(), nullable=True))
    op.execute(_NUMBER_PAIRS)
    with op.batch_alter_table("qa_pairs") as pairs:
        pairs.alter_column("number", existing_type=sa.Integer(), nullable=False)
        pairs.create_unique_constraint("uq_qa_pairs_job_id_number", ["job_id", "number"])
    op.create_index("ix_events_job_id_id", "events", ["job_id", "id"])


def downgrade() -> None:
    """Go back: documents get the settings of their newest job; what queued jobs have left goes."""
    op.drop_index("ix_events_job_id_id", "events")
    with op.batch_alter_table("qa_pairs") as pairs:
        pairs.drop_constraint("uq_qa_pairs_job_id_number", type_="unique")
        pairs.drop_column("number")
    op.drop_index("ix_documents_owner", "documents")
    with op.batch_alter_table("documents") as documents:
        documents.drop_column("owner")
        documents.add_column(sa.Column("preset", sa.String(length=100), nullable=True))
        documents.add_column(sa.Column("method", sa.JSON(), nullable=True))
    op.execute(_SETTINGS_TO_DOCUMENTS)
    with op.batch_alter_table("documents") as documents:
        documents.alter_column("preset", existing_type=sa.String(length=100), nullable=False)
        documents.alter_column("method", existing_type=sa.JSON(), nullable=False)
    op.drop_index("uq_jobs_active", "jobs")
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_constraint("uq_jobs_document_id_version", type_="unique")
        for name, _ in (*_JOB_COLUMNS, *_STAGE_COLUMNS):
            jobs.drop_column(name)
        for name in _COUNTS:
            jobs.drop_column(name)


_SETTINGS_TO_JOBS = """
UPDATE jobs SET
    preset = (SELECT preset FROM documents WHERE documents.id = jobs.document_id),
    method = (SELECT method FROM documents WHERE documents.id = jobs.document_id),
    version = (SELECT count(*) FROM jobs AS other
        WHERE other.document_id = jobs.document_id AND other.id <= jobs.id)
"""
_SETTINGS_TO_DOCUMENTS = """
UPDATE documents SET
    preset = (SELECT preset FROM jobs WHERE jobs.document_id = documents.id
        ORDER BY version DESC LIMIT 1),
    method = (SELECT method FROM jobs WHERE jobs.document_id = documents.id
        ORDER BY version DESC LIMIT 1)
"""
_NUMBER_PAIRS = """
UPDATE qa_pairs SET number = (SELECT count(*) FROM qa_pairs AS other
    WHERE other.job_id = qa_pairs.job_id AND other.id < qa_pairs.id)
"""
