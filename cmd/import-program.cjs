"use strict";

const { existsSync } = require("node:fs");
const { join } = require("node:path");

// A clone runs its sources, the published package has none.
const isClone = existsSync(join(__dirname, "tlog-migrate.ts"));
import(isClone ? "./tlog-migrate.ts" : "../dist/cmd/tlog-migrate.js");
