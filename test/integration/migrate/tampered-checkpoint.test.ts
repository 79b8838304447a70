/** Promise 1 begins at the checkpoint: without one that the operator's keys have signed nothing is even claimed. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { UsageError, VerificationError } from "../../../lib/errors.ts";
import { parseVkey } from "../../../lib/tlog/vkey.ts";
import { logKeys } from "../../logs/log-keys.ts";
import { type LogServer, startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { answerWith, expectNotVerified, flippedBit, notFound } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { expectFailure, failureOf, type KnownLog, migrateLog } from "../../support/migration.ts";
import { filesBelow, memoryDirectory } from "../../support/places/directory.ts";

const SEED = "tampered-checkpoint";
const log = testLog({ size: 300, entrySize: 30, seed: SEED });
const keys = logKeys(log.origin, SEED, "tiles");

/** Expects a verification failure that names the checkpoint, and a target that was not even made. */
async function expectNothingClaimed(
  known: KnownLog,
  server: LogServer,
  checkpoint: Uint8Array,
  message: RegExp,
  kind: typeof UsageError | typeof VerificationError = VerificationError,
): Promise<void> {
  const target = join(memoryDirectory(), "target");
  const undo = server.intercept("checkpoint", answerWith(checkpoint));
  const failure = await failureOf(migrateLog(known, server, target));
  undo();
  expect(failure, failure.stack).toBeInstanceOf(kind);
  expect(failure.message).toMatch(/\/checkpoint: /);
  expect(failure.message).toMatch(message);
  expect(existsSync(target)).toBe(false);
}

test("a bit flipped anywhere in the checkpoint is found, and nothing is claimed", async () => {
  const server = await startLogServer(log.objects);
  const checkpoint = log.object("checkpoint");
  for (let position = 0; position < checkpoint.length; position++) {
    await expectNothingClaimed(log, server, flippedBit(checkpoint, position, position % 8), /./);
  }
});

test("a checkpoint with a bad signature, of another key, of another log or of none is refused", async () => {
  const server = await startLogServer(log.objects);
  const text = log.object("checkpoint").toString().split("\n\n")[0];
  const signature = Buffer.from(keys.signCheckpoint(301, log.rootHash)).toString().split("\n\n")[1];
  await expectNothingClaimed(log, server, Buffer.from(`${text}\n\n${signature}`), /does not verify/);
  const other = logKeys(log.origin, "another-seed", "tiles");
  await expectNothingClaimed(log, server, other.signCheckpoint(300, log.rootHash), /sign/);
  await expectNothingClaimed(log, server, Buffer.from(`${text}\n\n`), /./);
  await expectNothingClaimed(log, server, Buffer.from("<html>Not a log</html>\n"), /web page/, UsageError);
  await expectNothingClaimed(log, server, Buffer.alloc(0), /./);
  const elsewhere = testLog({ size: 300, entrySize: 30, seed: "another-log" });
  await expectNothingClaimed(log, server, elsewhere.object("checkpoint"), /sign/);
  await expectNothingClaimed({ ...log, vkey: elsewhere.vkey }, server, log.object("checkpoint"), /sign/);
});

test("an empty log whose root is not the empty tree's is refused", async () => {
  const server = await startLogServer(log.objects);
  await expectNothingClaimed(log, server, keys.signCheckpoint(0, log.rootHash), /empty tree/);
});

test("the origin that the operator names must be the checkpoint's", async () => {
  const server = await startLogServer(log.objects);
  const target = join(memoryDirectory(), "target");
  const policy = { verifiers: [parseVkey(log.vkey)], origin: "log.example/other" };
  await expectNotVerified(
    migrateLog(log, server, target, { policy }),
    /another log.*log\.example\/other.*found.*log\.example\/tampered-checkpoint/,
  );
  expect(existsSync(target)).toBe(false);
});

test("a missing checkpoint fails at the first request", async () => {
  const server = await startLogServer(log.objects);
  server.intercept("checkpoint", notFound);
  const target = join(memoryDirectory(), "target");
  await expectFailure(migrateLog(log, server, target), UsageError, /checkpoint.*is missing/);
  expect(server.requests).toHaveLength(1);
  expect(existsSync(target)).toBe(false);
});

test("a validly signed checkpoint with a wrong root or size is found by the right edge, which is named", async () => {
  const server = await startLogServer(log.objects);
  const wrongRoot = keys.signCheckpoint(300, flippedBit(log.rootHash, 31));
  // The tiles of size 300 are those of size 299 but for their widths: the full ones are cut.
  server.objects = new Map([...log.objects, ...log.atSize(512).objects]);
  const wrongSize = keys.signCheckpoint(299, log.rootHash);
  for (const checkpoint of [wrongRoot, wrongSize]) {
    const target = memoryDirectory();
    const undo = server.intercept("checkpoint", answerWith(checkpoint));
    const failure = await failureOf(migrateLog(log, server, target));
    undo();
    expect(failure, failure.stack).toBeInstanceOf(VerificationError);
    expect(failure.message).toMatch(
      /tile\/0\/001\.p\/\d+ \+ tile\/1\/000\.p\/1 .*do not give the checkpoint's root/,
    );
    expect(filesBelow(target)).toEqual([]);
  }
});
