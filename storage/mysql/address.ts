/** How an operator names a MySQL database: as a URL, or as the log software's Go driver does. */

import { UsageError } from "../../lib/errors.ts";

export interface MysqlAddress {
  readonly user: string;
  /** A name in lower case, or an IP address, of version 6 in brackets. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
}

const USUAL_PORT = 3306;

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?)(?::(\d{1,5}))?$/;

const NAME = /^[^/?#@`\p{Cc}]{1,64}$/u;

/** @throws UsageError, which shows nothing of it: there may be a password where none belongs. */
export function parseMysqlAddress(text: string): MysqlAddress {
  const rest = text.replace(/^mysql:\/\//i, "");
  const isUrl = rest !== text;
  if (rest.slice(0, Math.max(rest.lastIndexOf("@"), 0)).includes(":")) {
    throw new UsageError({
      object: "--mysql",
      problem: "has a password, which every process of this machine can see",
      advice: "Leave it out, and set MYSQL_PWD or pass --mysql-password-file",
    });
  }
  const form = isUrl ? /^([^@]+)@([^@/]+)\/([^/]+)$/ : /^([^@]+)@tcp\(([^@/()]+)\)\/([^/]+)$/;
  const [, user = "", place = "", name = ""] = form.exec(rest) ?? [];
  const [, host = "", , port] = HOST.exec(place.toLowerCase()) ?? [];
  const names = (isUrl ? [user, name].map(percentDecoded) : [user, name]).filter((each) => NAME.test(each));
  const address = { user: names[0] ?? "", host, port: Number(port ?? USUAL_PORT), database: names[1] ?? "" };
  if (host !== "" && names.length === 2 && address.port > 0 && address.port < 65_536) return address;
  throw new UsageError({
    object: "--mysql",
    problem: "does not name a database",
    expected:
      "mysql://USER@HOST:PORT/DATABASE or USER@tcp(HOST:PORT)/DATABASE, the port left out where it is 3306",
  });
}

/** The address of a database, whoever uses it: how messages and a bucket's document name it. */
export function formatDatabase({ host, port, database }: Omit<MysqlAddress, "user">): string {
  return `mysql://${host}${port === USUAL_PORT ? "" : `:${port}`}/${encodeURIComponent(database)}`;
}

/** The address as an operator writes it. */
export function formatMysqlAddress(address: MysqlAddress): string {
  return formatDatabase(address).replace("//", () => `//${encodeURIComponent(address.user)}@`);
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
