"""What Prometheus reads at `/metrics`: names, units, and where each number comes from.

`http` and `answers` count what this process does; `engine` asks the engine, `jobs` the database
and `disk` the data folder, each when somebody looks. No label names a document, an owner or a file.
"""

from app.metrics.scrape import Metrics

__all__ = ["Metrics"]
