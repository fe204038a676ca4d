// A few uploads at once: a browser opens six connections to a server, and other calls need some.

const MOST = 3;
let numTaken = 0;
let waiting: Array<() => void> = [];

/** Wait for a turn; returns what ends it. Raises what aborted it. */
export async function turn(signal: AbortSignal): Promise<() => void> {
  while (numTaken >= MOST) {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    signal.throwIfAborted();
  }
  numTaken++;
  return () => {
    numTaken--;
    wakeAll();
  };
}

/** The first of them takes the turn; the others wait again, in the same order. */
function wakeAll(): void {
  const woken = waiting;
  waiting = [];
  for (const wake of woken) wake();
}
