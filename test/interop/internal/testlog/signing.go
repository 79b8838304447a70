package testlog

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// logKey signs a log's checkpoints and says how they are verified.
type logKey struct {
	signer    note.Signer
	verifier  note.Verifier
	vkey      string
	publicKey []byte // DER SPKI
}

// newLogKey derives the key of a log from a seed: RFC 6962 tree heads (note signature type 0x05, ECDSA P-256) for
// a Static CT log, else Ed25519 (type 0x01).
func newLogKey(seed, origin string, ct bool) (logKey, error) {
	if ct {
		return newTreeHeadKey(seed, origin)
	}
	return newEd25519Key(seed, origin)
}

func newEd25519Key(seed, origin string) (logKey, error) {
	secret := sha256.Sum256([]byte("tesserakit ed25519\n" + seed))
	public := ed25519.NewKeyFromSeed(secret[:]).Public().(ed25519.PublicKey)
	vkey, err := note.NewEd25519VerifierKey(origin, public)
	if err != nil {
		return logKey{}, fmt.Errorf("origin %q: %w", origin, err)
	}
	keyID, _, _ := strings.Cut(strings.TrimPrefix(vkey, origin+"+"), "+")
	encoded := base64.StdEncoding.EncodeToString(append([]byte{0x01}, secret[:]...))
	signer, verifier, err := fnote.NewEd25519SignerVerifier(fmt.Sprintf("PRIVATE+KEY+%s+%s+%s", origin, keyID, encoded))
	if err != nil {
		return logKey{}, err
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return logKey{}, err
	}
	return logKey{signer: signer, verifier: verifier, vkey: vkey, publicKey: spki}, nil
}

func newTreeHeadKey(seed, origin string) (logKey, error) {
	scalar := sha256.Sum256([]byte("tesserakit p256\n" + seed))
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		return logKey{}, fmt.Errorf("key seed %q gives no P-256 key: %w", seed, err)
	}
	vkey, err := fnote.RFC6962VerifierString(origin, private.Public())
	if err != nil {
		return logKey{}, fmt.Errorf("origin %q: %w", origin, err)
	}
	verifier, err := fnote.NewRFC6962Verifier(vkey)
	if err != nil {
		return logKey{}, err
	}
	if verifier.Name() != origin {
		return logKey{}, fmt.Errorf("origin %q is not a submission prefix as checkpoints write it (%q)", origin, verifier.Name())
	}
	spki, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return logKey{}, err
	}
	signer := &treeHeadSigner{name: origin, keyID: verifier.KeyHash(), private: private}
	return logKey{signer: signer, verifier: verifier, vkey: vkey, publicKey: spki}, nil
}
