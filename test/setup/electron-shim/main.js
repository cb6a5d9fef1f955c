"use strict";
// What `electron .` runs first: Electron's own starter, which the substitute runtime lacks. It loads the app that the command line names.
const Module = require("node:module");
const path = require("node:path");
const { app } = require("electron");

const given = process.argv.slice(1);
const preloads = given.flatMap((word, at) => (word === "-r" || word === "--require" ? [given[at + 1]] : []));
const target = given.find(
  (word, at) => !word.startsWith("-") && given[at - 1] !== "-r" && given[at - 1] !== "--require",
);
if (target === undefined) {
  console.error("usage: electron [-r module] path-to-app");
  process.exit(1);
}
for (const preload of preloads) require(preload);
const directory = path.resolve(target);
const about = require(path.join(directory, "package.json"));
app.setName(about.productName ?? about.name);
app.setVersion(about.version);
app.setAppPath(directory);
Object.defineProperty(process, "defaultApp", { value: true });
Module._load(path.join(directory, about.main), module, true);
