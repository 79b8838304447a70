/** The queue by which the work of a copy is divided among processes. */

import { type Command, Option } from "commander";
import { nonEmpty } from "./values.ts";

/** @param isRequired of a process that has no other work. */
export function addQueueOption(command: Command, isRequired = false): Command {
  const words = isRequired
    ? "the queue that gives out the work: redis://, rediss:// or postgres://; its password is in TLOG_MIGRATE_QUEUE_PASSWORD"
    : "divide the work among workers, by a queue: redis://, rediss:// or postgres://; --workers 0 leaves all of it to them";
  const option = new Option("--queue <url>", words).argParser(nonEmpty).makeOptionMandatory(isRequired);
  return command.addOption(option);
}
