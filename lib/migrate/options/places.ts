/** Turns URLs and paths into sources and targets. The backend of a URL's scheme is loaded when it is first used. */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { UsageError } from "../../errors.ts";
import type { LogFormat } from "../../tlog/layout.ts";
import { isLikeCredentials, shownAddress } from "../../tlog/shown-address.ts";
import type {
  Backend,
  BackendModules,
  BackendOption,
  OptionValues,
  SourceAccess,
  SourceRequest,
  TargetRequest,
  TargetWords,
} from "../ports/backend.ts";
import type { LogSource } from "../ports/source.ts";
import type { MigrationTarget } from "../ports/target.ts";
import { tiledLog } from "../read/tiled-log.ts";

/** The roles that a location can have. */
type Role = "source" | "target" | "log";

/**
 * Finds the backend of a location: a URL, or the path of a directory.
 * @param options for it as a target. An option that the backend would ignore is a usage error.
 * @throws UsageError if there is no such backend, or it does not have an option.
 */
export async function findPlace(
  location: string,
  role: Role,
  modules: BackendModules,
  options: OptionValues = {},
): Promise<{ readonly url: URL; readonly backend: Backend }> {
  const url = urlOf(location, role, modules);
  const module = modules[schemeOf(url)];
  if (module === undefined) throw await unsupported(location, url, role, modules);
  const backend = await load(module);
  const foreign = Object.keys(options).filter(
    (name) => options[name] !== undefined && !hasOption(backend, name),
  );
  if (foreign.length === 0) return { url, backend };
  const all = await loadAll(modules);
  const unknown = foreign.find((name) => !isDefault(all, name, options[name]));
  if (unknown === undefined) return { url, backend };
  const others = all.filter((other) => hasOption(other, unknown));
  throw ignored(`--${options[unknown] === false ? "no-" : ""}${flagOf(unknown)}`, [location], others);
}

/**
 * @param locations all that are read.
 * @throws UsageError for an option that has no effect on any of them. What the environment sets may be for other commands.
 */
export async function requireEffect(
  locations: readonly string[],
  {
    access,
    requestsPerSecond,
  }: { readonly access: SourceAccess; readonly requestsPerSecond?: number | undefined },
  modules: BackendModules,
): Promise<void> {
  const places = await Promise.all(locations.map((location) => findPlace(location, "source", modules)));
  const read = places.map(({ backend }) => backend);
  const all = await loadAll(modules);
  if (requestsPerSecond !== undefined && read.every(({ isLocal }) => isLocal)) {
    throw ignored(
      "--rate",
      locations,
      all.filter(isSource).filter(({ isLocal }) => !isLocal),
    );
  }
  for (const { flags, env, isOfReader = false } of all.flatMap(({ sourceOptions = [] }) => sourceOptions)) {
    const name = optionName(flags);
    const has = ({ sourceOptions = [] }: Backend) =>
      sourceOptions.some((one) => optionName(one.flags) === name);
    const isOfEnvironment = env !== undefined && process.env[env] !== undefined;
    if (access[name] === undefined || isOfReader || isOfEnvironment || read.some(has)) continue;
    throw ignored(`--${flagOf(name)}`, locations, all.filter(has));
  }
}

function ignored(flag: string, locations: readonly string[], others: readonly Backend[]): UsageError {
  return new UsageError({
    object: flag,
    problem: `has no meaning for ${locations.map(shownAddress).join(" and ")}`,
    ...(others.length > 0 && { expected: `a log at ${formsOf(others).join(" or ")}` }),
    advice: "Leave it out",
  });
}

const flagOf = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** @throws UsageError if there is no such source, or the options are not enough to read a log of this format there. */
export async function requireSourceOptions(
  location: string,
  access: SourceAccess,
  format: LogFormat,
  modules: BackendModules,
): Promise<void> {
  const { url, backend } = await findPlace(location, "source", modules);
  await backend.checkSource?.(url, access, format);
}

/** Opens a source. @throws UsageError if the location is not a source, or the options are not enough to read it. */
export async function openSource(
  location: string,
  request: SourceRequest,
  format: LogFormat,
  modules: BackendModules,
): Promise<LogSource> {
  const { url, backend } = await findPlace(location, "source", modules);
  await backend.checkSource?.(url, request.access, format);
  if (backend.openSource !== undefined) return await backend.openSource(url, request, format);
  if (backend.openObjects !== undefined) return tiledLog(await backend.openObjects(url, request), format);
  throw await unsupported(location, url, "source", modules);
}

/** How a thread reaches a target; plain data, so that it can be sent to a worker. */
export interface TargetSpec
  extends Pick<TargetRequest, "options" | "userAgentVersion" | "retry" | "isMirror"> {
  readonly location: string;
  readonly modules: BackendModules;
}

/** Opens a target for the calling thread. @throws UsageError if it is not a target, or does not have an option. */
export async function openTarget(
  { location, modules, ...request }: TargetSpec,
  further: Omit<TargetRequest, keyof TargetSpec>,
): Promise<MigrationTarget> {
  const { url, backend } = await findPlace(location, "target", modules, request.options);
  if (backend.openTarget === undefined) throw await unsupported(location, url, "target", modules);
  return await backend.openTarget(url, { ...request, ...further });
}

