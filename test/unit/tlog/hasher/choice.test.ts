import { describe, expect, test } from "vitest";
import { UsageError } from "../../../../lib/errors.ts";
import { chooseHasher } from "../../../../lib/tlog/hasher/hasher.ts";
import { type BundleHasher, JAVASCRIPT_HASHER } from "../../../../lib/tlog/hasher/javascript.ts";

const NATIVE: BundleHasher = { ...JAVASCRIPT_HASHER, name: "native" };
const native = () => NATIVE;
const none = () => {
  throw new Error("no such file\nor directory");
};

describe("the choice of a hasher", () => {
  test("is the native one where it is there, if nobody asks", () => {
    for (const nothing of [undefined, ""]) {
      expect(chooseHasher(nothing, native)).toBe(NATIVE);
      expect(chooseHasher(nothing, none)).toBe(JAVASCRIPT_HASHER);
    }
  });

  test("is the one that is asked for", () => {
    expect(chooseHasher("native", native)).toBe(NATIVE);
    expect(chooseHasher("javascript", native)).toBe(JAVASCRIPT_HASHER);
  });

  test("is refused where the native one is asked for and not there, with the reason on the same line", () => {
    expect(() => chooseHasher("native", none)).toThrow(UsageError);
    expect(() => chooseHasher("native", none)).toThrow(
      /^TLOG_MIGRATE_HASHER: asks for the native hasher.*: no such file or directory\. .*npm rebuild/,
    );
  });

  test("is refused where there is none of that name, whatever is there", () => {
    for (const choice of ["Native", "wasm", "native ", "0"]) {
      for (const load of [native, none]) {
        expect(() => chooseHasher(choice, load)).toThrow(UsageError);
        expect(() => chooseHasher(choice, load)).toThrow(`expected native or javascript, found ${choice}`);
      }
    }
  });
});
