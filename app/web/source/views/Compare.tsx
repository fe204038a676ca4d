// Three answers to one question, side by side.
import type { DocumentDetail } from "../generated";
import { AnswerText } from "../parts/AnswerText";
import { AskForm } from "../parts/AskForm";
import { EvidenceList } from "../parts/EvidenceList";
import { MemoryMeter } from "../parts/MemoryMeter";
import { Notice } from "../parts/Notice";
import { Snippet } from "../parts/Snippet";
import { WAYS, compare, comparison } from "../state/comparison";
import type { Exchange } from "../state/exchange";
import { shutReason } from "../words/status";
import { CAUTION } from "./ExchangeCard";

export function Compare({ document }: { document: DocumentDetail }) {
  const shown = comparison.value?.documentId === document.id ? comparison.value : null;
  return (
    <section class="compare" aria-label="Compare answers">
      <p class="lead">
        One question, three ways: what the memory knows, what the beginning and end of the text tell, and what a search
        finds.
      </p>
      <AskForm label="Question to compare" shut={shutReason(document)} onAsk={(question) => compare(document.id, question)} />
      {shown && (
        <>
          <h3 class="asked">{shown.question}</h3>
          <div class="sides">
            {shown.sides.map((side, place) => (
              <Side key={side.number} exchange={side} name={WAYS[place]?.name ?? ""} />
            ))}
          </div>
          <p class="caution">{CAUTION}</p>
          {shown.sides[0]?.answer.value && (
            <EvidenceList answer={shown.sides[0].answer.value} documentId={document.id} question={shown.question} />
          )}
        </>
      )}
    </section>
  );
}

function Side({ exchange, name }: { exchange: Exchange; name: string }) {
  const phase = exchange.phase.value;
  const answer = exchange.answer.value;
  return (
    <section class="side" aria-label={name}>
      <h4>{name}</h4>
      {phase === "waiting" && <p class="quiet thinking">Reading …</p>}
      {(phase !== "waiting" || exchange.pieces.value.length > 0) && (
        <AnswerText pieces={exchange.pieces.value} isShaded={false} isOver={exchange.isOver} />
      )}
      {phase === "stopped" && <p class="quiet">Stopped by you.</p>}
      {exchange.refusal.value && <Notice refusal={exchange.refusal.value} />}
      {answer && <MemoryMeter answer={answer} />}
      {!exchange.isOver && (
        <button type="button" onClick={() => exchange.stop()}>
          Stop<span class="unseen">: {name}</span>
        </button>
      )}
      <Snippet path={`/documents/${exchange.documentId}/ask`} body={exchange.question} />
    </section>
  );
}
