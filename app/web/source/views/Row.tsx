// One document on the shelf: how far it is, and cancel, retry, delete.
import { useState } from "preact/hooks";
import type { DocumentView } from "../generated";
import { Bar } from "../parts/Bar";
import { Confirm } from "../parts/Confirm";
import { Notice } from "../parts/Notice";
import { Status } from "../parts/Status";
import { announce } from "../state/announcing";
import { followed, look } from "../state/following";
import { unchoose } from "../state/joint";
import { mayChange } from "../state/limits";
import { addressOf, go, route } from "../state/route";
import { cancel, isUnsettled, remove, retry, rowRefusals } from "../state/shelf";
import { progressWords } from "../words/status";

export function Row({ document }: { document: DocumentView }) {
  const { value } = route;
  const isOpen = value.view === "document" && value.id === document.id;
  const refusal = rowRefusals.value[document.id];
  return (
    <li class="row">
      <a href={addressOf(document.id)} aria-current={isOpen ? "page" : undefined}>
        {document.title}
      </a>
      <div class="row-line">
        <Status document={document} />
        {mayChange() && <Actions document={document} />}
      </div>
      {document.status === "running" && document.progress && (
        <Bar
          label={`Progress of ${document.title}`}
          value={document.progress.completed}
          total={document.progress.total}
          words={progressWords(document.progress)}
        />
      )}
      {refusal && <Notice refusal={refusal} />}
    </li>
  );
}

type Question = "cancel" | "delete" | null;

export function Actions({ document }: { document: DocumentView }) {
  const [question, setQuestion] = useState<Question>(null);
  const { id, title, status } = document;
  const isRetryable = status === "cancelled" || (status === "failed" && document.error?.retryable !== false);
  const of = <span class="unseen"> {title}</span>;
  return (
    <div class="row-actions">
      {isUnsettled(document) && (
        <button type="button" class="plain" onClick={() => setQuestion("cancel")}>
          Cancel{of}
        </button>
      )}
      {isRetryable && (
        <button type="button" class="plain" onClick={() => void act(id, retry(id), `${title} waits again`)}>
          Retry{of}
        </button>
      )}
      <button type="button" class="plain" onClick={() => setQuestion("delete")}>
        Delete{of}
      </button>
      {question === "cancel" && (
        <Confirm
          title="Cancel the training?"
          act="Cancel the training"
          keep="Go on training"
          onAct={() => void act(id, cancel(id), `The training of ${title} was cancelled`)}
          close={() => setQuestion(null)}
        >
          “{title}” stays here. “Retry” lets its training go on where it was.
        </Confirm>
      )}
      {question === "delete" && (
        <Confirm
          title="Delete this document?"
          act="Delete it"
          keep="Keep it"
          onAct={() => void leave(id, title)}
          close={() => setQuestion(null)}
        >
          “{title}”, its text and its memory will be gone. This cannot be undone.
        </Confirm>
      )}
    </div>
  );
}

async function act(id: string, work: Promise<boolean>, words: string): Promise<void> {
  if (!(await work)) return;
  announce(words);
  if (followed.value?.id === id) await look(id).catch(() => undefined); // it is looked at again soon
}

async function leave(id: string, title: string): Promise<void> {
  if (!(await remove(id))) return;
  unchoose(id);
  announce(`${title} was deleted`);
  const { value } = route;
  if (value.view === "document" && value.id === id) go("#/");
  window.document.getElementById("main")?.focus();
}
