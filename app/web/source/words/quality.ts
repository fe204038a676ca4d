// What was measured of a memory, in plain words.
import type { QualityView } from "../generated";
import { count, nats } from "./figures";

export interface Verdict {
  /** Short, for a label. */
  label: string;
  sentence: string;
  helps: boolean | null;
}

export function verdictOf(quality: QualityView | null): Verdict {
  if (quality?.verdict === "helps") {
    return { label: "Measured to help", sentence: `This memory helps: ${figures(quality)}`, helps: true };
  }
  if (quality?.verdict === "no_measured_help") {
    return {
      label: "No measured help",
      sentence:
        `This memory was not measured to help: ${figures(quality)} ` +
        "Compare its answers with those without it before you rely on them.",
      helps: false,
    };
  }
  const reason = quality?.reason ?? "nothing was held back to measure it with";
  return { label: "Not measured", sentence: `Whether this memory helps was not measured: ${reason}.`, helps: null };
}

function figures(quality: QualityView): string {
  const { gain, gain_standard_error: error, num_pairs: pairs } = quality;
  if (gain === null || error === null) return "no figures were kept.";
  const direction = gain >= 0 ? "likelier" : "less likely";
  return (
    `on ${count(pairs, "held-back question")} the expected answers became ${direction} by ` +
    `${nats(Math.abs(gain))} ± ${nats(error)} nats a token.`
  );
}
