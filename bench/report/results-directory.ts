/** The results as files: the page, its charts, and the figures that both are made from. */

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory, requireWritableDirectory, requireWritableFile } from "../run/writable.ts";
import { goalsOf, SUITES } from "../suites/all.ts";
import { renderChart } from "./chart.ts";
import { type DroppedSuite, mergeReports, type Report, type SuiteReport } from "./report.ts";
import { resultsPage, type SuiteSection } from "./results-page.ts";

const PAGE = "RESULTS.md";
const DETAILS = "results";
/** JSON Lines: the machine, then a suite a line. */
const FIGURES = "figures.jsonl";
const CHART_ENDING = ".svg";

/** Makes sure, before anything is measured, that results can be written there. @throws Error in one line. */
export function prepareResults(directory: string): void {
  const details = join(directory, DETAILS);
  makeDirectory(details);
  requireWritableDirectory(details);
  for (const file of [join(directory, PAGE), join(details, FIGURES)]) requireWritableFile(file);
  readFigures(join(details, FIGURES));
}

/**
 * Writes `RESULTS.md` into a directory that was prepared, and `results/` beside it. Suites that are there from an
 * earlier run, and are not in this report, are kept if they were measured under the same conditions.
 * @returns those that were not kept.
 */
export async function writeResults(directory: string, fresh: Report): Promise<readonly DroppedSuite[]> {
  const details = join(directory, DETAILS);
  const before = readFigures(join(details, FIGURES));
  const { report, dropped } =
    before === undefined ? { report: fresh, dropped: [] } : mergeReports(before, fresh);
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
  return dropped;
}

function figuresText({ machine, suites }: Report): string {
  return [{ machine }, ...suites].map((line) => `${JSON.stringify(line)}\n`).join("");
}

function readFigures(file: string): Report | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const [head = "", ...suites] = readFileSync(file, "utf8").trim().split("\n");
    const { machine } = JSON.parse(head) as Pick<Report, "machine">;
    return { machine, suites: suites.map((line) => JSON.parse(line) as SuiteReport) };
  } catch (error) {
    throw new Error(`${file} is damaged, remove it: ${(error as Error).message}`);
  }
}
