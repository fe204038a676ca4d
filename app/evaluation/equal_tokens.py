"""Equal training tokens for a method whose epochs are shorter than another's: more epochs."""

import math
from dataclasses import replace

from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.pipeline import prepare
from app.lift.trainer import plan_steps


def with_as_many_tokens(
    base: BaseModel, text: str, method: MethodConfig, other: MethodConfig
) -> MethodConfig:
    """Return `method` with its epochs multiplied until they process the tokens of `other`, or more.

    Both stages keep their proportion as nearly as whole epochs allow. What pairs add is left out,
    as they are not written yet; more epochs can only show them more often.
    """
    share = _num_tokens(base, text, other) / _num_tokens(base, text, method)
    return replace(
        method,
        recitation_epochs=math.ceil(method.recitation_epochs * share),
        joint_epochs=math.ceil(method.joint_epochs * share),
    )


def _num_tokens(base: BaseModel, text: str, method: MethodConfig) -> int:
    steps = plan_steps(base, prepare(text, base, method), method)
    return sum(row.num_tokens for rows in steps for row in rows)
