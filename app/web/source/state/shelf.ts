// The list of documents: the newest page is read again and again, older ones when wished for.
import { signal } from "@preact/signals";
import { cancelDocument, deleteDocument, listDocuments, retryDocument } from "../generated";
import type { DocumentView, JobState } from "../generated";
import { done } from "../server/calls";
import { Refusal } from "../server/refusals";
import { newIdempotencyKey } from "../server/uploading";

const PAGE = 20;
const MOST = 100;

export const documents = signal<DocumentView[] | null>(null);
export const nextCursor = signal<string | null>(null);
export const titlePart = signal("");
export const shelfRefusal = signal<Refusal | null>(null);
/** By document: why what was last wished for on its row was refused. */
export const rowRefusals = signal<Record<string, Refusal>>({});

let reading = 0;
let readingOlder = Promise.resolve();

/** Read the newest page again; what was read behind it stays. */
export async function refresh(): Promise<void> {
  await readingOlder; // it was wished for; this comes again by itself
  const mine = ++reading;
  const known = documents.value ?? [];
  const limit = Math.min(Math.max(known.length, PAGE), MOST);
  try {
    const page = await done(listDocuments({ query: { limit, ...filter() } }));
    if (mine !== reading) return;
    const isAll = known.length <= limit || page.next_cursor === null;
    const oldest = page.data.at(-1)?.id ?? "";
    const older = isAll ? [] : known.filter((each) => each.id < oldest); // ids grow with time
    documents.value = [...page.data, ...older];
    if (isAll) nextCursor.value = page.next_cursor;
    shelfRefusal.value = null;
  } catch (error) {
    if (mine === reading && error instanceof Refusal) shelfRefusal.value = error;
  }
}

export function readMore(): Promise<void> {
  return (readingOlder = readOlder());
}

async function readOlder(): Promise<void> {
  const cursor = nextCursor.value;
  if (!cursor) return;
  const mine = ++reading;
  try {
    const page = await done(listDocuments({ query: { limit: PAGE, cursor, ...filter() } }));
    if (mine !== reading) return;
    documents.value = [...(documents.value ?? []), ...page.data];
    nextCursor.value = page.next_cursor;
  } catch (error) {
    if (mine === reading && error instanceof Refusal) shelfRefusal.value = error;
  }
}

/** Look for a part of the titles; nothing shows all. */
export function search(part: string): void {
  titlePart.value = part;
  forget();
  void refresh();
}

/** Empty the list, as before the first reading. */
export function forget(): void {
  reading++; // what is being read belongs to what was wished for before
  documents.value = null;
  nextCursor.value = null;
  rowRefusals.value = {};
}

/** Show what an answer told of a document, if it stands on the list. */
export function put(document: DocumentView): void {
  documents.value = documents.value?.map((each) => (each.id === document.id ? document : each)) ?? null;
}

export function isUnsettled(document: { status: JobState }): boolean {
  return document.status === "queued" || document.status === "running";
}

/** Cancel a training; says whether that was granted. */
export async function cancel(id: string): Promise<boolean> {
  return change(id, async (headers) => put(await done(cancelDocument({ path: { document_id: id }, headers }))));
}

/** Let a training go on; says whether that was granted. */
export async function retry(id: string): Promise<boolean> {
  return change(id, async (headers) => put(await done(retryDocument({ path: { document_id: id }, headers }))));
}

/** Delete a document; says whether it is gone. */
export async function remove(id: string): Promise<boolean> {
  return change(id, async () => {
    await done(deleteDocument({ path: { document_id: id } })).catch((error: unknown) => {
      if (!(error instanceof Refusal && error.code === "document_not_found")) throw error;
    });
    documents.value = (documents.value ?? []).filter((each) => each.id !== id);
  });
}

async function change(
  id: string,
  act: (headers: { "Idempotency-Key": string }) => Promise<void>,
): Promise<boolean> {
  reading++; // what is being read shows how it was before
  const { [id]: _, ...others } = rowRefusals.value;
  rowRefusals.value = others;
  try {
    await act({ "Idempotency-Key": newIdempotencyKey() });
    return true;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    rowRefusals.value = { ...others, [id]: error };
    return false;
  } finally {
    void refresh();
  }
}

function filter(): { q?: string } {
  return titlePart.value ? { q: titlePart.value } : {};
}
