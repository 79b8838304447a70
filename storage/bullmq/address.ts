/** How an operator names a queue: the URL of a Redis or Postgres server, without its password. */

import { UsageError } from "../../lib/errors.ts";

/** What holds the password of a queue's server. */
export const PASSWORD_VARIABLE = "TLOG_MIGRATE_QUEUE_PASSWORD";

export interface QueueAddress {
  readonly kind: "redis" | "postgres";
  readonly url: URL;
  /** As messages show it. */
  readonly shown: string;
}

const KINDS: Readonly<Record<string, QueueAddress["kind"]>> = {
  "redis:": "redis",
  "rediss:": "redis",
  "postgres:": "postgres",
  "postgresql:": "postgres",
};

/** @throws UsageError, which shows nothing of what may be a password. */
export function parseQueueUrl(text: string): QueueAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const kind = url && KINDS[url.protocol];
  if (url === undefined || kind === undefined || url.hostname === "") {
    throw new UsageError({
      object: "--queue",
      problem: "does not name a queue",
      expected: "redis://HOST:PORT, rediss://HOST:PORT (with TLS) or postgres://USER@HOST:PORT/DATABASE",
    });
  }
  if (url.password !== "") {
    throw new UsageError({
      object: "--queue",
      problem: "has a password, which every process of this machine can see",
      advice: `Leave it out, and set ${PASSWORD_VARIABLE}`,
    });
  }
  return { kind, url, shown: `${url.protocol}//${url.host}${url.pathname === "/" ? "" : url.pathname}` };
}
