"""`/healthz` and `/readyz`: is the process alive, and do the parts it needs work."""

from fastapi import APIRouter

from app import readiness
from app.deps import ServicesDep
from app.problems import problem_responses
from app.schemas import Alive, Readiness

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def get_health() -> Alive:
    """Say that the process answers; whatever else may be broken."""
    return Alive(status="alive")


@router.get("/readyz", responses=problem_responses(503))
def get_readiness(services: ServicesDep) -> Readiness:
    """Say whether database, broker, store and engine work."""
    return Readiness(status="ready", model=readiness.require_ready(services))
