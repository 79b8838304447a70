package main

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"github.com/transparency-dev/tessera/storage/posix"
	"tlog-migrate/test/interop/internal/testlog"
)

type directory string

func directoryFlags(set *flag.FlagSet) func() (testlog.Home, error) {
	path := set.String("dir", "", "directory of the log")
	return func() (testlog.Home, error) {
		if *path == "" {
			return nil, errors.New("--dir is required")
		}
		return directory(*path), nil
	}
}

func (d directory) String() string { return string(d) }

// CheckpointInterval is the shortest that Tessera permits on POSIX.
func (d directory) CheckpointInterval() time.Duration { return 100 * time.Millisecond }

func (d directory) Driver(ctx context.Context) (tessera.Driver, error) {
	return posix.New(ctx, posix.Config{Path: string(d)})
}

func (d directory) Fetcher(_ context.Context, ct bool) (fsck.Fetcher, error) {
	files := client.FileFetcher{Root: string(d)}
	if ct {
		return ctFileFetcher{files}, nil
	}
	return files, nil
}

// WatchCheckpoint relies on Tessera's writing a new file and renaming it into place.
func (d directory) WatchCheckpoint(context.Context) (func(context.Context) bool, error) {
	path := filepath.Join(string(d), layout.CheckpointPath)
	before, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return func(context.Context) bool {
		now, err := os.Stat(path)
		if err != nil || before == nil {
			return err == nil
		}
		return !os.SameFile(now, before) || !now.ModTime().Equal(before.ModTime())
	}, nil
}

func (d directory) StoreIssuer(_ context.Context, path string, der []byte) error {
	file := filepath.Join(string(d), path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, der, 0o644)
}
