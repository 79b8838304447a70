/** What a copy that follows its source waits for, with the right words, and what it does not wait for. */

import { expect, test } from "vitest";
import { VerificationError } from "../../../lib/errors.ts";
import { parsePolicy } from "../../../lib/tlog/policy.ts";
import { newCosigner } from "../../logs/sign.ts";
import { grow, movableClock, reached, startFollow } from "../../support/follow.ts";
import { flippedBit } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { failureOf, newCopy } from "../../support/migration.ts";
import { differences } from "../../support/places/directory.ts";

const log = testLog({ size: 900, entrySize: 30 });
const patience = { timeout: 20_000 };
const PAGE = "<!DOCTYPE html><html><title>Sign in</title></html>";

test.each([
  ["a web page in place of the checkpoint", "checkpoint", PAGE, /checkpoint: is a web page, not an object/],
  ["an answer that nobody has signed", "checkpoint", '{"error":"maintenance"}', /has no blank line/],
  ["an empty checkpoint", "checkpoint", "", /has no blank line/],
  ["a web page in place of a tile of the grown tree", "tile/1/000.p/3", PAGE, /tile\/1\/000\.p\/3.*web page/],
  ["a web page in place of a bundle", "tile/entries/003.p/132", PAGE, /tile\/entries\/003.*web page/],
  ["an object that is missing", "tile/entries/003.p/132", undefined, /tile\/entries\/003.*is missing/],
])("%s is waited for, reported, and ends nothing", async (_, path, body, message) => {
  const clock = movableClock();
  const { server, target } = await newCopy(log.atSize(700));
  const following = startFollow(log, server.url, target);
  await reached(following, 700);
  let tries = 0;
  const undo = server.intercept(path, (_request, response) => {
    tries++;
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  grow(server, log);
  // More than the retries of one read.
  await expect.poll(() => tries, patience).toBeGreaterThan(7);
  clock.forward(11_000);
  const waits = expect.stringMatching(/^Waiting for what is unavailable, \d+ s by now: /);
  await expect.poll(() => following.notices, patience).toContainEqual(waits);
  expect(following.notices.find((line) => line.startsWith("Waiting"))).toMatch(message);
  expect(following.progress.following?.unavailableSince).toBeGreaterThan(0);
  undo();
  await reached(following, 900);
  const again = expect.stringMatching(/^It is available again/);
  await expect.poll(() => following.notices, patience).toContainEqual(again);
  await expect.poll(() => differences(target, log), patience).toEqual([]);
});

test("a checkpoint that witnesses have not cosigned yet is waited for", async () => {
  const witness = newCosigner("w1.example", Buffer.alloc(32, 20));
  const cosigned = (size: number) => {
    const note = log.atSize(size).object("checkpoint").toString();
    return Buffer.from(note + witness.signatureLine(note.split(/(?<=\n)\n/)[0] ?? ""));
  };
  const trustPolicy = parsePolicy(Buffer.from(`log ${log.vkey}\nwitness w1 ${witness.vkey}\nquorum w1\n`));
  const { server, target } = await newCopy(log.atSize(700));
  server.objects = new Map([...server.objects, ["checkpoint", cosigned(700)]]);
  const following = startFollow(log, server.url, target, { policy: { verifiers: [], trustPolicy } });
  await reached(following, 700);
  const reads = server.requestCount("checkpoint");
  grow(server, log);
  await expect.poll(() => server.requestCount("checkpoint"), patience).toBeGreaterThan(reads + 7);
  expect(following.progress.following).toMatchObject({ newest: 700, copied: 700 });
  server.objects = new Map([...server.objects, ["checkpoint", cosigned(900)]]);
  await reached(following, 900);
});

test.each([
  ["a wrong signature", "checkpoint", (bytes: Buffer) => flippedBit(bytes, bytes.length - 8)],
  ["a wrong bundle", "tile/entries/003.p/132", (bytes: Buffer) => flippedBit(bytes, 9)],
])("%s that lasts is no outage, and ends it", async (_, path, tampered) => {
  const { server, target } = await newCopy(log.atSize(700));
  const following = startFollow(log, server.url, target);
  await reached(following, 700);
  server.objects = new Map([...server.objects, ...log.objects, [path, tampered(log.object(path))]]);
  expect(await failureOf(following.end)).toBeInstanceOf(VerificationError);
});

test("an older checkpoint is reported after a minute, once, until a newer one has come", async () => {
  const clock = movableClock();
  const { server, target } = await newCopy(log);
  const following = startFollow(log, server.url, target);
  await reached(following, 900);
  const stale = () => following.notices.filter((line) => /older than the one of size/.test(line));
  const older = log.atSize(700).object("checkpoint");
  for (const [times, newer] of [
    [1, 901],
    [2, 902],
  ] as const) {
    const undo = server.intercept("checkpoint", (_request, response) => void response.end(older));
    await expect.poll(() => following.progress.following?.staleSince, patience).toBeDefined();
    clock.forward(50_000);
    const reads = server.requestCount("checkpoint");
    await expect.poll(() => server.requestCount("checkpoint"), patience).toBeGreaterThan(reads + 2);
    expect(stale()).toHaveLength(times - 1);
    clock.forward(11_000);
    await expect.poll(stale, patience).toHaveLength(times);
    clock.forward(100_000);
    const later = server.requestCount("checkpoint");
    await expect.poll(() => server.requestCount("checkpoint"), patience).toBeGreaterThan(later + 2);
    expect(stale()).toHaveLength(times);
    expect(stale()[0]).toMatch(
      /checkpoint has been of size 700 for a minute.*of size 90\d.*a replica is behind/,
    );
    undo();
    grow(server, log.atSize(newer));
    await reached(following, newer);
  }
});

test("a tree whose right edge is missing for good gives way to a larger one", async () => {
  const { server, target } = await newCopy(log.atSize(700));
  const following = startFollow(log, server.url, target);
  await reached(following, 700);
  let tries = 0;
  // Without it, the tree cannot be authenticated.
  server.intercept("tile/0/003.p/1", (_request, response) => {
    tries++;
    response.writeHead(404).end();
  });
  grow(server, log.atSize(769));
  await expect.poll(() => tries, patience).toBeGreaterThan(7);
  grow(server, log);
  await reached(following, 900);
});

test("a round whose right edge the source has replaced meanwhile goes on with the tree that it has by now", async () => {
  const { server, target } = await newCopy(log.atSize(769));
  const following = startFollow(log, server.url, target);
  await reached(following, 769);
  const [middle, last] = [log.atSize(770), log.atSize(771)];
  grow(server, middle);
  // It gives way after the tree was authenticated, before it is read.
  const gone = "tile/entries/003.p/2";
  server.intercept(gone, (_request, response) => {
    server.objects = last.objects;
    response.writeHead(404).end();
  });
  await reached(following, 771);
  expect(server.requestCount(gone)).toBeGreaterThan(0);
  await expect.poll(() => differences(target, last), patience).toEqual([]);
  expect(following.notices).toEqual([]);
});
