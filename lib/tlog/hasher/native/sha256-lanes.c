/*
 * SHA-256 of up to 8 messages side by side: one after another, a processor mostly waits for the round before.
 * Measured, against sha256.c: 1 KB entries take 1.15 µs instead of 1.31 where the processor has SHA instructions,
 * and 1.6 instead of 4.3 where it has AVX2 alone, about 3 % and a third of the CPU time of a whole copy; 100 B entries
 * take 0.26 instead of 0.37, and 0.34 instead of 1.0.
 *
 * The compression function is OpenSSL's sha256_multi_block (crypto/sha/asm/sha256-mb-x86_64.pl), which picks the
 * instructions that the processor has; here are only the padding of FIPS 180-4 section 5.1.1 and the distribution of
 * messages to lanes. OpenSSL calls it for TLS (providers/implementations/ciphers/cipher_aes_cbc_hmac_sha256_hw.c).
 * It has not changed since OpenSSL 1.0.2 of 2015, but OpenSSL does not document it. Therefore only this file calls it,
 * and only
 *  - where it exists, on x86-64;
 *  - under the OpenSSL, by its major and minor version, with which build.js has tested this addon in a process of
 *    its own: another one might crash rather than hash wrongly, and Node may be replaced without an npm install;
 *  - if it returns the hashes of the documented functions each time the addon is loaded (../native.ts).
 */

#include "sha256.h"

#if defined(__x86_64__) && defined(TESTED_OPENSSL_MAJOR) && defined(TESTED_OPENSSL_MINOR)

#include <cpuid.h>
#include <string.h>

/* A lane holds nearly every certificate, and the stack of any thread holds all lanes. */
enum { LANES = 8, BLOCK_SIZE = 64, LANE_BLOCKS = 64, HASH_WORDS = 8 };

/* SHA256_MB_CTX: word i of the hash in lane l. */
typedef struct {
  _Alignas(32) uint32_t words[HASH_WORDS][LANES];
} lane_hashes;

/* HASH_DESC: the blocks that a lane is to hash. No other byte is read, and nothing in a lane without blocks. */
typedef struct {
  const uint8_t *bytes;
  int blocks;
} lane_input;

/*
 * Hashes all blocks of the first 4 lanes, or of all 8 with `fours` 2. Lanes without blocks must come last, and there
 * must be another: the code for some processors ends at them, and that for AVX2 does not end if all are empty.
 */
__attribute__((weak)) void sha256_multi_block(lane_hashes *hashes, const lane_input inputs[LANES], int fours);

/* OPENSSL_VERSION_NUMBER(3), since OpenSSL 3.0 */
__attribute__((weak)) unsigned int OPENSSL_version_major(void);
__attribute__((weak)) unsigned int OPENSSL_version_minor(void);

bool can_hash_in_lanes(void) {
  if (sha256_multi_block == NULL || OPENSSL_version_major == NULL || OPENSSL_version_minor == NULL) return false;
  if (OPENSSL_version_major() != TESTED_OPENSSL_MAJOR) return false;
  if (OPENSSL_version_minor() != TESTED_OPENSSL_MINOR) return false;
  /* The minimum that it needs. OpenSSL itself checks for AES instructions, which came later. */
  unsigned int eax, ebx, ecx, edx;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_SSSE3) != 0;
}

/* Messages that are hashed together, in lanes 0 to count - 1. */
typedef struct {
  size_t count;
  lane_input inputs[LANES];
  uint8_t *hashes[LANES];
  uint8_t bytes[LANES][LANE_BLOCKS * BLOCK_SIZE];
} lane_group;

static void write_big_endian(uint8_t *bytes, uint32_t number) {
  uint32_t reversed = __builtin_bswap32(number);
  memcpy(bytes, &reversed, sizeof reversed);
}

/* How many blocks a message fills with its prefix and the minimal padding: a byte, and its length in 8 bytes. */
static size_t count_blocks(const message_prefix *prefix, const message *item) {
  return (prefix->length + item->length + 1 + 8 + BLOCK_SIZE - 1) / BLOCK_SIZE;
}

/*
 * Sorts the messages by their number of blocks, those that are too long for a lane last, and returns how many are
 * not: lanes that run together run as long as the longest. Measured: a quarter more certificates a second.
 */
static size_t sort_by_blocks(const message_prefix *prefix, const message *messages, size_t count,
                             const message **sorted) {
  enum { TOO_LONG = LANE_BLOCKS + 1 };
  size_t places[TOO_LONG + 2] = {0};
  uint8_t blocks[MAX_MESSAGES];
  for (size_t i = 0; i < count; i++) {
    size_t needed = count_blocks(prefix, &messages[i]);
    blocks[i] = (uint8_t)(needed < TOO_LONG ? needed : TOO_LONG);
    places[blocks[i] + 1]++;
  }
  for (size_t i = 1; i <= TOO_LONG; i++) places[i] += places[i - 1];
  size_t fitting = places[TOO_LONG];
  for (size_t i = 0; i < count; i++) sorted[places[blocks[i]]++] = &messages[i];
  return fitting;
}

/* Copies a message into the next lane, padded to whole blocks. */
static void fill_lane(lane_group *group, const message_prefix *prefix, const message *item) {
  uint8_t *bytes = group->bytes[group->count];
  size_t length = prefix->length + item->length;
  size_t blocks = count_blocks(prefix, item);
  uint8_t *end = bytes + blocks * BLOCK_SIZE;
  memcpy(bytes, prefix->bytes, prefix->length);
  if (item->length > 0) memcpy(bytes + prefix->length, item->bytes, item->length);
  bytes[length] = 0x80;
  memset(bytes + length + 1, 0, blocks * BLOCK_SIZE - length - 1);
  write_big_endian(end - 4, (uint32_t)length * 8);
  group->inputs[group->count] = (lane_input){bytes, (int)blocks};
  group->hashes[group->count] = item->hash;
  group->count++;
}

/* Hashes the messages in the lanes, at least one, and empties the lanes. */
static void hash_group(lane_group *group) {
  /* FIPS 180-4 section 5.3.3 */
  static const uint32_t start[HASH_WORDS] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  lane_hashes hashes;
  for (size_t word = 0; word < HASH_WORDS; word++) {
    for (size_t lane = 0; lane < LANES; lane++) hashes.words[word][lane] = start[word];
  }
  for (size_t lane = group->count; lane < LANES; lane++) group->inputs[lane] = (lane_input){group->bytes[lane], 0};
  sha256_multi_block(&hashes, group->inputs, group->count > LANES / 2 ? 2 : 1);
  for (size_t lane = 0; lane < group->count; lane++) {
    for (size_t word = 0; word < HASH_WORDS; word++) {
      write_big_endian(group->hashes[lane] + word * 4, hashes.words[word][lane]);
    }
  }
  group->count = 0;
}

bool hash_in_lanes(const message_prefix *prefix, const message *messages, size_t count) {
  const message *sorted[MAX_MESSAGES];
  size_t fitting = sort_by_blocks(prefix, messages, count, sorted);
  lane_group group;
  group.count = 0;
  for (size_t i = 0; i < fitting; i++) {
    fill_lane(&group, prefix, sorted[i]);
    if (group.count == LANES || i == fitting - 1) hash_group(&group);
  }
  for (size_t i = fitting; i < count; i++) {
    if (!hash_in_turn(prefix, sorted[i], 1)) return false;
  }
  return true;
}

#else

bool can_hash_in_lanes(void) { return false; }

bool hash_in_lanes(const message_prefix *prefix, const message *messages, size_t count) {
  return hash_in_turn(prefix, messages, count);
}

#endif
