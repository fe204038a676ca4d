"""The image and the compose files, as far as they can be checked without a container engine."""

import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer.main
import yaml

from app.cli.main import app
from app.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE_FILES = (
    "docker-compose.yml",
    "docker/compose.gpu.yml",
    "docker/compose.tls.yml",
    "docker/compose.scale.yml",
)
WHOLE_FILES = ("docker-compose.yml", "docker/compose.tls.yml", "docker/compose.scale.yml")
"""Those that tell all of their services; what they say of others' is left out."""
SCRIPTS = Path(sysconfig.get_path("scripts"))
OUR_SERVICES = ("migrate", "api", "worker")


def _run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPTS / tool, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def _compose(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def _own_services(name: str) -> dict[str, Any]:
    """Return the services that a file defines."""
    found = _compose(name)["services"]
    return {key: service for key, service in found.items() if "image" in service}


def _seconds(duration: str) -> float:
    assert duration.endswith("s")
    return float(duration.removesuffix("s"))


def _defaults(environment: dict[str, Any]) -> dict[str, str]:
    """Return what a file sets where the shell says nothing."""
    told = {name: str(value) for name, value in environment.items() if value is not None}
    return {
        name: re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", value)
        for name, value in told.items()
        if name.startswith("LIFT_")
    }


def _example(name: str) -> dict[str, str]:
    """Return the variables of an environment file."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.fixture
def services() -> dict[str, Any]:
    """The services of the main compose file."""
    return _compose("docker-compose.yml")["services"]


@pytest.fixture
def dockerfile() -> str:
    """The Dockerfile's text."""
    return (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMPOSE_FILES)
def test_compose_file_obeys_the_schema(name: str) -> None:
    """Each compose file is valid against the Compose specification's schema."""
    checked = _run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", name)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_dockerfile_is_clean() -> None:
    """The linter for Dockerfiles finds nothing."""
    checked = _run("hadolint", "docker/Dockerfile")

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_gpu_file_speaks_of_known_services(services: dict[str, Any]) -> None:
    """The GPU file speaks of exactly the services whose image is ours: all get the CUDA one."""
    gpu_services = _compose("docker/compose.gpu.yml")["services"]
    built = {name for name, service in services.items() if "build" in service}

    assert set(gpu_services) == built


@pytest.mark.parametrize("service", OUR_SERVICES)
def test_service_starts_a_command_that_exists(service: str, services: dict[str, Any]) -> None:
    """Each service runs a subcommand of `lift` with options that this subcommand has."""
    program, subcommand, *arguments = services[service]["command"]
    parameters = typer.main.get_command(app).commands[subcommand].params
    known = {option for parameter in parameters for option in parameter.opts}

    assert program == "lift"
    assert {word for word in arguments if word.startswith("--")} <= known


def test_image_starts_the_api_as_the_compose_file_does(
    dockerfile: str, services: dict[str, Any]
) -> None:
    """The image's own command is the one that the compose file gives the API."""
    last_command = dockerfile.rstrip().rpartition("\nCMD ")[2]

    assert yaml.safe_load(last_command) == services["api"]["command"]


@pytest.mark.parametrize(
    "name", [*COMPOSE_FILES, ".env.example", "docker/scale.env.example", "docker/Dockerfile"]
)
def test_every_lift_variable_is_a_setting(name: str) -> None:
    """No file sets or asks for a `LIFT_` variable that the settings do not know."""
    text = (ROOT / name).read_text(encoding="utf-8")
    named = {word.removeprefix("LIFT_").lower() for word in re.findall(r"\bLIFT_[A-Z0-9_]+", text)}

    assert named <= set(Settings.model_fields)


def test_only_the_api_and_the_dashboard_are_published_and_only_locally(
    services: dict[str, Any],
) -> None:
    """Their ports are published on loopback; no other service publishes any."""
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}

    assert published == {"api": ["127.0.0.1:8000:8000"], "grafana": ["127.0.0.1:3000:3000"]}


def test_api_that_listens_on_all_addresses_asks_for_keys(
    dockerfile: str, services: dict[str, Any]
) -> None:
    """The image asks for keys, and the compose file does not take that back."""
    environment = services["api"]["environment"]

    assert "--host" in services["api"]["command"]
    assert re.findall(r"LIFT_AUTH=(\w+)", dockerfile) == ["keys"]
    assert "LIFT_AUTH" not in environment


def test_no_password_is_written_down(services: dict[str, Any]) -> None:
    """The database's password is in no file: it comes from the environment or is drawn."""
    assert "POSTGRES_PASSWORD" not in services["postgres"]["environment"]
    assert services["password"]["environment"] == {"POSTGRES_PASSWORD": None}
    assert urlsplit(services["api"]["environment"]["LIFT_DATABASE_URL"]).password is None


def test_image_does_not_run_as_root(dockerfile: str) -> None:
    """The final stage ends as a fixed user that is not root."""
    final_stage = dockerfile.rpartition("\nFROM ")[2]

    assert re.findall(r"^USER (\S+)$", final_stage, re.MULTILINE) == ["10001:10001"]


def test_no_service_gains_privileges(services: dict[str, Any]) -> None:
    """No container may gain privileges or chooses its user, and ours have no capabilities."""
    for service in services.values():
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not {"privileged", "user", "cap_add"} & set(service)
    for name in OUR_SERVICES:
        assert services[name]["cap_drop"] == ["ALL"]


