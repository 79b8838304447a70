/** A source that answers only a few requests at a time. */

import { setTimeout as sleep } from "node:timers/promises";
import type { LogServer } from "./misbehaving-log-server.ts";

/** The paths of all requests. */
export const EVERYTHING = (): boolean => true;

export interface Seen {
  /** Answers in order, and how many others were under way at each. */
  readonly answers: { readonly status: number; readonly others: number }[];
}

/** Makes a server refuse what comes next to `most` other requests. */
export function refuseBeyond(
  most: number,
  server: LogServer,
  headers: Record<string, string>,
  status = 429,
): Seen {
  const answers: { status: number; others: number }[] = [];
  let underWay = 0;
  server.intercept(EVERYTHING, async (_request, response, next) => {
    const others = underWay;
    if (others >= most) {
      answers.push({ status, others });
      response.writeHead(status, { ...headers, "content-length": 0 }).end();
      return;
    }
    underWay++;
    answers.push({ status: 200, others });
    await sleep(5);
    await next();
    underWay--;
  });
  return { answers };
}
