/*
 * The leaf hashes of a whole entry bundle in one call: ../javascript.ts as an addon for Node. Bundles come from
 * strangers: every length in one is checked against the bytes that are left before any of them is read, a bundle is
 * never written to, and nothing is kept from one call to the next, so that all threads of a process can call this.
 */

#define NAPI_VERSION 8
#include <node_api.h>

#include <string.h>

#include "sha256.h"

enum { FULL_WIDTH = 256 };

/* As ../native.ts passes a format. */
enum { TILES = 0, STATIC_CT = 1 };

/* The bytes of a bundle that are still to be read: `left` of them, from `at` on. */
typedef struct {
  const uint8_t *at;
  size_t left;
} reader;

/* What a leaf hash covers after its prefix. */
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

/* https://c2sp.org/tlog-tiles#log-entries, as in ../../entry.ts */
static bool read_tiles_entry(reader *bundle, leaf *found) {
  size_t length;
  if (!read_uint(bundle, 2, &length)) return false;
  *found = (leaf){bundle->at, length};
  return skip(bundle, length);
}

/* https://c2sp.org/static-ct-api#log-entries, as in ../../static-ct/entry.ts */
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
 * Folds the hashes of a full tile to their Merkle tree hash (RFC 6962 section 2.1). Node 1 is the root, and nodes 2 i and 2 i + 1 are the children of node i, which holds the byte 0x01 and their
 * hashes: measured, 15 % more entries a second (100 B entries, one after another) than with the byte as a prefix.
 */
static bool fold(message_hasher *hash, const uint8_t *hashes, uint8_t *folded) {
  enum { WIDEST = FULL_WIDTH / 2, NODE_SIZE = 1 + 2 * HASH_SIZE };
  static const message_prefix none = {{0}, 0};
  uint8_t nodes[2 * WIDEST][NODE_SIZE];
  message level[WIDEST];
  for (size_t i = 0; i < 2 * WIDEST; i++) nodes[i][0] = 0x01;
  for (size_t i = 0; i < WIDEST; i++) memcpy(&nodes[WIDEST + i][1], hashes + i * 2 * HASH_SIZE, 2 * HASH_SIZE);
  for (size_t width = WIDEST; width > 0; width /= 2) {
    for (size_t i = width; i < 2 * width; i++) {
      uint8_t *in_parent = &nodes[i / 2][1 + i % 2 * HASH_SIZE];
      level[i - width] = (message){nodes[i], NODE_SIZE, i == 1 ? folded : in_parent};
    }
    if (!hash(&none, level, width)) return false;
  }
  return true;
}

/*
 * Writes the leaf hashes of all entries of a bundle to `hashes`, and after those of a full bundle the hash that they
 * fold to. Returns how many there are; -1 if one is malformed, if there are more than `capacity`, or if SHA-256 failed.
 */
static int32_t hash_entries(message_hasher *hash, uint32_t format, reader bundle, uint8_t *hashes, size_t capacity) {
  /* 0x00 of the leaf hash; in Static CT, version v1 and timestamped_entry of the MerkleTreeLeaf follow. */
  const message_prefix prefix = {{0x00, 0, 0}, format == TILES ? 1 : 3};
  message leaves[FULL_WIDTH];
  size_t count = 0;
  for (; bundle.left > 0; count++) {
    leaf entry;
    if (count == capacity) return -1;
    if (!(format == TILES ? read_tiles_entry : read_static_ct_entry)(&bundle, &entry)) return -1;
    leaves[count] = (message){entry.bytes, entry.length, hashes + count * HASH_SIZE};
  }
  if (count > 0 && !hash(&prefix, leaves, count)) return -1;
  if (count == FULL_WIDTH && !fold(hash, hashes, hashes + FULL_WIDTH * HASH_SIZE)) return -1;
  return (int32_t)count;
}

static size_t entry_capacity(size_t output_length) {
  size_t hashes = output_length / HASH_SIZE;
  if (hashes > FULL_WIDTH) return FULL_WIDTH;
  return hashes == FULL_WIDTH ? FULL_WIDTH - 1 : hashes;
}

static bool byte_array(napi_env env, napi_value value, uint8_t **bytes, size_t *length) {
  /* Any other type: Node may have kinds of arrays that its Node-API does not know, and then leaves this unchanged. */
  napi_typedarray_type type = napi_float64_array;
  void *data = NULL;
  if (napi_get_typedarray_info(env, value, &type, length, &data, NULL, NULL) != napi_ok) return false;
  *bytes = data;
  return type == napi_uint8_array && (data != NULL || *length == 0);
}

static napi_value hash_bundle(napi_env env, napi_callback_info info, message_hasher *hash) {
  napi_value arguments[3], count;
  size_t argument_count = 3, bundle_length, output_length;
  uint32_t format;
  uint8_t *bundle, *output;
  if (napi_get_cb_info(env, info, &argument_count, arguments, NULL, NULL) != napi_ok ||
      napi_get_value_uint32(env, arguments[0], &format) != napi_ok || format > STATIC_CT ||
      !byte_array(env, arguments[1], &bundle, &bundle_length) ||
      !byte_array(env, arguments[2], &output, &output_length)) {
    napi_throw_type_error(env, NULL, "hashBundle takes a format, a bundle and space for its hashes");
    return NULL;
  }
  reader unread = {bundle, bundle_length};
  int32_t entries = hash_entries(hash, format, unread, output, entry_capacity(output_length));
  return napi_create_int32(env, entries, &count) == napi_ok ? count : NULL;
}

/* hashBundle(format: 0 | 1, bundle: Uint8Array, hashes: Uint8Array): number, as hash_entries says. */
static napi_value hash_bundle_in_turn(napi_env env, napi_callback_info info) {
  return hash_bundle(env, info, hash_in_turn);
}

/* hashBundleInLanes, which does the same; exported only where it is possible. */
static napi_value hash_bundle_in_lanes(napi_env env, napi_callback_info info) {
  return hash_bundle(env, info, hash_in_lanes);
}

static bool export_function(napi_env env, napi_value exports, const char *name, napi_callback function) {
  napi_value exported;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, function, NULL, &exported) == napi_ok &&
         napi_set_named_property(env, exports, name, exported) == napi_ok;
}

NAPI_MODULE_INIT() {
  if (!can_hash()) {
    napi_throw_error(env, NULL, "this Node exports no SHA-256");
    return NULL;
  }
  if (!export_function(env, exports, "hashBundle", hash_bundle_in_turn)) return NULL;
  if (!can_hash_in_lanes()) return exports;
  return export_function(env, exports, "hashBundleInLanes", hash_bundle_in_lanes) ? exports : NULL;
}
