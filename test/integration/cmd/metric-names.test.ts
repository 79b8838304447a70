/**
 * The metrics and labels that the alerts, the board and the documents use are those that a run has: of a copy that follows
 * its source, is asked for a cutover, and gets a wrong answer on the way.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { collectDefaultMetrics, Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { RunMetrics } from "../../../cmd/metrics/metrics.ts";
import { once } from "../../../storage/shared/memoize.ts";
import { cutOver, startFollow } from "../../support/follow.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

const ROOT = join(import.meta.dirname, "../../..");
const textOf = (path: string): string => readFileSync(join(ROOT, path), "utf8");

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly datasource?: unknown;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly datasource: unknown }[];
}

const rules: readonly { readonly expr: string }[] = parse(textOf("deploy/prometheus/alerts.yml")).groups[0]
  .rules;
const board = JSON.parse(textOf("deploy/grafana/tlog-migrate.json"));
const panels: readonly Panel[] = board.panels;
const variables: readonly { readonly name: string; readonly definition?: string }[] = board.templating.list;

const expressions = [
  ...rules.map(({ expr }) => expr),
  ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...variables.flatMap(({ definition = [] }) => definition),
];

/** Labels that Prometheus adds to each sample. */
const OF_PROMETHEUS = ["job", "instance"];

/** The words of PromQL that the rules and the board use; whatever else is in an expression is a metric or a label. */
const WORDS = new Set([
  ...["and", "by", "on", "or", "sum", "unless"],
  ...["changes", "deriv", "histogram_quantile", "increase", "last_over_time", "rate", "time"],
  "label_values",
]);

/** Names of samples, and the values that each of their labels has. */
type Samples = Map<string, Map<string, Set<string>>>;

function addSamples(samples: Samples, text: string): void {
  for (const [, name = "", list = ""] of text.matchAll(/^([a-z_]\w*)(?:\{(.*)\})? \S+$/gm)) {
    const labels = samples.get(name) ?? new Map<string, Set<string>>();
    samples.set(name, labels);
    for (const [, label = "", value = ""] of list.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels.set(label, (labels.get(label) ?? new Set()).add(value));
    }
  }
}

/** What is exposed from the beginning to the end, and the last of it as a text. */
const exposed = once(async () => {
  const samples: Samples = new Map();
  const ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess });
  addSamples(samples, await ofProcess.metrics());
  const log = testLog({ size: 600, entrySize: 30 });
  const server = await startLogServer(log.objects);
  const target = memoryDirectory();
  const following = startFollow(log, server.url, target);
  const metrics = new RunMetrics(following.progress, { command: "follow", place: target });
  const right = server.intercept("tile/entries/001", async (_request, response, next) => {
    if (following.progress.phase !== "copying") return await next();
    right();
    addSamples(samples, await metrics.text());
    response.end("wrong");
  });
  await expect.poll(() => following.progress.following?.copied, { timeout: 30_000 }).toBe(log.size);
  await cutOver(target, { wait: true });
  await following.end;
  metrics.ended(0);
  const last = await metrics.text();
  addSamples(samples, last);
  return { samples, last };
});

function usedIn(expression: string) {
  const compared = [...expression.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)];
  const matchers = compared.map(([, label = "", value = ""]) => ({ label, value }));
  const grouped = [...expression.matchAll(/\b(?:on|by)\s*\(([^)]*)\)/g)].flatMap(
    ([, names = ""]) => names.match(/\w+/g) ?? [],
  );
  const listed = /^label_values\(.*, (\w+)\)$/.exec(expression)?.slice(1) ?? [];
  const labels = [...matchers.map(({ label }) => label), ...grouped, ...listed];
  const words = expression.replaceAll(/"[^"]*"|\[[^\]]*\]/g, "").match(/[a-zA-Z_]\w*/g) ?? [];
  return { metrics: words.filter((word) => !WORDS.has(word) && !labels.includes(word)), labels, matchers };
}

test("a run that gets wrong answers, and hands over, exposes that it did", async () => {
  const { samples, last } = await exposed();
  expect(last).toMatch(/^tlog_migrate_rejected_objects_total\{[^}]*\} 1$/m);
  expect(last).toMatch(/^tlog_migrate_handed_over\{[^}]*\} 1$/m);
  expect([...(samples.get("tlog_migrate_phase")?.get("phase") ?? [])]).toEqual(["copying", "done"]);
});

describe("the alerts and the board use metrics, labels and values that exist:", () => {
  test.each([...new Set(expressions)])("%s", async (expression) => {
    const { samples } = await exposed();
    const { metrics, labels, matchers } = usedIn(expression);
    expect(metrics).not.toEqual([]);
    expect(metrics.filter((name) => !samples.has(name))).toEqual([]);
    const known = metrics.flatMap((name) => [...(samples.get(name)?.keys() ?? [])]);
    expect(labels.filter((label) => ![...OF_PROMETHEUS, ...known].includes(label))).toEqual([]);
    const [phases, commands] = [textOf("lib/migrate/report/progress.ts"), textOf("cmd/run.ts")];
    for (const { label, value } of matchers) {
      if (label === "phase") for (const phase of value.split("|")) expect(phases).toContain(`  | "${phase}"`);
      else if (label === "command") expect(commands).toContain(`"${value}"`);
      else expect(value).toMatch(/^(\$\w+)?$/);
    }
  });
});

test("the board shows each metric but the age of a file", async () => {
  const { samples } = await exposed();
  const shown = panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => usedIn(expr).metrics));
  const ours = [...samples.keys()].filter((name) => /^tlog_migrate_(?!.*_(sum|count)$)/.test(name));
  expect(ours.filter((name) => !shown.includes(name))).toEqual(["tlog_migrate_collected_timestamp_seconds"]);
});

test("each panel of the board has a place of its own, and asks the source of data that is chosen", () => {
  const cells = new Set<string>();
  let area = 0;
  for (const { gridPos } of panels) {
    area += gridPos.w * gridPos.h;
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) cells.add(`${x} ${y}`);
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  }
  expect(cells.size).toBe(area);
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const asked = panels
    .filter(({ type }) => type !== "row")
    .flatMap((panel) => [panel, ...(panel.targets ?? [])]);
  expect(asked.length).toBeGreaterThan(40);
  const [{ name: datasource = "" } = {}] = variables;
  for (const each of asked) expect(each.datasource).toEqual({ type: "prometheus", uid: `$\{${datasource}}` });
});

test("docs/metrics.md lists each metric with its labels, and no other", async () => {
  const { samples } = await exposed();
  const rows = [...textOf("docs/metrics.md").matchAll(/^\| (`[^|]*) \|/gm)].map(([, names = ""]) => names);
  const documented = rows.flatMap((names) => [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  const ofEach = ["log", "command", "place", "le"];
  const names = [...samples].flatMap(([name, labels]) => {
    const [, short] = /^tlog_migrate_(.*?)(_bucket)?$/.exec(name) ?? [];
    const own = [...labels.keys()].filter((label) => !ofEach.includes(label)).join(",");
    if (short === undefined || /_(sum|count)$/.test(short)) return [];
    return own === "" ? short : `${short}{${own}}`;
  });
  expect(documented.toSorted()).toEqual(names.toSorted());
});
