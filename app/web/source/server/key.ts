// The key: entered once, kept while the tab lives, sent in a header, never in an address.
import { signal } from "@preact/signals";

const PLACE = "lift-key";
const storage = permittedStorage();

export const key = signal<string | null>(storage?.getItem(PLACE) ?? null);
/** Why a key is asked for; null while none is. */
export const asked = signal<string | null>(null);
/** Whether someone closed the question: the page does not ask again by itself. */
export const declined = signal(false);

let waiting: Array<(key: string | null) => void> = [];

/** Ask for a key, once for all that wait for one; null if none is given. */
export function askForKey(reason: string): Promise<string | null> {
  if (declined.value) return Promise.resolve(null);
  asked.value = reason;
  return new Promise((resolve) => waiting.push(resolve));
}

/** Take what was entered, and let all go on that wait for it. */
export function giveKey(entered: string): void {
  storage?.setItem(PLACE, entered);
  key.value = entered;
  declined.value = false;
  settle(entered);
}

/** Go on without. */
export function declineKey(): void {
  declined.value = true;
  settle(null);
}

/** Open the question again. */
export function wishForKey(): void {
  declined.value = false;
  asked.value = "Enter the key that this page is to use.";
}

export function forgetKey(): void {
  storage?.removeItem(PLACE);
  key.value = null;
}

function settle(entered: string | null): void {
  asked.value = null;
  const all = waiting;
  waiting = [];
  for (const resolve of all) resolve(entered);
}

/** Return the tab's storage; null where a browser permits none, so that a reload asks again. */
function permittedStorage(): Storage | null {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}
