import { afterAll, beforeAll, vi } from "vitest";
import { describeWithGo } from "./describe-with-go.ts";
import { Moto, motoIsInstalled } from "./moto.ts";

const missing = "no moto: test/interop/install-moto installs it";

/** `describe` for tests that need moto, and Go. Without one they are skipped, or fail where a variable requires them. */
export function describeWithMoto(name: string, tests: () => void): void {
  if (motoIsInstalled()) {
    describeWithGo(name, tests);
    return;
  }
  if (process.env.TLOG_MIGRATE_REQUIRE_MOTO === "1") {
    throw new Error(`${missing}, and TLOG_MIGRATE_REQUIRE_MOTO=1 says that these tests must run`);
  }
  console.warn(`skipped: ${name}: ${missing}`);
}

/** moto for all tests of a `describe` block, or of a file. Meanwhile this process, and what it starts, takes it for S3. */
export function useMoto(): () => Moto {
  let moto: Moto | undefined;
  beforeAll(async () => {
    moto = await Moto.start();
    for (const [name, value] of Object.entries(moto.env)) vi.stubEnv(name, value);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await moto?.[Symbol.asyncDispose]();
  });
  return () => {
    if (moto === undefined) throw new Error("moto has not started");
    return moto;
  };
}
