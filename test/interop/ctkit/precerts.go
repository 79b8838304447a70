package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"

	"filippo.io/sunlight"
	ct "github.com/google/certificate-transparency-go"
	"github.com/google/certificate-transparency-go/x509"
)

type precertificatesReport struct {
	Precertificates int64 `json:"precertificates"`
	// BySigningCertificate of them were issued by a precertificate signing certificate.
	BySigningCertificate int64 `json:"bySigningCertificate"`
}

// checkPrecertificates holds each logged TBSCertificate, and the issuer's key hash, against what
// certificate-transparency-go makes of the submitted precertificate and its chain. The leaf hash covers neither.
func checkPrecertificates(args []string) (any, error) {
	log, err := openLog("precerts", args)
	if err != nil {
		return nil, err
	}
	var report precertificatesReport
	_, err = log.visit(context.Background(), func(_ int64, entry *sunlight.LogEntry) error {
		if !entry.IsPrecert {
			return nil
		}
		bySigningCertificate, err := log.checkPrecertificate(entry)
		report.Precertificates++
		if bySigningCertificate {
			report.BySigningCertificate++
		}
		return err
	})
	return report, err
}

// checkPrecertificate also says whether a precertificate signing certificate issued it.
func (l *verifiedLog) checkPrecertificate(entry *sunlight.LogEntry) (bySigningCertificate bool, err error) {
	precertificate, err := parseLax(entry.PreCertificate)
	if err != nil {
		return false, err
	}
	issuers, err := l.chainOf(entry)
	if err != nil {
		return false, err
	}
	if len(issuers) == 0 {
		return false, errors.New("the precertificate has no issuer")
	}
	var signing *x509.Certificate
	if ct.IsPreIssuer(issuers[0]) {
		if len(issuers) == 1 {
			return true, errors.New("the precertificate signing certificate has no issuer")
		}
		signing, issuers = issuers[0], issuers[1:]
	}
	tbs, err := x509.BuildPrecertTBS(precertificate.RawTBSCertificate, signing)
	if err != nil {
		return signing != nil, err
	}
	if !bytes.Equal(tbs, entry.Certificate) {
		return signing != nil, errors.New("the precertificate gives another TBSCertificate than was logged")
	}
	if sha256.Sum256(issuers[0].RawSubjectPublicKeyInfo) != entry.IssuerKeyHash {
		return signing != nil, errors.New("the issuer has another key than was logged")
	}
	return signing != nil, nil
}

func (l *verifiedLog) chainOf(entry *sunlight.LogEntry) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for _, fingerprint := range entry.ChainFingerprints {
		der, err := l.issuer(context.Background(), fingerprint)
		if err != nil {
			return nil, err
		}
		certificate, err := parseLax(der)
		if err != nil {
			return nil, err
		}
		chain = append(chain, certificate)
	}
	return chain, nil
}

// parseLax overlooks what logs overlook.
func parseLax(der []byte) (*x509.Certificate, error) {
	certificate, err := x509.ParseCertificate(der)
	if x509.IsFatal(err) {
		return nil, err
	}
	return certificate, nil
}