def test_redis_keeps_what_it_was_given(services: dict[str, Any]) -> None:
    """Redis writes an append-only file and evicts nothing, as a broker must."""
    command = " ".join(services["redis"]["command"])

    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_server_starts_on_a_migrated_database(services: dict[str, Any]) -> None:
    """API and worker wait for the migrations' end and for a database and a broker that answer."""
    for name in ("api", "worker"):
        conditions = {
            key: value["condition"] for key, value in services[name]["depends_on"].items()
        }

        assert conditions == {
            "migrate": "service_completed_successfully",
            "postgres": "service_healthy",
            "redis": "service_healthy",
        }


def test_every_lasting_service_is_checked(services: dict[str, Any]) -> None:
    """What runs on has a health check, of its own or of the image; what ends has none."""
    for service in services.values():
        ends = service["restart"] == "no"
        check = service.get("healthcheck", {})

        assert check.get("disable", False) is ends
        assert ends or "test" in check or service["image"].startswith("lift-server")


def test_every_volume_is_declared(services: dict[str, Any]) -> None:
    """Each service mounts named volumes only, and those are the declared ones."""
    mounted = {volume.split(":")[0] for s in services.values() for volume in s["volumes"]}

    assert mounted == set(_compose("docker-compose.yml")["volumes"])


def test_build_context_holds_what_the_image_copies(dockerfile: str) -> None:
    """Every file that the Dockerfile copies from the repository exists and is let through."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {
        source
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
        for source in sources.split()
    }

    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_every_service_has_limits(name: str) -> None:
    """None can take all of the machine's memory, or fork without end."""
    for service in _own_services(name).values():
        limits = service["deploy"]["resources"]["limits"]

        assert {"memory", "pids"} <= set(limits)


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_no_service_writes_to_its_own_root(name: str) -> None:
    """What is written goes to a volume or is gone with the container; nobody gains privileges."""
    for service in _own_services(name).values():
        assert service["read_only"] is True
        assert any(mount.split(":")[0] == "/tmp" for mount in service["tmpfs"])
        assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_logs_do_not_fill_the_disk(name: str) -> None:
    """Each file of what a service says is thrown away at some time."""
    for service in _own_services(name).values():
        assert {"max-size", "max-file"} <= set(service["logging"]["options"])


@pytest.mark.parametrize("name", COMPOSE_FILES)
def test_every_image_names_its_version(name: str) -> None:
    """None is whatever happens to be the newest."""
    for service in _own_services(name).values():
        version = service["image"].rpartition(":")[2].removesuffix("}")

        assert version not in ("", "latest")
        assert ":" in service["image"]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("docker-compose.yml", {}),
        ("docker/compose.gpu.yml", _compose("docker/compose.gpu.yml")["x-environment"]),
        ("docker/compose.scale.yml", _example("docker/scale.env.example")),
    ],
)
def test_worker_is_given_the_time_to_save_its_training(
    name: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings agree with each other, and nobody is killed before his grace is over."""
    for key, value in _defaults(settings).items():
        monkeypatch.setenv(key, value)
    grace_seconds = Settings().grace_seconds
    worker = _compose(name)["services"]["worker"]

    assert _seconds(worker["stop_grace_period"]) >= grace_seconds + 15


def test_sizes_for_a_gpu_leave_room_for_two_base_models() -> None:
    """Of 78 GiB: twice 15 for the weights, 12 for a training and what CUDA takes, the rest here."""
    own = _defaults(_compose("docker/compose.gpu.yml")["x-environment"])
    on_device = ("LIFT_KEY_VALUE_BYTES", "LIFT_PREFIX_BYTES", "LIFT_SLOT_BYTES")

    assert sum(int(own[name]) for name in on_device) / 1024**3 <= 78 - 2 * 15 - 12


@pytest.mark.parametrize("service", OUR_SERVICES)
def test_scaled_service_is_the_one_of_the_main_file(service: str, services: dict[str, Any]) -> None:
    """The same command with the same rights, on a box of its own by its profile."""
    scaled = _compose("docker/compose.scale.yml")["services"][service]

    assert scaled["profiles"] == [service]
    assert scaled["command"] == services[service]["command"]
    assert scaled["cap_drop"] == ["ALL"]
    assert scaled.get("healthcheck") == services[service].get("healthcheck")
    assert not {"depends_on", "build"} & set(scaled)


def test_scaled_boxes_share_what_has_to_be_shared() -> None:
    """Database, broker, store and base model stand in the file that all of them have."""
    told = _example("docker/scale.env.example")

    shared = {"LIFT_DATABASE_URL", "LIFT_BROKER_URL", "LIFT_STORE_URL", "LIFT_MODEL", "LIFT_AUTH"}
    assert shared <= set(told)
    assert "LIFT_DATA_DIR" not in told
    assert told["LIFT_AUTH"] == "keys"


def test_proxies_reach_the_api_and_nothing_else_is_published() -> None:
    """Only ports 80 and 443 are, and files that are mounted exist."""
    services = _own_services("docker/compose.tls.yml")
    mounted = [volume.split(":")[0] for each in services.values() for volume in each["volumes"]]

    assert {service["environment"]["UPSTREAM"] for service in services.values()} == {"api:8000"}
    for service in services.values():
        assert {port.split(":")[0] for port in service["ports"]} == {"80", "443"}
        assert service["cap_drop"] == ["ALL"]
    assert all((ROOT / path).is_file() for path in mounted if path.startswith("./"))
