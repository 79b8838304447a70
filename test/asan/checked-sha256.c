/*
 * AddressSanitizer does not see what Node's OpenSSL reads and writes, since that was compiled without it. The addon
 * under test calls these instead: what goes into a hash and what comes out is touched here, where it is seen.
 */

#define _DEFAULT_SOURCE

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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

/* As in sha256-lanes.c. */
enum { LANES = 8, BLOCK_SIZE = 64 };
typedef struct {
  uint32_t words[8][LANES];
} lane_hashes;
typedef struct {
  const uint8_t *bytes;
  int blocks;
} lane_input;

__attribute__((weak)) void sha256_multi_block(lane_hashes *hashes, const lane_input inputs[LANES], int fours);

/* The end of a page, between two that may not be touched. It is as large as a lane. */
static uint8_t *guarded_end(void) {
  enum { PAGE_SIZE = 4096 };
  uint8_t *pages = mmap(NULL, 3 * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED || mprotect(pages + PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE) != 0) abort();
  return pages + 2 * PAGE_SIZE;
}

/*
 * Hands OpenSSL copies, of which each ends before a page that may not be touched, and lanes without blocks begin
 * there: so what OpenSSL itself reads or writes beyond is seen too. For one thread.
 */
void checked_sha256_multi_block(lane_hashes *hashes, const lane_input inputs[LANES], int fours) {
  static uint8_t *ends[LANES + 2];
  for (size_t i = 0; i < LANES + 2; i++) {
    if (ends[i] == NULL) ends[i] = guarded_end();
  }
  size_t lanes = (size_t)fours * 4;
  lane_hashes *own_hashes = (lane_hashes *)(void *)ends[LANES] - 1;
  lane_input *own_inputs = (lane_input *)(void *)ends[LANES + 1] - lanes;
  for (size_t lane = 0; lane < lanes; lane++) {
    size_t size = (size_t)inputs[lane].blocks * BLOCK_SIZE;
    uint8_t *own = ends[lane] - size;
    memcpy(own, inputs[lane].bytes, size);
    own_inputs[lane] = (lane_input){own, inputs[lane].blocks};
  }
  memcpy(own_hashes, hashes, sizeof *hashes);
  sha256_multi_block(own_hashes, own_inputs, fours);
  memcpy(hashes, own_hashes, sizeof *hashes);
}
