/** The kinds of empty targets of a suite that compares none with another program: a directory, and each cloud that can be emulated. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { MariaDb, mariaDbProgram } from "../../test/support/go/mariadb.ts";
import type { Place } from "../run/places.ts";
import { aws } from "./aws.ts";
import { BenchCloud, type CloudHome, type CloudKind } from "./cloud.ts";
import { GOOGLE } from "./google.ts";

export type EmptyTarget = Pick<CloudHome, "target" | "stateOptions" | "env" | "logHome">;

export interface TargetKind {
  readonly id: string;
  readonly label: string;
  /** Another one each time. */
  open(): Promise<EmptyTarget & { close(): Promise<void> }>;
}

/** @param servers receives what serves all of them, and is ended after the last. */
export async function targetKinds(
  { scratch, say }: { readonly scratch: Place; say(line: string): void },
  servers: AsyncDisposableStack,
): Promise<TargetKind[]> {
  const kinds = [directoryKind(scratch), cloudKind("gcs", "Cloud Storage and Spanner", GOOGLE)];
  if (mariaDbProgram("mariadbd") === undefined) {
    say("MariaDB is not installed: S3 is left out");
    return kinds;
  }
  const sql = servers.use(await MariaDb.start(null));
  return [...kinds, cloudKind("s3", "S3 and MySQL", aws(sql))];
}

function directoryKind({ directory }: Place): TargetKind {
  return {
    id: "directory",
    label: "directory",
    async open() {
      const dir = join(directory, "target");
      const close = async () => rmSync(dir, { recursive: true, force: true });
      return { target: dir, stateOptions: [], env: {}, logHome: { dir }, close };
    },
  };
}

function cloudKind(id: string, label: string, kind: CloudKind): TargetKind {
  return {
    id,
    label,
    async open() {
      const cloud = new BenchCloud(kind);
      await cloud.open();
      return { ...cloud.home, close: () => cloud.close() };
    },
  };
}
