/**
 * Ends the process with one line where the program cannot run: Node is too old, or a clone has no dependencies.
 * Any Node must be able to run this: it is ES5.
 */
"use strict";

var fs = require("fs");
var path = require("path");
var packageJson = require("../package.json");

var isClone = fs.existsSync(path.join(__dirname, "tlog-migrate.ts"));
var problem = problemOfNode() || (isClone && problemOfClone());
if (problem) {
  console.error("tlog-migrate: " + problem);
  if (process.argv.indexOf("--json") !== -1) console.log(documentOf(problem));
  process.exit(2);
}

function documentOf(problem) {
  return JSON.stringify({ error: { kind: "usage", object: "this installation", problem: problem } });
}

function problemOfNode() {
  // As in ">=22.19".
  var least = packageJson.engines.node.match(/\d+/g).map(Number);
  var found = process.versions.node.split(".").map(Number);
  if (found[0] > least[0] || (found[0] === least[0] && found[1] >= least[1])) return "";
  var line =
    "Node is too old (expected " + packageJson.engines.node + ", found " + process.versions.node + "). ";
  if (!isClone) return line + "Install a newer one";
  return (
    line +
    "Run `npm ci`, which installs one in this clone, or `npm rebuild node` after `npm ci --ignore-scripts`; " +
    "npm's scripts use it, such as `npm start`"
  );
}

function problemOfClone() {
  try {
    require.resolve("commander");
  } catch (_) {
    return "the dependencies of this clone are not installed. Run `npm ci`";
  }
}
