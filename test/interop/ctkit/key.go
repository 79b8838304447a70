package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"flag"
	"fmt"

	"filippo.io/keygen"
	fnote "github.com/transparency-dev/formats/note"
)

// logKey is a log's key. Byte slices are base64 in JSON.
type logKey struct {
	private   *ecdsa.PrivateKey
	PublicKey []byte `json:"publicKey"` // DER SPKI
	VKey      string `json:"vkey"`
}

// keyFlags declares the flags that say whose key it is.
func keyFlags(set *flag.FlagSet) (origin *string, open func() (logKey, error)) {
	secret := set.String("secret", "", "Sunlight's secret of the log, 32 bytes in hex")
	origin = set.String("origin", "", "origin of the log, also the name of its key")
	return origin, func() (logKey, error) { return newLogKey(*secret, *origin) }
}

// newLogKey derives a log's key from its secret as Sunlight does, so that Sunlight and TesseraCT can run one log.
func newLogKey(secretHex, origin string) (logKey, error) {
	secret, err := hex.DecodeString(secretHex)
	if err != nil || len(secret) != 32 {
		return logKey{}, fmt.Errorf("--secret must be 32 bytes in hex")
	}
	seed, err := hkdf.Key(sha256.New, secret, []byte("sunlight"), "ECDSA P-256 log key", 32)
	if err != nil {
		return logKey{}, err
	}
	private, err := keygen.ECDSA(elliptic.P256(), seed)
	if err != nil {
		return logKey{}, err
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return logKey{}, err
	}
	vkey, err := fnote.RFC6962VerifierString(origin, &private.PublicKey)
	if err != nil {
		return logKey{}, fmt.Errorf("origin %q: %w", origin, err)
	}
	return logKey{private, public, vkey}, nil
}

// keyFiles is a log's key, also as TesseraCT's programs read it from files, in PEM.
type keyFiles struct {
	logKey
	PrivatePEM string `json:"privatePem"`
	PublicPEM  string `json:"publicPem"`
}

func describeKey(args []string) (any, error) {
	set := flag.NewFlagSet("key", flag.ContinueOnError)
	_, open := keyFlags(set)
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	key, err := open()
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalECPrivateKey(key.private)
	if err != nil {
		return nil, err
	}
	return keyFiles{key, inPEM("EC PRIVATE KEY", private), inPEM("PUBLIC KEY", key.PublicKey)}, nil
}

func inPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
