package testlog

import "github.com/transparency-dev/formats/log"

// logReport is what a test needs to know about a log. Byte slices are base64 in JSON.
type logReport struct {
	Origin     string `json:"origin"`
	Size       uint64 `json:"size"`
	RootHash   []byte `json:"rootHash"`
	VKey       string `json:"vkey"`
	PublicKey  []byte `json:"publicKey"`
	Checkpoint string `json:"checkpoint"`
}

func newLogReport(checkpoint log.Checkpoint, raw []byte, key logKey) logReport {
	return logReport{
		Origin:     checkpoint.Origin,
		Size:       checkpoint.Size,
		RootHash:   checkpoint.Hash,
		VKey:       key.vkey,
		PublicKey:  key.publicKey,
		Checkpoint: string(raw),
	}
}
