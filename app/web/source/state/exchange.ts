// One question and its answer, from the first word to the last.
import { signal } from "@preact/signals";
import type { Answer, AnswerDelta, Question } from "../generated";
import { Refusal, describe, isAbort } from "../server/refusals";
import { hearAnswer } from "../server/streams";
import { announce } from "./announcing";

export type Phase = "waiting" | "speaking" | "done" | "stopped" | "failed";

export interface Piece {
  text: string;
  share: number | null;
}

export const CUT_OFF = new Refusal(
  "The connection was lost before the answer was complete.",
  "cut_off",
  "What came until then is kept. Ask again once the server is back.",
  0,
  null,
);

let numExchanges = 0;

export class Exchange {
  readonly number = ++numExchanges;
  readonly phase = signal<Phase>("waiting");
  readonly pieces = signal<Piece[]>([]);
  readonly answer = signal<Answer | null>(null);
  readonly refusal = signal<Refusal | null>(null);
  private readonly stopping = new AbortController();

  constructor(
    readonly documentId: string,
    readonly question: Question,
  ) {}

  /** Hear the answer to its end, or until somebody stops it. */
  async hear(): Promise<void> {
    try {
      const events = hearAnswer(this.documentId, { ...this.question, token_shares: true }, this.stopping.signal);
      for await (const event of events) this.take(event.event, JSON.parse(event.data));
      if (this.answer.value === null && this.refusal.value === null) this.fail(CUT_OFF);
    } catch (error) {
      this.end(error);
    }
  }

  /** Close the connection: the server ends the answer within a token. */
  stop(): void {
    this.stopping.abort();
  }

  get isOver(): boolean {
    return !(this.phase.value === "waiting" || this.phase.value === "speaking");
  }

  private take(name: string | undefined, data: unknown): void {
    if (name === "answer.delta") {
      const delta = data as AnswerDelta;
      this.phase.value = "speaking";
      this.pieces.value = [...this.pieces.value, { text: delta.text, share: delta.memory_share ?? null }];
    } else if (name === "answer.done") {
      this.answer.value = data as Answer;
      this.phase.value = "done";
    } else if (name === "error") {
      this.fail(describe(data, 0, null));
    }
  }

  private end(error: unknown): void {
    if (isAbort(error)) this.phase.value = "stopped";
    else this.fail(error instanceof Refusal ? error : CUT_OFF);
  }

  private fail(refusal: Refusal): void {
    this.refusal.value = refusal;
    this.phase.value = "failed";
  }
}

/** By document: what was asked since the page was opened, the newest first. */
export const exchanges = signal<Record<string, Exchange[]>>({});

export function ask(documentId: string, question: Question): void {
  const exchange = new Exchange(documentId, question);
  const earlier = exchanges.value[documentId] ?? [];
  exchanges.value = { ...exchanges.value, [documentId]: [exchange, ...earlier] };
  void exchange.hear().then(() => exchange.phase.value === "done" && announce("The answer is complete"));
}

/** Forget what was answered; what waits for its answer, perhaps for a key, goes on or is stopped. */
export function keepUnanswered(goesOn: boolean): void {
  const kept = Object.entries(exchanges.value).map(([id, all]) => {
    if (!goesOn) for (const each of all) each.stop();
    return [id, goesOn ? all.filter((each) => each.phase.value === "waiting") : []] as const;
  });
  exchanges.value = Object.fromEntries(kept);
}
