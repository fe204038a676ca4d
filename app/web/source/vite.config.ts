// One page, a few files with hashed names; nothing inline, so that the strict content policy holds.
import { readFileSync, readdirSync } from "node:fs";
import { defineConfig } from "vitest/config";

const BUILT_IN = [
  "preact",
  "@preact/signals",
  "@preact/signals-core",
  "uplot",
  "eventsource-parser",
  "@hey-api/openapi-ts", // what it generates holds some code of its own
];

/** The licences of what is built in, as they ask for. */
const licences = {
  name: "licences",
  generateBundle(this: { emitFile: (file: object) => void }) {
    const source = BUILT_IN.map((name) => `${name}\n\n${licenceOf(name)}`).join("\n\n");
    this.emitFile({ type: "asset", name: "licences.txt", source });
  },
};

function licenceOf(name: string): string {
  const folder = `${import.meta.dirname}/node_modules/${name}`;
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  if (!file) throw new Error(`${name} has no licence file`);
  return readFileSync(`${folder}/${file}`, "utf8").trim();
}

export default defineConfig({
  base: "/assets/",
  plugins: [licences],
  build: {
    target: "es2022",
    outDir: "../assets",
    assetsDir: ".",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  test: { include: ["**/*.test.ts"], exclude: ["node_modules/**"] },
});
