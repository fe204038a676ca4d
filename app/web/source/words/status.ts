// Where a document stands, in words.
import type { DocumentView, ProgressView } from "../generated";
import { duration, number } from "./figures";

export const STAGES = ["parse", "segment", "synthesise", "train", "measure", "publish"] as const;

const STAGE_WORDS: Record<string, string> = {
  parse: "Reading the file",
  segment: "Cutting the text",
  synthesise: "Writing questions about it",
  train: "Training the memory",
  measure: "Measuring the memory",
  publish: "Putting it on the shelf",
};

const SHORT_STAGE_WORDS: Record<string, string> = {
  parse: "Reading",
  segment: "Cutting",
  synthesise: "Writing questions",
  train: "Training",
  measure: "Measuring",
  publish: "Finishing",
};

export function stageWords(stage: string): string {
  return STAGE_WORDS[stage] ?? stage.charAt(0).toUpperCase() + stage.slice(1);
}

export function statusWords(document: DocumentView): string {
  switch (document.status) {
    case "queued":
      return document.queue_position === null ? "Waiting" : `Waiting, place ${number(document.queue_position)}`;
    case "running":
      return document.stage ? (SHORT_STAGE_WORDS[document.stage] ?? document.stage) : "Beginning";
    case "ready":
      return "Ready";
    case "failed":
      return "Failed";
    case "cancelled":
      return "Cancelled";
  }
}

export function progressWords(progress: ProgressView): string {
  const far = `${number(progress.completed)} of ${number(progress.total)} ${progress.unit}`;
  return progress.eta_seconds === null ? far : `${far}, about ${duration(progress.eta_seconds)} left`;
}

/** Why nothing can be asked; null if a memory answers. */
export function shutReason(document: DocumentView): string | null {
  if (document.adapter) return null;
  switch (document.status) {
    case "queued":
      return "Its memory is not trained yet: the document waits for its turn.";
    case "running":
      return "Its memory is still being trained.";
    case "failed":
      return "It has no memory: its training failed.";
    case "cancelled":
      return "It has no memory: its training was cancelled.";
    case "ready":
      return "It has no memory.";
  }
}
