/** The parser: what is told of a response does not depend on how its bytes arrive. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { damaged, interims, mutations, pieces, response } from "../../../support/http/any-response.ts";
import { CHUNKED, read, type Told } from "../../../support/http/recorder.ts";

describe("however the bytes arrive", () => {
  it("a response is told as it is", () => {
    fc.assert(
      fc.property(response, interims, pieces, fc.boolean(), (response, interims, pieces, direct) => {
        const { ends } = response;
        const told = read(interims + response.text, { ends, pieces, direct });
        const last = told.findLast((event) => "start" in event);
        expect(last?.start).toBe(response.status);
        const after = told.slice(told.indexOf(last as Told) + 1);
        const data = response.body === "" ? [] : [{ data: response.body }];
        expect(after).toEqual([...data, { end: response.end }]);
        expect(told).toEqual(read(interims + response.text, { ends }));
      }),
      { numRuns: 300 },
    );
  });

  it("damaged responses come to the same end, which is a fault if it is not a response", () => {
    fc.assert(
      fc.property(
        response,
        interims,
        mutations,
        pieces,
        fc.boolean(),
        (response, interims, mutations, pieces, direct) => {
          const text = damaged(interims + response.text, mutations);
          const whole = read(text, { ends: true });
          expect(read(text, { ends: true, pieces, direct })).toEqual(whole);
          const data = whole.reduce((sum, event) => sum + ("data" in event ? event.data.length : 0), 0);
          expect(data).toBeLessThanOrEqual(text.length);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("any bytes at all do nothing but come to the same end", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), pieces, (bytes, framed, pieces) => {
        const text = framed ? Buffer.concat([Buffer.from(CHUNKED), bytes]) : Buffer.from(bytes);
        expect(read(text, { ends: true, pieces })).toEqual(read(text, { ends: true }));
      }),
      { numRuns: 300 },
    );
  });
});
