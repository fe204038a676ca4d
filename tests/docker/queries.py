"""What the dashboard and the alert rules ask Prometheus."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).parents[2] / "docker/observability"
_METRIC = re.compile(r"\b(?:(?:lift|process)_[a-z0-9_]+|up)\b")


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    return json.loads((_FOLDER / "grafana/lift.json").read_text(encoding="utf-8"))


def dashboard_queries() -> list[str]:
    """Return the queries of all panels, and the variable's."""
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    variables = [each["query"]["query"] for each in dashboard()["templating"]["list"]]
    return [target["expr"] for panel in panels for target in panel["targets"]] + variables


def rules() -> list[dict[str, Any]]:
    """Return the alert rules."""
    groups = yaml.safe_load((_FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def metrics_in(query: str) -> set[str]:
    """Return the metrics that a query names."""
    return set(_METRIC.findall(re.sub(r'"[^"]*"', "", query)))
