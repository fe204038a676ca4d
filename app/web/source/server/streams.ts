// Server-sent events over fetch: EventSource can neither post nor carry a key.
import { EventSourceParserStream, type EventSourceMessage } from "eventsource-parser/stream";
import { askDocument, askDocuments, type JointQuestion, type Question } from "../generated";
import { client } from "../generated/client.gen";
import { done } from "./calls";

const EVENTS = { Accept: "text/event-stream" };

/** Ask a document and hear the answer as it is made; aborting ends it on the server, too. */
export async function* hearAnswer(documentId: string, body: Question, signal: AbortSignal) {
  const path = { document_id: documentId };
  const call = askDocument({ path, body, signal, parseAs: "stream", headers: EVENTS });
  yield* read((await done(call)) as unknown as Stream);
}

/** Ask several documents at once. */
export async function* hearAnswers(body: JointQuestion, signal: AbortSignal) {
  const call = askDocuments({ body, signal, parseAs: "stream", headers: EVENTS });
  yield* read((await done(call)) as unknown as Stream);
}

/** Hear what happens to a document, behind an event; null if nothing more will. */
export async function hearDocument(documentId: string, after: string | null, signal: AbortSignal) {
  const call = client.get<{ 200: Stream }, unknown>({
    url: "/documents/{document_id}/events/stream",
    path: { document_id: documentId },
    query: after ? { after } : {},
    headers: EVENTS,
    parseAs: "stream",
    signal,
  });
  const { response } = await call;
  const body = (await done(call)) as unknown as Stream | null;
  return response?.status === 204 || body === null ? null : read(body);
}

type Stream = ReadableStream<Uint8Array<ArrayBuffer>>;

async function* read(body: Stream): AsyncGenerator<EventSourceMessage> {
  const text = body.pipeThrough(new TextDecoderStream());
  const reader = text.pipeThrough(new EventSourceParserStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
