"""Prometheus and Grafana beside the server, as far as that can be checked without running them."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.own_host import own_hosts
from tests.docker.queries import dashboard, dashboard_queries, metrics_in, rules

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker/observability"
OBSERVERS = ("prometheus", "grafana")
PROMTOOL = shutil.which("promtool")


@pytest.fixture
def compose() -> dict[str, Any]:
    """The main compose file."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def test_observers_start_only_if_asked_for(compose: dict[str, Any]) -> None:
    """They have the profile, and nothing else has one."""
    with_profiles = {
        name: service["profiles"]
        for name, service in compose["services"].items()
        if "profiles" in service
    }

    assert with_profiles == {name: ["observability"] for name in OBSERVERS}


@pytest.mark.parametrize("name", OBSERVERS)
def test_observer_is_fenced_in(compose: dict[str, Any], name: str) -> None:
    """No capability, a root that cannot be written, bounds, and an image of one version."""
    service = compose["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert {"memory", "cpus", "pids"} == set(service["deploy"]["resources"]["limits"])
    assert service["tmpfs"] == ["/tmp"]
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])
    assert service["image"].partition(":")[2][:1] in "v1"
    assert not {"environment", "build"} & set(service) or name == "grafana"


def test_nobody_can_log_in_to_grafana(compose: dict[str, Any]) -> None:
    """It would begin with a password that everybody knows."""
    environment = compose["services"]["grafana"]["environment"]

    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"


def test_every_mounted_file_exists(compose: dict[str, Any]) -> None:
    """What services mount is declared, what is declared is there, and all that is there is used."""
    declared = {name: ROOT / config["file"] for name, config in compose["configs"].items()}
    mounted = {
        config["source"]
        for service in compose["services"].values()
        for config in service.get("configs", [])
    }

    assert mounted == set(declared)
    assert set(declared.values()) == {path for path in FOLDER.rglob("*") if path.is_file()}


def test_prometheus_calls_the_api_by_a_name_that_it_answers_to(compose: dict[str, Any]) -> None:
    """The target's host is among the API's own, whatever an operator adds."""
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    (target,) = config["scrape_configs"][0]["static_configs"][0]["targets"]
    host, port = target.split(":")
    allowed = compose["services"]["api"]["environment"]["LIFT_ALLOWED_HOSTS"]

    assert host in compose["services"]
    assert host in own_hosts("0.0.0.0", allowed.replace("${LIFT_ALLOWED_HOSTS:-}", ""))
    assert port == compose["services"]["api"]["command"][-1]


def test_dashboard_asks_the_provisioned_source() -> None:
    """Every panel and variable names it by its id, and panels have ids of their own."""
    source = yaml.safe_load((FOLDER / "grafana/datasource.yml").read_text(encoding="utf-8"))
    uid = source["datasources"][0]["uid"]
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    asked = [*panels, *(target for panel in panels for target in panel["targets"])]

    assert {each["datasource"]["uid"] for each in asked} == {uid}
    assert dashboard()["templating"]["list"][0]["datasource"]["uid"] == uid
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(dashboard()["panels"])


def test_panels_do_not_overlap() -> None:
    """Each has a place, a unit and a sentence about what it shows."""
    taken = set[tuple[int, int]]()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"].endswith(".")
            assert panel["fieldConfig"]["defaults"]["unit"]


def test_every_alert_says_what_to_do() -> None:
    """Its name is its own; it has a severity, a summary and a description."""
    names = [rule["alert"] for rule in rules()]

    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"].rstrip()[-1] in ".?"


def test_every_alert_is_made_to_fire() -> None:
    """On the bad day of the rules' own tests."""
    text = (Path(__file__).parent / "alerts.yml").read_text(encoding="utf-8")

    assert set(re.findall(r'alertname="(\w+)"', text)) == {rule["alert"] for rule in rules()}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_alerts_fire_when_they_should() -> None:
    """On a bad day all of them, once each; on a good one none."""
    tested = subprocess.run(
        [str(PROMTOOL), "test", "rules", "tests/docker/alerts.yml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_metrics_are_found_in_queries() -> None:
    """What the test of the real server looks for is what stands there."""
    found = metrics_in(
        'sum by (le) (rate(lift_x_bucket{job="lift_y"}[5m])) / up > 3 * lift_z_total'
    )

    assert found == {"lift_x_bucket", "lift_z_total", "up"}
    assert all(metrics_in(query) for query in dashboard_queries())
    assert json.dumps(dashboard())
