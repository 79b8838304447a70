/** When the alerts of deploy/prometheus fire, found out by Prometheus's own tool on series of samples. */

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { temporaryDirectory } from "../../support/places/directory.ts";

const RULES = join(import.meta.dirname, "../../../deploy/prometheus/alerts.yml");
const { groups } = parse(readFileSync(RULES, "utf8"));
const alerts: string[] = groups[0].rules.map(({ alert }: { alert: string }) => alert);

const promtool = (...args: string[]) => spawnSync("promtool", args, { encoding: "utf8" });
const hasPromtool = promtool("--version").status === 0 || process.env.TLOG_MIGRATE_REQUIRE_PROMTOOL === "1";

/** A sample a minute, as promtool writes them. */
type Series = readonly [name: string, values: string, ownLabels?: string];

interface Case {
  readonly alert: string;
  readonly when: string;
  readonly command?: string;
  readonly series: readonly Series[];
  /** Minutes after which it fires, and after which it does not. */
  readonly fires?: readonly number[];
  readonly silent?: readonly number[];
}

const BUILD = 'version="1", node="26", hasher="native"';

const CASES: readonly Case[] = [
  {
    alert: "TlogMigrateLag",
    when: "a copy that has caught up before is behind for long",
    series: [
      ["lag_seconds", "0 70+60x20"],
      ["caught_up_timestamp_seconds", "1+60x20"],
    ],
    silent: [5],
    fires: [8],
  },
  {
    alert: "TlogMigrateLag",
    when: "it is the first copy",
    series: [["lag_seconds", "0+60x30"]],
    silent: [30],
  },
  {
    alert: "TlogMigrateLag",
    when: "it is behind now and then",
    series: [
      ["lag_seconds", "0 90 0 90 0 90 0 90 0 90 0 90"],
      ["caught_up_timestamp_seconds", "1+60x20"],
    ],
    silent: [10],
  },
  {
    alert: "TlogMigrateUnavailable",
    when: "what it needs stays away",
    series: [["unavailable_seconds", "0 0+60x10"]],
    silent: [2],
    fires: [5],
  },
  {
    alert: "TlogMigrateStaleSource",
    when: "the source stays behind",
    series: [["stale_checkpoint_seconds", "0+60x20"]],
    silent: [10],
    fires: [12],
  },
  {
    alert: "TlogMigrateNoProgress",
    when: "a copy does nothing more",
    command: "copy",
    series: [
      ["entries_done", "100+10x4 140+0x40"],
      ["phase", "1+0x50", 'phase="copying"'],
    ],
    silent: [10],
    fires: [25],
  },
  {
    alert: "TlogMigrateNoProgress",
    when: "a verification does nothing more",
    command: "verify",
    series: [
      ["entries_done", "140+0x40"],
      ["phase", "1+0x50", 'phase="verifying"'],
    ],
    fires: [25],
  },
  {
    alert: "TlogMigrateNoProgress",
    when: "a copy goes on slowly",
    command: "copy",
    series: [
      ["entries_done", "100+1x40"],
      ["phase", "1+0x50", 'phase="copying"'],
    ],
    silent: [25],
  },
  {
    alert: "TlogMigrateNoProgress",
    when: "a copy waits for its source to grow",
    series: [
      ["entries_done", "100+0x40"],
      ["phase", "1+0x50", 'phase="waiting for the source to grow"'],
    ],
    silent: [25],
  },
  {
    alert: "TlogMigrateFollowStuck",
    when: "it does not catch up any more",
    series: [["caught_up_timestamp_seconds", "0+60x5 300+0x40"]],
    silent: [18],
    fires: [30],
  },
  {
    alert: "TlogMigrateFollowStuck",
    when: "it catches up again and again",
    series: [["caught_up_timestamp_seconds", "0+60x60"]],
    silent: [50],
  },
  {
    alert: "TlogMigrateRetries",
    when: "every other request is tried again",
    command: "copy",
    series: [
      ["retries_total", "0+300x30"],
      ["requests_total", "0+300x30", 'status="503"'],
      ["requests_total", "0+300x30", 'status="200"'],
    ],
    silent: [8],
    fires: [20],
  },
  {
    alert: "TlogMigrateRetries",
    when: "few requests are tried again",
    command: "copy",
    series: [
      ["retries_total", "0+30x30"],
      ["requests_total", "0+30x30", 'status="503"'],
      ["requests_total", "0+570x30", 'status="200"'],
    ],
    silent: [20],
  },
  {
    alert: "TlogMigrateRetries",
    when: "nothing is requested",
    command: "copy",
    series: [
      ["retries_total", "5+0x30"],
      ["requests_total", "900+0x30", 'status="200"'],
    ],
    silent: [20],
  },
  {
    alert: "TlogMigrateRejectedObjects",
    when: "an answer was wrong",
    series: [["rejected_objects_total", "0x3 1x30"]],
    silent: [2, 25],
    fires: [6],
  },
  {
    alert: "TlogMigrateVerificationFailed",
    when: "a log did not verify",
    command: "verify",
    series: [["exit_code", "3x5"]],
    fires: [1],
  },
  {
    alert: "TlogMigrateFailed",
    when: "a run has failed",
    command: "copy",
    series: [["exit_code", "4x5"]],
    fires: [1],
  },
  {
    alert: "TlogMigrateFailed",
    when: "a run is done",
    command: "copy",
    series: [["exit_code", "0x5"]],
    silent: [1],
  },
  {
    alert: "TlogMigrateFailed",
    when: "a run was stopped by a signal",
    command: "copy",
    series: [["exit_code", "143x5"]],
    silent: [1],
  },
  {
    alert: "TlogMigrateFollowGone",
    when: "it is not scraped any more",
    series: [["build_info", "1x10 _x100", BUILD]],
    silent: [10, 80],
    fires: [21],
  },
  {
    alert: "TlogMigrateFollowGone",
    when: "it is started again, in another version",
    series: [
      ["build_info", "1x10 _x100", BUILD],
      ["build_info", "_x12 1x100", BUILD.replace('"1"', '"2"')],
    ],
    silent: [21],
  },
  {
    alert: "TlogMigrateFollowGone",
    when: "a copy is done",
    command: "copy",
    series: [["build_info", "1x10 _x100", BUILD]],
    silent: [21],
  },
  {
    alert: "TlogMigrateKilled",
    when: "its file stays as it was",
    series: [["collected_timestamp_seconds", "0+60x5 300+0x30"]],
    silent: [10],
    fires: [15],
  },
  {
    alert: "TlogMigrateKilled",
    when: "its file says how it ended",
    series: [
      ["collected_timestamp_seconds", "0+60x5 300+0x30"],
      ["exit_code", "_x5 0x30"],
    ],
    silent: [15],
  },
  {
    alert: "TlogMigrateKilled",
    when: "it runs",
    series: [["collected_timestamp_seconds", "0+60x30"]],
    silent: [15],
  },
  {
    alert: "TlogMigrateCutoverPending",
    when: "a cutover does not come to its end",
    series: [["cutover_pending", "0x3 1x30"]],
    silent: [10],
    fires: [16],
  },
];

