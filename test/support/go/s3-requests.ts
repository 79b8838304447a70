/** Requests of tests to an S3 of theirs. */

import { S3Access } from "../../../storage/s3/access.ts";

type Method = "GET" | "PUT" | "DELETE";

/** @throws Error for every status but those of success. */
export function sendToS3(
  origin: string,
  method: Method,
  bucket: string,
  name: string,
  headers: string[] = [],
  body?: Buffer,
): Promise<Response> {
  return sendPathToS3(origin, method, bucket, accessTo(origin, bucket).target(name), headers, body);
}

/** The same for what is no object of the bucket. */
export async function sendPathToS3(
  origin: string,
  method: Method,
  bucket: string,
  path: string,
  headers: string[] = [],
  body?: Buffer,
): Promise<Response> {
  const request = { method, path, headers, ...(body && { body: [body] }) };
  const all = [...headers, ...(await accessTo(origin, bucket).authorization(request))];
  const pairs = all.flatMap((text, at) =>
    at % 2 === 0 ? [[text, all[at + 1] ?? ""] as [string, string]] : [],
  );
  const answer = await fetch(`${origin}${path}`, { method, headers: pairs, ...(body && { body }) });
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
  return answer;
}

function accessTo(origin: string, bucket: string): S3Access {
  const endpoint = { origin, root: `/${bucket}`, region: "us-east-1" };
  return new S3Access({ scheme: "s3", bucket, prefix: "" }, endpoint);
}
