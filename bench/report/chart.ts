/** Charts of the figures, as SVG. */

import type { EChartsCoreOption } from "echarts/core";
import { figuresOf } from "./figures.ts";
import type { CopyTable, MeasuredRow, Table } from "./report.ts";

export type ChartSpec = BarChart | LineChart;

/** One bar for each row of a table: entries a second. */
export interface BarChart {
  readonly kind: "bars";
  /** File name without its ending. */
  readonly name: string;
  readonly title: string;
  readonly bars: readonly Bar[];
}

export interface Bar {
  readonly label: string;
  readonly entriesPerSecond: number;
  readonly emphasis: "reference" | "ours" | "none";
}

/** Speed and memory against the size of the log. */
export interface LineChart {
  readonly kind: "lines";
  readonly name: string;
  readonly title: string;
  readonly series: readonly { readonly name: string; readonly points: readonly SizePoint[] }[];
}

export interface SizePoint {
  readonly entries: number;
  readonly entriesPerSecond: number;
  readonly peakRssBytes: number | undefined;
}

const WIDTH = 760;
const BAR_HEIGHT = 34;
const HEAD_HEIGHT = 60;
const PANEL_HEIGHT = 240;
const BAR_COLORS = { reference: "#1a6fb5", ours: "#86b3d9", none: "#b9bfc7" } as const;
const LINE_COLORS = ["#1a6fb5", "#d9822b"];
const TEXT = { fontFamily: "Helvetica, Arial, sans-serif", fontSize: 13, color: "#333" };
/** What is for pointers alone. */
const INTERACTIVE = /<style >.*?<\/style>\n?| (?:class="zr[^"]*"|ecmeta_\w+="[^"]*"|pointer-events="\w+")/gs;
/** In names of clip paths: how many charts this process had drawn before. */
const CHART_NUMBER = /\bzr\d+-(?=c\d)/g;
const GRID_LINE = { lineStyle: { color: "#e6e8eb" } };

/** A chart of each table of copies: how fast each row was. Rows that were not measured have no bar. */
export function speedCharts(tables: readonly Table[]): BarChart[] {
  return tables.filter((table) => table.kind === "copies").flatMap(speedChart);
}

function speedChart({ id, title, rows, reference }: CopyTable): BarChart[] {
  const measured = rows.filter((row): row is MeasuredRow => row.state === "measured");
  if (measured.length === 0) return [];
  const bars = measured.map(
    (row): Bar => ({
      label: row.label,
      entriesPerSecond: figuresOf(row).entriesPerSecond,
      emphasis: row.id === reference ? "reference" : row.isOurs ? "ours" : "none",
    }),
  );
  return [{ kind: "bars", name: id, title, bars }];
}

/** One chart of tables that have a row for each size. */
export function scaleChart(tables: readonly (CopyTable | undefined)[]): LineChart[] {
  const series = tables
    .filter((table) => table !== undefined)
    .map(({ title, rows }) => ({
      name: title,
      points: rows.filter((row): row is MeasuredRow => row.state === "measured").map(sizePoint),
    }))
    .filter(({ points }) => points.length > 0);
  if (series.length === 0) return [];
  return [
    { kind: "lines", name: "scale", title: "Speed and peak memory against the size of the log", series },
  ];
}

function sizePoint(row: MeasuredRow): SizePoint {
  const { entriesPerSecond, peakRssBytes } = figuresOf(row);
  return { entries: row.entries, entriesPerSecond, peakRssBytes };
}

