import { hash } from "node:crypto";

/** So many numbers from 0 to 1 in ascending order: always the same ones for a seed. */
export function randomShares(seed: string, count: number): number[] {
  const shares = Array.from({ length: count }, (_, i) => hash("sha256", `${seed} ${i}`, "buffer"));
  return shares.map((bytes) => bytes.readUInt32BE(0) / 2 ** 32).toSorted((a, b) => a - b);
}
