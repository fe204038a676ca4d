"""The compose files as data."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE_FILES = (
    "docker-compose.yml",
    "docker/compose.gpu.yml",
    "docker/compose.tls.yml",
    "docker/compose.scale.yml",
)
WHOLE_FILES = ("docker-compose.yml", "docker/compose.tls.yml", "docker/compose.scale.yml")
"""Those that tell all of their services; what they say of others' is left out."""
OUR_SERVICES = ("migrate", "api", "worker")


def compose(name: str) -> dict[str, Any]:
    """Read a compose file."""
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def own_services(name: str) -> dict[str, Any]:
    """Return the services that a file defines."""
    found = compose(name)["services"]
    return {key: service for key, service in found.items() if "image" in service}


def defaults(environment: dict[str, Any]) -> dict[str, str]:
    """Return what a file sets where the shell says nothing."""
    told = {name: str(value) for name, value in environment.items() if value is not None}
    return {
        name: re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", value)
        for name, value in told.items()
        if name.startswith("LIFT_")
    }


def example(name: str) -> dict[str, str]:
    """Return the variables of an environment file."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
