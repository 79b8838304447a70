#!/usr/bin/env node
/** Starts the program where it can run. ES5, for any Node: what older ones cannot read is in a file of its own. */
"use strict";

require("./check-installation.cjs");
require("./import-program.cjs");
