/**
 * A program that runs one migration, so that a test can kill it: the options as JSON in its first argument, the
 * key's text in place of its verifier. Prints the report as JSON, or the failure's class and message.
 */

import { LogError, migrate, parseVkey } from "../../lib/index.ts";
import { migrationOptions } from "./migration.ts";

const { log, source, target, overrides } = JSON.parse(process.argv[2] ?? "");
try {
  const options = migrationOptions(log, source, target, overrides);
  const report = await migrate({ ...options, policy: { verifiers: [parseVkey(log.vkey)] } });
  process.stdout.write(JSON.stringify({ report }));
} catch (error) {
  const { name, message } = error as Error;
  process.stdout.write(JSON.stringify({ failure: { name, message } }));
  if (!(error instanceof LogError)) throw error;
  process.exitCode = 1;
}
