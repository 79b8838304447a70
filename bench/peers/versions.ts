/** Versions of the peers that ran. */

import type { Table, Versions } from "../report/report.ts";
import { cpVersion, goVersion, tesseraVersion } from "../run/versions.ts";
import { CP_ID } from "./cp.ts";
import { RCLONE_ID, rcloneVersion } from "./rclone.ts";
import { TESSERA_ID } from "./tessera.ts";

const VERSIONS: readonly { readonly id: string; readonly name: string; tell(): string | undefined }[] = [
  { id: RCLONE_ID, name: "rclone", tell: rcloneVersion },
  { id: TESSERA_ID, name: "Tessera", tell: tesseraVersion },
  { id: TESSERA_ID, name: "Go", tell: goVersion },
  { id: CP_ID, name: "cp", tell: cpVersion },
];

/** The versions of those that these tables have rows of; one that was left out has none. */
export function peerVersions(tables: readonly Table[]): Versions {
  const rows = tables.flatMap((table) => (table.kind === "copies" ? table.rows : []));
  const ran = new Set(rows.flatMap(({ id, state }) => (state === "skipped" ? [] : [id])));
  const told = VERSIONS.filter(({ id }) => ran.has(id)).map(({ name, tell }) => [name, tell() ?? "unknown"]);
  return Object.fromEntries(told);
}
