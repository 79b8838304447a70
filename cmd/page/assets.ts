/** The files of the page. A clone has its modules in TypeScript, the published package compiled. */

import { readdir, readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Answer, Answers } from "./answers.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

/** The folder in which the modules of the page, and those of the program that it uses, import each other. */
const ROOT = join(import.meta.dirname, "..");
const CLIENT = "page/client";
const SHARED = ["page/history", "report/units"];

const TYPES = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

/** All of them: nothing else can be asked for, and none changes while the run lasts. */
export async function pageAnswers(): Promise<Answers> {
  const names = await readdir(join(ROOT, CLIENT));
  const own = names
    .filter((name) => name.endsWith(EXTENSION))
    .map((name) => `${CLIENT}/${name.slice(0, -3)}`);
  const file = async (path: string, name: string, type: keyof typeof TYPES): Promise<[string, Answer]> => [
    path,
    { status: 200, type: TYPES[type], body: await readFile(name) },
  ];
  const client = (name: string): string => join(ROOT, CLIENT, name);
  const installed = (name: string): string => fileURLToPath(import.meta.resolve(name));
  const assets = await Promise.all([
    file("/", client("index.html"), "html"),
    file("/page.css", client("page.css"), "css"),
    file("/icon.svg", client("icon.svg"), "svg"),
    file("/uplot.css", installed("uplot/dist/uPlot.min.css"), "css"),
    file("/uplot.js", installed("uplot/dist/uPlot.iife.min.js"), "js"),
    ...[...own, ...SHARED].map(
      async (name): Promise<[string, Answer]> => [
        `/${name}.js`,
        { status: 200, type: TYPES.js, body: await moduleText(join(ROOT, name + EXTENSION)) },
      ],
    ),
  ]);
  return new Map(assets.map(([path, asset]) => [path, () => asset]));
}

async function moduleText(path: string): Promise<string> {
  const text = await readFile(path, "utf8");
  if (EXTENSION === ".js") return text;
  return stripTypeScriptTypes(text).replaceAll(/(?<=\bfrom "\.{1,2}\/[^"\n]+)\.ts"/g, '.js"');
}
