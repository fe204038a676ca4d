// The list of documents, and what can be done to each.
import { useState } from "preact/hooks";
import { Notice } from "../parts/Notice";
import { declined, wishForKey } from "../server/key";
import { route } from "../state/route";
import { documents, nextCursor, readMore, refresh, search, shelfRefusal, titlePart } from "../state/shelf";
import { Row } from "./Row";

export function Shelf() {
  return (
    <nav class="shelf" aria-label="Documents">
      <div class="shelf-head">
        <h2>Documents</h2>
        <a href="#/" aria-current={route.value.view === "home" ? "page" : undefined}>
          Add
        </a>
        <a href="#/several" aria-current={route.value.view === "several" ? "page" : undefined}>
          Ask several
        </a>
      </div>
      <Search />
      <Trouble />
      <List />
    </nav>
  );
}

function Search() {
  const [words, setWords] = useState("");
  const isShown = titlePart.value || (documents.value?.length ?? 0) > 5;
  if (!isShown) return null;
  return (
    <form
      role="search"
      class="search"
      onSubmit={(event) => {
        event.preventDefault();
        search(words.trim());
      }}
    >
      <label class="unseen" for="search">
        A part of the title
      </label>
      <input
        id="search"
        type="search"
        placeholder="Part of a title"
        value={words}
        onInput={(event) => {
          setWords(event.currentTarget.value);
          if (!event.currentTarget.value) search("");
        }}
      />
      <button type="submit">Find</button>
    </form>
  );
}

function Trouble() {
  if (!shelfRefusal.value) return null;
  return (
    <Notice refusal={shelfRefusal.value}>
      <button type="button" onClick={() => (declined.value ? wishForKey() : void refresh())}>
        {declined.value ? "Enter a key" : "Try again"}
      </button>
    </Notice>
  );
}

function List() {
  if (documents.value === null) return shelfRefusal.value ? null : <p class="quiet">Looking …</p>;
  if (documents.value.length === 0) {
    return <p class="quiet">{titlePart.value ? "No title has these words." : "None yet. Add your first one."}</p>;
  }
  return (
    <>
      <ul class="rows">
        {documents.value.map((each) => (
          <Row key={each.id} document={each} />
        ))}
      </ul>
      {nextCursor.value && (
        <button type="button" onClick={() => void readMore()}>
          Show older ones
        </button>
      )}
    </>
  );
}
