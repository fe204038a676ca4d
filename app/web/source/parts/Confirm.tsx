// Asks whether something is really to be done that cannot be undone.
import type { ComponentChildren } from "preact";
import { Dialog } from "./Dialog";

interface Wishes {
  title: string;
  act: string;
  keep: string;
  onAct: () => void;
  close: () => void;
  children: ComponentChildren;
}

export function Confirm({ title, act, keep, onAct, close, children }: Wishes) {
  return (
    <Dialog title={title} close={close}>
      <p>{children}</p>
      <div class="actions">
        <button type="button" class="grave" onClick={() => (close(), onAct())}>
          {act}
        </button>
        <button type="button" autofocus onClick={close}>
          {keep}
        </button>
      </div>
    </Dialog>
  );
}