/** The SVG of a chart. */
export async function renderChart(spec: ChartSpec): Promise<string> {
  // Loaded here: it takes a while, and most runs draw nothing.
  const { init, use } = await import("echarts/core");
  const { BarChart, LineChart } = await import("echarts/charts");
  const components = await import("echarts/components");
  const { SVGRenderer } = await import("echarts/renderers");
  const { GridComponent, LegendComponent, TitleComponent } = components;
  use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);
  const [height, option] = spec.kind === "bars" ? barOption(spec) : lineOption(spec);
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  chart.setOption({ animation: false, textStyle: TEXT, backgroundColor: "#fff", ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  const still = svg.replaceAll(INTERACTIVE, "").replaceAll(CHART_NUMBER, "");
  // For those who hear the picture.
  return `${still.replace(">", `>\n<title>${escaped(spec.title)}</title>`)}\n`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function barOption({ title, bars }: BarChart): [number, EChartsCoreOption] {
  const height = HEAD_HEIGHT + bars.length * BAR_HEIGHT;
  return [
    height,
    {
      title: titleOption(`${title}: entries a second`),
      grid: {
        left: 12,
        right: 80,
        top: 48,
        bottom: 12,
        outerBoundsMode: "same",
        outerBoundsContain: "axisLabel",
      },
      xAxis: { type: "value", axisLabel: { show: false }, splitLine: GRID_LINE },
      yAxis: {
        type: "category",
        inverse: true,
        data: bars.map(({ label }) => label),
        axisLabel: TEXT,
        axisTick: { show: false },
      },
      series: [
        {
          type: "bar",
          barWidth: "62%",
          label: { show: true, position: "right", formatter: "{@[0]}", ...TEXT },
          data: bars.map(({ entriesPerSecond, emphasis }) => ({
            value: entriesPerSecond,
            label: {
              formatter: thousands(entriesPerSecond),
              fontWeight: emphasis === "reference" ? "bold" : "normal",
            },
            itemStyle: { color: BAR_COLORS[emphasis] },
          })),
        },
      ],
    },
  ];
}

function lineOption({ title, series }: LineChart): [number, EChartsCoreOption] {
  const top = 88;
  const panels = [
    { name: "entries a second", value: (point: SizePoint) => point.entriesPerSecond, format: thousands },
    {
      name: "peak memory, MB",
      value: (point: SizePoint) => megabytes(point.peakRssBytes),
      format: thousands,
    },
  ];
  const panelWidth = (WIDTH - 150) / panels.length;
  return [
    top + PANEL_HEIGHT + 60,
    {
      title: titleOption(title),
      legend: { top: 32, left: 8, textStyle: TEXT, itemWidth: 18, selectedMode: false },
      grid: panels.map((_, index) => ({
        left: 70 + index * (panelWidth + 70),
        width: panelWidth - 20,
        top,
        height: PANEL_HEIGHT,
      })),
      xAxis: panels.map((_, gridIndex) => ({
        type: "log",
        gridIndex,
        name: "entries in the log",
        nameLocation: "middle",
        nameGap: 30,
        nameTextStyle: TEXT,
        axisLabel: { ...TEXT, formatter: shortCount },
        splitLine: GRID_LINE,
      })),
      yAxis: panels.map(({ name, format }, gridIndex) => ({
        type: "value",
        gridIndex,
        min: 0,
        name,
        nameTextStyle: { ...TEXT, align: "left", padding: [0, 0, 0, -55] },
        axisLabel: { ...TEXT, formatter: format },
        splitLine: GRID_LINE,
      })),
      series: panels.flatMap(({ value }, panel) =>
        series.map(({ name, points }, index) => ({
          type: "line",
          name,
          xAxisIndex: panel,
          yAxisIndex: panel,
          symbol: "circle",
          symbolSize: 8,
          color: LINE_COLORS[index % LINE_COLORS.length],
          data: points.map((point) => [point.entries, value(point)]),
        })),
      ),
    },
  ];
}

function titleOption(text: string): object {
  return { text, left: 8, top: 8, textStyle: { ...TEXT, fontSize: 15, fontWeight: "bold" } };
}

function megabytes(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / 1e6;
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** 1 M, 10 M, 100 k. */
function shortCount(value: number): string {
  return value >= 1e6 ? `${value / 1e6} M` : `${value / 1e3} k`;
}
