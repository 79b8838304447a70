import { expect, test } from "vitest";
import { isLoopback, refusalOf } from "../../../../cmd/page/admission.ts";

const at = (host: string, listensOn = "127.0.0.1") =>
  refusalOf({ method: "GET", headers: { host } }, listensOn)?.status;

test.each([
  "localhost",
  "localhost:8080",
  "LOCALHOST:1",
  "127.0.0.1:8080",
  "127.1.2.3",
  "[::1]:9000",
  "[::1]",
])("on a loopback address %s is its own name", (host) => {
  expect(at(host)).toBeUndefined();
  expect(at(host, "::1")).toBeUndefined();
});

test.each([
  "log.example:8080",
  "localhost.evil.example",
  "127.0.0.1.nip.io",
  "10.0.0.1:8080",
  "evil@localhost",
  "",
])("on a loopback address %j may be a name that was made to point there, and is refused", (host) => {
  expect(at(host)).toBe(421);
  expect(at(host, "::1")).toBe(421);
});

test("on another address any name is right: only the operator knows them", () => {
  expect(at("mover.example:8080", "0.0.0.0")).toBeUndefined();
  expect(at("mover.example:8080", "10.0.0.1")).toBeUndefined();
});

test("a request without a host is refused on a loopback address", () => {
  expect(refusalOf({ method: "GET", headers: {} }, "127.0.0.1")?.status).toBe(421);
});

test.each(["POST", "PUT", "DELETE", "OPTIONS", "CONNECT"])("%s is refused", (method) => {
  expect(refusalOf({ method, headers: { host: "localhost" } }, "127.0.0.1")).toMatchObject({
    status: 405,
    headers: { allow: "GET, HEAD" },
  });
});

test("pages of other sites may link to it, and read nothing of it", () => {
  const from = (site: string, mode: string) =>
    refusalOf(
      { method: "GET", headers: { host: "localhost", "sec-fetch-site": site, "sec-fetch-mode": mode } },
      "127.0.0.1",
    )?.status;
  expect(from("cross-site", "navigate")).toBeUndefined();
  expect(from("none", "navigate")).toBeUndefined();
  expect(from("same-origin", "cors")).toBeUndefined();
  for (const site of ["cross-site", "same-site"]) {
    for (const mode of ["cors", "no-cors"]) expect(from(site, mode)).toBe(403);
  }
});

test("loopback addresses are told from names", () => {
  expect(["127.0.0.1", "127.255.0.9", "::1"].map(isLoopback)).toEqual([true, true, true]);
  expect(["localhost", "0.0.0.0", "::", "10.0.0.1", ""].map(isLoopback)).toEqual(Array(5).fill(false));
});
