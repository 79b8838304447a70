/** How undici is loaded. */

import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const MODULE = new URL("../../../../storage/http/undici.ts", import.meta.url).href;

function printed(program: string): string {
  const code = `const { Client } = await import(${JSON.stringify(MODULE)}); ${program}`;
  return execFileSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8" });
}

test("a thread that reads over plain HTTP/1.1 loads neither TLS nor HTTP/2", () => {
  const loaded = printed(
    "console.log(process.moduleLoadList.filter((name) => /^NativeModule (tls|http2|net)$/.test(name)).join())",
  );
  expect(loaded.trim()).toBe("NativeModule net");
});

test("others in the process may speak HTTP/2 with the same undici", () => {
  const answer = printed(`
    import { createServer } from "node:http2";
    // Its index gives clients their methods.
    await import("undici");
    const server = createServer((request, response) => response.end("over " + request.httpVersion));
    server.listen(0, "127.0.0.1", async () => {
      const origin = "http://127.0.0.1:" + server.address().port;
      const client = new Client(origin, { useH2c: true, allowH2: true });
      const { body } = await client.request({ method: "GET", path: "/" });
      console.log(await body.text());
      await client.close();
      server.close();
    });
  `);
  expect(answer.trim()).toBe("over 2.0");
});
