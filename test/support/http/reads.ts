/** What reads in tests ask for, and what comes of them. */

import { setImmediate as nextTurn } from "node:timers/promises";
import type { ReadOptions } from "../../../lib/migrate/ports/source.ts";

/** An object of any size that tests have. */
export const ANY: ReadOptions = { maxBytes: 1 << 20 };

type Read = Promise<Uint8Array | undefined>;

export async function bytesOf(read: Read): Promise<Buffer> {
  return Buffer.from((await read) ?? "there is none");
}

export async function textOf(read: Read): Promise<string> {
  return (await bytesOf(read)).toString();
}

/** What a promise comes to, be it a failure. */
export function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: unknown) => error);
}

/** Hears of requests that began and that ended, and with what status. */
export function counter() {
  const heard = { started: 0, ended: [] as number[] };
  const observer = {
    started: () => void heard.started++,
    ended: (status: number) => void heard.ended.push(status),
  };
  return { heard, observer };
}

/** Waits for so many turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}
