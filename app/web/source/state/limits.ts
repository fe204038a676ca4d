// What the server takes and what the key may do, told before anything is sent.
import { signal } from "@preact/signals";
import { getLimits, type LimitsView } from "../generated";
import { done } from "../server/calls";

export const limits = signal<LimitsView | null>(null);

export async function readLimits(): Promise<void> {
  limits.value = await done(getLimits());
}

/** Return how many tokens to wish for: what is wanted, or the server's limit. */
export function answerTokens(wanted: number): number {
  return Math.min(wanted, limits.value?.max_answer_tokens ?? wanted);
}

/** Whether the key may upload, cancel and delete; assumed until it is known. */
export function mayChange(): boolean {
  return limits.value === null || limits.value.scopes.includes("write");
}
