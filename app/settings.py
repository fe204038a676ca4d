"""All settings, read from the environment (prefix `LIFT_`) and nowhere else."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _default_data_dir() -> Path:
    return Path.home() / ".local" / "share" / "lift-server"


class Settings(BaseSettings):
    """One process's settings. What is left unset is served from the data folder."""

    model_config = SettingsConfigDict(env_prefix="LIFT_", frozen=True)

    data_dir: Path = Field(default_factory=_default_data_dir)
    """Folder for everything the server keeps."""
    database_url: str | None = None
    """SQLAlchemy URL; unset is SQLite in the data folder."""
    broker_url: str | None = None
    """Redis URL for Celery; unset is an embedded Valkey in the data folder, reached over a Unix
    socket as `redis+socket://`: kombu and Celery read that form, `redis.from_url` does not."""
    store_url: str | None = None
    """`file://` URL of the folder for documents and adapters; unset is in the data folder."""

    model: str = "smollm2"
    """Base model: `smollm2`, a local folder, a GGUF file, or a Hugging Face id."""
    model_cache_dir: Path = Field(default_factory=lambda values: values["data_dir"] / "models")
    """Folder for base models that were converted on this machine; by default in the data folder."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`; auto takes CUDA where there is one."""
    dtype: str = "auto"
    """`auto`, `float32` or `bfloat16`; auto times both on this machine."""
    preset: str = "quick"
    """Method preset of documents that name none."""

    host: str = "127.0.0.1"
    """Address the API listens on."""
    port: int = 8000
    """Port the API listens on; 0 takes a free one."""
    url: str = "http://127.0.0.1:8000"
    """Server that `lift upload`, `lift ask` and `lift status` talk to."""
    max_document_bytes: int = 20 * 1024 * 1024
    """Largest upload, in bytes."""
    max_answer_tokens: int = 512
    """Most tokens that one answer may ask for."""

    lease_seconds: float = 60.0
    """A running job whose worker is silent for so long is given to another."""
    heartbeat_seconds: float = 10.0
    """Time between two renewals of a running job's lease."""
    sweep_seconds: float = 10.0
    """Time between two looks for jobs that were never sent or have lost their worker."""
    max_attempts: int = 3
    """Attempts at a job before it is failed."""
    job_timeout_seconds: float = 86_400.0
    """Longest run of one attempt."""

    @property
    def resolved_database_url(self) -> str:
        """The database's URL, SQLite in the data folder by default."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'lift.db'}"

    @property
    def resolved_store_url(self) -> str:
        """The store's URL, a folder in the data folder by default."""
        return self.store_url or f"file://{self.data_dir.resolve() / 'store'}"
