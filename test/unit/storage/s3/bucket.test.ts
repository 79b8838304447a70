/** What is asked seldom of a bucket of S3: listings, removals, and whether there is a store at all. */

import type { ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { S3Access } from "../../../../storage/s3/access.ts";
import { S3Bucket } from "../../../../storage/s3/bucket.ts";
import { failing, found, KEYS, MISSING, PLACE, startS3, withoutAws } from "../../../support/aws.ts";
import { stubEnvironment } from "../../../support/environment.ts";
import type { Answer, Step } from "../../../support/http/answering-server.ts";
import { closedPlace } from "../../../support/http/servers.ts";

const RETRY = { attempts: 3, minDelayMs: 1, maxDelayMs: 2, maxRetryAfterMs: 5, contentAttempts: 0 };

function newBucket(access: S3Access, retry = RETRY): S3Bucket {
  const bucket = new S3Bucket(access, { connections: 1, retry, userAgentVersion: "test" });
  onTestFinished(() => bucket.close());
  return bucket;
}

async function bucketOf(steps: readonly Step[]) {
  const s3 = await startS3(steps);
  return { ...s3, bucket: newBucket(s3.access) };
}

async function listed(bucket: S3Bucket, cuts?: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const { path, bytes } of bucket.list("tile", cuts && { cuts })) found.push(`${path} ${bytes}`);
  return found;
}

const contents = (key: string, size = "8192") => `<Contents><Key>${key}</Key><Size>${size}</Size></Contents>`;

function page(inside: string): Answer {
  const namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
  return { status: 200, body: `<ListBucketResult xmlns="${namespace}">${inside}</ListBucketResult>` };
}

const last = (...names: readonly string[]) =>
  page(`<IsTruncated>false</IsTruncated>${names.map((name) => contents(`log/tile/${name}`)).join("")}`);

const pageTo = (token: string, name: string) =>
  page(
    `<IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken>${contents(`log/tile/${name}`)}`,
  );

/** In their order: also those of cuts themselves, which a console makes of directories. */
const NAMES = ["0/", "0/000", "0/001", "0/001.p/7", "0/x001/", "0/x001/000", "1/", "1/000", "entries/000"];

