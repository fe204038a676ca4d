"""`/adapters`: what this process's engine holds, for keys with the scope `admin`."""

from fastapi import APIRouter

from app import adapters
from app.adapter_views import EngineAdapters, HeldAdapters
from app.deps import OperatorDep, ServicesDep
from app.problems import problem_responses

router = APIRouter(tags=["adapters"])


@router.get("/adapters")
def list_adapters(_: OperatorDep, services: ServicesDep) -> EngineAdapters:
    """List what the engine of this process holds, whosever the documents are."""
    return adapters.find_all(services)


@router.post(
    "/adapters/{document_id}/preload",
    status_code=202,
    responses=problem_responses(404, 409, 422),
)
def preload_adapter(_: OperatorDep, document_id: str, services: ServicesDep) -> HeldAdapters:
    """Have a document's adapter brought to where answers read it, before anybody asks."""
    return adapters.preload(services, document_id)


@router.post(
    "/adapters/{document_id}/pin",
    status_code=202,
    responses=problem_responses(404, 409, 422),
)
def pin_adapter(_: OperatorDep, document_id: str, services: ServicesDep) -> HeldAdapters:
    """Preload a document's adapter, and keep it in main memory until it is unpinned."""
    return adapters.pin(services, document_id)


@router.post("/adapters/{document_id}/unpin", responses=problem_responses(404, 422))
def unpin_adapter(_: OperatorDep, document_id: str, services: ServicesDep) -> HeldAdapters:
    """Let a document's adapter leave main memory when others need its place."""
    return adapters.unpin(services, document_id)


@router.post("/adapters/{document_id}/evict", responses=problem_responses(404, 422))
def evict_adapter(_: OperatorDep, document_id: str, services: ServicesDep) -> HeldAdapters:
    """Drop what the engine holds of a document; what answers read now goes after them."""
    return adapters.evict(services, document_id)
