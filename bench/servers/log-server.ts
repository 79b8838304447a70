/** The server of a log directory that costs this machine least: nginx where it is installed. */

import { type NginxOptions, startNginx } from "./nginx.ts";
import { type RunningServer, startServer } from "./static.ts";

export type LogServerOptions = NginxOptions;

export interface RunningLogServer extends RunningServer {
  /** What serves: "nginx/1.22.1", "bench/servers/static.ts". */
  readonly kind: string;
}

/** Serves a directory from a process of its own, which ends with this one at the latest. */
export async function startLogServer(
  directory: string,
  options: LogServerOptions = {},
): Promise<RunningLogServer> {
  const nginx = await startNginx(directory, options);
  if (nginx !== undefined) return { ...nginx, kind: `nginx/${nginx.version}` };
  return { ...(await startServer(directory, options)), kind: "bench/servers/static.ts" };
}
