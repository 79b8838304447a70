package main

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"flag"
	"fmt"

	"filippo.io/sunlight"
	"golang.org/x/mod/sumdb/tlog"
)

type verifiedLog struct {
	client  *sunlight.Client
	issuers map[[sha256.Size]byte][]byte
}

// openLog opens the log that a subcommand's flags name, and bounds the time of the process.
func openLog(name string, args []string) (*verifiedLog, error) {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	url := set.String("url", "", "monitoring prefix: http://, file://, gzip+file:// or archive+file://")
	publicKey := set.String("public-key", "", "key of the log, base64 DER SPKI")
	startTimeout := timeoutFlag(set)
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	startTimeout()
	_, key, err := parsePublicKey(*publicKey)
	if err != nil {
		return nil, err
	}
	client, err := sunlight.NewClient(&sunlight.ClientConfig{
		MonitoringPrefix: *url,
		PublicKey:        key,
		UserAgent:        "tlog-migrate interop tests (+https://c2sp.org/static-ct-api)",
	})
	if err != nil {
		return nil, err
	}
	return &verifiedLog{client, map[[sha256.Size]byte][]byte{}}, nil
}

func parsePublicKey(encoded string) (spki []byte, key crypto.PublicKey, err error) {
	if spki, err = base64.StdEncoding.DecodeString(encoded); err == nil {
		key, err = x509.ParsePKIXPublicKey(spki)
	}
	return spki, key, err
}

// issuer returns an issuer that the log serves, and which hashes to its fingerprint.
func (l *verifiedLog) issuer(ctx context.Context, fingerprint [sha256.Size]byte) ([]byte, error) {
	if der, seen := l.issuers[fingerprint]; seen {
		return der, nil
	}
	der, err := l.client.TileReader().ReadEndpoint(ctx, fmt.Sprintf("issuer/%x", fingerprint))
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(der) != fingerprint {
		return nil, fmt.Errorf("issuer/%x hashes to something else", fingerprint)
	}
	l.issuers[fingerprint] = der
	return der, nil
}

// visit calls fn with every entry, each authenticated by the checkpoint, and returns the checkpoint.
func (l *verifiedLog) visit(ctx context.Context, fn func(index int64, entry *sunlight.LogEntry) error) (readReport, error) {
	checkpoint, _, err := l.client.Checkpoint(ctx)
	if err != nil {
		return readReport{}, err
	}
	if err := l.visitTree(ctx, checkpoint.Tree, fn); err != nil {
		return readReport{}, err
	}
	return readReport{Origin: checkpoint.Origin, Size: checkpoint.N, RootHash: checkpoint.Hash[:], Entries: checkpoint.N}, nil
}

// visitTree calls fn with every entry of a tree, each authenticated by its root.
func (l *verifiedLog) visitTree(ctx context.Context, tree tlog.Tree, fn func(index int64, entry *sunlight.LogEntry) error) error {
	var next int64
	for next < tree.N {
		from := next
		for index, entry := range l.client.Entries(ctx, tree, next) {
			if index != next || entry.LeafIndex != index {
				return fmt.Errorf("entry %d says that it is entry %d, where %d comes next", index, entry.LeafIndex, next)
			}
			if err := fn(index, entry); err != nil {
				return fmt.Errorf("entry %d: %w", index, err)
			}
			next++
		}
		if err := l.client.Err(); err != nil {
			return err
		}
		if next == from {
			return fmt.Errorf("the client stopped at entry %d of %d", next, tree.N)
		}
	}
	return nil
}

// readReport is a log that was read to its end. Byte slices are base64 in JSON.
type readReport struct {
	Origin   string `json:"origin"`
	Size     int64  `json:"size"`
	RootHash []byte `json:"rootHash"`
	// Entries were read and verified, and so many of them are precertificates.
	Entries         int64 `json:"entries"`
	Precertificates int64 `json:"precertificates"`
	// Issuers are the different certificates that their chains name; each was read and has its fingerprint.
	Issuers int `json:"issuers"`
}

func readLog(args []string) (any, error) {
	log, err := openLog("read", args)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	var precertificates int64
	report, err := log.visit(ctx, func(_ int64, entry *sunlight.LogEntry) error {
		if entry.IsPrecert {
			precertificates++
		}
		for _, fingerprint := range entry.ChainFingerprints {
			if _, err := log.issuer(ctx, fingerprint); err != nil {
				return err
			}
		}
		return nil
	})
	report.Precertificates, report.Issuers = precertificates, len(log.issuers)
	return report, err
}
