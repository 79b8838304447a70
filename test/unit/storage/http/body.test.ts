import { expect, it } from "vitest";
import { HttpBody } from "../../../../storage/http/body.ts";

const NOBODY = { granted() {}, refused() {} };

it("never hands out memory that the response did not fill", () => {
  const body = new HttpBody(10, undefined, NOBODY);
  body.add(Buffer.from("nine byte"));
  expect(body.take()).toBeUndefined();
  body.add(Buffer.from("s"));
  expect(body.take()?.toString()).toBe("nine bytes");
});
