/** How many requests a run may have in flight, by what the operator has asked for. */

import { expect, test } from "vitest";
import { readSpecOf } from "../../../lib/migrate/session.ts";

const options = { format: "tiles", access: { userAgentVersion: "test" }, workers: 4 } as const;

test("a run begins with the concurrency that is named, and otherwise with less than it may have", () => {
  const named = readSpecOf("log", { ...options, concurrency: 40 }, {});
  expect(named.limit).toMatchObject({ start: 40, maximum: 40 });
  expect(readSpecOf("log", options, {}).limit).toMatchObject({ start: 16, maximum: 64 });
});
