// The text of a document as the server read it, opened at a place.
import { useEffect, useRef, useState } from "preact/hooks";
import { getText, type DocumentDetail } from "../generated";
import { Notice } from "../parts/Notice";
import { done } from "../server/calls";
import { Refusal } from "../server/refusals";
import type { Place } from "../state/route";
import { number } from "../words/figures";
import { earlier, later, spanOf, windowAround, type Span } from "../words/places";

interface Wishes {
  document: DocumentDetail;
  place: Place | null;
}

export function TextView({ document, place }: Wishes) {
  const [text, refusal, fetchAgain] = useText(document);
  if (refusal) {
    return (
      <Notice refusal={refusal}>
        <button type="button" onClick={fetchAgain}>
          Try again
        </button>
      </Notice>
    );
  }
  if (text === null) return <p class="quiet">Fetching the text …</p>;
  return <Opened key={place ? `${place.start}-${place.end}` : ""} text={text} place={place} />;
}

function Opened({ text, place }: { text: string; place: Place | null }) {
  const [mark] = useState(() => (place ? spanOf(text, place) : null));
  const [shown, setShown] = useState(() => windowAround(text, mark));
  const marked = useRef<HTMLElement>(null);
  useEffect(() => {
    marked.current?.focus({ preventScroll: true });
    marked.current?.scrollIntoView({ block: "center" });
  }, []);
  const part = (from: number, to: number) => text.slice(Math.max(from, shown.start), Math.max(from, to));
  return (
    <section class="text" aria-label="Text of the document">
      <Edge isShown={shown.start > 0} words="Show what is before" onClick={() => setShown(earlier(text, shown))} />
      <div class="reading">
        {mark ? (
          <>
            {part(shown.start, mark.start)}
            <mark ref={marked} tabIndex={-1} aria-label="The passage">
              {part(mark.start, mark.end)}
            </mark>
            {part(mark.end, shown.end)}
          </>
        ) : (
          part(shown.start, shown.end)
        )}
      </div>
      <Edge isShown={shown.end < text.length} words="Show what follows" onClick={() => setShown(later(text, shown))} />
      <p class="quiet">{whereWords(text, shown)}</p>
    </section>
  );
}

function Edge({ isShown, words, onClick }: { isShown: boolean; words: string; onClick: () => void }) {
  if (!isShown) return null;
  return (
    <button type="button" onClick={onClick}>
      {words}
    </button>
  );
}

function whereWords(text: string, shown: Span): string {
  if (shown.start === 0 && shown.end === text.length) return `All ${number(text.length)} characters are shown.`;
  return `Characters ${number(shown.start)} to ${number(shown.end)} of ${number(text.length)} are shown.`;
}

/** Fetch a document's text once; again when its stage changes or at a wish, while there is none yet. */
function useText({ id, stage, status }: DocumentDetail): [string | null, Refusal | null, () => void] {
  const [numWishes, setNumWishes] = useState(0);
  const [text, setText] = useState<string | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  useEffect(() => {
    if (text !== null) return;
    const stopping = new AbortController();
    done(getText({ path: { document_id: id }, parseAs: "text", signal: stopping.signal }))
      .then((found) => {
        setText(found as string);
        setRefusal(null);
      })
      .catch((error: unknown) => error instanceof Refusal && setRefusal(error));
    return () => stopping.abort();
  }, [id, stage, status, numWishes]);
  return [text, refusal, () => setNumWishes(numWishes + 1)];
}
