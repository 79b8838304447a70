/** `npm run build`: compiles the package into `dist/`, with the declarations of its public face alone. */

import { execFileSync } from "node:child_process";
import { globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const DIST = join(import.meta.dirname, "dist");

rmSync(DIST, { recursive: true, force: true });
execFileSync("tsc", ["-p", join(import.meta.dirname, "tsconfig.build.json")], { stdio: "inherit" });

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
