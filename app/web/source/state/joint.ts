// One question on several documents: each document's answer as it ends, then the composed one.
import { signal } from "@preact/signals";
import type { AnswerDelta, DocumentAnswer, JointAnswer, JointQuestion } from "../generated";
import { Refusal, describe, isAbort } from "../server/refusals";
import { hearAnswers } from "../server/streams";
import { announce } from "./announcing";
import { CUT_OFF, type Phase } from "./exchange";
import { answerTokens } from "./limits";

export class JointExchange {
  readonly phase = signal<Phase>("waiting");
  readonly text = signal("");
  readonly answers = signal<DocumentAnswer[]>([]);
  readonly answer = signal<JointAnswer | null>(null);
  readonly refusal = signal<Refusal | null>(null);
  private readonly stopping = new AbortController();

  constructor(readonly question: JointQuestion) {}

  async hear(): Promise<void> {
    try {
      const events = hearAnswers(this.question, this.stopping.signal);
      for await (const event of events) this.take(event.event, JSON.parse(event.data));
      if (this.answer.value === null && this.refusal.value === null) this.fail(CUT_OFF);
    } catch (error) {
      if (isAbort(error)) this.phase.value = "stopped";
      else this.fail(error instanceof Refusal ? error : CUT_OFF);
    }
  }

  stop(): void {
    this.stopping.abort();
  }

  private take(name: string | undefined, data: unknown): void {
    if (name === "document.done") {
      this.answers.value = [...this.answers.value, data as DocumentAnswer];
    } else if (name === "answer.delta") {
      this.phase.value = "speaking";
      this.text.value += (data as AnswerDelta).text;
    } else if (name === "answer.done") {
      const whole = data as JointAnswer;
      this.answers.value = whole.documents;
      this.text.value = whole.answer;
      this.answer.value = whole;
      this.phase.value = "done";
    } else if (name === "error") {
      this.fail(describe(data, 0, null));
    }
  }

  private fail(refusal: Refusal): void {
    this.refusal.value = refusal;
    this.phase.value = "failed";
  }
}

export const jointExchange = signal<JointExchange | null>(null);

export interface Chosen {
  id: string;
  title: string;
}

/** Who is to be asked, also of those that the list does not show now. */
export const chosen = signal<Chosen[]>([]);

export function unchoose(id: string): void {
  chosen.value = chosen.value.filter((each) => each.id !== id);
}

/** Ask those that are chosen; what is asked so far is stopped. */
export function askChosen(question: string): void {
  jointExchange.value?.stop();
  const document_ids = chosen.value.map(({ id }) => id);
  const exchange = new JointExchange({ question, document_ids, max_tokens: answerTokens(96) });
  jointExchange.value = exchange;
  void exchange.hear().then(() => exchange.phase.value === "done" && announce("The answer is complete"));
}

/** Forget what was answered, as `keepUnanswered` does. */
export function keepUnansweredJoint(goesOn: boolean): void {
  const shown = jointExchange.value;
  if (!goesOn) shown?.stop();
  chosen.value = [];
  const isKept = goesOn && shown?.phase.value === "waiting" && shown.answers.value.length === 0;
  jointExchange.value = isKept ? shown : null;
}
