// One document: what it is, how far it is, and what can be done with it.
import { useEffect, useRef } from "preact/hooks";
import type { DocumentDetail } from "../generated";
import { Notice } from "../parts/Notice";
import { Status } from "../parts/Status";
import { mayChange } from "../state/limits";
import { followRefusal, followed } from "../state/following";
import { sentence, type Refusal } from "../server/refusals";
import { addressOf, arrive, type Part, type Place } from "../state/route";
import { isUnsettled, rowRefusals } from "../state/shelf";
import { bytes, count, moment } from "../words/figures";
import { verdictOf } from "../words/quality";
import { Ask } from "./Ask";
import { Compare } from "./Compare";
import { Report } from "./Report";
import { Actions } from "./Row";
import { TextView } from "./TextView";
import { Training } from "./Training";

interface Wishes {
  id: string;
  part: Part;
  place: Place | null;
}

export function DocumentPage({ id, part, place }: Wishes) {
  const document = followed.value;
  const refusal = followRefusal.value;
  if (!document) return refusal ? <Missing refusal={refusal} /> : <p class="quiet">Looking …</p>;
  return (
    <article class="document">
      <a class="back" href="#/">
        All documents
      </a>
      <Title document={document} part={part} place={place} />
      <Facts document={document} />
      {refusal && <Notice refusal={refusal} />}
      <Parts id={id} part={part} />
      {isUnsettled(document) && part !== "text" && <Training document={document} />}
      {document.status === "failed" && document.error && part !== "text" && <Failed document={document} />}
      {part === "ask" && <Ask document={document} />}
      {part === "compare" && <Compare document={document} />}
      {part === "text" && <TextView document={document} place={place} />}
      {part === "report" && <Report document={document} />}
    </article>
  );
}

function Missing({ refusal }: { refusal: Refusal }) {
  return (
    <>
      <h1>{refusal.status === 404 ? "No such document" : "This document cannot be shown now"}</h1>
      <Notice refusal={refusal} />
      <p>
        <a href="#/">All documents</a>
      </p>
    </>
  );
}

const PARTS: Record<Part, string> = { ask: "Ask", compare: "Compare", text: "Text", report: "Report" };

function Title({ document, part, place }: Omit<Wishes, "id"> & { document: DocumentDetail }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    window.document.title = `${PARTS[part]} · ${document.title} · LIFT`;
    if (part !== "text" || !place) arrive(heading.current);
  }, [document.id, part]);
  useEffect(() => () => void (window.document.title = "LIFT"), []);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {document.title}
    </h1>
  );
}

function Facts({ document }: { document: DocumentDetail }) {
  const verdict = document.adapter ? verdictOf(document.quality) : null;
  const refusal = rowRefusals.value[document.id];
  return (
    <div class="facts">
      <Status document={document} />
      {verdict && verdict.helps !== true && (
        <a class="verdict" href={addressOf(document.id, "report")}>
          {verdict.label}
        </a>
      )}
      <span>{document.num_tokens === null ? bytes(document.size_bytes) : count(document.num_tokens, "token")}</span>
      <span>{moment(document.created_at)}</span>
      {mayChange() && <Actions document={document} />}
      {refusal && <Notice refusal={refusal} />}
    </div>
  );
}

function Parts({ id, part }: { id: string; part: Part }) {
  return (
    <nav class="parts" aria-label="Of this document">
      {Object.entries(PARTS).map(([name, words]) => (
        <a key={name} href={addressOf(id, name as Part)} aria-current={name === part ? "page" : undefined}>
          {words}
        </a>
      ))}
    </nav>
  );
}

function Failed({ document }: { document: DocumentDetail }) {
  return (
    <div class="notice">
      <p>
        <strong>The training failed.</strong> {sentence(document.error?.detail ?? "")}{" "}
        {document.error?.retryable ? "“Retry” lets it go on where it was." : "Trying again would end the same way."}
      </p>
    </div>
  );
}
