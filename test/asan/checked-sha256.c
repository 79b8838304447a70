/*
 * AddressSanitizer does not see what Node's OpenSSL reads and writes, since that was compiled without it. The addon
 * under test calls these instead: what goes into a hash and what comes out is touched here, where it is seen.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int SHA256_Init(void *state);
int SHA256_Update(void *state, const void *data, size_t length);
int SHA256_Final(uint8_t *digest, void *state);

int checked_SHA256_Init(void *state) { return SHA256_Init(state); }

int checked_SHA256_Update(void *state, const void *data, size_t length) {
  void *copy = malloc(length);
  if (length > 0) memcpy(copy, data, length);
  int result = SHA256_Update(state, copy, length);
  free(copy);
  return result;
}

int checked_SHA256_Final(uint8_t *digest, void *state) {
  uint8_t own[32];
  int result = SHA256_Final(own, state);
  memcpy(digest, own, sizeof own);
  return result;
}