/** commander gives `true` for a `--no-…` option that was not passed. */
function isDefault(backends: readonly Backend[], name: string, value: unknown): boolean {
  const flags = backends.flatMap(({ targetOptions = [] }) => targetOptions.map((option) => option.flags));
  return value === true && flags.some((flag) => optionName(flag) === name && flag.startsWith("--no-"));
}

function hasOption({ targetOptions = [] }: Backend, name: string): boolean {
  return targetOptions.some(({ flags }) => optionName(flags) === name);
}

/** What messages to the operator need to know of a log in a target. */
export async function describeTarget(
  location: string,
  options: OptionValues,
  modules: BackendModules,
): Promise<TargetWords> {
  const { backend } = await findPlace(location, "target", modules);
  return backend.describeTarget?.(options) ?? { state: "", verifyOptions: [], canBeTakenOver: true };
}

/** The name of an option's value: `spannerTablePrefix` for `--spanner-table-prefix <p>`. */
export function optionName(flags: string): string {
  const [, name = ""] = /--(?:no-)?([a-z0-9-]+)/.exec(flags) ?? [];
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The texts of all backends for the command line. */
export interface BackendWords {
  readonly sourceForms: readonly string[];
  readonly targetForms: readonly string[];
  readonly sourceOptions: readonly BackendOption[];
  readonly targetOptions: readonly BackendOption[];
  readonly examples: readonly string[];
}

/** Loads all backends, for the command line. */
export async function backendWords(modules: BackendModules): Promise<BackendWords> {
  const backends = await loadAll(modules);
  const optionsOf = (kind: "sourceOptions" | "targetOptions"): BackendOption[] => {
    const options = backends.flatMap((backend) => backend[kind] ?? []);
    return [...new Map(options.map((option) => [option.flags, option])).values()];
  };
  return {
    sourceForms: formsOf(backends.filter(isSource)),
    targetForms: formsOf(backends.filter(isTarget)),
    sourceOptions: optionsOf("sourceOptions"),
    targetOptions: optionsOf("targetOptions"),
    examples: backends.flatMap(({ example = [] }) => example),
  };
}

const isSource = ({ openObjects, openSource }: Backend): boolean => (openObjects ?? openSource) !== undefined;
const isTarget = ({ openTarget }: Backend): boolean => openTarget !== undefined;

function formsOf(backends: readonly Backend[]): string[] {
  return [...new Set(backends.map(({ form }) => form))];
}

async function load(module: string): Promise<Backend> {
  const loaded: { readonly default: Backend } = await import(module);
  return loaded.default;
}

async function loadAll(modules: BackendModules): Promise<Backend[]> {
  return [...new Set(await Promise.all(Object.values(modules).map(load)))];
}

function urlOf(location: string, role: Role, modules: BackendModules): URL {
  if (location === "")
    throw new UsageError({ object: role, problem: "is empty", advice: "Name a URL or a path" });
  const [, scheme = "", slashes] = /^\s*([a-z][a-z0-9+.-]+):(\/\/)?/i.exec(location) ?? [];
  // Not treated as a path: its credentials, if any, would be shown as part of one.
  const isKnown = modules[scheme.toLowerCase()] !== undefined;
  if (slashes === undefined && !isKnown && !isLikeCredentials(location)) {
    requireNotRemote(location, role);
    return pathToFileURL(absolutePath(location));
  }
  const url = slashes !== undefined && /^\S/.test(location) ? URL.parse(location) : null;
  if (url !== null) return url;
  throw new UsageError({
    object: shownAddress(location),
    problem: `is not a URL that a ${role} could have`,
    advice: "Write scheme://…, or ./… for a path",
  });
}

/** As in scp and rsync, a colon before the first slash ends the name of another machine. */
function requireNotRemote(location: string, role: Role): void {
  const [, host, rest = ""] = /^([^/\\]*?):(.*)$/s.exec(location) ?? [];
  // With a port it is an address without its scheme, which is reported later, if there is no such directory.
  if (host === undefined || /^\d+(\/|$)/.test(rest)) return;
  throw new UsageError({
    object: location,
    problem: `names a path on another machine, ${host}, which cannot be a ${role}`,
    advice: `${remoteAdvice(role)}; a path here is written ./${location}`,
  });
}

function remoteAdvice(role: Role): string {
  const served = role === "target" ? "" : ", or name the https:// address at which the log is served";
  return `Mount it and name its path here, or run this tool on that machine${served}`;
}

/** Schemes of file systems on other machines. */
const REMOTE_SCHEMES = ["ssh", "scp", "sftp", "rsync", "ftp", "ftps", "nfs", "smb", "cifs", "afp"];

function absolutePath(path: string): string {
  try {
    return resolve(path);
  } catch (error) {
    const problem = "is below a working directory that is gone";
    throw new UsageError({ object: path, problem, advice: "Change to one that exists" }, { cause: error });
  }
}

const schemeOf = (url: URL): string => url.protocol.slice(0, -1);

async function unsupported(
  location: string,
  url: URL,
  role: Role,
  modules: BackendModules,
): Promise<UsageError> {
  const backends = (await loadAll(modules)).filter(role === "target" ? isTarget : isSource);
  const problem = `a ${role} cannot be of the kind ${schemeOf(url)}`;
  const expected = formsOf(backends).join(", ");
  const advice = REMOTE_SCHEMES.includes(schemeOf(url)) ? remoteAdvice(role) : undefined;
  return new UsageError({ object: shownAddress(location), problem, expected, advice });
}
