// A box for a question. While it is shut it says why.
import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
import { limits } from "../state/limits";

interface Wishes {
  label: string;
  /** Why nothing can be asked; null if something can. */
  shut: string | null;
  onAsk: (question: string) => void;
  children?: ComponentChildren;
}

export function AskForm({ label, shut, onAsk, children }: Wishes) {
  const [words, setWords] = useState("");
  const id = useId();
  const send = (event: Event) => {
    event.preventDefault();
    if (shut === null && words.trim()) onAsk(words.trim());
  };
  const sendByKey = (event: KeyboardEvent) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (!event.repeat) send(event);
    }
  };
  return (
    <form class="ask-form" onSubmit={send}>
      <label for={id}>{label}</label>
      <div class="ask-line">
        <textarea
          id={id}
          rows={2}
          maxLength={limits.value?.max_question_characters}
          disabled={shut !== null}
          aria-describedby={shut ? `${id}-shut` : undefined}
          value={words}
          onInput={(event) => setWords(event.currentTarget.value)}
          onKeyDown={sendByKey}
        />
        <button type="submit" class="main" disabled={shut !== null || !words.trim()}>
          Ask
        </button>
      </div>
      {shut && (
        <p class="shut" id={`${id}-shut`}>
          {shut}
        </p>
      )}
      {children}
    </form>
  );
}
