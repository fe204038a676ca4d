import { expect, it, vi } from "vitest";

vi.stubGlobal("location", { hash: "" });
vi.stubGlobal("addEventListener", () => undefined);
const { addressOf, readRoute } = await import("./route");

it("leads back to where an address says", () => {
  const id = "doc_01m82qqet1xhfncebrhppp5bt9";
  const place = { start: 3, end: 9 };

  expect(readRoute(addressOf(id))).toEqual({ view: "document", id, part: "ask", place: null });
  expect(readRoute(addressOf(id, "text", place))).toEqual({ view: "document", id, part: "text", place });
});

it("shows the way in for addresses that mean nothing", () => {
  for (const hash of ["", "#/", "#/doc_<b>", "#/other/1", "#/doc_1/nothing"]) {
    expect(readRoute(hash)).toEqual({ view: "home" });
  }
});
