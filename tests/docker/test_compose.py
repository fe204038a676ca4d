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
from tests.docker.composed import COMPOSE_FILES, OUR_SERVICES, ROOT, compose

SCRIPTS = Path(sysconfig.get_path("scripts"))


def _run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPTS / tool, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture
def services() -> dict[str, Any]:
    """The services of the main compose file."""
    return compose("docker-compose.yml")["services"]


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
    gpu_services = compose("docker/compose.gpu.yml")["services"]
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

    assert mounted == set(compose("docker-compose.yml")["volumes"])


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
