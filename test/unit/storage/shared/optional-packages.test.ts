/** Packages that are not installed, or in a version that does not fit. */

import { createRequire } from "node:module";
import { expect, it, onTestFinished } from "vitest";
import { UsageError } from "../../../../lib/errors.ts";
import { backendModules } from "../../../../storage/backends.ts";
import { requirePackages } from "../../../../storage/shared/optional-packages.ts";

const description = createRequire(import.meta.url)("tlog-migrate/package.json");

/** The ranges of package.json, until the test ends. */
function withRanges(ranges: Readonly<Record<string, string>>): void {
  const { peerDependencies } = description;
  description.peerDependencies = ranges;
  onTestFinished(() => {
    description.peerDependencies = peerDependencies;
  });
}

const INSTALLED = "google-auth-library";

const { version }: { readonly version: string } = createRequire(import.meta.url)(`${INSTALLED}/package.json`);
const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);

it("those that are missing are named in one line, with what installs all of them", () => {
  withRanges({ "no-such-package": "^3.2.1", "@nor/this-one": "^4.0.0", [INSTALLED]: `^${version}` });
  const check = () => requirePackages("gs://bucket/log", ["@nor/this-one", INSTALLED, "no-such-package"]);
  expect(check).toThrow(UsageError);
  expect(check).toThrow(
    "gs://bucket/log: needs optional packages that are not installed (expected @nor/this-one ^4.0.0 and no-such-package ^3.2.1). " +
      "Run `npm install @nor/this-one@4 no-such-package@3` where tlog-migrate is installed, with -g if it was installed with -g",
  );
});

it.each([
  ["the major version before", `^${major + 1}.0.0`],
  ["the major version after", `^${major - 1}.0.0`],
  ["a minor version that is too old", `^${major}.${minor + 1}.0`],
  ["a patch that is too old", `^${major}.${minor}.${patch + 1}`],
])("one of %s is refused", (_, range) => {
  withRanges({ [INSTALLED]: range });
  expect(() => requirePackages("gs://b", [INSTALLED])).toThrow(
    `expected ${INSTALLED} ${range}, found ${INSTALLED} ${version}`,
  );
});

it.each([`^${version}`, `^${major}.0.0`, `^${major}.${minor}.0`])("one that fits %s is accepted", (range) => {
  withRanges({ [INSTALLED]: range });
  requirePackages("gs://b", [INSTALLED]);
});

it("all that are declared are optional, have ranges that are understood, and are installed in a clone", () => {
  const { peerDependencies, peerDependenciesMeta, devDependencies, dependencies } = description;
  const names = Object.keys(peerDependencies);
  expect(names).toContain(INSTALLED);
  expect(peerDependenciesMeta).toEqual(Object.fromEntries(names.map((name) => [name, { optional: true }])));
  for (const name of names) {
    expect(peerDependencies[name]).toMatch(/^\^[1-9]\d*\.\d+\.\d+$/);
    expect(devDependencies[name]).toBe(peerDependencies[name]);
    expect(dependencies).not.toHaveProperty(name);
  }
  requirePackages("a clone", names);
});

it("a backend is loaded without them: only what is opened needs them", async () => {
  withRanges(Object.fromEntries(Object.keys(description.peerDependencies).map((name) => [name, "^999.0.0"])));
  const { default: backend } = await import(`${backendModules().gs}`);
  const access = { userAgentVersion: "0" };
  const [source, targetOptions] = [
    { access, connections: 1 },
    { spanner: "projects/p/instances/i/databases/d" },
  ];
  const retry = { attempts: 0, contentAttempts: 0, baseMs: 1, maxMs: 1 };
  const target = { options: targetOptions, userAgentVersion: "0", connections: 1, retry };
  const url = new URL("gs://bucket/log");
  expect(backend.describeTarget(targetOptions).canBeTakenOver).toBe(true);
  await expect(backend.openObjects(url, source)).rejects.toThrow("`npm install google-auth-library@999`");
  await expect(backend.openTarget(url, target)).rejects.toThrow(
    "`npm install @google-cloud/storage@999 google-auth-library@999 @google-cloud/spanner@999`",
  );
  const { default: s3 } = await import(`${backendModules().s3}`);
  const ofAws = "`npm install @aws-sdk/credential-provider-node@999 @smithy/core@999`";
  await expect(s3.openObjects(new URL("s3://bucket/log"), source)).rejects.toThrow(ofAws);
  const mirror = { ...target, options: { treeState: false } };
  await expect(s3.openTarget(new URL("s3://bucket/log"), mirror)).rejects.toThrow(ofAws);
});
