/** Static CT logs without a checkpoint, but with RFC 6962's signed tree head. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  type MigrationOptions,
  parseVkey,
  staticCtVerifier,
  UsageError,
  VerificationError,
} from "../../../lib/index.ts";
import { openCheckpoint } from "../../../lib/tlog/checkpoint.ts";
import { formatHash } from "../../../lib/tlog/merkle.ts";
import { parseNote } from "../../../lib/tlog/note.ts";
import type { LogServer } from "../../support/http/misbehaving-log-server.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { migrateLog, newCopy } from "../../support/migration.ts";
import { logDirectory } from "../../support/places/directory.ts";
import { verify } from "../../support/verification.ts";

const log = testLog({ size: 300, format: "static-ct" });
const own = staticCtVerifier(log.publicKey ?? "", log.origin);
const policy = { verifiers: [own], origin: log.origin };

/** The answer to get-sth, with the signature of the log's checkpoint. */
function treeHead(of: TestLog): Record<string, unknown> {
  const { signatures } = parseNote(of.object("checkpoint"));
  const { signature = new Uint8Array() } = signatures.find(({ keyId }) => keyId === own.keyId) ?? {};
  const bytes = Buffer.from(signature);
  return {
    tree_size: of.size,
    timestamp: Number(bytes.readBigUInt64BE()),
    sha256_root_hash: formatHash(of.rootHash),
    tree_head_signature: bytes.subarray(8).toString("base64"),
  };
}

/** A server of the log with a tree head in place of its checkpoint. */
async function hybrid(answer: () => object = () => treeHead(log), from: Pick<TestLog, "objects"> = log) {
  const copy = await newCopy(from);
  withoutCheckpoint(copy.server, from);
  copy.server.intercept("ct/v1/get-sth", (_request, response) => void response.end(JSON.stringify(answer())));
  return copy;
}

function withoutCheckpoint(server: LogServer, of: Pick<TestLog, "objects">): void {
  server.objects = new Map([...of.objects].filter(([path]) => path !== "checkpoint"));
}

const asked = (server: LogServer): boolean => server.requests.some(({ path }) => path === "ct/v1/get-sth");

describe("a Static CT log with a tree head in place of its checkpoint", () => {
  test("is copied, handed over with the note of it, and verified there and here", async () => {
    const { server, target } = await hybrid();
    const options: Partial<MigrationOptions> = { policy, saveCheckpoint: true };
    const report = await migrateLog(log, server, target, options);
    expect(report).toMatchObject({
      outcome: "handed-over",
      origin: log.origin,
      signatures: [{ type: "RFC 6962 tree head", own: true }],
    });
    const stored = readFileSync(join(target, "checkpoint"));
    expect(openCheckpoint(stored, policy)).toMatchObject({
      size: 300,
      rootHash: new Uint8Array(log.rootHash),
    });
    expect(await verify(log, target, { policy })).toMatchObject({ faults: 0, authority: "checkpoint" });
    expect(await verify(log, server.url, { policy })).toMatchObject({ faults: 0, authority: "checkpoint" });
    expect(await migrateLog(log, server, target, options)).toMatchObject({ outcome: "already-handed-over" });
  });

  test("that grows is followed, and is no log of another key, size or origin", async () => {
    const grown = log.atSize(400);
    let reads = 0;
    const both = { objects: new Map([...log.objects, ...grown.objects]) };
    const { server, target } = await hybrid(() => treeHead(reads++ === 0 ? log : grown), both);
    expect(await migrateLog(log, server, target, { policy })).toMatchObject({ size: 400 });
    const larger = await hybrid(() => ({ ...treeHead(log), tree_size: 301 }));
    await expect(migrateLog(log, larger.server, larger.target, { policy })).rejects.toThrow(
      /does not verify/,
    );
    const stranger = testLog({ size: 1, format: "static-ct", seed: "stranger" });
    const key = staticCtVerifier(stranger.publicKey ?? "", log.origin);
    const theirs = migrateLog(log, larger.server, larger.target, { policy: { verifiers: [key] } });
    await expect(theirs).rejects.toBeInstanceOf(VerificationError);
    const elsewhere = { verifiers: [own], origin: "another.example" };
    await expect(migrateLog(log, larger.server, larger.target, { policy: elsewhere })).rejects.toBeInstanceOf(
      UsageError,
    );
  });
});

describe("a tree head is not asked for", () => {
  test("where there is a checkpoint, or something in its place that is not its absence", async () => {
    const { server, target } = await hybrid();
    server.intercept("checkpoint", (_request, response) => void response.writeHead(403).end());
    await expect(migrateLog(log, server, target, { policy })).rejects.toThrow();
    expect(asked(server)).toBe(false);
    const { server: usual, target: copy } = await newCopy(log);
    await migrateLog(log, usual, copy, { policy });
    expect(asked(usual)).toBe(false);
  });

  test("without a key that could have signed it, without any, or of a tlog-tiles log", async () => {
    const { server, target } = await hybrid();
    for (const further of [
      { policy: { verifiers: [parseVkey(log.vkey)] } },
      { policy: { insecureNoSignature: true } },
      { policy, format: "tiles" },
    ] as const) {
      await expect(migrateLog(log, server, target, further)).rejects.toThrow(/checkpoint: is missing/);
    }
    expect(asked(server)).toBe(false);
  });

  test("in a directory", async () => {
    const directory = logDirectory({
      objects: new Map([["ct/v1/get-sth", Buffer.from(JSON.stringify(treeHead(log)))]]),
    });
    await expect(migrateLog(log, { url: directory }, `${directory}-copy`, { policy })).rejects.toThrow(
      /checkpoint: is missing/,
    );
  });
});

test.each([
  [
    "refuses it",
    (server: LogServer) =>
      server.intercept("ct/v1/get-sth", (_, response) => void response.writeHead(400).end()),
  ],
  [
    "has a page for it",
    (server: LogServer) => server.intercept("ct/v1/get-sth", (_, response) => void response.end("<html>")),
  ],
])("a server that has no checkpoint and %s is a wrong address, as before", async (_, misbehave) => {
  const { server, target } = await newCopy(log);
  withoutCheckpoint(server, log);
  misbehave(server);
  const copy = migrateLog(log, server, target, { policy });
  await expect(copy).rejects.toBeInstanceOf(UsageError);
  await expect(copy).rejects.toThrow(/checkpoint: is missing/);
});
