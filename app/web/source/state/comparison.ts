// The same question with the memory, without it, and with passages that were looked up.
import { signal } from "@preact/signals";
import type { Question } from "../generated";
import { announce } from "./announcing";
import { Exchange } from "./exchange";
import { answerTokens } from "./limits";

export interface Way {
  name: string;
  wishes: Partial<Question>;
}

export const WAYS: Way[] = [
  { name: "With the memory", wishes: { context: "truncated" } },
  { name: "Without the memory", wishes: { memory: "off", context: "truncated" } },
  { name: "With passages looked up", wishes: { memory: "off", context: "retrieved" } },
];

export interface Comparison {
  documentId: string;
  question: string;
  sides: Exchange[];
}

export const comparison = signal<Comparison | null>(null);

/** Ask in all ways at once; what is asked so far is stopped. */
export function compare(documentId: string, question: string): void {
  stop();
  const sides = WAYS.map(
    ({ wishes }, place) => new Exchange(documentId, { question, max_tokens: answerTokens(96), evidence: place === 0, ...wishes }),
  );
  comparison.value = { documentId, question, sides };
  void Promise.all(sides.map((side) => side.hear())).then(() => {
    if (sides.every((side) => side.phase.value === "done")) announce("The comparison is complete");
  });
}

/** Forget what was answered, as `keepUnanswered` does. */
export function keepUnansweredComparison(goesOn: boolean): void {
  const isKept = goesOn && comparison.value?.sides.every((side) => side.phase.value === "waiting");
  if (isKept) return;
  stop();
  comparison.value = null;
}

function stop(): void {
  for (const side of comparison.value?.sides ?? []) side.stop();
}
