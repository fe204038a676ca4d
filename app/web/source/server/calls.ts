// Calls go through the generated client, with the key; a refused one is raised in words.
import { client } from "../generated/client.gen";
import { askForKey, key } from "./key";
import { isAbort, isProblem, refusalOf, sentence } from "./refusals";

client.setConfig({ baseUrl: location.origin, fetch: keyed as typeof fetch });

interface Outcome {
  data?: unknown;
  error?: unknown;
  response?: Response;
}

/** Wait for a call's data. Raises a Refusal, or what aborted it. */
export async function done<T extends Outcome>(call: Promise<T>): Promise<NonNullable<T["data"]>> {
  const outcome = await call;
  if (outcome.error === undefined) return outcome.data as NonNullable<T["data"]>;
  if (isAbort(outcome.error)) throw outcome.error;
  throw refusalOf(outcome.error, outcome.response);
}

/** Return a key that goes on from one that was refused; null if none is given. */
export async function nextKey(used: string | null, detail: string | null): Promise<string | null> {
  if (key.value !== used) return key.value;
  const refused = `The key was not accepted. ${sentence(detail ?? "")}`;
  return askForKey(used ? refused : "This server asks for a key.");
}

async function keyed(request: Request): Promise<Response> {
  for (;;) {
    const used = key.value;
    const sent = request.clone();
    if (used) sent.headers.set("Authorization", `Bearer ${used}`);
    const response = await fetch(sent, { cache: "no-store" }); // what a key may read goes with the tab, too
    if (response.status !== 401) return response;
    const body: unknown = await response.clone().json().catch(() => null);
    if ((await nextKey(used, isProblem(body) ? body.detail : null)) === null) return response;
  }
}
