import { expect, it } from "vitest";
import { turn } from "./turns";

it("lets three go at once, and the next one as soon as one of them ends", async () => {
  const { signal } = new AbortController();
  const stopping = new AbortController();
  const taken: string[] = [];
  const ends = await Promise.all([turn(signal), turn(signal), turn(signal)]);
  const stopped = expect(turn(stopping.signal)).rejects.toThrow("abort");
  const [next, last] = ["next", "last"].map((name) => turn(signal).then(() => taken.push(name)));
  stopping.abort();
  await stopped;
  expect(taken).toEqual([]);
  ends[0]?.();
  await next;
  expect(taken).toEqual(["next"]);
  ends[1]?.();
  await last;

  expect(taken).toEqual(["next", "last"]);
});
