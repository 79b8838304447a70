/** What an operator is told of a database that cannot be asked; nothing here asks the network. */

import { GoogleAuth } from "google-auth-library";
import { beforeEach, expect, it, vi } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { SpannerDatabase } from "../../../../storage/spanner/database.ts";
import { withoutCredentials } from "../../../support/google.ts";

const NAME = "projects/p/instances/i/databases/d";

beforeEach(withoutCredentials);

async function expectFailure(words: RegExp | string): Promise<void> {
  const schema = new SpannerDatabase(NAME).schema();
  await expect(schema).rejects.toBeInstanceOf(OperationError);
  await expect(schema).rejects.toThrow(words);
}

it("without credentials there is one line that says what to do, and nothing beside it", async () => {
  const said = vi.spyOn(console, "error").mockImplementation(() => {});
  await expectFailure(/^Google Cloud credentials: are unavailable: .*gcloud auth application-default login/);
  expect(said).not.toHaveBeenCalled();
});

it("credentials that cannot be renewed just now are a failure like any other", async () => {
  const broken = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  vi.spyOn(GoogleAuth.prototype, "getRequestHeaders").mockRejectedValue(broken);
  await expectFailure(`${NAME}: Google Cloud credentials could not be renewed`);
});
