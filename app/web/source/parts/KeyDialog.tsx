// Asks for the key. It stays in this tab and goes when the tab is closed.
import { useState } from "preact/hooks";
import { asked, declineKey, giveKey } from "../server/key";
import { Dialog } from "./Dialog";

export function KeyDialog() {
  if (asked.value === null) return null;
  return <KeyForm reason={asked.value} />;
}

function KeyForm({ reason }: { reason: string }) {
  const [entered, setEntered] = useState("");
  const wanted = entered.replace(/[^!-~]/g, ""); // copied along: what no header may hold
  const give = (event: Event) => {
    event.preventDefault();
    if (wanted) giveKey(wanted);
  };
  return (
    <Dialog title="A key is needed" close={declineKey}>
      <form onSubmit={give}>
        <p id="key-reason">
          {reason} Whoever runs the server makes one with <code>lift keys create</code>.
        </p>
        <label for="key">Key</label>
        <input
          id="key"
          type="password"
          autocomplete="off"
          spellcheck={false}
          placeholder="lift_…"
          aria-describedby="key-reason key-place"
          value={entered}
          onInput={(event) => setEntered(event.currentTarget.value)}
        />
        <p id="key-place" class="quiet">
          It is kept in this tab alone, until the tab is closed.
        </p>
        <div class="actions">
          <button type="submit" class="main" disabled={!wanted}>
            Use this key
          </button>
          <button type="button" onClick={declineKey}>
            Not now
          </button>
        </div>
      </form>
    </Dialog>
  );
}