/** A case as promtool reads it. All alerts that fire are asked for: there must be no other. */
function promtoolTest({ alert, when, command = "follow", series, fires = [], silent = [] }: Case) {
  const run = `job="logs", instance="mover:9100", command="${command}", place="/srv/log"`;
  const hasLog = !alertRule(alert).expr.includes("sum by");
  const found = `{alertname="${alert}", command="${command}", ${hasLog ? 'log="log.example", ' : ""}place="/srv/log"}`;
  const samples = fires.length > 0 ? [{ labels: found, value: 1 }] : [];
  const expr = 'count by (alertname, command, log, place) (ALERTS{alertstate="firing"})';
  return {
    name: `${alert}: ${when}`,
    interval: "1m",
    input_series: series.map(([name, values, own]) => ({
      series: `tlog_migrate_${name}{${run}, log="log.example"${own === undefined ? "" : `, ${own}`}}`,
      values,
    })),
    promql_expr_test: [
      ...fires.map((minutes) => ({ expr, eval_time: `${minutes}m`, exp_samples: samples })),
      ...silent.map((minutes) => ({ expr, eval_time: `${minutes}m`, exp_samples: [] })),
    ],
  };
}

function alertRule(name: string) {
  return groups[0].rules.find(({ alert }: { alert: string }) => alert === name);
}

describe("the alerts", () => {
  test("each have a case in which they fire, and one in which they do not", () => {
    const alertsOf = (times: "fires" | "silent") =>
      alerts.filter((name) => !CASES.some((each) => each.alert === name && each[times] !== undefined));
    expect(alertsOf("fires")).toEqual([]);
    // What a run has ended with does not change, and other codes are cases of the other alert.
    expect(alertsOf("silent")).toEqual(["TlogMigrateVerificationFailed"]);
  });

  test("say what is wrong where, by labels that they have", () => {
    for (const { annotations, expr, labels } of groups[0].rules) {
      expect(["warning", "critical"]).toContain(labels.severity);
      const used = [...JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)].map(([, name]) => name);
      expect(used).toContain("place");
      const had = ["place", "command", ...(expr.includes("sum by") ? [] : ["log"])];
      expect(used.filter((name) => !had.includes(`${name}`))).toEqual([]);
    }
  });

  test.runIf(hasPromtool)("are sound to promtool, and fire as their cases say", () => {
    const path = join(temporaryDirectory(), "cases.yml");
    const tests = CASES.map(promtoolTest);
    writeFileSync(path, JSON.stringify({ rule_files: [RULES], evaluation_interval: "1m", tests }));
    const { status, stdout, stderr } = promtool("test", "rules", path);
    expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: "" });
    expect(promtool("check", "rules", RULES)).toMatchObject({ status: 0 });
  });
});
