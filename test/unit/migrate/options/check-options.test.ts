/** Options that a program gives, whose types nobody may have checked: refused before anything is opened. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { abandon, migrate, UsageError, verifyLog } from "../../../../lib/index.ts";
import { parsePolicy } from "../../../../lib/tlog/policy.ts";
import { parseVkey } from "../../../../lib/tlog/vkey.ts";
import { newCosigner, newEd25519Signer } from "../../../logs/sign.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { FAST_RETRY, migrationOptions } from "../../../support/migration.ts";
import { memoryDirectory } from "../../../support/places/directory.ts";

const log = testLog({ size: 1 });
const access = { userAgentVersion: "test" };

/** The work of each function, on a source that does not exist. */
const work: Readonly<Record<string, (options: object) => Promise<unknown>>> = {
  migrate: (options) => migrate({ ...migrationOptions(log, "/nowhere", "/nowhere/else"), ...options }),
  verifyLog: (options) => verifyLog({ log: "/nowhere", format: "tiles", access, ...options }),
  abandon: (options) => abandon({ target: "/nowhere", access, ...options }),
};

async function expectRefusal(done: Promise<unknown> | undefined, words: string | RegExp): Promise<void> {
  await expect(done).rejects.toBeInstanceOf(UsageError);
  await expect(done).rejects.toThrow(words);
}

const NUMBERS: readonly [shown: string, options: (value: unknown) => object, least: number, most: number][] =
  [
    ["workers", (workers) => ({ workers }), 1, 256],
    ["concurrency", (concurrency) => ({ concurrency }), 1, 10_000],
    ["budgetBytes", (budgetBytes) => ({ budgetBytes }), 1, 10 ** 12],
    ["requestsPerSecond", (requestsPerSecond) => ({ requestsPerSecond }), 1, 1_000_000],
    ["settleMs", (settleMs) => ({ settleMs }), 0, 86_400_000],
    ["retry.attempts", (attempts) => ({ retry: { ...FAST_RETRY, attempts } }), 0, 1000],
    ["retry.contentAttempts", (contentAttempts) => ({ retry: { ...FAST_RETRY, contentAttempts } }), 0, 1000],
    ["retry.minDelayMs", (minDelayMs) => ({ retry: { ...FAST_RETRY, minDelayMs } }), 0, 2 ** 31 - 1],
    ["retry.maxDelayMs", (maxDelayMs) => ({ retry: { ...FAST_RETRY, maxDelayMs } }), 0, 2 ** 31 - 1],
    [
      "retry.maxRetryAfterMs",
      (most) => ({ retry: { ...FAST_RETRY, maxRetryAfterMs: most } }),
      0,
      2 ** 31 - 1,
    ],
  ];

describe.each(NUMBERS)("%s", (shown, options, least, most) => {
  const functions = Object.keys(work).filter((name) => name !== "abandon" || shown.includes("retry."));

  it.each(functions)("is a whole number within bounds for %s", async (name) => {
    for (const value of [Number.NaN, -1, least - 1, least + 0.5, most + 1, Number.POSITIVE_INFINITY, "1"]) {
      const words = `${shown}: is not a whole number from ${least} to ${most} (found ${value})`;
      await expectRefusal(work[name]?.(options(value)), words);
    }
  });
});

test("a key is not both the log's and a witness's, under whatever name and type: it would count twice", async () => {
  const key = Buffer.alloc(32, 7);
  const witness = newCosigner("witness.example", key).vkey;
  const trustPolicy = parsePolicy(Buffer.from(`witness w ${witness}\nquorum w\n`));
  for (const vkey of [witness, newEd25519Signer(log.origin, key).vkey]) {
    const policy = { verifiers: [parseVkey(log.vkey), parseVkey(vkey)], trustPolicy };
    const words = "--vkey: is the key of a witness in the --policy, w, and one key counts once";
    await expectRefusal(work.migrate?.({ policy }), words);
    await expectRefusal(work.verifyLog?.({ policy }), words);
  }
  const policy = { verifiers: [parseVkey(log.vkey)], trustPolicy };
  await expectRefusal(work.migrate?.({ policy }), "/nowhere: does not exist");
});

test.each<[name: string, options: object, words: string | RegExp]>([
  ["migrate", { format: "ct" }, "--format: is not known (expected tiles or static-ct, found ct)"],
  ["migrate", { format: undefined }, "--format: is not known (expected tiles or static-ct, found undefined)"],
  ["verifyLog", { format: "ct" }, "--format: is not known (expected tiles or static-ct, found ct)"],
  ["migrate", { tiles: "both" }, "--tiles: is not known (expected derive or fetch, found both)"],
  [
    "migrate",
    { deep: true },
    /^--deep: is for Static CT logs\. Pass --format static-ct too, or leave it out$/,
  ],
  ["migrate", { allowMissingIssuers: true }, "--allow-missing-issuers: is for Static CT logs"],
  ["verifyLog", { allowMissingIssuers: true }, "--allow-missing-issuers: is for Static CT logs"],
  ["verifyLog", { deep: false }, "--no-deep: is for Static CT logs"],
  [
    "migrate",
    { policy: undefined },
    /no key says which one to trust\. Pass --vkey <vkey> or --policy <file>; or --insecure/,
  ],
  [
    "migrate",
    { policy: { verifiers: [] }, format: "static-ct" },
    /Pass --log-list <file>, --vkey <vkey>, --policy <file>, or --public-key <base64> with --origin; or --insecure/,
  ],
  ["migrate", { policy: {} }, "no key says which one to trust"],
  [
    "verifyLog",
    { policy: { verifiers: [], trustPolicy: { logs: [], witnesses: [] } } },
    "--policy: names no log whose checkpoints to trust. Pass the log's --vkey too",
  ],
  [
    "migrate",
    { policy: { trustPolicy: { logs: [], witnesses: [] }, insecureNoSignature: true } },
    "--insecure-no-signature: contradicts",
  ],
  ["migrate", { policy: { verifiers: [] } }, "no key says which one to trust"],
  ["migrate", { policy: { insecureNoSignature: false } }, "no key says which one to trust"],
  ["verifyLog", { policy: { verifiers: [] } }, "no key says which one to trust"],
  [
    "migrate",
    { policy: { verifiers: [1], insecureNoSignature: true } },
    "--insecure-no-signature: contradicts",
  ],
  ["migrate", { retry: { ...FAST_RETRY, minDelayMs: 6 } }, "retry.minDelayMs: contradicts retry.maxDelayMs"],
  ["migrate", { retry: {} }, "retry.attempts: is not a whole number"],
  ["migrate", { handOver: "no" }, "--handover: is neither true nor false (found no)"],
  ["migrate", { adopt: 1 }, "--adopt: is neither true nor false (found 1)"],
  ["migrate", { source: undefined }, "source: is not a text (found undefined)"],
  ["migrate", { tool: undefined }, "tool: is not a text"],
  ["verifyLog", { log: 7 }, "log: is not a text (found 7)"],
  ["abandon", { target: undefined }, "target: is not a text"],
  ["abandon", { access: undefined }, "access.userAgentVersion: is not a text"],
])("%s refuses %o", async (name, options, words) => {
  await expectRefusal(work[name]?.(options), words);
});

test("nothing was looked at before: a target is neither made nor claimed", async () => {
  const target = join(memoryDirectory(), "log");
  await expectRefusal(migrate({ ...migrationOptions(log, "/nowhere", target), workers: 0 }), "workers");
  expect(existsSync(target)).toBe(false);
});
