// Starts the page, and reads what it shows again and again.
import { effect, untracked } from "@preact/signals";
import { render } from "preact";
import { key } from "./server/key";
import { announcement } from "./state/announcing";
import { keepUnansweredComparison } from "./state/comparison";
import { keepUnanswered } from "./state/exchange";
import { follow } from "./state/following";
import { keepUnansweredJoint } from "./state/joint";
import { readLimits } from "./state/limits";
import { route } from "./state/route";
import { documents, forget, isUnsettled, refresh } from "./state/shelf";
import { keepUnsent } from "./state/uploads";
import { Page } from "./views/Page";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/layout.css";
import "./styles/parts.css";
import "./styles/training.css";
import "./styles/answers.css";
import "./styles/compared.css";

const BUSY_SECONDS = 4;
const IDLE_SECONDS = 15;

let usedKey = key.peek();

/** With another key one may be somebody else, who is not shown what was read before. */
key.subscribe((value) => {
  if (value === usedKey) return;
  usedKey = value;
  untracked(() => {
    forget();
    keepUnanswered(value !== null);
    keepUnansweredJoint(value !== null);
    keepUnansweredComparison(value !== null);
    announcement.value = "";
    keepUnsent(value !== null);
    follow(null);
    followShown();
    begin();
  });
});

effect(() => {
  const { value } = route;
  untracked(() => followShown(value));
});

function begin(): void {
  readLimits().catch(() => undefined); // the list tells what stands in the way
  void refresh();
}

function followShown(shown = route.peek()): void {
  follow(shown.view === "document" ? shown.id : null);
}

async function keepReading(): Promise<void> {
  for (;;) {
    const isBusy = documents.value?.some(isUnsettled);
    await new Promise((resolve) => setTimeout(resolve, (isBusy ? BUSY_SECONDS : IDLE_SECONDS) * 1000));
    if (!document.hidden) await refresh();
  }
}

begin();
void keepReading();
const place = document.getElementById("page");
if (place) render(<Page />, place);
