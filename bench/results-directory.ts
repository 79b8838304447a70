/** The results as files: the page, its charts, and the figures that both are made from. */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { renderChart } from "./chart.ts";
import { mergeReports, type Report, type SuiteReport } from "./report.ts";
import { resultsPage, type SuiteSection } from "./results-page.ts";
import { goalsOf, SUITES } from "./suites.ts";

const PAGE = "RESULTS.md";
const DETAILS = "results";
/** JSON Lines: machine and versions, then a suite a line. */
const FIGURES = "figures.jsonl";
const CHART_ENDING = ".svg";

/**
 * Writes `RESULTS.md` into a directory, and `results/` beside it. Suites that are there from an earlier run on
 * this machine, and are not in this report, are kept.
 */
export async function writeResults(directory: string, fresh: Report): Promise<void> {
  const details = join(directory, DETAILS);
  mkdirSync(details, { recursive: true });
  const before = readFigures(join(details, FIGURES));
  const report = before === undefined ? fresh : mergeReports(before, fresh);
  writeFileSync(join(details, FIGURES), figuresText(report));
  for (const name of readdirSync(details)) if (name.endsWith(CHART_ENDING)) rmSync(join(details, name));
  const sections: SuiteSection[] = [];
  for (const suite of SUITES) {
    const suiteReport = report.suites.find(({ name }) => name === suite.name);
    if (suiteReport === undefined) continue;
    const charts: { file: string; title: string }[] = [];
    for (const spec of suite.charts(suiteReport.tables)) {
      const file = `${spec.name}${CHART_ENDING}`;
      writeFileSync(join(details, file), await renderChart(spec));
      charts.push({ file: `${DETAILS}/${file}`, title: spec.title });
    }
    sections.push({ report: suiteReport, about: suite.about, charts });
  }
  writeFileSync(join(directory, PAGE), resultsPage(report, goalsOf(report.suites), sections));
}

function figuresText({ machine, versions, suites }: Report): string {
  return [{ machine, versions }, ...suites].map((line) => `${JSON.stringify(line)}\n`).join("");
}

function readFigures(file: string): Report | undefined {
  if (!existsSync(file)) return undefined;
  const [head = "", ...suites] = readFileSync(file, "utf8").trim().split("\n");
  const { machine, versions } = JSON.parse(head) as Pick<Report, "machine" | "versions">;
  return { machine, versions, suites: suites.map((line) => JSON.parse(line) as SuiteReport) };
}
