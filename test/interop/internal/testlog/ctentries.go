package testlog

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"

	"github.com/transparency-dev/tessera/ctonly"
)

const (
	// firstTimestamp is the time of entry 0 in milliseconds; every later entry is one millisecond younger.
	firstTimestamp = 1_700_000_000_000
	issuerCount    = 5
	issuerSize     = 900
)

// certificate returns entry i of a Static CT log: every third is a precertificate, and the chains are one to three
// issuers long. The certificates are a DER SEQUENCE of noise, not certificates.
func (s entrySpec) certificate(i uint64) *ctonly.Entry {
	random := s.random(i)
	entry := &ctonly.Entry{
		Timestamp:         firstTimestamp + i,
		Certificate:       derSequence(randomBytes(random, s.meanSize)),
		FingerprintsChain: issuerChain(random.Uint64()),
	}
	if i%3 == 2 {
		entry.IsPrecert = true
		entry.Precertificate = derSequence(randomBytes(random, s.meanSize))
		keyHash := sha256.Sum256([]byte("tesserakit issuer key\n" + hex.EncodeToString(entry.FingerprintsChain[0][:])))
		entry.IssuerKeyHash = keyHash[:]
	}
	return entry
}

func derSequence(content []byte) []byte {
	header := binary.BigEndian.AppendUint16([]byte{0x30, 0x82}, uint16(len(content)))
	return append(header, content...)
}

func issuerChain(choice uint64) [][sha256.Size]byte {
	length := 1 + int(choice%3)
	first := int(choice / 3 % issuerCount)
	chain := make([][sha256.Size]byte, length)
	for i := range chain {
		chain[i] = sha256.Sum256(syntheticIssuer((first + i) % issuerCount))
	}
	return chain
}

// syntheticIssuer returns the bytes of the n-th issuer. They do not depend on a seed, so that every log that this
// program makes or continues refers to the same few.
func syntheticIssuer(n int) []byte {
	random := rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "tesserakit issuer\n%d", n)))
	return derSequence(randomBytes(random, issuerSize))
}

// storeIssuers stores the issuers where Static CT clients look for them.
func storeIssuers(ctx context.Context, home Home) error {
	for n := range issuerCount {
		issuer := syntheticIssuer(n)
		fingerprint := sha256.Sum256(issuer)
		if err := home.StoreIssuer(ctx, "issuer/"+hex.EncodeToString(fingerprint[:]), issuer); err != nil {
			return err
		}
	}
	return nil
}
