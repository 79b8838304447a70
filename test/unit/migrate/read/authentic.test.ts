/** How often and how a read is tried again. */

import { describe, expect, test } from "vitest";
import { OperationError, VerificationError } from "../../../../lib/errors.ts";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { readAuthentic } from "../../../../lib/migrate/read/authentic.ts";
import { ByteBudget } from "../../../../lib/migrate/read/byte-budget.ts";
import { DEFAULT_RETRY, type RetryPolicy } from "../../../../lib/migrate/throttle/backoff.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { memoryContext } from "../../../support/logs/in-memory-log.ts";
import { FAST_RETRY } from "../../../support/migration.ts";

const PATH = "tile/0/007";
const GOOD = Uint8Array.of(1);
const BAD = Uint8Array.of(2);

const reset = () => new SourceError("the connection broke", { retryable: true });
const busy = (retryAfterMs: number) => new SourceError("busy", { retryable: true, retryAfterMs });
const forbidden = () => new SourceError("answered 403", { retryable: false });
const unreachable = () => new SourceError("no route", { retryable: true, unreachable: true });

/** What each read in turn comes to; the last one stays. */
type Answer = Uint8Array | undefined | (() => Error);

interface Outcome {
  readonly result: unknown;
  /** Whether each read passed caches. */
  readonly fresh: (boolean | undefined)[];
  readonly retries: number;
  readonly milliseconds: number;
}

async function reading(
  answers: readonly Answer[],
  {
    path = PATH,
    retry = FAST_RETRY,
    ...overrides
  }: { path?: string; retry?: RetryPolicy; firstContact?: boolean; isLocal?: boolean } = {},
): Promise<Outcome> {
  const context = memoryContext(new Map(), "tiles", { retry, ...overrides });
  const fresh: (boolean | undefined)[] = [];
  const start = performance.now();
  const result = await readAuthentic(
    context,
    path,
    async (hints) => {
      const answer = answers[Math.min(fresh.length, answers.length - 1)];
      fresh.push(hints.fresh);
      if (typeof answer === "function") throw answer();
      return answer;
    },
    (bytes) => {
      if (bytes !== GOOD) throw new FormatError("is wrong", "1", "2");
      return "good";
    },
  ).catch((error: unknown) => error);
  const milliseconds = performance.now() - start;
  return { result, fresh, retries: context.counters.get("retries"), milliseconds };
}

test("what comes right at once is read once", async () => {
  expect(await reading([GOOD])).toMatchObject({ result: "good", fresh: [false], retries: 0 });
});

describe("faults of the network", () => {
  test("are tried again as often as the policy says, past no cache", async () => {
    const { result, fresh, retries } = await reading([reset]);
    expect(result).toBeInstanceOf(OperationError);
    expect((result as Error).message).toMatch(
      /^memory\/tile\/0\/007: the connection broke\. Run the same command/,
    );
    expect(fresh).toEqual([false, false, false]);
    expect(retries).toBe(FAST_RETRY.attempts);
  });

  test("are forgotten once the object comes", async () => {
    expect(await reading([reset, reset, GOOD])).toMatchObject({ result: "good", retries: 2 });
  });

  test("that cannot pass are not tried again", async () => {
    const { result, fresh } = await reading([forbidden]);
    expect(result).toBeInstanceOf(OperationError);
    expect(fresh).toHaveLength(1);
  });

  test("wait as long as a Retry-After asks, but no longer than the policy allows", async () => {
    const retry = { ...FAST_RETRY, maxRetryAfterMs: 80 };
    const asked = await reading([() => busy(40), GOOD], { retry });
    expect(asked.result).toBe("good");
    expect(asked.milliseconds).toBeGreaterThanOrEqual(39);
    const tooLong = await reading([() => busy(3_600_000), GOOD], { retry });
    expect(tooLong.result).toBe("good");
    expect(tooLong.milliseconds).toBeGreaterThanOrEqual(79);
  });
});

describe("an answer that is neither the object nor a fault that passes", () => {
  const answered = (status: number) => () =>
    new SourceError(`answered ${status}`, { retryable: false, status });

  test.each([202, 206, 304, 403, 405])(
    "%i among good ones is asked for again, past caches",
    async (status) => {
      const { result, fresh } = await reading([answered(status), GOOD]);
      expect(result).toBe("good");
      expect(fresh).toEqual([false, true]);
    },
  );

  test("is the end when it stays, and running the command again is not what helps", async () => {
    const { result, retries } = await reading([answered(403)]);
    expect(result).toBeInstanceOf(OperationError);
    expect((result as Error).message).toMatch(/: answered 403$/);
    expect(retries).toBe(FAST_RETRY.contentAttempts);
  });

  test.each([
    [206, 1 + FAST_RETRY.contentAttempts],
    [403, 1],
    [404, 1],
  ])("%i at the first contact is asked for %i times", async (status, times) => {
    const { fresh } = await reading([answered(status)], { firstContact: true });
    expect(fresh).toHaveLength(times);
  });

  test("is not asked for again where it refuses credentials: accounts are locked for that", async () => {
    expect((await reading([answered(401)])).fresh).toHaveLength(1);
  });

  test("is not asked for again in files, which stay as they are", async () => {
    const unreadable = () => new SourceError("permission denied", { retryable: false });
    expect((await reading([unreadable])).fresh).toHaveLength(1);
  });
});

