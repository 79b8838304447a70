/** The logs and witnesses that make a checkpoint trusted, from a policy file (https://c2sp.org/tlog-policy). */

import type { Verifier } from "./note.ts";

export interface Witness {
  readonly kind: "witness";
  /** Its name in the policy, which its key need not have. */
  readonly name: string;
  readonly verifier: Verifier;
}

/** Witnesses at least once it has `threshold` members that do. A witness is in one place of a quorum at most. */
export interface WitnessGroup {
  readonly kind: "group";
  readonly name: string;
  /** From 1 to the number of its members. */
  readonly threshold: number;
  readonly members: readonly Quorum[];
}

export type Quorum = Witness | WitnessGroup;

export interface TrustPolicy {
  /** One of them must have signed. Empty where the log's key is known otherwise. */
  readonly logs: readonly Verifier[];
  /** All that the policy names: a cosignature of theirs must verify, whether the quorum needs it or not. */
  readonly witnesses: readonly Witness[];
  /** Undefined where no witness is needed. */
  readonly quorum: Quorum | undefined;
}

/** Whether cosignatures of these witnesses are enough. */
export function isWitnessed(quorum: Quorum, cosigners: ReadonlySet<Verifier>): boolean {
  if (quorum.kind === "witness") return cosigners.has(quorum.verifier);
  return quorum.members.filter((member) => isWitnessed(member, cosigners)).length >= quorum.threshold;
}

/** The witnesses that have not cosigned, in the parts of the quorum that are not satisfied. */
export function missingWitnesses(quorum: Quorum, cosigners: ReadonlySet<Verifier>): readonly Witness[] {
  if (isWitnessed(quorum, cosigners)) return [];
  if (quorum.kind === "witness") return [quorum];
  return quorum.members.flatMap((member) => missingWitnesses(member, cosigners));
}

/** A quorum in words: `2 of w1, w2, w3`; a group in it by its name. */
export function quorumWords(quorum: Quorum): string {
  if (quorum.kind === "witness") return quorum.name;
  return `${quorum.threshold} of ${namesOf(quorum.members)}`;
}

/** The first few names of a list, for a message. */
export function namesOf(list: readonly { readonly name: string }[]): string {
  const more = list.length > 10 ? `, ${list.length - 10} more` : "";
  return (
    list
      .slice(0, 10)
      .map(({ name }) => name)
      .join(", ") + more
  );
}
