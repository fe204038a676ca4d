// Places in a text. The server counts characters, JavaScript counts halves of some of them.

/** Return where in a string its character number `count` begins. */
export function indexOfCharacter(text: string, count: number, from = 0): number {
  let index = from;
  for (let left = count; left > 0 && index < text.length; left--) {
    index += isPair(text, index) ? 2 : 1;
  }
  return index;
}

export interface Span {
  start: number;
  end: number;
}

/** Return a place of the server as a place in the string. */
export function spanOf(text: string, place: Span): Span {
  const start = indexOfCharacter(text, place.start);
  return { start, end: indexOfCharacter(text, place.end - place.start, start) };
}

const SHOWN = 12_000;

/** Return the part of a long text that is shown around a place, cut at ends of lines. */
export function windowAround(text: string, span: Span | null, length = SHOWN): Span {
  const middle = span ? Math.floor((span.start + span.end) / 2) : 0;
  const start = lineStart(text, Math.max(0, middle - Math.floor(length / 2)));
  const end = lineEnd(text, Math.max(start + length, span?.end ?? 0));
  return { start: Math.min(start, span?.start ?? start), end };
}

/** Return the part of a text with more in front of it. */
export function earlier(text: string, shown: Span): Span {
  return { start: lineStart(text, Math.max(0, shown.start - SHOWN)), end: shown.end };
}

/** Return the part of a text with more behind it. */
export function later(text: string, shown: Span): Span {
  return { start: shown.start, end: lineEnd(text, shown.end + SHOWN) };
}

function lineStart(text: string, index: number): number {
  if (index <= 0) return 0;
  const found = text.lastIndexOf("\n", index - 1) + 1;
  const start = index - found > 2000 ? index : found;
  return isPair(text, start - 1) ? start - 1 : start;
}

function lineEnd(text: string, index: number): number {
  if (index >= text.length) return text.length;
  const found = text.indexOf("\n", index);
  const end = found < 0 || found - index > 2000 ? index : found;
  return isPair(text, end - 1) ? end + 1 : end;
}

function isPair(text: string, index: number): boolean {
  return (text.codePointAt(index) ?? 0) > 0xffff;
}
