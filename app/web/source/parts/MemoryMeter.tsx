// How much of the attention came from memory, and how much from the context.
import type { Answer } from "../generated";
import { percent, rest } from "../words/figures";

const CONTEXTS = {
  truncated: "the beginning and end of the text",
  retrieved: "passages that fit the question",
  none: "the question alone",
};

export function MemoryMeter({ answer }: { answer: Answer }) {
  const context = CONTEXTS[answer.context];
  if (answer.memory === "pending") {
    return <p class="source">From {context}: the memory is still in the making.</p>;
  }
  if (answer.memory === "unrelated") {
    const why = "by its words, the question is hardly about the document";
    return <p class="source">From {context}, without the memory: {why}.</p>;
  }
  if (answer.memory === "off") return <p class="source">From {context}, without the memory.</p>;
  if (answer.memory_share === null) {
    return <p class="source">With the memory, which is of a kind that tells no share, and {context}.</p>;
  }
  return <Meter share={answer.memory_share} context={context} />;
}

function Meter({ share, context }: { share: number; context: string }) {
  return (
    <div class="source">
      <div
        class="meter"
        role="meter"
        aria-label="Share of the attention that came from memory"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share * 100)}
        aria-valuetext={percent(share)}
      >
        <div class="filled" style={{ inlineSize: `${share * 100}%` }} />
      </div>
      <p>
        <span class="memory-key">Memory {percent(share)}</span> of the attention;{" "}
        <span class="context-key">{rest(share)}</span> from {context}.
      </p>
    </div>
  );
}
