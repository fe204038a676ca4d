// A question with its answer: where that came from, and how to check it.
import { useState } from "preact/hooks";
import { AnswerText } from "../parts/AnswerText";
import { EvidenceList } from "../parts/EvidenceList";
import { MemoryMeter } from "../parts/MemoryMeter";
import { Notice } from "../parts/Notice";
import { Snippet } from "../parts/Snippet";
import { ask, type Exchange } from "../state/exchange";
import { count } from "../words/figures";

export const CAUTION =
  "Exact numbers, dates and names that stand once in a text are what a memory is worst at: check them in the passages.";

export function ExchangeCard({ exchange }: { exchange: Exchange }) {
  const answer = exchange.answer.value;
  return (
    <article class="exchange" aria-label={`Question: ${exchange.question.question}`}>
      <h3>{exchange.question.question}</h3>
      <Said exchange={exchange} />
      {answer && (
        <>
          <MemoryMeter answer={answer} />
          <p class="caution">{CAUTION}</p>
          <EvidenceList answer={answer} documentId={exchange.documentId} question={exchange.question.question} />
          <p class="quiet figures">
            {count(answer.usage.completion_tokens, "token")} in {answer.timings.total_seconds.toFixed(1)} s
            {answer.finish_reason === "length" && "; cut off at the longest answer"}
          </p>
        </>
      )}
      <Snippet path={`/documents/${exchange.documentId}/ask`} body={exchange.question} />
    </article>
  );
}

function Said({ exchange }: { exchange: Exchange }) {
  const [isShaded, setShaded] = useState(false);
  const phase = exchange.phase.value;
  const pieces = exchange.pieces.value;
  const hasShares = pieces.some((piece) => piece.share !== null);
  return (
    <>
      {phase === "waiting" ? <p class="quiet thinking">Reading …</p> : null}
      {(pieces.length > 0 || phase === "done") && (
        <AnswerText pieces={pieces} isShaded={isShaded} isOver={exchange.isOver} />
      )}
      {phase === "stopped" && <p class="quiet">Stopped by you.</p>}
      {exchange.refusal.value && (
        <Notice refusal={exchange.refusal.value}>
          <button type="button" onClick={() => ask(exchange.documentId, exchange.question)}>
            Ask again
          </button>
        </Notice>
      )}
      <div class="actions">
        {!exchange.isOver && (
          <button type="button" onClick={() => exchange.stop()}>
            Stop
          </button>
        )}
        {exchange.isOver && hasShares && (
          <button type="button" class="plain" aria-pressed={isShaded} onClick={() => setShaded(!isShaded)}>
            Shade by memory
          </button>
        )}
      </div>
    </>
  );
}
