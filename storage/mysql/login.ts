/** With what a database is logged in to: a secret comes from the environment or a file, and is kept nowhere. */

import { X509Certificate } from "node:crypto";
import { OperationError, UsageError } from "../../lib/errors.ts";
import type { OptionValues } from "../../lib/migrate/ports/backend.ts";
import { fileText, secretText } from "../http/secret-files.ts";
import { formatDatabase, type MysqlAddress } from "./address.ts";
import type { MysqlLogin } from "./database.ts";

/** @throws UsageError if a file cannot be read. */
export function loginOf(address: MysqlAddress, values: OptionValues): MysqlLogin {
  const { mysqlPasswordFile, mysqlIam, mysqlCa, mysqlTls } = values;
  const login = { address, authorities: mysqlTls === false ? (false as const) : authoritiesIn(mysqlCa) };
  if (mysqlIam === true) return { ...login, isIam: true, password: () => iamToken(address) };
  const password = passwordIn(mysqlPasswordFile);
  return { ...login, isIam: false, password: async () => password };
}

/** @throws UsageError unless there are certificates, of which TLS passes over those that it cannot read. */
function authoritiesIn(file: unknown): string | undefined {
  if (file === undefined) return undefined;
  const pem = fileText(`${file}`);
  try {
    const certificates = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
    if (certificates.length === 0) throw new Error("it has no certificate");
    for (const certificate of certificates) new X509Certificate(certificate);
    return pem;
  } catch (error) {
    const problem = `cannot be used: ${error instanceof Error ? error.message : error}`;
    throw new UsageError({ object: `--mysql-ca ${file}`, problem, advice: "Pass certificates in PEM" });
  }
}

function passwordIn(file: unknown): string {
  if (file === undefined) return process.env.MYSQL_PWD ?? "";
  return secretText(`${file}`).replace(/\r?\n$/, "");
}

/** The region that the name of a database of AWS's has. */
const REGION = /\.([a-z0-9-]+)\.rds\.amazonaws\.com(\.cn)?$/;

/** Signed with the credentials of this machine, over no network but what they come from. */
async function iamToken(address: MysqlAddress): Promise<string> {
  const { host: hostname, port, user: username } = address;
  const [, region] = REGION.exec(hostname) ?? [];
  const { Signer } = await import("@aws-sdk/rds-signer");
  try {
    const signer = new Signer({ hostname, port, username, ...(region !== undefined && { region }) });
    return await signer.getAuthToken();
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    throw new OperationError(
      {
        object: `an IAM login to ${formatDatabase(address)}`,
        problem: `is unavailable: ${reason}`,
        advice:
          "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE after `aws sso login`, and AWS_REGION where the host's name has no region",
      },
      { cause: error },
    );
  }
}
