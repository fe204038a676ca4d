// One page, a few files with hashed names; nothing inline, so that the strict content policy holds.
import { defineConfig } from "vite";

export default defineConfig({
  base: "/assets/",
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
} as Parameters<typeof defineConfig>[0]);
