"""Each compose file: what its services may take, and whether its sizes and times agree."""

from typing import Any

import pytest

from app.settings import Settings
from tests.docker.composed import (
    COMPOSE_FILES,
    OUR_SERVICES,
    ROOT,
    WHOLE_FILES,
    compose,
    defaults,
    example,
    own_services,
)


@pytest.fixture
def services() -> dict[str, Any]:
    """The services of the main compose file."""
    return compose("docker-compose.yml")["services"]


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_every_service_has_limits(name: str) -> None:
    """None can take all of the machine's memory, or fork without end."""
    for service in own_services(name).values():
        limits = service["deploy"]["resources"]["limits"]

        assert {"memory", "pids"} <= set(limits)


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_no_service_writes_to_its_own_root(name: str) -> None:
    """What is written goes to a volume or is gone with the container; nobody gains privileges."""
    for service in own_services(name).values():
        assert service["read_only"] is True
        assert any(mount.split(":")[0] == "/tmp" for mount in service["tmpfs"])
        assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_logs_do_not_fill_the_disk(name: str) -> None:
    """Each file of what a service says is thrown away at some time."""
    for service in own_services(name).values():
        assert {"max-size", "max-file"} <= set(service["logging"]["options"])


@pytest.mark.parametrize("name", COMPOSE_FILES)
def test_every_image_names_its_version(name: str) -> None:
    """None is whatever happens to be the newest."""
    for service in own_services(name).values():
        version = service["image"].rpartition(":")[2].removesuffix("}")

        assert version not in ("", "latest")
        assert ":" in service["image"]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("docker-compose.yml", {}),
        ("docker/compose.gpu.yml", compose("docker/compose.gpu.yml")["x-environment"]),
        ("docker/compose.scale.yml", example("docker/scale.env.example")),
    ],
)
def test_worker_is_given_the_time_to_save_its_training(
    name: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings agree with each other, and nobody is killed before his grace is over."""
    for key, value in defaults(settings).items():
        monkeypatch.setenv(key, value)
    grace_seconds = Settings().grace_seconds
    worker = compose(name)["services"]["worker"]

    assert _seconds(worker["stop_grace_period"]) >= grace_seconds + 15


def test_sizes_for_a_gpu_leave_room_for_two_base_models() -> None:
    """Of 78 GiB: twice 15 for the weights, 12 for a training and what CUDA takes, the rest here."""
    own = defaults(compose("docker/compose.gpu.yml")["x-environment"])
    on_device = ("LIFT_KEY_VALUE_BYTES", "LIFT_PREFIX_BYTES", "LIFT_SLOT_BYTES")

    assert sum(int(own[name]) for name in on_device) / 1024**3 <= 78 - 2 * 15 - 12


@pytest.mark.parametrize("service", OUR_SERVICES)
def test_scaled_service_is_the_one_of_the_main_file(service: str, services: dict[str, Any]) -> None:
    """The same command with the same rights, on a box of its own by its profile."""
    scaled = compose("docker/compose.scale.yml")["services"][service]

    assert scaled["profiles"] == [service]
    assert scaled["command"] == services[service]["command"]
    assert scaled["cap_drop"] == ["ALL"]
    assert scaled.get("healthcheck") == services[service].get("healthcheck")
    assert not {"depends_on", "build"} & set(scaled)


def test_scaled_boxes_share_what_has_to_be_shared() -> None:
    """Database, broker, store and base model stand in the file that all of them have."""
    told = example("docker/scale.env.example")

    shared = {"LIFT_DATABASE_URL", "LIFT_BROKER_URL", "LIFT_STORE_URL", "LIFT_MODEL", "LIFT_AUTH"}
    assert shared <= set(told)
    assert "LIFT_DATA_DIR" not in told
    assert told["LIFT_AUTH"] == "keys"


def test_proxies_reach_the_api_and_nothing_else_is_published() -> None:
    """Only ports 80 and 443 are, and files that are mounted exist."""
    services = own_services("docker/compose.tls.yml")
    mounted = [volume.split(":")[0] for each in services.values() for volume in each["volumes"]]

    assert {service["environment"]["UPSTREAM"] for service in services.values()} == {"api:8000"}
    for service in services.values():
        assert {port.split(":")[0] for port in service["ports"]} == {"80", "443"}
        assert service["cap_drop"] == ["ALL"]
    assert all((ROOT / path).is_file() for path in mounted if path.startswith("./"))


def test_api_behind_a_proxy_answers_to_its_name_and_to_prometheus() -> None:
    """Whatever else an operator names, whom the proxy and the inside call is there."""
    environment = compose("docker/compose.tls.yml")["services"]["api"]["environment"]

    names = environment["LIFT_ALLOWED_HOSTS"].split(",")
    assert names == ["api", "${SERVER_NAME}", "${LIFT_ALLOWED_HOSTS:-}"]


def _seconds(duration: str) -> float:
    assert duration.endswith("s")
    return float(duration.removesuffix("s"))
