// One question on several documents: each document's answer as it ends, then the composed one.
import { signal } from "@preact/signals";
import type { AnswerDelta, DocumentAnswer, JointAnswer, JointQuestion } from "../generated";
import { Refusal, describe, isAbort } from "../server/refusals";
import { hearAnswers } from "../server/streams";
import { CUT_OFF, type Phase } from "./exchange";

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

/** Forget what was answered, as `keepUnanswered` does. */
export function keepUnansweredJoint(goesOn: boolean): void {
  const shown = jointExchange.value;
  if (!goesOn) shown?.stop();
  const isKept = goesOn && shown?.phase.value === "waiting" && shown.answers.value.length === 0;
  jointExchange.value = isKept ? shown : null;
}
