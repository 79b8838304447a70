package testca

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"time"
)

// Every leaf expires on one day, so that it falls into the window of one shard.
var (
	leafNotBefore = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	leafNotAfter  = time.Date(2049, 6, 1, 0, 0, 0, 0, time.UTC)
)

var (
	// poison is the critical extension that makes a certificate a precertificate (RFC 6962 §3.1).
	poison = pkix.Extension{
		Id:       asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 3},
		Critical: true,
		Value:    asn1.NullBytes,
	}
	// later is an extension that follows the poison, which is not always the last.
	later = pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Value: []byte{0x04, 0x01, 0x2a}}
)

// Submission is a chain as a CA sends it to a log.
type Submission struct {
	// Precertificate says that it goes to add-pre-chain.
	Precertificate bool
	// Chain starts with the leaf; some end with the root, as they may.
	Chain [][]byte
	// Issuers are the certificates above the leaf, the root last.
	Issuers [][]byte
}

// kind is a way to issue a leaf.
type kind struct {
	by         func(*Authorities) *authority
	extensions []pkix.Extension
}

// kinds are taken in turn. The last three are the ways in which a log edits the authority key identifier of a
// precertificate that a signing certificate has issued: it is replaced, added at the end, or removed.
var kinds = []kind{
	{by: func(a *Authorities) *authority { return a.direct[0] }},
	{by: func(a *Authorities) *authority { return a.direct[0] }, extensions: []pkix.Extension{poison}},
	{by: func(a *Authorities) *authority { return a.direct[1] }},
	{by: func(a *Authorities) *authority { return a.below }, extensions: []pkix.Extension{poison, later}},
	{by: func(a *Authorities) *authority { return a.roots[1].withoutKeyID() }},
	{by: func(a *Authorities) *authority { return a.signing[0] }, extensions: []pkix.Extension{poison, later}},
	{by: func(a *Authorities) *authority { return a.signing[0].withoutKeyID() }, extensions: []pkix.Extension{poison}},
	{by: func(a *Authorities) *authority { return a.signing[1] }, extensions: []pkix.Extension{poison}},
}

// Submission issues the n-th certificate or precertificate.
func (a *Authorities) Submission(n uint64) (Submission, error) {
	k := kinds[n%uint64(len(kinds))]
	by := k.by(a)
	name := fmt.Sprintf("%d.testca.example", n)
	leaf, err := issue(&x509.Certificate{
		SerialNumber:          newSerial(fmt.Sprintf("%s\nleaf %d", a.seed, n)),
		Subject:               pkix.Name{CommonName: name},
		DNSNames:              []string{name, "www." + name},
		NotBefore:             leafNotBefore,
		NotAfter:              leafNotAfter,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		ExtraExtensions:       k.extensions,
	}, by, &a.leafKey.PublicKey)
	if err != nil {
		return Submission{}, fmt.Errorf("issuing leaf %d: %w", n, err)
	}
	issuers := by.chain()
	chain := append([][]byte{leaf.Raw}, issuers...)
	if n/uint64(len(kinds))%2 == 1 {
		chain = chain[:len(chain)-1]
	}
	return Submission{Precertificate: len(k.extensions) > 0, Chain: chain, Issuers: issuers}, nil
}
