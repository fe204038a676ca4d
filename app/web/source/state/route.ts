// Where one is stands in the address behind the #, so that a reload leads back.
import { signal } from "@preact/signals";

export type Part = "ask" | "compare" | "text" | "report";

export type Route =
  | { view: "home" }
  | { view: "several" }
  | { view: "document"; id: string; part: Part; place: Place | null };

/** Characters of a document's text, as the server counts them. */
export interface Place {
  start: number;
  end: number;
}

const DOCUMENT = /^#\/(doc_[0-9a-z]+)(?:\/(ask|compare|text|report))?(?:\/(\d+)-(\d+))?$/;

export function readRoute(hash: string): Route {
  if (hash === "#/several") return { view: "several" };
  const found = DOCUMENT.exec(hash);
  if (!found?.[1]) return { view: "home" };
  const place = found[3] && found[4] ? { start: +found[3], end: +found[4] } : null;
  return { view: "document", id: found[1], part: (found[2] as Part) ?? "ask", place };
}

export function addressOf(id: string, part: Part = "ask", place: Place | null = null): string {
  const behind = place ? `/${place.start}-${place.end}` : "";
  return part === "ask" ? `#/${id}` : `#/${id}/${part}${behind}`;
}

export const route = signal<Route>(readRoute(location.hash));

/** By address: how far its view was scrolled when one left it. */
const left = new Map<string, number>();
let hasMoved = false;

addEventListener("hashchange", (event) => {
  hasMoved = true;
  left.set(new URL(event.oldURL).hash, scrollY);
  route.value = readRoute(location.hash);
});

/** Begin a view at its heading: a screen reader says it, the eye is where it was before. */
export function arrive(heading: HTMLElement | null): void {
  if (!hasMoved) return;
  heading?.focus({ preventScroll: true });
  scrollTo(0, left.get(location.hash) ?? 0);
}

export function go(address: string): void {
  location.hash = address;
}
