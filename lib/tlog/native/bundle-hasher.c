/*
 * The leaf hashes of a whole entry bundle in one call: javascript-hasher.ts over again, as an addon for Node.
 *
 * There is no cryptography here. SHA-256 is that of the OpenSSL (or BoringSSL) inside Node, which exports its
 * functions to addons. No header of OpenSSL is needed for it, and nothing is linked.
 *
 * Bundles come from strangers. Every length in one is held against the bytes that are left before any of them is
 * touched, a bundle is never written to, and nothing is kept from one call to the next, so that every thread of
 * a process can call this at once.
 */

#define NAPI_VERSION 8
#include <node_api.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { HASH_SIZE = 32, FULL_WIDTH = 256 };

/* What lib/tlog/native-hasher.ts passes for a format. */
enum { TILES = 0, STATIC_CT = 1 };

/*
 * SHA256_CTX of OpenSSL, whose 112 bytes are part of its binary interface, with some to spare. It may be copied:
 * measured, a copy that has taken in a prefix costs less than to take it in anew for every hash.
 */
typedef struct {
  uint64_t words[16];
} sha256_state;

/* Weak: a Node that lacks them still loads this file, and is told so when it does. */
__attribute__((weak)) int SHA256_Init(sha256_state *state);
__attribute__((weak)) int SHA256_Update(sha256_state *state, const void *data, size_t length);
__attribute__((weak)) int SHA256_Final(uint8_t *digest, sha256_state *state);

static bool start_hash(sha256_state *state, const uint8_t *prefix, size_t length) {
  return SHA256_Init(state) == 1 && SHA256_Update(state, prefix, length) == 1;
}

static bool finish_hash(const sha256_state *start, const uint8_t *data, size_t length, uint8_t *digest) {
  sha256_state state = *start;
  return SHA256_Update(&state, data, length) == 1 && SHA256_Final(digest, &state) == 1;
}

/* The bytes of a bundle that have not been read: `left` of them may be touched, from `at` on. */
typedef struct {
  const uint8_t *at;
  size_t left;
} reader;

/* What a leaf hash covers beside its prefix. */
typedef struct {
  const uint8_t *bytes;
  size_t length;
} leaf;

static bool skip(reader *bundle, size_t length) {
  if (length > bundle->left) return false;
  bundle->at += length;
  bundle->left -= length;
  return true;
}

/* Reads a big-endian number of at most 3 bytes. */
static bool read_uint(reader *bundle, size_t size, size_t *value) {
  const uint8_t *bytes = bundle->at;
  if (!skip(bundle, size)) return false;
  *value = 0;
  for (size_t i = 0; i < size; i++) *value = *value << 8 | bytes[i];
  return true;
}

/* Skips a vector of RFC 8446 section 3.4: its length in `length_size` bytes, then that many bytes. */
static bool skip_vector(reader *bundle, size_t length_size) {
  size_t length;
  return read_uint(bundle, length_size, &length) && skip(bundle, length);
}

/* https://c2sp.org/tlog-tiles#log-entries, as in tiles-entry.ts */
static bool read_tiles_entry(reader *bundle, leaf *found) {
  size_t length;
  if (!read_uint(bundle, 2, &length)) return false;
  *found = (leaf){bundle->at, length};
  return skip(bundle, length);
}

/* https://c2sp.org/static-ct-api#log-entries, as in static-ct.ts */
static bool read_static_ct_entry(reader *bundle, leaf *found) {
  enum { X509_ENTRY = 0, PRECERT_ENTRY = 1 };
  enum { TIMESTAMP_SIZE = 8, ISSUER_KEY_HASH_SIZE = 32, FINGERPRINT_SIZE = 32 };
  const uint8_t *start = bundle->at;
  size_t type, chain_length;
  if (!skip(bundle, TIMESTAMP_SIZE) || !read_uint(bundle, 2, &type)) return false;
  if (type != X509_ENTRY && type != PRECERT_ENTRY) return false;
  if (type == PRECERT_ENTRY && !skip(bundle, ISSUER_KEY_HASH_SIZE)) return false;
  if (!skip_vector(bundle, 3) || !skip_vector(bundle, 2)) return false;
  *found = (leaf){start, (size_t)(bundle->at - start)};
  if (type == PRECERT_ENTRY && !skip_vector(bundle, 3)) return false;
  if (!read_uint(bundle, 2, &chain_length) || chain_length % FINGERPRINT_SIZE != 0) return false;
  return skip(bundle, chain_length);
}

/*
 * Folds the hashes of a full tile to the one that stands for them, by RFC 6962 section 2.1.
 *
 * The byte 0x01 stands before every pair, so that a node hash reads its 65 bytes in place: measured, 15 % more
 * entries a second (100 B entries) than to take in the byte and the pair one after the other. The hash of a pair
 * lands at or before the pair itself, which has been read by then.
 */
