/** Reads a text of Prometheus metrics. */

/** The value of a sample, whatever labels it has beside those of its name. */
export function sample(text: string, name: string): number {
  const [metric = "", own = ""] = name.split(/[{}]/);
  const line = text
    .split("\n")
    .find((each) => each.startsWith(`${metric}{${own}`) || each.startsWith(`${name} `));
  return Number(line?.slice(line.lastIndexOf(" ") + 1) ?? Number.NaN);
}
