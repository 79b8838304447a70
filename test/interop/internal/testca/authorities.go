package testca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"time"
)

var (
	authorityNotBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	authorityNotAfter  = time.Date(2049, 12, 31, 0, 0, 0, 0, time.UTC)
)

// oidPrecertificateSigning is the extended key usage of a precertificate signing certificate (RFC 6962 §3.1).
var oidPrecertificateSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 4}

// authority is a certificate that others are issued by.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	// issuer is nil for a root.
	issuer *authority
}

// chain returns the authority's own certificate and those of its issuers, the root last.
func (a *authority) chain() [][]byte {
	if a.issuer == nil {
		return [][]byte{a.certificate.Raw}
	}
	return append([][]byte{a.certificate.Raw}, a.issuer.chain()...)
}

// withoutKeyID is the same authority, for certificates without an authority key identifier: crypto/x509 takes that
// from the issuer.
func (a *authority) withoutKeyID() *authority {
	certificate := *a.certificate
	certificate.SubjectKeyId = nil
	return &authority{&certificate, a.key, a.issuer}
}

// Authorities are the roots, intermediates and precertificate signing certificates of one seed.
type Authorities struct {
	seed  string
	roots [2]*authority
	// direct are issued by the first and by the second root, below by the second of them.
	direct [2]*authority
	below  *authority
	// signing are precertificate signing certificates issued by direct[0]; the second has no authority key identifier.
	signing [2]*authority
	leafKey *ecdsa.PrivateKey
}

// New makes the authorities of a seed.
func New(seed string) (*Authorities, error) {
	m := maker{seed: seed}
	a := &Authorities{seed: seed}
	a.roots[0] = m.authority("root 0", elliptic.P256(), nil, nil)
	a.roots[1] = m.authority("root 1", elliptic.P384(), nil, nil)
	a.direct[0] = m.authority("intermediate 0", elliptic.P256(), a.roots[0], nil)
	a.direct[1] = m.authority("intermediate 1", elliptic.P256(), a.roots[1], nil)
	a.below = m.authority("intermediate 2", elliptic.P256(), a.direct[1], nil)
	usage := []asn1.ObjectIdentifier{oidPrecertificateSigning}
	a.signing[0] = m.authority("precertificate signing 0", elliptic.P256(), a.direct[0], usage)
	if m.err != nil {
		return nil, m.err
	}
	a.signing[1] = m.authority("precertificate signing 1", elliptic.P256(), a.direct[0].withoutKeyID(), usage)
	if m.err != nil {
		return nil, m.err
	}
	var err error
	a.leafKey, err = newKey(elliptic.P256(), seed+"\nleaf")
	return a, err
}

// RootsPEM returns the roots, as log software wants them.
func (a *Authorities) RootsPEM() []byte {
	var out bytes.Buffer
	for _, root := range a.roots {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.certificate.Raw})
	}
	return out.Bytes()
}

// maker makes authorities until the first error.
type maker struct {
	seed string
	err  error
}

// authority issues one; a nil issuer makes it a root.
func (m *maker) authority(name string, curve elliptic.Curve, issuer *authority, usage []asn1.ObjectIdentifier) *authority {
	if m.err != nil {
		return nil
	}
	a := &authority{issuer: issuer}
	if a.key, m.err = newKey(curve, m.seed+"\n"+name); m.err != nil {
		return nil
	}
	template := &x509.Certificate{
		SerialNumber:          newSerial(m.seed + "\n" + name),
		Subject:               pkix.Name{CommonName: name, Organization: []string{"testca " + m.seed}},
		NotBefore:             authorityNotBefore,
		NotAfter:              authorityNotAfter,
		BasicConstraintsValid: true,
		IsCA:                  true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		UnknownExtKeyUsage:    usage,
	}
	by := issuer
	if by == nil {
		by = &authority{certificate: template, key: a.key}
	}
	a.certificate, m.err = issue(template, by, &a.key.PublicKey)
	return a
}

// issue signs without randomness, so that the same input gives the same certificate.
func issue(template *x509.Certificate, by *authority, key *ecdsa.PublicKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(nil, template, by.certificate, key, by.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}
