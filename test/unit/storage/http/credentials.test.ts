/** Credentials that come from a file or the environment, and what is said of those that are not accepted. */

import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { describe, expect, it, test, vi } from "vitest";
import { addBackendOptions } from "../../../../cmd/options/log.ts";
import { UsageError } from "../../../../lib/errors.ts";
import backend, { httpOptions } from "../../../../storage/http/backend.ts";
import { parseNetrc } from "../../../../storage/http/secret-files.ts";
import { stubEnvironment } from "../../../support/environment.ts";
import { ANY } from "../../../support/http/reads.ts";
import { serve, sourceAt } from "../../../support/http/servers.ts";
import { temporaryDirectory } from "../../../support/places/directory.ts";

const SOURCE = new URL("https://log.example/");

function fileOf(text: string, mode = 0o600): string {
  const path = join(temporaryDirectory(), "secrets");
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

/** What the command line makes of arguments, and what it warned of. */
function given(...args: readonly string[]): { values: Record<string, unknown>; warnings: string } {
  const command = addBackendOptions(new Command("copy").exitOverride(), backend.sourceOptions);
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  try {
    command.configureOutput({ outputError: () => {} }).parse(args, { from: "user" });
    return { values: command.opts(), warnings: write.mock.calls.join("") };
  } finally {
    write.mockRestore();
  }
}

const headersOf = (values: Record<string, unknown>, url = SOURCE) => httpOptions(values, url).headers;

describe("--header @file", () => {
  it("adds the headers of the file, one a line, to those given before", () => {
    const path = fileOf("# for the log\nAuthorization: Bearer a\r\n\n x\n".replace(" x\n", "x-id: 7\n"));
    const { values, warnings } = given("--header", "x-first: 1", "--header", `@${path}`);
    expect(headersOf(values)).toEqual([
      ["x-first", "1"],
      ["authorization", "Bearer a"],
      ["x-id", "7"],
    ]);
    expect(warnings).toBe("");
  });

  it("shows nothing of a line that is not a header", () => {
    const { values } = given("--header", `@${fileOf("hunter2")}`);
    expect(() => headersOf(values)).toThrow("--header: is not of the form 'Name: value'");
  });

  it("says in words that a file cannot be read", () => {
    expect(() => given("--header", "@/nowhere/headers")).toThrow(
      "option '--header <header>' argument '@/nowhere/headers' is invalid. cannot be read: no such file or directory",
    );
  });

  it("is taken from TLOG_MIGRATE_HEADER where it is not given", () => {
    stubEnvironment({ TLOG_MIGRATE_HEADER: "x-token: 1" });
    expect(headersOf(given().values)).toEqual([["x-token", "1"]]);
    expect(headersOf(given("--header", "x-other: 2").values)).toEqual([["x-other", "2"]]);
  });
});

it.each(["--header=@", "--netrc=", "--key="])("%s warns of a file that everybody can read", (option) => {
  const path = fileOf("", 0o644);
  expect(given(`${option}${path}`).warnings).toContain(
    `WARN  ${path}: every user of this machine can read it, and it holds a secret. Run chmod 600 on it\n`,
  );
  chmodSync(path, 0o640);
  expect(given(`${option}${path}`).warnings).toBe("");
});

describe("--netrc", () => {
  const NETRC = `
# machine log.example login no password no
machine other.example login o password p
macdef init
machine log.example login no password no

machine LOG.example account a
  login "a user" password "a \\"b\\" #c" # the password
machine log.example login second password #2
default login anonymous password me@example.org
`;

  it.each([
    ["https://log.example:8443/x", 'a user:a "b" #c'],
    ["https://second@log.example/", "second:#2"],
    ["https://other.example/", "o:p"],
    ["https://elsewhere.example/", "anonymous:me@example.org"],
  ])("logs in at %s as the file says", (url, credentials) => {
    const { values } = given("--netrc", fileOf(NETRC));
    const expected = ["authorization", `Basic ${Buffer.from(credentials).toString("base64")}`];
    expect(headersOf(values, new URL(url))).toEqual([expected]);
  });

  it("is ~/.netrc, or what NETRC names, by default", () => {
    const login = "machine log.example login o password p";
    stubEnvironment({ NETRC: fileOf(login) });
    expect(given("--netrc").values.netrc).toEqual(parseNetrc(login));
    stubEnvironment({ NETRC: "", HOME: temporaryDirectory() });
    expect(() => given("--netrc")).toThrow("cannot be read: no such file or directory");
  });

  it("refuses the source that it is written before", () => {
    expect(() => given("--netrc", "https://log.example/")).toThrow("It is an address");
  });

  it("refuses a file without the host, and one that is not netrc", () => {
    const { values } = given("--netrc", fileOf("machine other.example login hunter2 password hunter2"));
    expect(() => headersOf(values)).toThrow("--netrc: has no login for log.example");
    expect(() => given("--netrc", fileOf("log.example:hunter2"))).toThrow("is not a netrc file");
  });

  it.each([
    [
      { header: ["Authorization: x"] },
      "https://u:hunter2@log.example/",
      "credentials in the address and --header",
    ],
    [{ netrc: [] }, "https://u:hunter2@log.example/", "credentials in the address and --netrc"],
    [
      { netrc: [], header: ["Authorization: x"] },
      "https://log.example/",
      "--netrc and --header Authorization",
    ],
  ])("contradicts other credentials: %j %s", (values, url, expected) => {
    expect(() => headersOf(values, new URL(url))).toThrow(UsageError);
    expect(() => headersOf(values, new URL(url))).toThrow(expected);
  });
});

describe("an answer 401", () => {
  const refusing = () => serve((_, response) => void response.writeHead(401).end());

  it("says what to give where no credentials were given", async () => {
    const source = sourceAt(await refusing());
    await expect(source.read("checkpoint", ANY)).rejects.toMatchObject({
      message: expect.stringMatching(/answered 401 Unauthorized$/),
      advice: expect.stringContaining("--netrc"),
    });
  });

  it.each([
    ["a header", "", { headers: [["authorization", "x"]] as const }],
    ["a query", "?sig=x", {}],
    ["a client certificate", "", { tls: { cert: "x", key: "x" } }],
  ])("says that those in %s were not accepted", async (_what, query, options) => {
    const source = sourceAt(new URL(query, await refusing()), options);
    await expect(source.read("checkpoint", ANY)).rejects.toMatchObject({
      message: expect.stringMatching(
        /answered 401 Unauthorized: it does not accept the credentials that were given$/,
      ),
      advice: "Check them, and that they have not expired",
    });
  });

  it("says that a redirect got around them", async () => {
    const other = await refusing();
    const own = await serve((_, response) => void response.writeHead(302, { location: other.href }).end());
    const source = sourceAt(own, { headers: [["authorization", "x"]] });
    await expect(source.read("checkpoint", ANY)).rejects.toMatchObject({
      message: expect.stringContaining("no credentials were sent, since a redirect led there"),
    });
  });
});

describe("a query that is a signature", () => {
  const check = (query: string) => () =>
    backend.checkSource(new URL(`https://log.example/log/?${query}`), {}, "tiles");

  it.each([
    "X-Amz-Algorithm=A&X-Amz-Signature=hunter2",
    "X-Goog-Signature=hunter2",
    "AWSAccessKeyId=a&Expires=1&Signature=hunter2",
    "GoogleAccessId=a&Expires=1&Signature=hunter2",
    "Expires=1&Signature=hunter2&Key-Pair-Id=k",
    "sv=2024-11-04&sr=b&sp=r&sig=hunter2",
    "sv=2024-11-04&ss=b&srt=sc&sp=r&sig=hunter2",
  ])("is refused, and not shown, where it is good for one object: %s", (query) => {
    expect(check(query)).toThrow(UsageError);
    expect(check(query)).toThrow(/^https:\/\/log.example\/log\/: (is presigned|has a SAS)/);
    expect(check(query)).not.toThrow("hunter2");
  });

  it.each([
    "sv=2024-11-04&sr=c&sp=rl&sig=x",
    "sv=2024-11-04&sr=d&sdd=1&sp=r&sig=x",
    "sv=2024-11-04&ss=b&srt=sco&sp=rl&sig=x",
    "Policy=p&Signature=s&Key-Pair-Id=k",
    "token=x",
  ])("is sent where it may open a whole log: %s", (query) => {
    check(query)();
  });
});

test.each([
  "https://log.example/hunter2@mirror/",
  "https://me:12?ter2@log.example/",
  "https://me:12#ter2@log.example/",
])("an address whose @ may be the end of a password is refused, and not sent anywhere: %s", (address) => {
  expect(() => sourceAt(new URL(address))).toThrow(UsageError);
  expect(() => sourceAt(new URL(address))).toThrow(/has an @ behind what would be its host/);
  expect(() => sourceAt(new URL(address))).not.toThrow(/ter2@/);
});
