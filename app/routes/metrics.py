"""`/metrics`: what Prometheus reads."""

from fastapi import APIRouter
from starlette.responses import Response

from app.deps import MetricsDep, ServicesDep
from app.metrics.scrape import MEDIA_TYPE

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
def get_metrics(services: ServicesDep, metrics: MetricsDep) -> Response:
    """Tell what this process counts, and what engine, database and disk say now."""
    return Response(metrics.write(services), media_type=MEDIA_TYPE)
