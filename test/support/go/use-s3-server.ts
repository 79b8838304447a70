import { afterAll, beforeAll, vi } from "vitest";
import { S3Server } from "./s3-server.ts";

/**
 * An S3 for all tests of a `describe` block, or of a file: it starts before the first and ends after the last.
 * Meanwhile this process, and what it starts, takes it for AWS's.
 */
export function useS3Server(): () => S3Server {
  let server: S3Server | undefined;
  beforeAll(async () => {
    server = await S3Server.start();
    for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await server?.[Symbol.asyncDispose]();
  });
  return () => {
    if (server === undefined) throw new Error("the S3 server has not started");
    return server;
  };
}
