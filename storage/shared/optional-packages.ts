/** Packages that some backends need and that npm does not install with this one: its optional peer dependencies. */

import { readFileSync } from "node:fs";
import { createRequire, findPackageJSON } from "node:module";
import { UsageError } from "../../lib/errors.ts";

/**
 * Checks that packages are installed, in versions that fit. They are not loaded.
 * @param user what needs them, as the operator named it.
 * @throws UsageError that says how to install those that are missing, all at once.
 */
export function requirePackages(user: string, names: readonly string[]): void {
  const { peerDependencies } = createRequire(import.meta.url)("tlog-migrate/package.json");
  const packages = names.map((name) => ({
    name,
    range: `${peerDependencies[name]}`,
    version: installedVersion(name),
  }));
  const unfit = packages.filter(({ version, range }) => version === undefined || !isInRange(version, range));
  if (unfit.length === 0) return;
  const outdated = unfit.filter(({ version }) => version !== undefined);
  throw new UsageError({
    object: user,
    problem: "needs optional packages that are not installed",
    expected: unfit.map(({ name, range }) => `${name} ${range}`).join(" and "),
    ...(outdated.length > 0 && {
      found: outdated.map(({ name, version }) => `${name} ${version}`).join(" and "),
    }),
    advice: `Run \`npm install ${unfit.map(({ name, range }) => `${name}@${numbersOf(range)[0]}`).join(" ")}\` where tlog-migrate is installed, with -g if it was installed with -g`,
  });
}

/** The version of the package that an import would find, undefined if there is none. */
function installedVersion(name: string): string | undefined {
  let path: string | undefined;
  try {
    path = findPackageJSON(name, import.meta.url);
  } catch {
    // Node throws where there is none.
  }
  return path === undefined ? undefined : JSON.parse(readFileSync(path, "utf8")).version;
}

/** Whether a version is in a range `^1.2.3`. */
function isInRange(version: string, range: string): boolean {
  const [major = 0, minor = 0, patch = 0] = numbersOf(version);
  const [ofMajor = 0, leastMinor = 0, leastPatch = 0] = numbersOf(range);
  return major === ofMajor && (minor > leastMinor || (minor === leastMinor && patch >= leastPatch));
}

function numbersOf(version: string): number[] {
  return /\d+\.\d+\.\d+/.exec(version)?.[0].split(".").map(Number) ?? [];
}
