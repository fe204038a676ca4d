// How the training goes: its stages, the place in the queue, the time that is left, the loss.
import type { DocumentDetail } from "../generated";
import { Bar } from "../parts/Bar";
import { Curve } from "../parts/Curve";
import { losses, notes } from "../state/following";
import { count, number } from "../words/figures";
import { STAGES, progressWords, stageWords } from "../words/status";

export function Training({ document }: { document: DocumentDetail }) {
  return (
    <section class="training" aria-labelledby="training-title">
      <h2 id="training-title">{document.status === "queued" ? "Waiting for its turn" : "In the making"}</h2>
      {document.status === "queued" ? <Queue document={document} /> : <Stages document={document} />}
      {losses.value.length > 0 && <Curve losses={losses.value} />}
      {notes.value.length > 0 && (
        <ul class="quiet notes">
          {notes.value.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      <p class="quiet">You may close this page: the training goes on, and the address leads back here.</p>
    </section>
  );
}

function Queue({ document }: { document: DocumentDetail }) {
  const place = document.queue_position;
  return (
    <p>
      {place === null || place <= 1
        ? "It is the next one."
        : `Place ${number(place)} in the queue: ${count(place - 1, "document")} before it.`}
      {document.attempt > 0 && ` Attempt ${number(document.attempt)} was broken off; it goes on where that was.`}
    </p>
  );
}

function Stages({ document }: { document: DocumentDetail }) {
  const { stage, progress } = document;
  const reached = STAGES.indexOf(stage as (typeof STAGES)[number]);
  return (
    <>
      <ol class="stages">
        {STAGES.map((each, place) => (
          <li
            key={each}
            class={place < reached ? "done" : place === reached ? "running" : ""}
            aria-current={place === reached ? "step" : undefined}
          >
            {stageWords(each)}
            {place < reached && <span class="unseen"> (done)</span>}
          </li>
        ))}
      </ol>
      {progress && (
        <>
          <Bar
            label={stage ? stageWords(stage) : "Progress"}
            value={progress.completed}
            total={progress.total}
            words={progressWords(progress)}
          />
          <p class="quiet">{progressWords(progress)}</p>
        </>
      )}
    </>
  );
}
