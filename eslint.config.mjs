import js from "@eslint/js";
import node from "eslint-plugin-n";
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

export default tseslint.config(
  {
    ignores: [
      "node_modules",
      "out",
      "dist",
      ".cache",
      "artifacts",
      "test-results",
      "coverage",
      "test/setup/electron-shim",
    ],
  },
  js.configs.recommended,
  {
    files: ["**/*.ts", "**/*.tsx"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      // A union's exhaustive switch ends without default; a new member then fails to compile here.
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/no-confusing-void-expression": "off",
      // Ports are interfaces written in method form; none of their methods uses `this`.
      "@typescript-eslint/unbound-method": "off",
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
      "@typescript-eslint/no-invalid-void-type": "off",
      "@typescript-eslint/no-meaningless-void-operator": "off",
      "@typescript-eslint/consistent-type-imports": "error",
      "no-restricted-syntax": [
        "error",
        { selector: "ExportDefaultDeclaration", message: "Exports have names." },
        { selector: "TSEnumDeclaration", message: "Use a union of literals." },
      ],
    },
  },
  {
    files: ["renderer/**/*.tsx", "renderer/**/*.ts"],
    plugins: { "react-hooks": reactHooks },
    // No compiler memoizes these components, so a library that could not be memoized is no danger.
    rules: { ...reactHooks.configs.recommended.rules, "react-hooks/incompatible-library": "off" },
  },
  {
    // What stands in for Electron where its download is refused runs Node 18.15: newer calls would fail there, and only there.
    files: ["main/**/*.ts", "preload/**/*.ts", "contract/**/*.ts"],
    plugins: { n: node },
    settings: { node: { version: ">=18.15.0" } },
    rules: {
      // Both are there since Node 18, as experimental.
      "n/no-unsupported-features/node-builtins": ["error", { ignores: ["Response", "util.parseArgs"] }],
      "n/no-unsupported-features/es-builtins": "error",
    },
  },
  { files: ["*.config.ts", "*.config.mjs", "test/**/*.config.ts"], rules: { "no-restricted-syntax": "off" } },
  {
    files: ["**/*.mjs"],
    languageOptions: {
      globals: {
        process: "readonly",
        console: "readonly",
        URL: "readonly",
        Buffer: "readonly",
        setTimeout: "readonly",
        fetch: "readonly",
        AbortSignal: "readonly",
      },
    },
  },
  { files: ["test/**/*.ts", "test/**/*.tsx"], rules: { "@typescript-eslint/no-non-null-assertion": "off" } },
);
