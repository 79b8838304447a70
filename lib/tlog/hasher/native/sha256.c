/* SHA-256 by the functions that OpenSSL documents (SHA256_Init(3)), which every Node has on every processor. */

#include "sha256.h"

/*
 * SHA256_CTX of OpenSSL, whose 112 bytes are part of its binary interface, with some to spare. It may be copied:
 * measured, copying a state that has hashed the prefix costs less than hashing the prefix again for every message.
 */
typedef struct {
  uint64_t words[16];
} sha256_state;

/* Weak: a Node that lacks them still loads this file, which then reports it. */
__attribute__((weak)) int SHA256_Init(sha256_state *state);
__attribute__((weak)) int SHA256_Update(sha256_state *state, const void *data, size_t length);
__attribute__((weak)) int SHA256_Final(uint8_t *digest, sha256_state *state);

bool can_hash(void) { return SHA256_Init != NULL && SHA256_Update != NULL && SHA256_Final != NULL; }

bool hash_in_turn(const message_prefix *prefix, const message *messages, size_t count) {
  sha256_state start;
  if (SHA256_Init(&start) != 1 || SHA256_Update(&start, prefix->bytes, prefix->length) != 1) return false;
  for (size_t i = 0; i < count; i++) {
    sha256_state state = start;
    if (SHA256_Update(&state, messages[i].bytes, messages[i].length) != 1) return false;
    if (SHA256_Final(messages[i].hash, &state) != 1) return false;
  }
  return true;
}