test("nobody waits for a source after the last try, whatever it asks for", async () => {
  const retry = { ...FAST_RETRY, attempts: 0, maxRetryAfterMs: 600_000 };
  const closed = () => new SourceError("answered 403", { retryable: false, retryAfterMs: 600_000 });
  for (const answer of [() => busy(600_000), closed]) {
    expect((await reading([answer], { retry })).result).toBeInstanceOf(OperationError);
    expect((await reading([reset, answer], { retry: { ...retry, attempts: 1 } })).result).toBeInstanceOf(
      Error,
    );
  }
});

describe("bytes that do not authenticate", () => {
  test("are asked for five times more, past every cache, and are then the source's fault", async () => {
    const { result, fresh, retries } = await reading([BAD]);
    expect(result).toBeInstanceOf(VerificationError);
    expect((result as Error).message).toMatch(
      /^tile\/0\/007 \(memory\/tile\/0\/007\): is wrong \(expected 1, found 2\)/,
    );
    expect(fresh).toEqual([false, true, true, true, true, true]);
    expect(retries).toBe(5);
    expect(DEFAULT_RETRY.contentAttempts).toBe(5);
  });

  test("are right the moment that they are", async () => {
    expect(await reading([BAD, BAD, GOOD])).toMatchObject({ result: "good", fresh: [false, true, true] });
  });

  test("may be missing ones", async () => {
    const { result, fresh } = await reading([undefined]);
    expect(result).toBeInstanceOf(VerificationError);
    expect((result as Error).message).toContain("is missing");
    expect(fresh).toHaveLength(6);
  });

  test("do not use up the tries that network faults have, nor these theirs", async () => {
    const answers = [reset, BAD, reset, BAD, BAD, BAD, BAD, GOOD];
    const { result, fresh } = await reading(answers);
    expect(result).toBe("good");
    expect(fresh).toEqual([false, false, true, false, true, true, true, true]);
  });
});

describe("files of this machine", () => {
  test.each<[string, Answer]>([
    ["missing", undefined],
    ["wrong", BAD],
  ])("are read once: what is %s stays so", async (_what, answer) => {
    for (const path of [PATH, "issuer/00", "tile/0/007.p/3 + tile/1/000.p/7"]) {
      const { result, fresh, retries } = await reading([answer], { path, isLocal: true });
      expect(result).toBeInstanceOf(VerificationError);
      expect([fresh, retries]).toEqual([[false], 0]);
    }
  });

  test("are read again where the checkpoint is missing or wrong, which a writer may just be replacing", async () => {
    const again = await reading([undefined, BAD, GOOD], { path: "checkpoint", isLocal: true });
    expect(again).toMatchObject({ result: "good", retries: 2 });
  });

  test("are read again after a failure of the file system that may pass", async () => {
    expect(await reading([reset, GOOD], { isLocal: true })).toMatchObject({ result: "good", retries: 1 });
  });
});

describe("on the first contact", () => {
  test.each<[string, Answer]>([
    ["an unreachable source", unreachable],
    ["a missing object", undefined],
    ["a wrong one", BAD],
  ])("%s fails at once", async (_name, answer) => {
    const { result, fresh } = await reading([answer], { firstContact: true });
    expect(result).toBeInstanceOf(Error);
    expect(fresh).toHaveLength(1);
  });

  test("a busy source is waited for", async () => {
    expect(await reading([() => busy(1), GOOD], { firstContact: true })).toMatchObject({ result: "good" });
  });
});

test("an error that is nobody's fault outside is not tried again, and not renamed", async () => {
  const bug = new TypeError("undefined is not a function");
  expect(await reading([() => bug])).toMatchObject({ result: bug, retries: 0 });
});

test("a signal ends the waiting with its reason, and no further read is made", async () => {
  const stop = new AbortController();
  const retry = { ...FAST_RETRY, minDelayMs: 60_000, maxDelayMs: 60_000 };
  const context = memoryContext(new Map(), "tiles", { retry, signal: stop.signal });
  let reads = 0;
  const read = async (): Promise<Uint8Array> => {
    reads++;
    setImmediate(() => stop.abort(new Error("enough")));
    throw reset();
  };
  await expect(readAuthentic(context, PATH, read, () => "never")).rejects.toThrow("enough");
  expect(reads).toBe(1);
});

describe("what a failed read held", () => {
  test.each([
    ["broke off", () => reset()],
    ["did not authenticate", undefined],
  ])("is given back before the next one, where the read %s", async (_, fault) => {
    const budget = new ByteBudget(1 << 20);
    const reservation = budget.reserve();
    const held: number[] = [];
    const lent = new Set<ArrayBufferLike>();
    const context = memoryContext(new Map(), "tiles", { retry: FAST_RETRY });
    let reads = 0;
    await readAuthentic(
      context,
      PATH,
      async ({ reservation: given }) => {
        held.push(budget.taken);
        await given?.atLeast(1_000);
        const bytes = given?.allocate?.(1_000) as Buffer;
        lent.add(bytes.buffer);
        reads++;
        if (reads < 3 && fault !== undefined) throw fault();
        bytes[0] = reads < 3 ? 2 : 1;
        return bytes;
      },
      ([first]) => {
        if (first !== 1) throw new FormatError("is wrong");
      },
      reservation,
    );
    expect(held).toEqual([0, 0, 0]);
    // The same memory each time: none was left with a read that had failed.
    expect(lent.size).toBe(1);
    expect(budget.taken).toBe(1_000);
    reservation.release();
    expect(budget.taken).toBe(0);
  });
});
