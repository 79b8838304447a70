package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/transparency-dev/tessera/client"
	"tlog-migrate/test/interop/internal/testlog"
)

// ctFileFetcher reads a Static CT log from a directory; Tessera's own fetchers know the paths of tlog-tiles alone.
type ctFileFetcher struct {
	client.FileFetcher
}

// ReadEntryBundle returns data tile i, the full one where the partial one is gone.
func (f ctFileFetcher) ReadEntryBundle(_ context.Context, i uint64, p uint8) ([]byte, error) {
	path := testlog.MigrationOptions(true).EntriesPath()
	data, err := os.ReadFile(filepath.Join(f.Root, path(i, p)))
	if p > 0 && errors.Is(err, os.ErrNotExist) {
		return os.ReadFile(filepath.Join(f.Root, path(i, 0)))
	}
	return data, err
}
