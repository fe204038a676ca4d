"""`/limits`: what the server takes, for those who want to know before they send it."""

from fastapi import APIRouter

from app.deps import CallerDep, ServicesDep
from app.limit_views import LimitsView

router = APIRouter(tags=["documents"])


@router.get("/limits")
def get_limits(caller: CallerDep, services: ServicesDep) -> LimitsView:
    """Say what may be sent and asked for at most, and what the caller may do."""
    return LimitsView.of(services.settings, caller)
