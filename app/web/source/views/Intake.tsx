// Where documents come in: chosen, dropped or pasted; what the server takes is said before.
import { useEffect, useRef, useState } from "preact/hooks";
import { limits, mayChange } from "../state/limits";
import { arrive } from "../state/route";
import { begin, uploads, wish } from "../state/uploads";
import { bytes, count } from "../words/figures";
import { UploadRow } from "./UploadRow";

export function Intake() {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => arrive(heading.current), []);
  return (
    <div class="intake">
      <h1 ref={heading} tabIndex={-1}>
        Add a document
      </h1>
      <p class="lead">
        A book, a contract, a manual: its text is trained into a small memory, and you ask it questions. Training takes
        minutes; nothing leaves this server.
      </p>
      {mayChange() ? <Ways /> : <p class="shut">This key may read and ask, but not upload.</p>}
      {uploads.value.length > 0 && (
        <section aria-label="Uploads">
          <ul class="uploads">
            {uploads.value.map((each) => (
              <UploadRow key={each.parcel.idempotencyKey} upload={each} />
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function Ways() {
  const chooser = useRef<HTMLInputElement>(null);
  const choose = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    for (const file of input.files ?? []) begin(file, file.name);
    input.value = "";
  };
  return (
    <>
      <div class="drop">
        <button type="button" class="main" onClick={() => chooser.current?.click()}>
          Choose files
        </button>
        <p>or drop them anywhere on this page</p>
        <input ref={chooser} type="file" multiple hidden onChange={choose} />
      </div>
      <Taken />
      <Paste />
      <HowTrained />
    </>
  );
}

function Taken() {
  const known = limits.value;
  if (!known) return null;
  const { max_documents: documents, max_stored_bytes: stored, max_training_minutes: minutes } = known.quotas;
  return (
    <p class="quiet" id="limits">
      Up to {bytes(known.max_document_bytes)} a file: text, Markdown, HTML, PDF, DOCX, EPUB, ODT, RTF, CSV, JSON,
      e-mails, subtitles, source code, or a ZIP of these. Not scanned pages, nothing with a password.
      {documents ? ` Your key keeps up to ${count(documents, "document")}.` : ""}
      {stored ? ` Together they may have ${bytes(stored)}.` : ""}
      {minutes ? ` They may train ${count(minutes, "minute")} in 30 days.` : ""}
    </p>
  );
}

function Paste() {
  const [text, setText] = useState("");
  const [title, setTitle] = useState("");
  const send = (event: Event) => {
    event.preventDefault();
    const name = `${title.trim() || "Pasted text"}.txt`;
    begin(new Blob([text], { type: "text/plain" }), name, title.trim());
    setText("");
    setTitle("");
  };
  return (
    <details class="paste">
      <summary>Paste text instead</summary>
      <form onSubmit={send}>
        <label for="paste-title">Title</label>
        <input id="paste-title" maxLength={500} value={title} onInput={(event) => setTitle(event.currentTarget.value)} />
        <label for="paste-text">Text</label>
        <textarea id="paste-text" rows={8} value={text} onInput={(event) => setText(event.currentTarget.value)} />
        <button type="submit" class="main" disabled={!text.trim()}>
          Add this text
        </button>
      </form>
    </details>
  );
}

function HowTrained() {
  const known = limits.value;
  if (!known) return null;
  return (
    <details class="trained">
      <summary>How it is trained</summary>
      <label for="preset">Preset</label>
      <select
        id="preset"
        value={wish.value.preset || known.default_preset}
        onChange={(event) => (wish.value = { ...wish.value, preset: event.currentTarget.value })}
      >
        {known.presets.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </select>
      <p class="quiet">“quick” suits two processor cores; “paper” wants a large graphics card.</p>
      <label for="options">Options, as JSON</label>
      <input
        id="options"
        spellcheck={false}
        placeholder='{"num_qa_pairs": 20}'
        value={wish.value.options}
        onInput={(event) => (wish.value = { ...wish.value, options: event.currentTarget.value })}
      />
    </details>
  );
}