describe("a listing", () => {
  it("has every page, and names are as they are", async () => {
    const { bucket, lines } = await bucketOf([
      pageTo("one+/=", "0/000"),
      failing(503, "SlowDown"),
      pageTo("two", "0/&amp;&#34;"),
      last("1/000"),
    ]);
    expect(await listed(bucket)).toEqual(["tile/0/000 8192", 'tile/0/&" 8192', "tile/1/000 8192"]);
    const first = "GET /bucket?list-type=2&prefix=log%2Ftile%2F";
    const second = `${first}&continuation-token=one%2B%2F%3D`;
    expect(lines()).toEqual([first, second, second, `${first}&continuation-token=two`]);
  });

  it("may be empty", async () => {
    expect(await listed((await bucketOf([last()])).bucket)).toEqual([]);
  });

  it("that goes round in a circle ends", async () => {
    for (const circle of [["a"], ["a", "b"], ["a", "b", "c"]]) {
      const steps = Array(20)
        .fill(circle.map((token) => pageTo(token, token)))
        .flat();
      const { bucket, asked } = await bucketOf(steps);
      await expect(listed(bucket)).rejects.toThrow(/^s3:\/\/bucket\/log\/tile: .*goes round in a circle/);
      expect(asked.length).toBeLessThanOrEqual(2 * circle.length + 4);
    }
  });

  it.each<[what: string, step: Step]>([
    ["a web page", { status: 200, body: "<html><body>Sign in</body></html>" }],
    ["nothing", { status: 200 }],
    ["JSON", { status: 200, body: "{}" }],
    ["half a page", { status: 200, body: `${last("0/000").body}`.slice(0, -30) }],
    ["a page of something else", { status: 200, body: "<ListAllMyBucketsResult></ListAllMyBucketsResult>" }],
    ["a page that does not say whether it is the last", page(contents("log/tile/0/000"))],
    ["a page that goes on nowhere", page("<IsTruncated>true</IsTruncated>")],
    ["a name below another prefix", page(`<IsTruncated>false</IsTruncated>${contents("other/tile/0/000")}`)],
    ["no name", page("<IsTruncated>false</IsTruncated><Contents><Size>1</Size></Contents>")],
    ["a size that is none", page(`<IsTruncated>false</IsTruncated>${contents("log/tile/0/000", "-1")}`)],
  ])("is not made of %s", async (_what, step) => {
    const { bucket } = await bucketOf(Array(10).fill(step));
    await expect(listed(bucket)).rejects.toBeInstanceOf(OperationError);
    await expect(listed((await bucketOf([step, last("0/000")])).bucket)).resolves.toEqual([
      "tile/0/000 8192",
    ]);
  });

  it("has names as long as S3 allows them", async () => {
    const names = Array.from({ length: 1000 }, (_, index) => `${"&amp;".repeat(199)}${index}`);
    expect(await listed((await bucketOf([last(...names)])).bucket)).toHaveLength(1000);
  });

  it("is divided at the cuts, each name in one of the parts", async () => {
    const s3 = await startS3((response) => {
      const query = new URL(response.req.url ?? "", "http://s3").searchParams;
      const after = query.get("continuation-token") ?? query.get("start-after") ?? "";
      const left = NAMES.filter((name) => `log/tile/${name}` > after);
      const [next = "", ...more] = left;
      const { body } = more.length === 0 ? last(...left) : pageTo(`log/tile/${next}`, next);
      response.end(body);
    });
    const bucket = newBucket(s3.access);
    for (const cuts of [
      [],
      ["tile/0/x001/"],
      ["tile/0/001", "tile/1/"],
      ["tile/", "tile/z"],
      ["tile/0/", "tile/0/x001/", "tile/1/"],
    ]) {
      const found = await listed(bucket, cuts);
      expect(found.toSorted(), `${cuts}`).toEqual(NAMES.map((name) => `tile/${name} 8192`));
    }
  });

  it("that begins before a cut, or is in no order, is not S3's", async () => {
    const cuts = ["tile/1/"];
    const everything = last("0/000", "1/000");
    await expect(listed((await bucketOf(Array(20).fill(everything))).bucket, cuts)).rejects.toThrow(
      /perhaps the store ignores start-after/,
    );
    const s3 = await startS3((response) => {
      const isSecond = response.req.url?.includes("start-after") === true;
      response.end((isSecond ? last("1/000") : last("1/000", "0/000")).body);
    });
    await expect(listed(newBucket(s3.access), cuts)).rejects.toThrow(/not in the order of the names/);
  });

  it("without the right to it says which", async () => {
    const { bucket } = await bucketOf([failing(403, "AccessDenied")]);
    await expect(listed(bucket)).rejects.toThrow(/403.*Allow s3:ListBucket on bucket/);
  });
});

