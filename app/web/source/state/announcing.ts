// What a screen reader is to say that nobody looked for.
import { signal } from "@preact/signals";

export const announcement = signal("");

export function announce(words: string): void {
  announcement.value = "";
  setTimeout(() => (announcement.value = words), 50);
}
