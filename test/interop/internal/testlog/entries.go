package testlog

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
)

// maxMeanEntrySize keeps the largest entry, half as large again, within the 65,535 bytes that tlog-tiles allow.
const maxMeanEntrySize = 43_690

// entrySpec says what a log's entries contain: entry i depends on these two and on i alone.
type entrySpec struct {
	seed     string
	meanSize int
}

func (s entrySpec) random(i uint64) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "tesserakit entry\n%s\n%d", s.seed, i)))
}

func (s entrySpec) plain(i uint64) []byte {
	return randomBytes(s.random(i), s.meanSize)
}

// randomBytes returns between meanSize/2 and meanSize·3/2 bytes.
func randomBytes(random *rand.ChaCha8, meanSize int) []byte {
	data := make([]byte, meanSize/2+int(random.Uint64()%uint64(meanSize+1)))
	_, _ = random.Read(data) // never fails
	return data
}