static bool fold(const uint8_t *hashes, uint8_t *folded) {
  enum { NODE_SIZE = 1 + 2 * HASH_SIZE };
  uint8_t nodes[FULL_WIDTH / 2][NODE_SIZE];
  sha256_state empty;
  if (SHA256_Init(&empty) != 1) return false;
  for (size_t i = 0; i < FULL_WIDTH / 2; i++) {
    nodes[i][0] = 0x01;
    memcpy(&nodes[i][1], hashes + i * 2 * HASH_SIZE, 2 * HASH_SIZE);
  }
  for (size_t count = FULL_WIDTH / 2; count > 1; count /= 2) {
    for (size_t i = 0; i < count; i++) {
      if (!finish_hash(&empty, nodes[i], NODE_SIZE, &nodes[i / 2][1 + i % 2 * HASH_SIZE])) return false;
    }
  }
  return finish_hash(&empty, nodes[0], NODE_SIZE, folded);
}

/*
 * Writes the leaf hashes of all entries of a bundle to `hashes`, and behind those of a full bundle the hash that
 * they fold to. `capacity` is the most entries that `hashes` has room for so.
 *
 * Returns how many entries there are; -1 if one is malformed, if there are more than `capacity`, or if SHA-256
 * failed.
 */
static int32_t hash_entries(uint32_t format, reader bundle, uint8_t *hashes, size_t capacity) {
  /* 0x00 of the leaf hash; in Static CT, version v1 and timestamped_entry of the MerkleTreeLeaf follow. */
  static const uint8_t prefix[] = {0x00, 0, 0};
  sha256_state start;
  if (!start_hash(&start, prefix, format == TILES ? 1 : 3)) return -1;
  size_t count = 0;
  for (; bundle.left > 0; count++) {
    leaf entry;
    if (count == capacity) return -1;
    if (!(format == TILES ? read_tiles_entry : read_static_ct_entry)(&bundle, &entry)) return -1;
    if (!finish_hash(&start, entry.bytes, entry.length, hashes + count * HASH_SIZE)) return -1;
  }
  if (count == FULL_WIDTH && !fold(hashes, hashes + FULL_WIDTH * HASH_SIZE)) return -1;
  return (int32_t)count;
}

static size_t entry_capacity(size_t output_length) {
  size_t hashes = output_length / HASH_SIZE;
  if (hashes > FULL_WIDTH) return FULL_WIDTH;
  return hashes == FULL_WIDTH ? FULL_WIDTH - 1 : hashes;
}

static bool byte_array(napi_env env, napi_value value, uint8_t **bytes, size_t *length) {
  /* Any other: a Node may know kinds of arrays that its Node-API does not, and then leaves this as it was. */
  napi_typedarray_type type = napi_float64_array;
  void *data = NULL;
  if (napi_get_typedarray_info(env, value, &type, length, &data, NULL, NULL) != napi_ok) return false;
  *bytes = data;
  return type == napi_uint8_array && (data != NULL || *length == 0);
}

/* hashBundle(format: 0 | 1, bundle: Uint8Array, hashes: Uint8Array): number, as hash_entries says. */
static napi_value hash_bundle(napi_env env, napi_callback_info info) {
  napi_value arguments[3], count;
  size_t argument_count = 3, bundle_length, output_length;
  uint32_t format;
  uint8_t *bundle, *output;
  if (napi_get_cb_info(env, info, &argument_count, arguments, NULL, NULL) != napi_ok ||
      napi_get_value_uint32(env, arguments[0], &format) != napi_ok || format > STATIC_CT ||
      !byte_array(env, arguments[1], &bundle, &bundle_length) ||
      !byte_array(env, arguments[2], &output, &output_length)) {
    napi_throw_type_error(env, NULL, "hashBundle takes a format, a bundle and room for its hashes");
    return NULL;
  }
  reader unread = {bundle, bundle_length};
  int32_t entries = hash_entries(format, unread, output, entry_capacity(output_length));
  return napi_create_int32(env, entries, &count) == napi_ok ? count : NULL;
}

NAPI_MODULE_INIT() {
  if (SHA256_Init == NULL || SHA256_Update == NULL || SHA256_Final == NULL) {
    napi_throw_error(env, NULL, "this Node exports no SHA-256");
    return NULL;
  }
  napi_value function;
  if (napi_create_function(env, "hashBundle", NAPI_AUTO_LENGTH, hash_bundle, NULL, &function) != napi_ok ||
      napi_set_named_property(env, exports, "hashBundle", function) != napi_ok) {
    return NULL;
  }
  return exports;
}
