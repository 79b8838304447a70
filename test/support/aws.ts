/** An S3 that answers as a test says, and AWS's libraries on a machine that has nothing of its own. */

import { join } from "node:path";
import { S3Access } from "../../storage/s3/access.ts";
import { stubEnvironment } from "./environment.ts";
import { type Answer, type Step, startAnswering } from "./http/answering-server.ts";
import { memoryDirectory } from "./places/directory.ts";

export const PLACE = { scheme: "s3", bucket: "bucket", prefix: "log/" };

export const KEYS = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "a secret" };

/** AWS's library reads nothing but these files, which are not there, until the test ends. */
export function withoutAws() {
  const home = memoryDirectory();
  const files = {
    AWS_CONFIG_FILE: join(home, "config"),
    AWS_SHARED_CREDENTIALS_FILE: join(home, "credentials"),
  };
  const set = Object.keys(process.env).filter((name) => name.startsWith("AWS_"));
  stubEnvironment(Object.fromEntries(set.map((name) => [name, undefined])));
  stubEnvironment({ HOME: home, AWS_EC2_METADATA_DISABLED: "true", ...files });
  return files;
}

/** Starts an S3 that answers one step after the other, or always the same, and says what it was asked. */
export async function startS3(steps: Parameters<typeof startAnswering>[0]) {
  const server = await startAnswering(steps);
  withoutAws();
  stubEnvironment({ ...KEYS, AWS_ENDPOINT_URL_S3: server.origin });
  return { ...server, access: await S3Access.to(PLACE) };
}

/** A failure as S3 puts it. */
export function failing(status: number, code: string, more = "", headers = {}): Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>in words</Message>${more}</Error>`;
  return { status, headers: { "content-type": "application/xml", ...headers }, body };
}

export const MISSING: Step = failing(404, "NoSuchKey");

/** An object with this ETag; its bytes, or the first of them. */
export function found(etag: string, body: string | Buffer = "x", status = 206): Answer {
  const headers = { etag: `"${etag}"`, "last-modified": "Sat, 21 Nov 2026 12:00:00 GMT" };
  return { status, headers, body };
}
