// One question on several documents: who is asked, what each says, what is composed of it.
import { useEffect, useRef } from "preact/hooks";
import type { DocumentAnswer } from "../generated";
import { AskForm } from "../parts/AskForm";
import { EvidenceList } from "../parts/EvidenceList";
import { MemoryMeter } from "../parts/MemoryMeter";
import { Notice } from "../parts/Notice";
import { Snippet } from "../parts/Snippet";
import { askChosen, chosen, jointExchange, unchoose, type Chosen, type JointExchange } from "../state/joint";
import { limits } from "../state/limits";
import { addressOf, arrive } from "../state/route";
import { documents, nextCursor, readMore, titlePart } from "../state/shelf";
import { count, number } from "../words/figures";
import { CAUTION } from "./ExchangeCard";

export function Several() {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = "Ask several · LIFT";
    arrive(heading.current);
    return () => void (document.title = "LIFT");
  }, []);
  const ready = (documents.value ?? []).filter((each) => each.adapter !== null);
  const elsewhere = chosen.value.filter(({ id }) => !ready.some((each) => each.id === id));
  const offered = [...elsewhere, ...ready];
  return (
    <section class="several">
      <h1 ref={heading} tabIndex={-1}>
        Ask several documents
      </h1>
      <p class="lead">Each answers from its own memory; then one answer is composed of theirs.</p>
      <Choice offered={offered} />
      <AskForm label="Your question" shut={shutReason(offered)} onAsk={askChosen} />
      {jointExchange.value && <Outcome exchange={jointExchange.value} />}
    </section>
  );
}

function shutReason(offered: Chosen[]): string | null {
  if (chosen.value.length > 0) return null;
  if (offered.length > 0) return "Choose at least one document.";
  return titlePart.value ? "No document that was found has a memory." : "No document has a memory yet.";
}

function Choice({ offered }: { offered: Chosen[] }) {
  const most = limits.value?.max_documents_asked ?? 16;
  const isFull = chosen.value.length >= most;
  const isChosen = (id: string) => chosen.value.some((each) => each.id === id);
  const toggle = (each: Chosen) => {
    if (isChosen(each.id)) unchoose(each.id);
    else chosen.value = [...chosen.value, each];
  };
  return (
    <fieldset class="choice">
      <legend>Documents, up to {number(most)}</legend>
      {offered.map(({ id, title }) => (
        <label key={id} class="check">
          <input
            type="checkbox"
            checked={isChosen(id)}
            disabled={!isChosen(id) && isFull}
            onChange={() => toggle({ id, title })}
          />
          {title}
        </label>
      ))}
      {nextCursor.value && (
        <button type="button" onClick={() => void readMore()}>
          Show older ones
        </button>
      )}
    </fieldset>
  );
}

function Outcome({ exchange }: { exchange: JointExchange }) {
  const phase = exchange.phase.value;
  const isOver = !(phase === "waiting" || phase === "speaking");
  const text = exchange.text.value;
  const cut = exchange.answer.value?.composed_from?.num_cut_answers ?? 0;
  return (
    <article class="exchange" aria-label={`Question: ${exchange.question.question}`}>
      <h2>{exchange.question.question}</h2>
      {!isOver && !text && <p class="quiet thinking">{waitingWords(exchange)}</p>}
      {text && (
        <div class="answer" aria-busy={!isOver}>
          <p>{text}</p>
        </div>
      )}
      {phase === "stopped" && <p class="quiet">Stopped by you.</p>}
      {exchange.refusal.value && <Notice refusal={exchange.refusal.value} />}
      {!isOver && (
        <button type="button" onClick={() => exchange.stop()}>
          Stop
        </button>
      )}
      {phase === "done" && (
        <p class="quiet">
          {exchange.question.document_ids.length > 1 && "Composed by the base model, without any memory. "}
          {cut > 0 && `${number(cut)} of the answers had to be shortened for it.`}
        </p>
      )}
      <p class="caution">{CAUTION}</p>
      {exchange.answers.value.map((each) => (
        <Part key={each.document_id} answer={each} question={exchange.question.question} />
      ))}
      <Snippet path="/ask" body={exchange.question} />
    </article>
  );
}

function waitingWords({ answers, question }: JointExchange): string {
  return `${number(answers.value.length)} of ${number(question.document_ids.length)} documents have answered …`;
}

function Part({ answer, question }: { answer: DocumentAnswer; question: string }) {
  return (
    <section class="part" aria-label={`Answer of ${answer.title}`}>
      <h3>
        <a href={addressOf(answer.document_id)}>{answer.title}</a>
      </h3>
      <div class="answer">
        <p>{answer.answer}</p>
      </div>
      <MemoryMeter answer={answer} />
      <details open={answer.evidence?.length === 0}>
        <summary>{count(answer.evidence?.length ?? 0, "passage")}</summary>
        <EvidenceList answer={answer} documentId={answer.document_id} question={question} />
      </details>
    </section>
  );
}
