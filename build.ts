/** `npm run build`: compiles the package and its page into `dist/`, with the declarations of its public face alone. */

import { execFileSync } from "node:child_process";
import { copyFileSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const DIST = join(import.meta.dirname, "dist");
/** What runs in the browser, checked and compiled for it. */
const PAGE = "cmd/page/client";

rmSync(DIST, { recursive: true, force: true });
const compile = (...args: string[]) =>
  execFileSync("tsc", args, { cwd: import.meta.dirname, stdio: "inherit" });
compile("-p", "tsconfig.build.json");
compile("-p", PAGE, "--noEmit", "false", "--outDir", join(DIST, "cmd"));
for (const file of globSync(`${PAGE}/*.{html,css,svg}`, { cwd: import.meta.dirname })) {
  copyFileSync(join(import.meta.dirname, file), join(DIST, file));
}

const wanted = new Set([join(DIST, "lib/index.d.ts")]);
for (const file of wanted) {
  // The compiler leaves the names of sources in declarations.
  const text = readFileSync(file, "utf8").replace(/"(\.{1,2}\/[^"\n]+)\.ts"/g, (_, path: string) => {
    wanted.add(join(dirname(file), `${path}.d.ts`));
    return `"${path}.js"`;
  });
  writeFileSync(file, text);
}
for (const file of globSync(`${DIST}/**/*.d.ts`)) if (!wanted.has(file)) rmSync(file);
