import { expect, it } from "vitest";
import { describe } from "./refusals";

it("says what to do also where a proxy answers in the server's place", () => {
  for (const status of [413, 429, 500, 502, 503, 504]) {
    expect(describe("<html>", status, null)).toMatchObject({ advice: expect.any(String), status });
  }
});

it("says what to do where the server's words do not", () => {
  for (const code of ["scope_missing", "question_too_long", "document_over_limit", "document_undecodable"]) {
    expect(describe({ code, title: "No", detail: "no" }, 400, null)).toMatchObject({ message: "No.", advice: expect.any(String) });
  }
});
