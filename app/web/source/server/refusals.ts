// What was refused, in words: the server's own, and what to do where it does not say so.
import type { Problem } from "../generated";

export class Refusal extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly advice: string | null,
    readonly status: number,
    readonly retrySeconds: number | null,
  ) {
    super(message);
  }
}

const ADVICE: Record<string, string> = {
  document_not_found: "It may have been deleted. Choose another one from the list.",
  document_failed: "Try it again with “Retry”, or upload something else.",
  document_cancelled: "“Retry” lets its training go on where it was.",
  document_too_large: "Split it into parts, or raise LIFT_MAX_DOCUMENT_BYTES on the server.",
  body_too_large: "Split it into parts, or raise LIFT_MAX_DOCUMENT_BYTES on the server.",
  document_over_limit: "Split it into parts.",
  document_damaged: "Open it where it was made, save it again and upload that.",
  document_undecodable: "Save it as UTF-8 and upload that.",
  document_unsupported: "Convert it to text, Markdown, HTML, PDF, DOCX or EPUB.",
  document_protected: "Save it without a password and upload that.",
  engine_busy: "Many questions are being answered. Ask again in a moment.",
  engine_unavailable: "Ask again in a moment; if it lasts, look at the server's log.",
  quota_exceeded: "Delete documents, or ask whoever runs the server for more.",
  scope_missing: "Enter a key that may, or ask whoever runs the server for one.",
  rate_limited: "Wait a moment.",
  too_many_asks: "Wait for another answer to end.",
  too_many_streams: "The page looks again by itself.",
  question_too_long: "Shorten it.",
  internal_error: "Whoever runs the server finds the reason in its log.",
  unauthenticated: "Enter a key that is valid.",
};

/** What to do where something in front of the server answers in its place, which knows no codes. */
const ADVICE_BY_STATUS: Record<number, string> = {
  413: "What stands before the server takes less than this: split it into parts.",
  429: "Wait a moment.",
  500: "Whoever runs the server finds the reason in its log.",
  502: "The server may be starting again. Try it in a moment.",
  503: "The server may be starting again. Try it in a moment.",
  504: "The server took too long. Try it in a moment.",
};

export const UNREACHABLE = new Refusal(
  "The server cannot be reached.",
  "unreachable",
  "It may be starting again. Try it in a moment.",
  0,
  null,
);

export const UNREADABLE = new Refusal(
  "This file cannot be read.",
  "unreadable",
  "It is a folder, or it was changed or moved since it was chosen. Choose it again.",
  0,
  null,
);

/** Put a response that was refused into words. */
export function refusalOf(body: unknown, response: Response | undefined): Refusal {
  if (response === undefined) return UNREACHABLE;
  const retry = Number(response.headers.get("retry-after")) || null;
  return describe(body, response.status, retry);
}

export function describe(body: unknown, status: number, retrySeconds: number | null): Refusal {
  if (!isProblem(body)) {
    const advice = ADVICE_BY_STATUS[status] ?? null;
    return new Refusal(`The server answered with status ${status}.`, "unknown", advice, status, retrySeconds);
  }
  const advice = ADVICE[body.code] ?? null;
  return new Refusal(sentence(body.detail || body.title), body.code, advice, status, retrySeconds);
}

export function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "code" in body && "detail" in body;
}

/** Whether somebody stopped it, which is no refusal. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Return words with a capital in front and an end behind. */
export function sentence(words: string): string {
  const begun = words.charAt(0).toUpperCase() + words.slice(1);
  return !begun || /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
