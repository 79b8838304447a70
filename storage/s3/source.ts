/** A log in a bucket of S3, as a source: for buckets that are not public, and for what was just written. */

import type { ObjectSource, ReadOptions, SourceError } from "../../lib/migrate/ports/source.ts";
import { formatObjectName } from "../bucket/place.ts";
import type { ApiAnswer } from "../http/client.ts";
import { HttpSource, type HttpSourceOptions } from "../http/source.ts";
import type { S3Access } from "./access.ts";
import { errorIn, notOfS3 } from "./answers.ts";

/** How a bucket is read; credentials come from the access. */
export type S3SourceOptions = Omit<HttpSourceOptions, "authorization" | "contact" | "failure">;

export class S3Source implements ObjectSource {
  readonly location: string;
  readonly #access: S3Access;
  readonly #objects: HttpSource;

  constructor(access: S3Access, options: S3SourceOptions) {
    this.location = formatObjectName(access.place);
    this.#access = access;
    this.#objects = new HttpSource(new URL(`${access.origin}${access.target("")}`), {
      ...options,
      authorization: (path) => access.authorization({ method: "GET", path, headers: [] }),
      failure: (answer) => failureIn(answer, access),
    });
  }

  locate(path: string): string {
    return formatObjectName(this.#access.place, path);
  }

  read(path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    return this.#access.renewing(() => this.#objects.read(path, options));
  }

  closeIdle(): void {
    this.#objects.closeIdle();
  }

  close(): Promise<void> {
    return this.#objects.close();
  }
}

/** What an answer without an object means; undefined that there is none. */
export function failureIn(answer: ApiAnswer, access: S3Access): SourceError | undefined {
  if (answer.status !== 404) return access.failure(answer);
  const code = errorIn(answer.body)?.code;
  if (code === "NoSuchKey") return undefined;
  return code === undefined ? notOfS3(access.host, "it is a 404 that is not S3's") : access.failure(answer);
}
