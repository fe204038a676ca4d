// The ask box of one document, shut as long as there is nothing to answer from, and what was answered.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import type { Context, DocumentDetail, Question } from "../generated";
import { AskForm } from "../parts/AskForm";
import { ask, exchanges } from "../state/exchange";
import { answerTokens, limits } from "../state/limits";
import { isUnsettled } from "../state/shelf";
import { shutReason } from "../words/status";
import { ExchangeCard } from "./ExchangeCard";

interface Manner {
  context: Context | "";
  hasMemory: boolean;
  maxTokens: number;
}

const manner = signal<Manner>({ context: "", hasMemory: true, maxTokens: 96 });

export function Ask({ document }: { document: DocumentDetail }) {
  const [isEarly, setEarly] = useState(false);
  const reason = shutReason(document);
  const mayBeEarly = reason !== null && isUnsettled(document);
  const isOpen = reason === null || (mayBeEarly && isEarly);
  const asked = exchanges.value[document.id] ?? [];
  return (
    <section class="ask" aria-label="Ask the document">
      <AskForm
        label="Your question"
        shut={isOpen ? null : reason}
        onAsk={(question) => ask(document.id, bodyOf(question, document))}
      >
        {mayBeEarly && (
          <label class="check">
            <input type="checkbox" checked={isEarly} onChange={(event) => setEarly(event.currentTarget.checked)} />
            Answer from passages of the text until the memory is ready
          </label>
        )}
      </AskForm>
      {isOpen && <HowAnswered hasMemory={document.adapter !== null} />}
      {asked.map((each) => (
        <ExchangeCard key={each.number} exchange={each} />
      ))}
    </section>
  );
}

function bodyOf(question: string, document: DocumentDetail): Question {
  const { context, hasMemory, maxTokens } = manner.value;
  const body: Question = { question, max_tokens: answerTokens(maxTokens) };
  if (!document.adapter) return { ...body, memory: "if_ready" };
  if (!hasMemory) body.memory = "off";
  if (context) body.context = context;
  return body;
}

function HowAnswered({ hasMemory }: { hasMemory: boolean }) {
  const { context, maxTokens } = manner.value;
  const set = (change: Partial<Manner>) => (manner.value = { ...manner.value, ...change });
  return (
    <details class="manner">
      <summary>How it is answered</summary>
      {hasMemory && (
        <>
          <label for="context">Beside the memory stands</label>
          <select
            id="context"
            value={context}
            onChange={(event) => set({ context: event.currentTarget.value as Manner["context"] })}
          >
            <option value="">the beginning and end of the text</option>
            <option value="retrieved">passages that fit the question</option>
            <option value="none" disabled={!manner.value.hasMemory}>
              nothing: the memory alone
            </option>
          </select>
          <label class="check">
            <input
              type="checkbox"
              checked={manner.value.hasMemory}
              onChange={(event) => {
                const { checked } = event.currentTarget;
                set({ hasMemory: checked, context: !checked && context === "none" ? "" : context });
              }}
            />
            With the memory
          </label>
        </>
      )}
      <label for="tokens">Longest answer, in tokens</label>
      <input
        id="tokens"
        type="number"
        min={1}
        max={limits.value?.max_answer_tokens}
        value={maxTokens}
        onChange={(event) => set({ maxTokens: Math.max(1, Math.round(event.currentTarget.valueAsNumber) || 96) })}
      />
    </details>
  );
}
