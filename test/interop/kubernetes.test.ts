/** The manifests of deploy/kubernetes: put together, as the published schemas want them, and of commands that exist. */

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { temporaryDirectory } from "../support/places/directory.ts";

const ROOT = join(import.meta.dirname, "../..");
const MANIFESTS = join(ROOT, "deploy/kubernetes");
const TOOLS = join(import.meta.dirname, "bin/kubernetes/bin");

/** The fields that are looked at. */
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: {
    readonly completions?: number;
    readonly template?: { readonly spec: { readonly containers: readonly Container[] } };
  };
}

interface Container {
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
}

const missing = "kustomize and kubernetes-validate: test/interop/install-kubernetes-tools installs them";
const isThere = ["kustomize", "kubernetes-validate"].every((name) => existsSync(join(TOOLS, name)));
if (!isThere && process.env.TLOG_MIGRATE_REQUIRE_KUBERNETES === "1") throw new Error(`no ${missing}`);
if (!isThere) console.warn(`skipped: no ${missing}`);

function built(directory: string): string {
  const { status, stdout, stderr } = spawnSync(join(TOOLS, "kustomize"), ["build", directory], {
    encoding: "utf8",
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}

/** What the schemas have against it. */
function faultsOf(manifests: string): string {
  const file = join(temporaryDirectory(), "manifests.yaml");
  writeFileSync(file, manifests);
  const { status, stdout, stderr } = spawnSync(join(TOOLS, "kubernetes-validate"), ["--strict", file], {
    encoding: "utf8",
  });
  const faults = `${stdout}${stderr}`.split("\n").filter((line) => line.startsWith("ERROR"));
  return status === 0 ? "" : faults.join("\n") || `exit code ${status}`;
}

describe.skipIf(!isThere).each([
  ["shards", ["Namespace", "ServiceAccount", "ConfigMap", "Job"]],
  ["queue", ["Namespace", "ServiceAccount", "ConfigMap", "Service", "Deployment", "Deployment", "Job"]],
])("deploy/kubernetes/%s", (name, kinds) => {
  it("is as the schemas of Kubernetes have it, all of it in one namespace", () => {
    const text = built(join(MANIFESTS, name));
    expect(faultsOf(text)).toBe("");
    const manifests = parseAllDocuments(text).map((each) => each.toJS() as Manifest);
    expect(manifests.map(({ kind }) => kind).toSorted()).toEqual(kinds.toSorted());
    const namespaces = manifests
      .filter(({ kind }) => kind !== "Namespace")
      .map((each) => each.metadata.namespace);
    expect(new Set(namespaces)).toEqual(new Set(["tlog-migrate"]));
  });

  it("runs commands with options that exist, and tells each shard how many there are", () => {
    const options = readFileSync(join(ROOT, "docs/options.md"), "utf8");
    const manifests = parseAllDocuments(built(join(MANIFESTS, name))).map((each) => each.toJS() as Manifest);
    const ours = manifests.flatMap(({ spec }) => {
      const containers = spec?.template?.spec.containers ?? [];
      return containers
        .filter(({ image }) => image.includes("tlog-migrate"))
        .map((each) => ({ ...each, completions: spec?.completions }));
    });
    expect(ours.length).toBeGreaterThan(0);
    for (const { args = [], env = [], completions } of ours) {
      expect(["copy", "worker"]).toContain(args[0]);
      const flags = args.filter((arg) => arg.startsWith("--"));
      expect(flags.filter((flag) => !options.includes(`\`${flag}`))).toEqual([]);
      const count = env.find((each) => each.name === "JOB_COMPLETIONS")?.value;
      expect(count).toBe(args.includes("--shard") ? `${completions}` : undefined);
    }
  });

  it("would not pass with a field that does not exist", () => {
    const copy = join(temporaryDirectory(), "kubernetes");
    cpSync(MANIFESTS, copy, { recursive: true });
    const text = built(join(copy, name)).replace("backoffLimit", "backOffLimits");
    expect(faultsOf(text)).toMatch(/backOffLimits/);
  });
});
