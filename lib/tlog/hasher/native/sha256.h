/*
 * SHA-256 of many messages in one call, in two ways that return the same. There is no cryptography here: the
 * compression function is that of the OpenSSL (or BoringSSL) inside Node, which exports its functions to addons. No
 * header of OpenSSL is needed for it, and nothing is linked.
 */

#ifndef TLOG_MIGRATE_SHA256_H
#define TLOG_MIGRATE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HASH_SIZE = 32, MAX_PREFIX_SIZE = 3, MAX_MESSAGES = 256 };

/* What is hashed before the bytes of every message. */
typedef struct {
  uint8_t bytes[MAX_PREFIX_SIZE];
  size_t length;
} message_prefix;

/* A message, and where its hash goes, which must be in no message of the same call. */
typedef struct {
  const uint8_t *bytes;
  size_t length;
  uint8_t *hash;
} message;

/* Writes the hashes of all messages, of which there may be MAX_MESSAGES. Returns false if SHA-256 failed. */
typedef bool message_hasher(const message_prefix *prefix, const message *messages, size_t count);

/* Whether this Node has the functions that hash_in_turn calls. */
bool can_hash(void);

/* One after another, with OpenSSL's documented functions. */
message_hasher hash_in_turn;

/* Whether this Node, on this processor, has what hash_in_lanes calls. To be called only if can_hash. */
bool can_hash_in_lanes(void);

/* Up to 8 side by side. */
message_hasher hash_in_lanes;

#endif
