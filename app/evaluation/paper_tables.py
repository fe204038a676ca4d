"""The paper's tables as runs (arXiv 2502.14644, versions 1 to 3): methods, presets, metrics.

What each number stands for, and how sure that is, is said in this folder's README.md. LooGLE and
LongBench are the data of the originals; any other data can be given the same settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from app.evaluation.errors import EvaluationError
from app.evaluation.methods import Entry, parse_entries

_LOOGLE_ANSWER_TOKENS = 200  # the authors' scripts
_LONGEST_LONGBENCH_ANSWER_TOKENS = 512  # LongBench's own limit for its summaries
_TABLE_8_PISSA = "pissa:lora_rank=128:learning_rate=3e-5:recitation_epochs=1:joint_epochs=3"
_PISSA_AT_EQUAL_BUDGET = "pissa:learning_rate=1e-3"  # the best of 3e-4, 1e-3, 5e-3 in `balanced`
_TEXT_METRICS = ("log-likelihood", "containment", "f1", "rouge-l", "meteor")


@dataclass(frozen=True, slots=True)
class PaperTable:
    """One table's settings."""

    shows: str
    methods: str
    """As `--methods` takes them."""
    rivals: str = ""
    """Further methods, at the settings that the paper gave them."""
    rivals_at_equal_budget: str = ""
    """The same on the training tokens of `lift`, where another preset is asked for."""
    preset: str = "paper"
    presets_by_task: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[str, ...] = _TEXT_METRICS
    max_answer_tokens: int = _LOOGLE_ANSWER_TOKENS

    def entries(self, preset: str | None) -> tuple[Entry, ...]:
        """Return the table's methods; with a preset of one's own, rivals keep to its budget."""
        rivals = self.rivals if preset in (None, self.preset) else self.rivals_at_equal_budget
        return parse_entries(f"{self.methods},{rivals}")


_LOOGLE = PaperTable("LooGLE, ICL against LIFT", "icl,lift")
PAPER_TABLES: Mapping[int, PaperTable] = MappingProxyType(
    {
        2: _LOOGLE,
        3: PaperTable("LooGLE's LongQA by subtask", "icl,lift"),
        4: PaperTable(
            "LongBench, ICL against LIFT",
            "icl,lift",
            presets_by_task={
                "musique": "paper-longbench-musique",
                "narrativeqa": "paper-longbench-narrativeqa",
                "qmsum": "paper-longbench-qmsum",
                "gov_report": "paper-longbench-govreport",
                "passage_retrieval_en": "paper-longbench-passageretrieval",
            },
            metrics=("longbench", "log-likelihood"),
            max_answer_tokens=_LONGEST_LONGBENCH_ANSWER_TOKENS,
        ),
        5: PaperTable("with and without contextualised training", "lift-no-ct,lift"),
        6: PaperTable(
            "0, 10 and 30 question/answer pairs",
            "lift:num_qa_pairs=0,lift:num_qa_pairs=10,lift:num_qa_pairs=30",
        ),
        7: PaperTable(
            "Gated Memory against PiSSA, questions in and out of context",
            "icl,lift",
            rivals=f"lift-no-ct,{_TABLE_8_PISSA}",
            rivals_at_equal_budget=f"lift-no-ct-equal,{_PISSA_AT_EQUAL_BUDGET}",
        ),
    }
)


def paper_table(number: int) -> PaperTable:
    """Return one table's settings. Raises EvaluationError."""
    if number not in PAPER_TABLES:
        raise EvaluationError(
            f"--paper-table {number}: there are {', '.join(map(str, PAPER_TABLES))}"
        )
    return PAPER_TABLES[number]
