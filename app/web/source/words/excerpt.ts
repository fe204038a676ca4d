// The part of a passage that a question is about, to be shown first: the passage itself may be long.

const SENTENCE_END = /(?<=[.!?…])\s+|\n+/;
const HEADING = /^#{1,6}\s/;
const EVERYWHERE = new Set(["what", "when", "where", "which", "that", "this", "with", "from", "does", "have", "their"]);

/** Return a passage from the sentence on that has the question's rarest words. */
export function excerpt(passage: string, question: string): string {
  const sentences = passage.split(SENTENCE_END).map((each) => each.trim()).filter((each) => each && !HEADING.test(each));
  const found = sentences.map(stems);
  const weights = [...stems(question)].map((stem) => ({ stem, weight: 1 / found.filter((each) => each.has(stem)).length }));
  const scores = found.map((own) => weights.reduce((sum, { stem, weight }) => sum + (own.has(stem) ? weight : 0), 0));
  const best = Math.max(0, scores.indexOf(Math.max(...scores)));
  const shown = sentences.slice(best).join(" ") || passage.trim();
  return best > 0 ? `… ${shown}` : shown;
}

/** Words without their endings, roughly: the server's search knows better which passages fit. */
function stems(words: string): Set<string> {
  const long = words.toLowerCase().match(/[\p{L}\p{N}]{4,}/gu) ?? [];
  return new Set(long.filter((word) => !EVERYWHERE.has(word)).map((word) => word.slice(0, 5)));
}
