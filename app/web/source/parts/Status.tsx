// Where a document stands, as a word with a mark; colour is never all that tells.
import type { DocumentView } from "../generated";
import { statusWords } from "../words/status";

export function Status({ document }: { document: DocumentView }) {
  return <span class={`status ${document.status}`}>{statusWords(document)}</span>;
}
