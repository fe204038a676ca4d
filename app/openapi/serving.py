"""An application that describes itself, in OpenAPI 3.1 and 3.0."""

from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse

from app.openapi.description import Limits, describe
from app.openapi.downgrade import downgrade


class DescribedApi(FastAPI):
    """Serves `/openapi.json` and `/openapi-3.0.json`."""

    def __init__(self, limits: Limits, **options: Any) -> None:
        super().__init__(**options)
        self._limits = limits
        self.add_route("/openapi-3.0.json", self._answer_older, include_in_schema=False)

    def openapi(self) -> dict[str, Any]:
        """Return the document, which is made once."""
        if self.openapi_schema is None:
            self.openapi_schema = describe(super().openapi(), self._limits)
        return self.openapi_schema

    async def _answer_older(self, _: Request) -> JSONResponse:
        return JSONResponse(downgrade(self.openapi()))
