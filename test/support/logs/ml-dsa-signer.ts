/** Signs checkpoints with ML-DSA-44 (type 0x06). Apart from the other signers, since its library takes time to load. */

import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import { parseCheckpointText } from "../../../lib/tlog/checkpoint.ts";
import { cosignedMessage } from "../../../lib/tlog/ml-dsa.ts";
import { keyIdOf } from "../../../lib/tlog/vkey.ts";
import { type NoteSigner, newSigner } from "../../logs/sign.ts";

/** @param clock gives seconds since the Unix epoch. */
export function newMlDsaSigner(
  name: string,
  seed: Uint8Array,
  clock: () => number = () => 1_700_000_000,
): NoteSigner {
  const { publicKey, secretKey } = ml_dsa44.keygen(seed);
  const keyId = keyIdOf(name, "ML-DSA-44", publicKey);
  return newSigner(name, "ML-DSA-44", keyId, publicKey, (text) => {
    const timestamp = Buffer.alloc(8);
    timestamp.writeBigUInt64BE(BigInt(clock()));
    const message = cosignedMessage(name, BigInt(clock()), parseCheckpointText(text));
    return Buffer.concat([timestamp, ml_dsa44.sign(message, secretKey)]);
  });
}
