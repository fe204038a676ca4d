// One document as it changes: its events as they happen, and the document itself every few seconds.
import { signal } from "@preact/signals";
import { getDocument, type DocumentDetail, type DocumentEvent, type LossPoint } from "../generated";
import { done } from "../server/calls";
import { Refusal, isAbort } from "../server/refusals";
import { hearDocument } from "../server/streams";
import { pause } from "../server/uploading";
import { statusWords } from "../words/status";
import { announce } from "./announcing";
import { isUnsettled, put } from "./shelf";

const LOOK_SECONDS = 4;
const SETTLED_LOOK_SECONDS = 20;
const MOST_WAIT_SECONDS = 30;

export const followed = signal<DocumentDetail | null>(null);
export const losses = signal<LossPoint[]>([]);
export const notes = signal<string[]>([]);
export const followRefusal = signal<Refusal | null>(null);

let following = new AbortController();

/** Follow a document, and no longer the one before; null follows none. */
export function follow(id: string | null): void {
  following.abort();
  following = new AbortController();
  if (followed.value?.id !== id) {
    followed.value = null;
    losses.value = [];
    notes.value = [];
  }
  followRefusal.value = null;
  if (id === null) return;
  void untilAborted(keepLooking(id, following.signal));
  void untilAborted(keepListening(id, following.signal));
}

/** Read the followed document again, after something was done to it. */
export async function look(id: string, signal: AbortSignal = following.signal): Promise<void> {
  const detail = await done(getDocument({ path: { document_id: id }, signal }));
  if (followed.value && isUnsettled(followed.value) && !isUnsettled(detail)) {
    announce(`${detail.title}: ${statusWords(detail)}`);
  }
  const isSame = followed.value?.version === detail.version && isUnsettled(detail);
  losses.value = behind(detail.losses, isSame ? losses.value : []);
  followed.value = detail;
  followRefusal.value = null;
  put(detail);
}

/** Whether nothing more happens to the followed document by itself. */
function isSettled(): boolean {
  return followed.value !== null && !isUnsettled(followed.value);
}

async function keepLooking(id: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    let seconds = LOOK_SECONDS;
    try {
      await look(id, signal);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      followRefusal.value = error;
      seconds = error.retrySeconds ?? LOOK_SECONDS;
      if (error.status === 404) return;
    }
    for (let waited = 0; waited < (isSettled() ? SETTLED_LOOK_SECONDS : seconds); waited++) await pause(1, signal);
    while (document.hidden) await pause(1, signal);
  }
}

async function keepListening(id: string, signal: AbortSignal): Promise<void> {
  let after: string | null = null;
  for (let misses = 0; ; ) {
    try {
      const events = await hearDocument(id, after, signal);
      for await (const event of events ?? []) {
        misses = 0;
        after = event.id ?? after;
        await take(id, JSON.parse(event.data) as DocumentEvent, signal);
      }
    } catch (error) {
      if (isAbort(error)) throw error;
      if (error instanceof Refusal && error.status === 404) return;
      misses++; // the server is away or has no place left: looking goes on meanwhile
    }
    await pause(Math.min(2 + misses * 3, MOST_WAIT_SECONDS), signal);
    while (isSettled()) await pause(1, signal);
  }
}

async function take(id: string, event: DocumentEvent, signal: AbortSignal): Promise<void> {
  const { step, loss, message } = event.data;
  if (event.type === "metric" && typeof step === "number" && typeof loss === "number") {
    if (isOfThisVersion(event)) takeStep({ step, loss });
  } else if (event.type === "log" && typeof message === "string") {
    notes.value = [...notes.value.filter((note) => note !== message), message].slice(-20);
  } else if (event.type !== "metric" && Date.now() - Date.parse(event.created_at) < 60_000) {
    await look(id, signal).catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
    });
  }
}

function isOfThisVersion(event: DocumentEvent): boolean {
  const begun = followed.value?.started_at;
  return !!begun && Date.parse(event.created_at) >= Date.parse(begun);
}

function takeStep(point: LossPoint): void {
  losses.value = behind(losses.value, [point]);
  const progress = followed.value?.progress;
  if (followed.value && progress?.unit === "steps" && point.step > progress.completed) {
    followed.value = { ...followed.value, progress: { ...progress, completed: point.step } };
  }
}

/** Return what is known with what is newer; a step that is told again changes nothing. */
function behind(known: LossPoint[], heard: LossPoint[]): LossPoint[] {
  const last = known.at(-1)?.step ?? 0;
  const newer = heard.filter((point) => point.step > last);
  return newer.length ? [...known, ...newer] : known;
}

async function untilAborted(work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isAbort(error)) throw error;
  });
}
