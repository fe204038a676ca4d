"""All settings, read from the environment (prefix `LIFT_`) and nowhere else."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.lift.presets import PRESETS
from app.logs import LogFormat


def _default_data_dir() -> Path:
    return Path.home() / ".local" / "share" / "lift-server"


def _best_preset(values: dict[str, Any]) -> str:
    is_whole = values.get("quantization", "none") == "none"  # PiSSA starts from whole weights
    return "balanced-pissa" if is_whole else "balanced"


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
    """Where documents and adapters lie: `file:///folder` or `s3://bucket/prefix`; unset is in the
    data folder."""
    s3_endpoint_url: str | None = None
    """Address of a server that speaks S3's protocol; unset is AWS, or what `AWS_ENDPOINT_URL` says.
    Region, account and more are read from the `AWS_` variables by the S3 library."""
    cache_bytes: PositiveInt = 10 * 1024**3
    """Most bytes of the bucket's files that are kept in the data folder."""

    model: str = "smollm2"
    """Base model: `smollm2`, a local folder, a GGUF file, or a Hugging Face id."""
    model_cache_dir: Path = Field(default_factory=lambda values: values["data_dir"] / "models")
    """Folder for base models that were converted on this machine; by default in the data folder."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`; auto takes CUDA where there is one."""
    dtype: str = "auto"
    """`auto`, `float32` or `bfloat16`; auto times both on this machine."""
    quantization: str = "none"
    """`none`, `int8` or `nf4`; quantised bases need CUDA and bitsandbytes."""
    reader: Path | None = None
    """File of a reader, made by `lift pretune`, that documents' memories start from; unset trains
    each memory anew."""
    preset: str = Field(default_factory=_best_preset)
    """Method preset of documents that name none; by default `balanced-pissa`, or `balanced` with a
    `quantization`."""

    ocr: Literal["off", "on"] = "off"
    """Whether PDF files whose pages are pictures are read; `on` needs the extra `ocr`."""

    host: str = "127.0.0.1"
    """Address the API listens on."""
    port: int = Field(8000, ge=0, le=65535)
    """Port the API listens on; 0 takes a free one."""
    url: str = "http://127.0.0.1:8000"
    """Server that `lift upload`, `lift ask` and `lift status` talk to."""
    allowed_hosts: str = ""
    """Names, separated by commas, under which the API may be called besides `LIFT_HOST` and this
    machine's own; `*` allows all."""
    auth: Literal["off", "keys"] | None = None
    """`keys` asks every request for an API key; `off`, or unset, asks nobody, which only a server
    on a loopback address may do."""
    api_key: SecretStr | None = None
    """Key that `lift upload`, `lift ask` and the other commands send."""
    requests_per_minute: PositiveInt | None = None
    """Requests that one key may send a minute, where the key has no limit of its own; unset sets
    none. So with those that follow."""
    max_documents: PositiveInt | None = None
    """Documents of a key's owner."""
    max_stored_bytes: PositiveInt | None = None
    """Bytes of the owner's uploads together."""
    max_training_minutes: PositiveInt | None = None
    """Minutes of training for the owner within 30 days."""
    max_concurrent_asks: PositiveInt | None = None
    """Questions of one key that are answered at the same time."""
    max_document_bytes: PositiveInt = 20 * 1024 * 1024
    """Largest upload, in bytes."""
    engine: Literal["inline", "process"] = "inline"
    """Where the base model answers: `inline` in the API's own process, `process` in a child that
    is started again when it dies."""
    max_answer_tokens: PositiveInt = 512
    """Most tokens that one answer may ask for."""
    answers_at_once: PositiveInt = 16
    """Answers that are made at the same time, in one batch."""
    waiting_questions: PositiveInt = 64
    """Questions that wait for their turn; a further one is refused."""
    answer_timeout_seconds: PositiveFloat = 600.0
    """Longest time for one answer, its wait included."""
    slot_bytes: PositiveInt = 512 * 1024**2
    """Memory, on the engine's device, for the Gated Memories that answers can read at once."""
    low_rank_slot_bytes: NonNegativeInt = 640 * 1024**2
    """The same for LoRA's and PiSSA's, if there is room for `answers_at_once` of them; else each is
    read in products of its own."""
    adapter_bytes: PositiveInt = 2 * 1024**3
    """Main memory for the documents' memories that were read from their files."""
    key_value_bytes: PositiveInt = 4 * 1024**3
    """Memory, on the engine's device, for what the answers under way have seen: half of it is
    shared out among `answers_at_once`, half is for answers that are too long for such a share."""
    prefix_bytes: PositiveInt = 2 * 1024**3
    """Memory, on the engine's device, for the documents' beginnings that were read before; on an
    accelerator, as much main memory holds those that had to leave."""

    log_format: LogFormat = "auto"
    """`json`, or `text` for people; auto writes text on a terminal."""

    judge_api_key: SecretStr | None = None
    """Key of the endpoint that judges answers in `lift eval`."""

    lease_seconds: PositiveFloat = 60.0
    """A running job whose worker is silent for so long is given to another."""
    heartbeat_seconds: PositiveFloat = 10.0
    """Time between two renewals of a running job's lease."""
    sweep_seconds: PositiveFloat = 10.0
    """Time between two looks for jobs that were never sent or have lost their worker."""
    max_attempts: PositiveInt = 3
    """Attempts at a job before it is failed."""
    job_timeout_seconds: PositiveFloat = 86_400.0
    """Longest run of one attempt."""
    checkpoint_seconds: PositiveFloat = 5.0
    """Time between two checkpoints of a training, at least; more where they take long to write."""
    grace_seconds: PositiveFloat = 20.0
    """A worker that has to stop gives its training so long to reach a checkpoint."""
    devices: str = ""
    """Devices, separated by commas, that one worker trains on at the same time, a job on each;
    unset is the one of `LIFT_DEVICE`."""
    trainer_memory_bytes: PositiveInt | None = None
    """A trainer that holds more main memory is stopped and its job failed; unset sets no limit."""
    trainer_idle_seconds: PositiveFloat = 300.0
    """A trainer without work keeps the base model loaded for so long."""

    @property
    def base_model(self) -> dict[str, Any]:
        """What `load_base_model` is called with."""
        return {
            "source": self.model,
            "cache_dir": self.model_cache_dir,
            "device": self.device,
            "dtype": self.dtype,
            "quantization": self.quantization,
        }

    @property
    def asks_for_keys(self) -> bool:
        """Whether a request needs an API key."""
        return self.auth == "keys"

    @property
    def engine_limits(self) -> dict[str, Any]:
        """How much the engine may take, as `EngineLimits` names it."""
        return {
            "rows": self.answers_at_once,
            "waiting": self.waiting_questions,
            "answer_seconds": self.answer_timeout_seconds,
            "slot_bytes": self.slot_bytes,
            "low_rank_slot_bytes": self.low_rank_slot_bytes,
            "host_bytes": self.adapter_bytes,
            "row_bytes": self.key_value_bytes,
            "prefix_bytes": self.prefix_bytes,
        }

    @property
    def training_devices(self) -> tuple[str, ...]:
        """The devices that a worker trains on, at least one."""
        named = tuple(name.strip() for name in self.devices.split(",") if name.strip())
        return named or (self.device,)

    @property
    def resolved_database_url(self) -> str:
        """The database's URL, SQLite in the data folder by default."""
        from sqlalchemy import URL  # here: `lift status` must not wait for it

        path = self.data_dir.resolve() / "lift.db"
        return self.database_url or URL.create("sqlite", database=str(path)).render_as_string()

    @property
    def resolved_store_url(self) -> str:
        """The store's URL, a folder in the data folder by default."""
        return self.store_url or (self.data_dir.resolve() / "store").as_uri()

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        if self.preset not in PRESETS:
            raise ValueError(f"LIFT_PRESET must be one of {', '.join(PRESETS)}, not {self.preset}")
        if PRESETS[self.preset].memory_kind == "pissa" and self.quantization != "none":
            raise ValueError(
                f"LIFT_PRESET={self.preset} needs LIFT_QUANTIZATION=none: PiSSA starts from "
                "weights in floating point; choose balanced"
            )
        if self.lease_seconds <= self.heartbeat_seconds:
            raise ValueError(
                "LIFT_LEASE_SECONDS must be more than LIFT_HEARTBEAT_SECONDS: a lease has to last "
                "until it is renewed"
            )
        if self.lease_seconds <= self.grace_seconds + self.heartbeat_seconds:
            raise ValueError(
                "LIFT_LEASE_SECONDS must be more than LIFT_GRACE_SECONDS and "
                "LIFT_HEARTBEAT_SECONDS together: a stopping worker may still write its checkpoint"
            )
        if len({name.partition(":")[0] for name in self.training_devices}) > 1:
            raise ValueError(
                "LIFT_DEVICES must name devices of one kind: run a worker for each kind"
            )
        return self
