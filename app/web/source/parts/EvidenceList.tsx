// Passages that bear on a question, each with the way to its place in the document.
import type { Answer, Evidence } from "../generated";
import { addressOf } from "../state/route";
import { excerpt } from "../words/excerpt";

interface Wishes {
  answer: Answer;
  documentId: string;
  question: string;
}

export function EvidenceList({ answer, documentId, question }: Wishes) {
  if (answer.evidence === null) return null;
  if (answer.evidence.length === 0) return <p class="no-evidence">{withoutEvidence(answer)}</p>;
  return (
    <section class="evidence" aria-label="Passages of the document">
      <h4>Passages that bear on it</h4>
      <ol>
        {answer.evidence.map((each) => (
          <li key={`${each.start}-${each.end}`}>
            <Passage evidence={each} documentId={documentId} question={question} />
          </li>
        ))}
      </ol>
      <p class="quiet">Found by searching the text; the model did not name them.</p>
    </section>
  );
}

interface PassageWishes {
  evidence: Evidence;
  documentId: string;
  question: string;
}

function Passage({ evidence, documentId, question }: PassageWishes) {
  const { start, end } = evidence;
  const where = [evidence.heading, evidence.page === null ? null : `page ${evidence.page}`].filter(Boolean).join(", ");
  return (
    <>
      <blockquote>{excerpt(evidence.text, question)}</blockquote>
      <p class="where">
        {where && <span>{where}</span>}
        {evidence.kind === "qa_pair" && <span>proves a stored answer</span>}
        <a href={addressOf(documentId, "text", { start, end })}>
          Open in the text<span class="unseen">: {where || `at character ${start}`}</span>
        </a>
      </p>
    </>
  );
}

function withoutEvidence({ memory, context }: Answer): string {
  if (memory !== "used") return "No passage was found that bears on the question.";
  if (context === "truncated") return "No passage found: beside the beginning and end of the text, this came from memory alone.";
  return "No passage found: this came from memory alone.";
}
