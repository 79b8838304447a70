package testlog

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/crypto/cryptobyte"
)

// treeHeadSigner signs checkpoints as RFC 6962 tree heads, note signature type 0x05 of c2sp.org/static-ct-api.
// The formats module verifies such signatures and does not make them.
type treeHeadSigner struct {
	name    string
	keyID   uint32
	private *ecdsa.PrivateKey
}

func (s *treeHeadSigner) Name() string { return s.name }

func (s *treeHeadSigner) KeyHash() uint32 { return s.keyID }

// Sign returns the timestamp of now and the DigitallySigned (RFC 5246 §4.7) over the tree head that the
// checkpoint text stands for.
func (s *treeHeadSigner) Sign(text []byte) ([]byte, error) {
	timestamp := uint64(time.Now().UnixMilli())
	treeHead, err := marshalTreeHead(text, timestamp)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(treeHead)
	signature, err := ecdsa.SignASN1(nil, s.private, digest[:])
	if err != nil {
		return nil, err
	}
	b := cryptobyte.NewBuilder(nil)
	b.AddUint64(timestamp)
	b.AddUint8(4) // SHA-256
	b.AddUint8(3) // ECDSA
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(signature) })
	return b.Bytes()
}

// marshalTreeHead returns the TreeHeadSignature input of RFC 6962 §3.5 for a checkpoint text.
func marshalTreeHead(text []byte, timestamp uint64) ([]byte, error) {
	var checkpoint log.Checkpoint
	rest, err := checkpoint.Unmarshal(text)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, errors.New("a tree head cannot carry extension lines")
	}
	if len(checkpoint.Hash) != sha256.Size {
		return nil, fmt.Errorf("root hash of %d bytes", len(checkpoint.Hash))
	}
	b := cryptobyte.NewBuilder(nil)
	b.AddUint8(0) // version v1
	b.AddUint8(1) // tree_hash
	b.AddUint64(timestamp)
	b.AddUint64(checkpoint.Size)
	b.AddBytes(checkpoint.Hash)
	return b.Bytes()
}
