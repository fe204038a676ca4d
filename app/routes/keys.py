"""`/keys`: make, list and revoke API keys, for keys with the scope `admin`."""

from typing import Annotated

from fastapi import APIRouter, Body

from app import keys
from app.clock import utc_now
from app.deps import AdminDep, ReaderDep, WriterDep
from app.key_views import KeyList, KeyView, KeyWish, NewKeyView
from app.problems import problem_responses

router = APIRouter(tags=["keys"])


@router.post("/keys", status_code=201, responses=problem_responses(409, 422))
def create_key(_: AdminDep, session: WriterDep, wish: Annotated[KeyWish, Body()]) -> NewKeyView:
    """Make a key; the answer is the only one that shows it."""
    row, secret = keys.create(session, wish, utc_now())
    return NewKeyView.of(row, key=secret)


@router.get("/keys", responses=problem_responses(409))
def list_keys(_: AdminDep, session: ReaderDep) -> KeyList:
    """List all keys, without the keys themselves."""
    return KeyList(data=[KeyView.of(row) for row in keys.find_all(session)])


@router.delete("/keys/{key_id}", responses=problem_responses(404, 409, 422))
def revoke_key(_: AdminDep, key_id: str, session: WriterDep) -> KeyView:
    """End a key at once, for every request that comes after this."""
    return KeyView.of(keys.revoke(session, key_id, utc_now()))
