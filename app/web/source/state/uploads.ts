// What is on its way to the server, and what became of it.
import { signal } from "@preact/signals";
import type { DocumentView } from "../generated";
import { Refusal, isAbort } from "../server/refusals";
import { newIdempotencyKey, upload, type Parcel } from "../server/uploading";
import { bytes } from "../words/figures";
import { limits } from "./limits";
import { refresh } from "./shelf";
import { turn } from "./turns";

export type UploadPhase = "waiting" | "sending" | "checking" | "taken" | "refused" | "stopped";

export class Upload {
  readonly phase = signal<UploadPhase>("waiting");
  readonly sent = signal(0);
  readonly refusal = signal<Refusal | null>(null);
  readonly document = signal<DocumentView | null>(null);
  private stopping = new AbortController();

  constructor(readonly parcel: Parcel) {}

  /** Send it; again under the same key, so that it is taken in once. */
  async send(): Promise<void> {
    this.stopping = new AbortController();
    this.phase.value = "waiting";
    this.refusal.value = null;
    this.sent.value = 0;
    try {
      refuseTooLarge(this.parcel);
      this.document.value = await this.sendInTurn();
      this.phase.value = "taken";
      void refresh();
    } catch (error) {
      if (error instanceof Refusal) this.refusal.value = error;
      else if (!isAbort(error)) throw error;
      this.phase.value = isAbort(error) ? "stopped" : "refused";
    }
  }

  stop(): void {
    this.stopping.abort();
  }

  get isUnderWay(): boolean {
    return ["waiting", "sending", "checking"].includes(this.phase.value);
  }

  private async sendInTurn(): Promise<DocumentView> {
    const { signal } = this.stopping;
    const end = await turn(signal);
    try {
      this.phase.value = "sending";
      return await upload(this.parcel, (sent) => this.note(sent), signal);
    } finally {
      end();
    }
  }

  private note(sent: number): void {
    this.sent.value = sent;
    this.phase.value = sent < this.parcel.file.size ? "sending" : "checking";
  }
}

export const uploads = signal<Upload[]>([]);

/** Who leaves loses what is not on the server yet: the browser asks first. */
addEventListener("beforeunload", (event) => {
  if (uploads.value.some((each) => each.isUnderWay)) event.preventDefault();
});

export interface Wish {
  preset: string;
  options: string;
}

/** What uploads are to be trained with. */
export const wish = signal<Wish>({ preset: "", options: "" });

export function begin(file: Blob, name: string, title: string = ""): Upload {
  const fields: Record<string, string> = {};
  if (title) fields.title = title;
  if (wish.value.preset) fields.preset = wish.value.preset;
  if (wish.value.options.trim()) fields.options = wish.value.options.trim();
  const made = new Upload({ file, name, fields, idempotencyKey: newIdempotencyKey() });
  uploads.value = [made, ...uploads.value];
  void made.send();
  return made;
}

export function dismiss(done: Upload): void {
  uploads.value = uploads.value.filter((each) => each !== done);
}

/** Forget what was taken or refused; what is on its way, perhaps waiting for a key, goes on or is stopped. */
export function keepUnsent(goesOn: boolean): void {
  if (!goesOn) for (const each of uploads.value) each.stop();
  uploads.value = goesOn ? uploads.value.filter((each) => each.isUnderWay) : [];
}

function refuseTooLarge({ file }: Parcel): void {
  const most = limits.value?.max_document_bytes;
  if (!most || file.size <= most) return;
  throw new Refusal(
    `This file has ${bytes(file.size)}; the server takes ${bytes(most)} at most.`,
    "document_too_large",
    "Nothing was sent. Split it into parts, or raise LIFT_MAX_DOCUMENT_BYTES on the server.",
    413,
    null,
  );
}
