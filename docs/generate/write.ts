/** `npm run docs`: writes the documents that are made of the program. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { newProgram } from "../../cmd/program.ts";
import { VERSION } from "../../cmd/version.ts";
import { manPage } from "./man-page.ts";
import { optionsPage } from "./options-page.ts";

const program = await newProgram([]);
const documents = { "tlog-migrate.1": manPage(program, VERSION), "options.md": optionsPage(program) };
for (const [name, text] of Object.entries(documents))
  writeFileSync(join(import.meta.dirname, "..", name), text);
