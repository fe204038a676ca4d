"""`/documents/{document_id}/ask`: one question, one answer."""

from functools import partial

from anyio import to_thread
from fastapi import APIRouter

from app import questions
from app.deps import AskerDep, AskingLimiterDep, ServicesDep
from app.problems import problem_responses
from app.schemas import Answer, Question
from app.services import Services

router = APIRouter(tags=["questions"])


@router.post("/documents/{document_id}/ask", responses=problem_responses(404, 409, 413, 422, 503))
async def ask_document(
    document_id: str,
    question: Question,
    caller: AskerDep,
    services: ServicesDep,
    limiter: AskingLimiterDep,
) -> Answer:
    """Ask a document; the answer comes from its memory and its truncated text."""
    ask = partial(_ask, services, caller.owner, document_id, question)
    return await to_thread.run_sync(ask, limiter=limiter)


def _ask(services: Services, owner: str, document_id: str, question: Question) -> Answer:
    max_tokens = services.settings.max_answer_tokens
    with services.database.reading() as session:  # closed before the model starts to think
        ask = questions.prepare(session, services.store, owner, document_id, question, max_tokens)
    return Answer.of(ask, questions.answer(services.answerer, ask))
