// Package testca issues certificates and precertificates for tests of Certificate Transparency logs. What it issues
// depends on a seed and a number alone: two processes, or two runs, issue the same bytes.
package testca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha512"
	"fmt"
	"math/big"
)

// newKey derives a key from a name.
func newKey(curve elliptic.Curve, name string) (*ecdsa.PrivateKey, error) {
	scalar := sha512.Sum512([]byte("testca key\n" + name))
	key, err := ecdsa.ParseRawPrivateKey(curve, scalar[:(curve.Params().BitSize+7)/8])
	if err != nil {
		return nil, fmt.Errorf("%q gives no key: %w", name, err)
	}
	return key, nil
}

// newSerial derives a serial number from a name.
func newSerial(name string) *big.Int {
	digest := sha512.Sum512([]byte("testca serial\n" + name))
	digest[0] = digest[0]&0x7f | 0x40 // positive, and of one length
	return new(big.Int).SetBytes(digest[:16])
}