describe("an object is removed", () => {
  const FIVE = { version: '"5"', storedAt: 0 };
  const GONE: Step = { status: 204 };
  const look = "GET /bucket/log/tile/1/000";
  const remove = "DELETE /bucket/log/tile/1/000";

  it.each<[what: string, steps: readonly Step[], isGone: boolean, requests: readonly string[]]>([
    ["if it is the one that was looked at", [found("5"), GONE, MISSING], true, [look, remove, look]],
    ["unless another is there", [found("6")], false, [look]],
    [
      "unless another has come meanwhile",
      [found("5"), failing(412, "PreconditionFailed"), found("6")],
      false,
      [look, remove, look],
    ],
    ["though it is gone already", [MISSING], true, [look]],
    ["though it goes meanwhile", [found("5"), MISSING, MISSING], true, [look, remove, look]],
    [
      "by a store that knows no condition, too",
      [found("5"), failing(501, "NotImplemented"), GONE, MISSING],
      true,
      [look, remove, remove, look],
    ],
    [
      "though another request is under way",
      [found("5"), failing(409, "ConditionalRequestConflict"), GONE, MISSING],
      true,
      [look, remove, remove, look],
    ],
  ])("%s", async (_what, steps, isGone, requests) => {
    const { bucket, asked, lines } = await bucketOf(steps);
    expect(await bucket.remove("tile/1/000", FIVE)).toBe(isGone);
    expect(lines()).toEqual(requests);
    const first = asked.find(({ line }) => line === remove);
    if (first !== undefined) expect(first.headers["if-match"]).toBe('"5"');
  });
});

describe("a bucket that is asked for the first time", () => {
  it.each([
    ["nobody is there", closedPlace, /refused the connection/],
    ["there is no such host", async () => "there-is-no-such-host.invalid", /no such host/],
  ])("and %s is not asked again", async (_what, host, words) => {
    withoutAws();
    stubEnvironment({ ...KEYS, AWS_ENDPOINT_URL_S3: `http://${await host()}` });
    const retry = { ...RETRY, minDelayMs: 3_600_000, maxDelayMs: 3_600_000 };
    const failure = newBucket(await S3Access.to(PLACE), retry).stat("checkpoint");
    await expect(failure).rejects.toThrow(words);
    await expect(failure).rejects.toThrow(/^s3:\/\/bucket\/log\/checkpoint: .*Check the address/);
  });

  it("and breaks connections off is asked a few times, however much patience there is", async () => {
    const { access, asked } = await startS3((response: ServerResponse) => void response.destroy());
    const failure = newBucket(access, { ...RETRY, attempts: 50 }).stat("checkpoint");
    await expect(failure).rejects.toThrow(/broke the connection off/);
    expect(asked).toHaveLength(4);
  });

  it("and then breaks off is asked as often as was asked for", async () => {
    const steps: Step[] = [
      failing(503, "SlowDown", "", { connection: "close" }),
      ...Array(20).fill((response: ServerResponse) => void response.destroy()),
    ];
    const { access, asked } = await startS3(steps);
    const failure = newBucket(access, { ...RETRY, attempts: 8 }).stat("checkpoint");
    await expect(failure).rejects.toThrow(/broke the connection off/);
    expect(asked).toHaveLength(9);
  });

  it("without credentials says so", async () => {
    const { bucket } = await bucketOf([]);
    stubEnvironment({ AWS_ACCESS_KEY_ID: undefined });
    await expect(bucket.stat("checkpoint")).rejects.toThrow(
      /^AWS credentials: are unavailable: .*Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY[^\n]*$/,
    );
  });
});

it("a bucket that fails is not asked again once its time is over, an object of a thread is", async () => {
  const busyUntil = (milliseconds: number) => (response: ServerResponse) => {
    vi.advanceTimersByTime(milliseconds - performance.now());
    response.writeHead(503).end();
  };
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const { bucket, asked } = await bucketOf([busyUntil(179_999), busyUntil(180_001), found("5")]);
  await expect(bucket.stat("checkpoint")).rejects.toThrow(/503/);
  expect(asked).toHaveLength(2);
  const objects = bucket.openObjects();
  onTestFinished(() => objects.close());
  expect(await objects.stat("checkpoint")).toBeDefined();
});

it("a signal ends what a bucket waits for that it was given to, and nothing in another", async () => {
  const controller = new AbortController();
  const { bucket } = await bucketOf([() => controller.abort("enough"), found("5")]);
  const ended = bucket.until(controller.signal);
  await expect(ended.stat("tile/1/000")).rejects.toBe("enough");
  expect(await bucket.stat("tile/1/000")).toBeDefined();
  await ended.close();
});
