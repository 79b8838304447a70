"use strict";

const { existsSync } = require("node:fs");
const { join } = require("node:path");

// Before the program can do so: older Nodes warn of the first TypeScript that they load.
if (process.env.TLOG_MIGRATE_DEBUG !== "1") process.removeAllListeners("warning");

// A clone runs its sources, the published package has none.
const isClone = existsSync(join(__dirname, "tlog-migrate.ts"));
import(isClone ? "./tlog-migrate.ts" : "../dist/cmd/tlog-migrate.js");
