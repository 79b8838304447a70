/** Runs that are watched over HTTP. */

import { type RunningCli, spawnCli } from "./cli.ts";

/** Starts a command with `--http` at any free port. Call it within a test. */
export async function spawnWatched(
  args: readonly string[],
  { at = "0", ...options }: Parameters<typeof spawnCli>[1] & { readonly at?: string } = {},
): Promise<RunningCli & { readonly url: URL }> {
  const running = spawnCli([...args, "--http", at], options);
  return { ...running, url: await watchedAt(running.child) };
}

/** Where a run that was just started says that it is to be watched. */
function watchedAt({ stderr }: RunningCli["child"]): Promise<URL> {
  let printed = "";
  return new Promise((found, missed) => {
    stderr.on("data", (chunk: Buffer) => {
      printed += chunk;
      const announced = /watch this run at (\S+)\n/.exec(printed)?.[1];
      if (announced !== undefined) found(new URL(announced));
    });
    stderr.on("end", () => missed(new Error(`it ended, and said:\n${printed}`)));
  });
}

/** The events of a stream, until it ends. */
export async function* eventsOf({ body }: Response): AsyncGenerator<[event: string, data: unknown]> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body ?? []) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const [, event = "", data = ""] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? [];
      if (event !== "") yield [event, JSON.parse(data)];
    }
  }
}

/** All that a page loads, from its address on: what it names, and what that names. Throws where something is not served. */
export async function crawlPage(url: URL): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const wanted = [url.href];
  for (let next = wanted.pop(); next !== undefined; next = wanted.pop()) {
    if (found.has(next)) continue;
    const response = await fetch(next);
    if (!response.ok) throw new Error(`${next} is answered by ${response.status}`);
    const text = await response.text();
    found.set(next, text);
    const named = text.matchAll(/(?:\b(?:src|href)=|\bfrom )"([^"#]+)"/g);
    if (response.headers.get("content-type")?.match(/html|javascript/))
      wanted.push(...[...named].map(([, name = ""]) => new URL(name, next).href));
  }
  return new Map([...found].map(([each, text]) => [new URL(each).pathname, text]));
}
