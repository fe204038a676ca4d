// The questions that were written about a document, read when somebody wants to see them.
import { useState } from "preact/hooks";
import { listPairs, type QaPairView } from "../generated";
import { Notice } from "../parts/Notice";
import { done } from "../server/calls";
import { Refusal } from "../server/refusals";
import { addressOf } from "../state/route";

export function Pairs({ documentId }: { documentId: string }) {
  const [pairs, setPairs] = useState<QaPairView[] | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const read = async () => {
    try {
      setPairs((await done(listPairs({ path: { document_id: documentId } }))).data);
    } catch (error) {
      if (error instanceof Refusal) setRefusal(error);
    }
  };
  return (
    <details onToggle={(event) => event.currentTarget.open && pairs === null && void read()}>
      <summary>Questions written about it</summary>
      {refusal && <Notice refusal={refusal} />}
      {pairs?.length === 0 && <p class="quiet">None were written.</p>}
      <ol class="pairs">
        {pairs?.map((pair) => (
          <li key={`${pair.start} ${pair.question}`}>
            <p>
              {pair.question} <span class="quiet">{pair.is_held_back && "(held back: measures the memory)"}</span>
            </p>
            <p class="quiet">
              {pair.answer}{" "}
              <a href={addressOf(documentId, "text", { start: pair.start, end: pair.start + [...pair.evidence].length })}>
                In the text<span class="unseen">: {pair.question}</span>
              </a>
            </p>
          </li>
        ))}
      </ol>
    </details>
  );
}
