/** The charts of rates over time, and the same numbers as a table. */

import type uPlotClass from "uplot";
import { formatByteRate, formatCompact } from "../../report/units.ts";
import type { Sample } from "../document.ts";
import { History } from "../history.ts";
import { create, element, setText } from "./elements.ts";
import { type Rates, ratesOf, spread } from "./rates.ts";
import { count, seconds, time } from "./words.ts";

declare const uPlot: typeof uPlotClass;

const HEIGHT = 150;
const MAX_ROWS = 20;

interface Kind {
  /** Of the elements in index.html, of the custom property that has its colour, and of its column. */
  readonly name: "entries" | "bytes" | "lag";
  /** A number next to the axis, where space is short. */
  readonly short: (value: number) => string;
  readonly long: (value: number) => string;
  /** What the axis ends at, at least. */
  readonly least: number;
}

const KINDS: readonly Kind[] = [
  { name: "entries", short: formatCompact, long: (value) => `${count(value)}/s`, least: 10 },
  { name: "bytes", short: formatByteRate, long: formatByteRate, least: 1_000 },
  { name: "lag", short: seconds, long: seconds, least: 1 },
];

export class Charts {
  #history = new History();
  #rates: Rates = ratesOf([]);
  #plots = new Map<Kind, uPlotClass>();
  #hasLag = false;
  #pointedAt: number | undefined;

  constructor() {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#drawAgain());
    const resized = new ResizeObserver(() => {
      for (const [{ name }, plot] of this.#plots) {
        const { clientWidth: width } = element(`${name}-plot`);
        if (width > 0 && width !== plot.width) plot.setSize({ width, height: HEIGHT });
      }
    });
    // Each by itself: one more next to it takes of its width, and of nothing else.
    for (const { name } of KINDS) resized.observe(element(`${name}-plot`));
    element("numbers").addEventListener("toggle", () => this.#show());
  }

  /** Takes the place of what was drawn: what was missed while the connection was lost is in it. */
  start(samples: readonly Sample[]): void {
    this.#history = new History();
    for (const sample of samples) this.#history.add(sample);
    this.#show();
  }

  add(sample: Sample, hasLag: boolean): void {
    this.#hasLag = hasLag;
    this.#history.add(sample);
    this.#show();
  }

  #show(): void {
    this.#rates = ratesOf(this.#history.samples);
    element("lag-chart").hidden = !this.#hasLag;
    for (const kind of KINDS) {
      if (kind.name === "lag" && !this.#hasLag) continue;
      const plot = this.#plots.get(kind) ?? this.#draw(kind);
      plot.setData(this.#columns(kind));
      this.#showNow(kind);
    }
    if ((element("numbers") as HTMLDetailsElement).open) this.#showTable();
  }

  #drawAgain(): void {
    for (const plot of this.#plots.values()) plot.destroy();
    this.#plots = new Map();
    this.#show();
  }

  #columns({ name }: Kind): uPlotClass.AlignedData {
    return [this.#rates.times as number[], this.#rates[name] as number[]];
  }

  /** The newest value, or the one that is pointed at. */
  #showNow({ name, long }: Kind): void {
    const { times } = this.#rates;
    const at = this.#pointedAt ?? times.length - 1;
    const value = this.#rates[name][at];
    const when = this.#pointedAt === undefined ? "" : ` at ${clockOf(times[at])}`;
    setText(`${name}-now`, value === undefined ? "–" : `${long(value)}${when}`);
  }

  #showTable(): void {
    const { times, entries, bytes, lag } = this.#rates;
    const rows = spread(times.length, MAX_ROWS).reverse();
    element("rows").replaceChildren(
      ...rows.map((row) =>
        create("tr", [
          create("th", clockOf(times[row]), { scope: "row" }),
          create("td", count(entries[row] ?? 0)),
          create("td", formatByteRate(bytes[row] ?? 0)),
          create("td", this.#hasLag ? seconds(lag[row] ?? 0) : "–"),
        ]),
      ),
    );
  }

  #draw(kind: Kind): uPlotClass {
    const { name, short, least } = kind;
    const place = element(`${name}-plot`);
    const style = getComputedStyle(document.documentElement);
    const colour = (property: string): string => style.getPropertyValue(`--${property}`).trim();
    const axis: uPlotClass.Axis = {
      stroke: colour("muted"),
      font: `11px ${getComputedStyle(document.body).fontFamily}`,
      grid: { stroke: colour("line"), width: 1 },
      ticks: { show: false },
    };
    const plot = new uPlot(
      {
        width: place.clientWidth,
        height: HEIGHT,
        padding: [8, 20, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, sync: { key: "run" } },
        scales: { y: { range: (_, __, most) => [0, Math.max(least, most * 1.1)] } },
        axes: [
          { ...axis, grid: { show: false }, size: 28, space: 80, values: timesOf },
          { ...axis, size: 64, space: 36, values: (_, values) => values.map(short) },
        ],
        series: [{}, { stroke: colour(name), width: 2, fill: `${colour(name)}22`, points: { show: false } }],
        hooks: {
          setCursor: [
            ({ cursor: { idx, left } }) => {
              this.#pointedAt = left === undefined || left < 0 ? undefined : (idx ?? undefined);
              for (const each of KINDS) this.#showNow(each);
            },
          ],
        },
      },
      this.#columns(kind),
      place,
    );
    this.#plots.set(kind, plot);
    return plot;
  }
}

/** Times next to the axis, with seconds or days only where it has several within. */
function timesOf(_: uPlotClass, splits: number[], __: number, ___: number, step: number): string[] {
  const style: Intl.DateTimeFormatOptions =
    step >= 86_400
      ? { month: "short", day: "numeric" }
      : { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(step < 60 && { second: "2-digit" }) };
  const format = new Intl.DateTimeFormat(undefined, style);
  return splits.map((split) => format.format(split * 1000));
}

function clockOf(atSeconds: number | undefined): string {
  return atSeconds === undefined ? "" : time(new Date(atSeconds * 1000), new Date());
}
