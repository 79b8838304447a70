import { expect, onTestFinished, test } from "vitest";
import { sameCommand } from "../../../../cmd/report/same-command.ts";

/** What a run with these arguments suggests. */
function suggested(...given: readonly string[]): string {
  const { argv } = process;
  onTestFinished(() => {
    process.argv = argv;
  });
  process.argv = ["node", "tlog-migrate", ...given];
  return sameCommand("--handover");
}

test("a suggested command leaves out what was for one run, and repeats no option", () => {
  const options = ["--recheck", "--quiet", "--handover", "--json"];
  expect(suggested("copy", "a", "b", ...options)).toBe("tlog-migrate copy --handover a b --json");
  expect(suggested("copy", "--json", "--", "--quiet", "b")).toBe(
    "tlog-migrate copy --handover --json -- --quiet b",
  );
});

test("a suggested command is for the whole, where this one was for a part", () => {
  expect(suggested("copy", "a", "b", "--shard", "1/8", "--json")).toBe(
    "tlog-migrate copy --handover a b --json",
  );
  expect(suggested("copy", "--shard=auto", "a", "b")).toBe("tlog-migrate copy --handover a b");
});

test("a suggested command is the one that runs, quoted for a shell, with the further option", () => {
  const given = ["copy", "https://log.example/", "/srv/my log", "--vkey", "log.example+1a2b3c4d+AU="];
  expect(suggested(...given)).toBe(
    "tlog-migrate copy --handover https://log.example/ '/srv/my log' --vkey log.example+1a2b3c4d+AU=",
  );
});

test("a suggested command keeps files of headers, and has dots for what is secret", () => {
  const headers = [
    "--header",
    "x-token: hunter2",
    "--header=x-token: hunter2",
    "--header",
    "@file",
    "--header=@file",
  ];
  const line = suggested("copy", "https://me:hunter2@log.example/?sig=hunter2", "/srv/log", ...headers);
  expect(line).not.toMatch(/hunter2|me:/);
  expect(line).toBe(
    "tlog-migrate copy --handover 'https://…@log.example/?…' /srv/log --header '…' '--header=…' --header @file --header=@file",
  );
});
