// The whole page: head, shelf, and what is looked at.
import { useEffect, useState } from "preact/hooks";
import { KeyDialog } from "../parts/KeyDialog";
import { declined, forgetKey, key, wishForKey } from "../server/key";
import { announcement } from "../state/announcing";
import { go, route } from "../state/route";
import { begin } from "../state/uploads";
import { DocumentPage } from "./DocumentPage";
import { Intake } from "./Intake";
import { Several } from "./Several";
import { Shelf } from "./Shelf";

export function Page() {
  const isDragged = useDrop();
  const { view } = route.value;
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), focusMain())}>
        Skip to the content
      </a>
      <Head />
      <div class={`frame ${view}`}>
        <Shelf />
        <main id="main" tabIndex={-1}>
          <View />
        </main>
      </div>
      {isDragged && <div class="drop-here">Drop it to upload it</div>}
      <KeyDialog />
      <div class="unseen" role="status">
        {announcement.value}
      </div>
    </>
  );
}

function View() {
  const { value } = route;
  if (value.view === "several") return <Several />;
  if (value.view === "document") return <DocumentPage key={value.id} id={value.id} part={value.part} place={value.place} />;
  return <Intake />;
}

function Head() {
  return (
    <header class="head">
      <a class="name" href="#/">
        LIFT
      </a>
      <p class="motto">Long documents, learnt by heart</p>
      {declined.value && (
        <button type="button" onClick={wishForKey}>
          Enter a key
        </button>
      )}
      {key.value !== null && (
        <button type="button" class="plain" onClick={forgetKey}>
          Forget the key
        </button>
      )}
    </header>
  );
}

function focusMain(): void {
  document.getElementById("main")?.focus();
}

/** Take files that are dropped anywhere; says whether some are held over the page. */
function useDrop(): boolean {
  const [isDragged, setDragged] = useState(false);
  useEffect(() => {
    const over = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setDragged(true);
    };
    const leave = (event: DragEvent) => event.relatedTarget === null && setDragged(false);
    const drop = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setDragged(false);
      for (const file of event.dataTransfer.files) begin(file, file.name);
      if (event.dataTransfer.files.length) go("#/");
    };
    addEventListener("dragover", over);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
    };
  }, []);
  return isDragged;
}
