// One upload: its bytes, then what became of it.
import { Bar } from "../parts/Bar";
import { Notice } from "../parts/Notice";
import { addressOf } from "../state/route";
import { dismiss, type Upload } from "../state/uploads";
import { bytes } from "../words/figures";

export function UploadRow({ upload }: { upload: Upload }) {
  const { name, fields } = upload.parcel;
  const phase = upload.phase.value;
  const { isUnderWay } = upload;
  return (
    <li class="upload">
      <p class="upload-name">{fields.title ?? name}</p>
      <Phase upload={upload} />
      <div class="actions">
        {isUnderWay && (
          <button type="button" onClick={() => upload.stop()}>
            Stop
          </button>
        )}
        {(phase === "refused" || phase === "stopped") && (
          <button type="button" onClick={() => void upload.send()}>
            Try again
          </button>
        )}
        {!isUnderWay && (
          <button type="button" class="plain" onClick={() => dismiss(upload)}>
            Dismiss<span class="unseen"> {name}</span>
          </button>
        )}
      </div>
    </li>
  );
}

function Phase({ upload }: { upload: Upload }) {
  const { file, name } = upload.parcel;
  const sent = upload.sent.value;
  const words = `${bytes(sent)} of ${bytes(file.size)}`;
  switch (upload.phase.value) {
    case "waiting":
      return <p class="quiet">Waits until others are sent.</p>;
    case "sending":
      return (
        <>
          <Bar label={`Upload of ${name}`} value={sent} total={file.size} words={words} />
          <p class="quiet">{words} sent</p>
        </>
      );
    case "checking":
      return <p class="quiet">All bytes are sent; the server looks them over.</p>;
    case "stopped":
      return <p class="quiet">Stopped.</p>;
    case "refused":
      return upload.refusal.value && <Notice refusal={upload.refusal.value} />;
    case "taken":
      return <Taken upload={upload} />;
  }
}

function Taken({ upload }: { upload: Upload }) {
  const document = upload.document.value;
  if (!document) return null;
  const isFresh = document.status === "queued" || document.status === "running";
  return (
    <p role="status">
      {isFresh ? "Safe on the server; its training goes on whether this page is open or not. " : "The server has it already. "}
      <a href={addressOf(document.id)}>
        Open it<span class="unseen">: {document.title}</span>
      </a>
    </p>
  );
}
