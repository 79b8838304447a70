/** `npm run man`: writes the manual page. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { newProgram } from "../cmd/program.ts";
import { VERSION } from "../cmd/version.ts";
import { manPage } from "./man-page.ts";

const path = join(import.meta.dirname, "tlog-migrate.1");
writeFileSync(path, manPage(await newProgram([]), VERSION));
