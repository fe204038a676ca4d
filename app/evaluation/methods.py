"""What is compared: every method by its name, and the entries of one run.

A method is what a question's prompt shows, which memory is plugged in, and what is asked. An entry
is a method with settings of its own, written `lift:num_qa_pairs=30:seed=1`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.evaluation.contexts import OpenDocument, no_context, retrieved, truncated, whole
from app.evaluation.errors import EvaluationError
from app.lift.config import MethodConfig
from app.lift.presets import InvalidOptionError, UnknownPresetError, resolve_method
from app.lift.prompts import Prompt


class Whose(StrEnum):
    """Whose memory is plugged in."""

    NOBODY = "nobody's"
    OWN = "the document's own"
    OTHER = "another document's"


@dataclass(frozen=True, slots=True)
class Method:
    """One way to answer a document's questions."""

    name: str
    says: str
    """In a few words, for the report."""
    prompt: Callable[[OpenDocument, str], Prompt]
    memory: Whose = Whose.NOBODY
    against: str | None = None
    """The method with the same prompt and no memory, or what this one is compared with."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What makes this method: no option of the run changes it."""
    usual: Mapping[str, Any] = field(default_factory=dict)
    """What it is run with unless an option says otherwise."""
    is_unrelated: bool = False
    """Asks general knowledge instead of the document's questions."""
    has_lift_tokens: bool = False
    """Trains for as many epochs as process the tokens of `lift`."""


_RIVAL: Mapping[str, Any] = {"lora_rank": None}  # as many parameters as Gated Memory
_NO_CONTEXTS: Mapping[str, Any] = {"recitation_context_tokens": 0, "context_share": 0.0}
METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method("closed", "the question only", no_context, against="icl"),
        Method("icl", "truncated context", truncated),
        Method("icl-full", "whole document, as far as the base model reads", whole, against="icl"),
        Method("rag", "BM25 passages, as many tokens as icl", retrieved, against="icl"),
        Method("lift", "memory and truncated context", truncated, Whose.OWN, "icl"),
        Method("lift-closed", "memory, no context", no_context, Whose.OWN, "closed"),
        Method("lift+rag", "memory and BM25 passages", retrieved, Whose.OWN, "rag"),
        Method(
            "lift-wrong-document",
            "another document's memory and truncated context",
            truncated,
            Whose.OTHER,
            "icl",
        ),
        Method(
            "lift-no-ct",
            "lift, trained without contexts",
            truncated,
            Whose.OWN,
            "icl",
            _NO_CONTEXTS,
        ),
        Method(
            "lift-no-ct-equal",
            "lift, trained without contexts on as many tokens",
            truncated,
            Whose.OWN,
            "icl",
            _NO_CONTEXTS,
            has_lift_tokens=True,
        ),
        Method(
            "pissa",
            "lift with PiSSA for Gated Memory",
            truncated,
            Whose.OWN,
            "icl",
            {"memory_kind": "pissa"},
            _RIVAL,
        ),
        Method(
            "lora",
            "lift with LoRA for Gated Memory",
            truncated,
            Whose.OWN,
            "icl",
            {"memory_kind": "lora"},
            _RIVAL,
        ),
        Method(
            "unrelated",
            "general knowledge with the memory, no context",
            no_context,
            Whose.OWN,
            is_unrelated=True,
        ),
        Method(
            "unrelated-icl",
            "general knowledge with the memory, behind the truncated context",
            truncated,
            Whose.OWN,
            is_unrelated=True,
        ),
    )
}
"""All methods; `icl` is what the others are measured against."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A method as one run uses it."""

    label: str
    """As it was asked for; names it in files, tables and plots."""
    method: Method
    options: Mapping[str, Any]
    """Settings for this entry alone."""

    def config(self, preset: str, options: Mapping[str, Any]) -> MethodConfig:
        """Return the settings: preset, options of the run, what makes the method, its own options.

        Raises EvaluationError like `settle`.
        """
        laid = {**self.method.usual, **options, **self.method.settings, **self.options}
        return settle(self.label, preset, laid)

    def yardstick(self) -> "Entry":
        """Return `lift` with the same options: whose training tokens this entry gets."""
        return Entry(self.label, METHODS["lift"], self.options)


def settle(what: str, preset: str, options: Mapping[str, Any]) -> MethodConfig:
    """Return the settings of a preset with options over them, for `what`.

    Raises:
        EvaluationError: the preset or an option is unknown, or options contradict each other.
    """
    try:
        return resolve_method(preset, options)
    except (UnknownPresetError, InvalidOptionError) as error:
        raise EvaluationError(f"{what}: {error}") from error


def parse_entries(text: str) -> tuple[Entry, ...]:
    """Read `icl,lift,lift:num_qa_pairs=0`. Raises EvaluationError."""
    labels = [label.strip() for label in text.split(",") if label.strip()]
    if not labels:
        raise EvaluationError(f"name at least one method; the methods are: {_known()}")
    if repeated := sorted({label for label in labels if labels.count(label) > 1}):
        raise EvaluationError(f"named twice: {', '.join(repeated)}")
    return tuple(_entry(label) for label in labels)


def _entry(label: str) -> Entry:
    name, *options = label.split(":")
    if name not in METHODS:
        raise EvaluationError(f"unknown method {name!r}; the methods are: {_known()}")
    return Entry(label, METHODS[name], dict(map(parse_option, options)))


def parse_option(text: str) -> tuple[str, Any]:
    """Read `name=value`; the value is a number, true, false, null, or else words."""
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise EvaluationError(f"an option is name=value, not {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _known() -> str:
    return ", ".join(METHODS)
