// One upload with its bytes counted. fetch tells nothing of what was sent, so this is XHR.
import type { DocumentView } from "../generated";
import { nextKey } from "./calls";
import { key } from "./key";
import { UNREACHABLE, UNREADABLE, describe, isProblem } from "./refusals";

export interface Parcel {
  file: Blob;
  name: string;
  fields: Record<string, string>;
  /** Sent again under it, the upload is carried out once. */
  idempotencyKey: string;
}

const MOST_TRIES = 4;

/** Send a file until the server has it. Raises a Refusal, or what aborted it. */
export async function upload(
  parcel: Parcel,
  tell: (sent: number) => void,
  signal: AbortSignal,
): Promise<DocumentView> {
  for (let attempt = 1; ; attempt++) {
    const used = key.value;
    const { status, body, retrySeconds } = await send(parcel, used, tell, signal);
    if (status >= 200 && status < 300) return body as DocumentView;
    const problem = isProblem(body) ? body : null;
    if (status === 401 && (await nextKey(used, problem?.detail ?? null)) !== null) continue;
    const mayPass = status === 0 || problem?.code === "idempotency_key_in_use";
    if (status === 0 && !(await isReadable(parcel.file))) throw UNREADABLE;
    if (!mayPass || attempt >= MOST_TRIES) {
      throw status === 0 ? UNREACHABLE : describe(body, status, retrySeconds);
    }
    await pause(retrySeconds ?? attempt * 1.5, signal);
  }
}

/** Name a request; random, also where the page came without TLS. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether it is there as it was chosen; a browser sends no other, and says no reason. */
async function isReadable(file: Blob): Promise<boolean> {
  return file.slice(0, 1).arrayBuffer().then(() => true, () => false);
}

interface Sent {
  status: number;
  body: unknown;
  retrySeconds: number | null;
}

function send(
  parcel: Parcel,
  key: string | null,
  tell: (sent: number) => void,
  signal: AbortSignal,
): Promise<Sent> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const form = new FormData();
    for (const [name, value] of Object.entries(parcel.fields)) form.append(name, value);
    form.append("file", parcel.file, parcel.name);
    const request = new XMLHttpRequest();
    request.open("POST", "/documents");
    request.setRequestHeader("Idempotency-Key", parcel.idempotencyKey);
    if (key) request.setRequestHeader("Authorization", `Bearer ${key}`);
    request.upload.onprogress = (event) => tell(Math.min(event.loaded, parcel.file.size));
    request.onload = () => resolve(outcomeOf(request));
    request.onerror = () => resolve({ status: 0, body: null, retrySeconds: null });
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}

function outcomeOf(request: XMLHttpRequest): Sent {
  const retrySeconds = Number(request.getResponseHeader("retry-after")) || null;
  try {
    return { status: request.status, body: JSON.parse(request.responseText), retrySeconds };
  } catch {
    return { status: request.status, body: null, retrySeconds };
  }
}

/** Wait, or raise as soon as the signal is aborted. */
export function pause(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const end = () => {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", end);
      resolve();
    }, seconds * 1000);
    signal.addEventListener("abort", end, { once: true });
  });
}
