package testlog

import (
	"context"
	"errors"
	"os"

	"github.com/transparency-dev/tessera/api/layout"
)

// objectFetcher gives fsck a log whose objects have the names of its resources.
type objectFetcher struct {
	// read returns an error that is os.ErrNotExist where there is none.
	read        func(ctx context.Context, name string) ([]byte, error)
	entriesPath func(n uint64, p uint8) string
}

func (f objectFetcher) ReadCheckpoint(ctx context.Context) ([]byte, error) {
	return f.read(ctx, layout.CheckpointPath)
}

func (f objectFetcher) ReadTile(ctx context.Context, l, i uint64, p uint8) ([]byte, error) {
	return f.readPartialOrFull(ctx, p, func(p uint8) string { return layout.TilePath(l, i, p) })
}

func (f objectFetcher) ReadEntryBundle(ctx context.Context, i uint64, p uint8) ([]byte, error) {
	return f.readPartialOrFull(ctx, p, func(p uint8) string { return f.entriesPath(i, p) })
}

// readPartialOrFull reads the full resource where the partial one is gone.
func (f objectFetcher) readPartialOrFull(ctx context.Context, p uint8, name func(uint8) string) ([]byte, error) {
	data, err := f.read(ctx, name(p))
	if p > 0 && errors.Is(err, os.ErrNotExist) {
		return f.read(ctx, name(0))
	}
	return data, err
}
