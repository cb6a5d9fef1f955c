import { resolve } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "electron-vite";
import type { Plugin } from "vite";

/** ssh2 tries a native helper and does without; a bundle can hold neither it nor the try. */
const withoutNativeHelpers: Plugin = {
  name: "without-native-helpers",
  enforce: "pre",
  resolveId: (id) => (id.endsWith(".node") || id === "cpu-features" || id === "pg-native" ? "\0absent" : undefined),
  load: (id) => (id === "\0absent" ? 'throw new Error("not part of this bundle"); export default null' : undefined),
};

/** The oldest runtime the bundles must run on. */
const node = "node18";
const chrome = "chrome114";

function bundle(inputs: Readonly<Record<string, string>>, directory: string): object {
  return {
    target: node,
    externalizeDeps: false,
    outDir: `out/${directory}`,
    rolldownOptions: {
      // The one native module; it must find its binary beside itself.
      external: ["@photostructure/sqlite"],
      input: inputs,
      // An older Electron cannot import from inside its archive, only require.
      output: {
        format: "cjs",
        dynamicImportInCjs: false,
        entryFileNames: "[name].cjs",
        chunkFileNames: "[name]-[hash].cjs",
      },
    },
  };
}

export default defineConfig({
  main: {
    plugins: [withoutNativeHelpers],
    build: bundle(
      { index: resolve("main/index.ts"), "core-process": resolve("main/core-process.ts"), cli: resolve("main/cli.ts") },
      "main",
    ),
  },
  preload: { build: bundle({ index: resolve("preload/index.ts") }, "preload") },
  renderer: {
    root: "renderer",
    plugins: [react()],
    build: {
      target: chrome,
      minify: "oxc",
      outDir: "out/renderer",
      rolldownOptions: { input: resolve("renderer/index.html") },
    },
  },
});
