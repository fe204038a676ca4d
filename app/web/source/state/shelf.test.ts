import { beforeEach, expect, it, vi } from "vitest";

let rows: string[] = [];
let hold: Promise<void> = Promise.resolve();

vi.stubGlobal("location", { origin: "http://lift.test" });
vi.stubGlobal("sessionStorage", { getItem: () => null });
vi.stubGlobal("fetch", listed);
const { documents, forget, nextCursor, readMore, refresh } = await import("./shelf");

/** Answers as the server does: the newest first, behind the id that the cursor names. */
async function listed(request: Request): Promise<Response> {
  const asked = new URL(request.url).searchParams;
  const cursor = asked.get("cursor");
  const limit = Number(asked.get("limit"));
  if (cursor) await hold;
  const found = rows.toSorted().toReversed().filter((id) => !cursor || id < cursor);
  const data = found.slice(0, limit).map((id) => ({ id }));
  return Response.json({ data, next_cursor: found.length > limit ? data.at(-1)?.id : null });
}

function name(number: number): string {
  return `doc_${String(number).padStart(4, "0")}`;
}

function shown(): string[] | undefined {
  return documents.value?.map((each) => each.id);
}

beforeEach(async () => {
  forget();
  rows = Array.from({ length: 130 }, (_, number) => name(number));
  await refresh();
});

it("loses no row of a long list when newer ones come, and keeps none that is gone", async () => {
  for (let clicks = 0; clicks < 6; clicks++) await readMore();
  rows = [...rows, name(500), name(501)].filter((id) => id !== name(100));
  await refresh();

  expect(shown()).toEqual(rows.toSorted().toReversed());
});

it("drops what is left of a list that has become short", async () => {
  for (let clicks = 0; clicks < 6; clicks++) await readMore();
  rows = rows.slice(0, 40);
  await refresh();

  expect(shown()).toHaveLength(40);
  expect(nextCursor.value).toBeNull();
});

it("shows older ones also if the list is read again in between", async () => {
  let go = () => {};
  hold = new Promise((resolve) => (go = resolve));
  const older = readMore();
  const again = refresh();
  setTimeout(go, 20);
  await Promise.all([older, again]);

  expect(shown()).toHaveLength(40);
});
