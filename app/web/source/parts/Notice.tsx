// A refusal beside the thing that it speaks of: what was wrong, what to do.
import type { ComponentChildren } from "preact";
import type { Refusal } from "../server/refusals";

export function Notice({ refusal, children }: { refusal: Refusal; children?: ComponentChildren }) {
  return (
    <div class="notice" role="alert">
      <p>
        <strong>{refusal.message}</strong> {refusal.advice}
        {refusal.retrySeconds ? ` Try again in ${refusal.retrySeconds} s.` : ""}
      </p>
      {children && <div class="actions">{children}</div>}
    </div>
  );
}
