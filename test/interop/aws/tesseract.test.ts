/** Copies of Static CT logs into S3 and MySQL, and out of them, and what TesseraCT's own program for AWS makes of them. */

import { expect, it } from "vitest";
import { staticCtVerifier } from "../../../lib/index.ts";
import { ISSUERS, submitChains } from "../../support/go/ct-submissions.ts";
import {
  expectTesseraCTTakesOver,
  FIRST,
  IDENTITY,
  type MovingLog,
  moveLog,
  newCtDirectory,
  tesseraCTLog,
} from "../../support/go/ct-takeover.ts";
import { stateOf, urlOf } from "../../support/go/homes.ts";
import { startTesseraCT } from "../../support/go/tesseract.ts";
import type { CtAwsBucket } from "../../support/go/tesseract-homes.ts";
import { describeWithMariaDb, useAws } from "../../support/go/use-aws.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { verify } from "../../support/verification.ts";

/** Two full tiles and a partial one. */
const SIZE = 700;

describeWithMariaDb("a copy that TesseraCT takes over on S3 and MySQL", () => {
  useGoPrograms("ctkit", "tesseract-aws", "tesseract-fsck");
  const aws = useAws();

  /** Expects our own verification to pass, with the tree state and the deep check. */
  async function expectVerified(home: CtAwsBucket, log: MovingLog, size: number): Promise<void> {
    const policy = { verifiers: [staticCtVerifier(log.publicKey, log.origin)] };
    const known = { vkey: log.vkey, format: "static-ct" } as const;
    const report = await verify(known, urlOf(home), { policy, targetOptions: stateOf(home), deep: true });
    expect(report).toMatchObject({ faults: 0, size, entries: size });
  }

  it("from a directory", async () => {
    const source = newCtDirectory();
    const log = await tesseraCTLog(source, SIZE);
    const target = await aws().newCtHome();
    await moveLog(log, source.dir, target);
    await expectVerified(target, log, SIZE);
    await expectTesseraCTTakesOver(target, log);
    // TesseraCT's own, where it fetches roots from others.
    await aws().s3.putObject(target.bucket, "roots/00", Buffer.from("a root"));
    await expectVerified(target, log, SIZE + 300);
  });

  it("from another bucket and database: every object is as TesseraCT stored it", async () => {
    const source = await aws().newCtHome();
    const log = await tesseraCTLog(source, 513);
    const before = await aws().s3.objects(source.bucket);
    const target = await aws().newCtHome();
    await moveLog(log, urlOf(source), target);
    const after = await aws().s3.objects(target.bucket);
    const below = (part: string) => [...after].filter(([name]) => name.startsWith(part));
    const [issuers, tiles] = [below("issuer/"), below("tile/")];
    expect(issuers).toHaveLength(ISSUERS);
    // Three data tiles, three of their hashes, and one above them.
    expect(tiles).toHaveLength(3 + 3 + 1);
    for (const [name, object] of [...issuers, ...tiles]) expect(object, name).toEqual(before.get(name));
    expect([...after.keys()]).not.toContain("checkpoint");
    await expectTesseraCTTakesOver(target, log);
    expect(await aws().s3.objects(source.bucket)).toEqual(before);
  });

  it("only once it is finished", async () => {
    const source = newCtDirectory();
    const log = await tesseraCTLog(source, 300);
    const target = await aws().newCtHome();
    await moveLog(log, source.dir, target, { handOver: false });
    const refused = startTesseraCT({ ...target, ...IDENTITY, authorities: [FIRST] });
    await expect(refused).rejects.toThrow(
      /schema compatibilityVersion \(0\) != library compatibilityVersion/,
    );
    await moveLog(log, source.dir, target);
    await expectTesseraCTTakesOver(target, log);
  });

  it("with the antispam database that it had, which knows the log's chains from the first second", async () => {
    const source = await aws().newCtHome();
    const log = await tesseraCTLog(source, 300, { indexed: true });
    const target = { ...(await aws().newCtHome()), antispam: source.antispam };
    await moveLog(log, urlOf(source), target);
    await using taken = await startTesseraCT({ ...target, ...IDENTITY, authorities: [FIRST] });
    const { indices } = await submitChains(taken, { authorities: FIRST, count: 300 });
    expect(indices).toEqual(log.indices);
    expect(await taken.stop()).toMatchObject({ size: 300 });
  });

  it("in a directory, where it comes from S3 and MySQL", async () => {
    const source = await aws().newCtHome();
    const log = await tesseraCTLog(source, 256);
    const target = newCtDirectory();
    await moveLog(log, urlOf(source), target);
    await expectTesseraCTTakesOver(target, log);
  });
});
