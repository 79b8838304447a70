/** What an operator is told when the cloud is not as the command says; one line each, with what to do. */

import { expect, it, vi } from "vitest";
import { migrate } from "../../../lib/index.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import type { Interference } from "../../support/go/gcp-emulators.ts";
import type { GcpBucket } from "../../support/go/homes.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { failureOf, migrationOptions } from "../../support/migration.ts";
import { logDirectory } from "../../support/places/directory.ts";

const emulators = useGcpEmulators();
const log = testLog({ size: 300, entrySize: 20 });

async function messageOf(
  home: Pick<GcpBucket, "bucket" | "database">,
  source = logDirectory(log),
): Promise<string> {
  const targetOptions = { spanner: home.database };
  const options = migrationOptions(log, source, `gs://${home.bucket}/log`, { targetOptions });
  const { message } = await failureOf(migrate(options));
  expect(message).not.toContain("\n");
  return message;
}

describeWithGo("an operator is told of", () => {
  it("a bucket that is not there, as a target and as a source", async () => {
    const home = await emulators().newHome();
    const bucket = "there-is-no-such-bucket";
    expect(await messageOf({ ...home, bucket })).toMatch(/gs:\/\/there-is-no-such-bucket.*create it first/);
    expect(await messageOf(home, `gs://${bucket}/log`)).toMatch(/there is no bucket there-is-no-such-bucket/);
  });

  const NO_ROLE = /403.*roles\/storage.objectUser on gs:\/\//;
  const [GET, POST] = [
    { service: "storage", method: "GET" } as const,
    { service: "storage", method: "POST" } as const,
  ];
  const denied = { service: "spanner", code: "PERMISSION_DENIED" } as const;
  const NOT_ALLOWED = /may not be used with these credentials.*roles\/spanner/;

  it.each<[what: string, refusal: Interference, words: RegExp]>([
    ["bucket that may not be read", { ...GET, status: 403 }, NO_ROLE],
    [
      "bucket that may not be written",
      { ...POST, contains: "tile/", status: 403 },
      /tile\/.*403.*roles\/storage.objectUser on gs:\/\//,
    ],
    [
      "bucket that takes no credentials",
      { ...GET, status: 401 },
      /401.*gcloud auth application-default login/,
    ],
    ["database that may not be read", { ...denied, method: "ExecuteStreamingSql" }, NOT_ALLOWED],
    ["database whose tables may not be made", { ...denied, method: "UpdateDatabaseDdl" }, NOT_ALLOWED],
  ])("a %s", async (_what, refusal, words) => {
    const home = await emulators().newHome();
    await emulators().interfere(refusal);
    expect(await messageOf(home)).toMatch(words);
    await emulators().interfere();
  });

  it("a database, or an instance, that is not there", async () => {
    const home = await emulators().newHome();
    const database = `${emulators().instance}/databases/missing-1`;
    expect(await messageOf({ ...home, database })).toMatch(/does not exist.*Check --spanner/);
    const elsewhere = home.database.replace("instances/", "instances/no-");
    expect(await messageOf({ ...home, database: elsewhere })).toMatch(/does not exist.*Check --spanner/);
  });

  it("a name that is none of a database", async () => {
    const home = await emulators().newHome();
    expect(await messageOf({ ...home, database: "projects/p/databases/d" })).toMatch(
      /--spanner: does not name a database \(expected projects\/PROJECT/,
    );
  });

  it("a database that cannot be reached", async () => {
    const home = await emulators().newHome();
    vi.stubEnv("SPANNER_EMULATOR_HOST", "127.0.0.1:9");
    expect(await messageOf(home)).toMatch(/cannot be reached.*Check the network/);
    vi.stubEnv("SPANNER_EMULATOR_HOST", emulators().spannerHost);
  });
});
