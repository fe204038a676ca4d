import { describe, expect, it } from "vitest";
import { excerpt } from "./excerpt";
import { bytes, count, duration, nats, percent, rest } from "./figures";
import { indexOfCharacter, spanOf, windowAround } from "./places";
import { verdictOf } from "./quality";
import { snippet } from "./snippets";

describe("figures", () => {
  it("says sizes in the unit that fits", () => {
    expect([0, 1, 1023, 1024, 1536, 20 * 1024 ** 2, 9.99 * 1024 ** 2, 3 * 1024 ** 3].map(bytes)).toEqual([
      "0 bytes",
      "1 byte",
      "1,023 bytes",
      "1 KiB",
      "1.5 KiB",
      "20 MiB",
      "10 MiB",
      "3 GiB",
    ]);
  });

  it("says times no more exactly than anybody wants", () => {
    expect([-3, 0.4, 59, 60, 3599, 3660, 7200, 200_000].map(duration)).toEqual([
      "0 s",
      "0 s",
      "59 s",
      "1 min",
      "1 h",
      "1 h 1 min",
      "2 h",
      "2 days",
    ]);
  });

  it("says shares without hiding small ones", () => {
    const shares = [0, 0.0004, 0.034, 0.12, 1];
    expect(shares.map(percent)).toEqual(["0 %", "under 0.1 %", "3.4 %", "12 %", "100 %"]);
    expect(shares.map(rest)).toEqual(["100 %", "over 99.9 %", "96.6 %", "88 %", "0 %"]);
  });

  it("counts one thing as one", () => {
    expect([count(1, "step"), count(2, "step"), nats(-5.531)]).toEqual(["1 step", "2 steps", "−5.53"]);
  });
});

describe("places", () => {
  const text = "a😀b😀c";

  it("counts characters as the server does, not halves of them", () => {
    expect([0, 1, 2, 3, 4, 5, 9].map((place) => indexOfCharacter(text, place))).toEqual([0, 1, 3, 4, 6, 7, 7]);
    const span = spanOf(text, { start: 2, end: 4 });
    expect(text.slice(span.start, span.end)).toBe("b😀");
  });

  it("shows a window that holds the place and breaks no character", () => {
    const long = "😀 line of words\n".repeat(5000);
    const span = spanOf(long, { start: 40_000, end: 40_400 });
    const shown = windowAround(long, span);

    expect(shown.start).toBeLessThanOrEqual(span.start);
    expect(shown.end).toBeGreaterThanOrEqual(span.end);
    expect(shown.end - shown.start).toBeLessThan(20_000);
    expect(long.slice(shown.start, shown.end).isWellFormed()).toBe(true);
  });

  it("holds a text without a single line end, too", () => {
    const shown = windowAround("😀".repeat(50_000), { start: 60_001, end: 60_010 });

    expect("😀".repeat(50_000).slice(shown.start, shown.end).isWellFormed()).toBe(true);
  });
});

describe("excerpt", () => {
  it("begins where the question's words are", () => {
    const passage = "The kite flies. The kite lands.\n\n## The seal\n\nIt is sealed with grey wax. The kite again.";

    expect(excerpt(passage, "What is the kite post sealed with?")).toBe("… It is sealed with grey wax. The kite again.");
  });

  it("is the whole passage where none fits", () => {
    expect(excerpt("One. Two.", "Nothing of it?")).toBe("One. Two.");
  });
});

describe("snippets", () => {
  const call = { origin: "https://lift.example", path: "/ask", body: { question: "Who's \"it\"?", evidence: true }, needsKey: true };

  it("quotes the very question for a shell", () => {
    expect(snippet("curl", call)).toContain(`-d '{"question":"Who'\\''s \\"it\\"?","evidence":true}'`);
  });

  it("writes Python's own constants", () => {
    expect(snippet("Python", call)).toContain(`json={"question": "Who's \\"it\\"?", "evidence": True},`);
  });

  it("never holds a key, and names none where nobody needs one", () => {
    for (const language of ["curl", "Python", "TypeScript"] as const) {
      expect(snippet(language, call)).toContain("LIFT_API_KEY");
      expect(snippet(language, { ...call, needsKey: false })).not.toContain("LIFT_API_KEY");
    }
  });
});

describe("verdict", () => {
  const figures = { num_pairs: 4, with_memory: -5, without_memory: -4, with_other_memory: null, gain: -1, gain_standard_error: 0.2 };

  it("says of a memory that does not help that it does not", () => {
    const verdict = verdictOf({ ...figures, verdict: "no_measured_help", reason: null });

    expect(verdict).toMatchObject({ helps: false, label: "No measured help" });
    expect(verdict.sentence).toContain("less likely by 1.00 ± 0.20");
  });

  it("says why nothing was measured", () => {
    expect(verdictOf({ ...figures, verdict: "not_measured", reason: "too short" }).sentence).toContain("too short");
    expect(verdictOf(null).helps).toBeNull();
  });
});
