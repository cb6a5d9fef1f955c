#!/usr/bin/env node
// Opens the built app.
import { spawn } from "node:child_process";
import { electronProgram } from "./electron-runtime.mjs";

// Chromium's sandbox refuses root; this is for development, an installed app is never started so.
const root = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
const child = spawn(electronProgram(), [".", ...root, ...process.argv.slice(2)], { stdio: "inherit" });
child.once("exit", (code) => process.exit(code ?? 1));
