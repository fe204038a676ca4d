// The question that was asked, as code to take away.
import { useId, useRef, useState } from "preact/hooks";
import { key } from "../server/key";
import { announce } from "../state/announcing";
import { LANGUAGES, snippet, type Language } from "../words/snippets";

export function Snippet({ path, body }: { path: string; body: object }) {
  const [language, setLanguage] = useState<Language>("curl");
  const [isCopied, setCopied] = useState(false);
  const code = useRef<HTMLPreElement>(null);
  const id = useId();
  const text = snippet(language, { origin: location.origin, path, body, needsKey: key.value !== null });
  const copy = async () => {
    const isDone = await copied(text, code.current);
    setCopied(isDone);
    announce(isDone ? "Copied" : "Selected; copy it with the keyboard");
  };
  return (
    <details class="snippet">
      <summary>Copy as code</summary>
      <div class="actions">
        <label for={id}>Language</label>
        <select
          id={id}
          value={language}
          onChange={(event) => {
            setLanguage(event.currentTarget.value as Language);
            setCopied(false);
          }}
        >
          {LANGUAGES.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
        <button type="button" onClick={() => void copy()}>
          {isCopied ? "Copied" : "Copy"}
        </button>
      </div>
      <pre ref={code} tabIndex={0} aria-label={`The question in ${language}`}>
        <code>{text}</code>
      </pre>
    </details>
  );
}

/** Copy, or select where a browser permits no copying: it does so without TLS only on this machine. */
async function copied(text: string, shown: HTMLElement | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if (shown) getSelection()?.selectAllChildren(shown);
    return false;
  }
}
