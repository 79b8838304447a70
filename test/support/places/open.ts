/** Places opened by their locations, as the engine opens them. */

import { findPlace, openSource, openTarget as openTargetOf } from "../../../lib/migrate/options/places.ts";
import type { OptionValues, SourceRequest } from "../../../lib/migrate/ports/backend.ts";
import type { LogSource, ObjectSource } from "../../../lib/migrate/ports/source.ts";
import type { MigrationTarget } from "../../../lib/migrate/ports/target.ts";
import { backendModules } from "../../../storage/backends.ts";
import { FAST_RETRY } from "../migration.ts";

const REQUEST: SourceRequest = { access: { userAgentVersion: "test" }, connections: 2 };

export async function openObjects(location: string): Promise<ObjectSource> {
  const { url, backend } = await findPlace(location, "source", backendModules());
  if (backend.openObjects === undefined) throw new Error(`${location} has no objects`);
  return await backend.openObjects(url, REQUEST);
}

/** Opens a log that may be stored in another layout than its format's. */
export function openLog(location: string): Promise<LogSource> {
  return openSource(location, REQUEST, "tiles", backendModules());
}

export function openTarget(location: string, options: OptionValues = {}): Promise<MigrationTarget> {
  const spec = { location, options, userAgentVersion: "test", retry: FAST_RETRY, modules: backendModules() };
  return openTargetOf(spec, { connections: 4 });
}
