package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/storage/posix"
)

// checkpointInterval is the shortest that Tessera permits on POSIX.
const checkpointInterval = 100 * time.Millisecond

// appenderTuning are the knobs of a Tessera Appender that differ between the subcommands.
type appenderTuning struct {
	batchSize uint
	batchAge  time.Duration
	// republish is when an unchanged checkpoint is signed anew; 0 is never.
	republish time.Duration
	// gcInterval is the time between two removals of obsolete partials; 0 is never.
	gcInterval time.Duration
}

// runningLog is a Tessera Appender at work on a directory.
type runningLog struct {
	// add hands the n-th entry of the log's entrySpec to Tessera.
	add func(ctx context.Context, n uint64) tessera.IndexFuture
	// sizeBefore is the integrated size at the start.
	sizeBefore uint64

	key       logKey
	republish bool
	// checkpointPath and checkpointBefore tell a checkpoint that this Appender wrote from one that it found; a
	// signature cannot, since the log may have had the same key before. nil where there was none.
	checkpointPath   string
	checkpointBefore fs.FileInfo
	reader           tessera.LogReader
	shutdown         func(context.Context) error
	stop             context.CancelFunc
}

// openLog starts an Appender on the directory, which it creates where it is missing.
func openLog(flags logFlags, tuning appenderTuning) (*runningLog, error) {
	key, err := newLogKey(flags.key, flags.origin, flags.ct)
	if err != nil {
		return nil, err
	}
	checkpointPath := filepath.Join(flags.dir, layout.CheckpointPath)
	checkpointBefore, err := statIfPresent(checkpointPath)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	driver, err := posix.New(ctx, posix.Config{Path: flags.dir})
	if err != nil {
		stop()
		return nil, err
	}
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, appendOptions(key, tuning, flags.ct))
	if err != nil {
		stop()
		return nil, err
	}
	l := &runningLog{
		add:              entryAdder(appender, flags),
		key:              key,
		republish:        tuning.republish > 0,
		checkpointPath:   checkpointPath,
		checkpointBefore: checkpointBefore,
		reader:           reader,
		shutdown:         shutdown,
		stop:             stop,
	}
	if err := l.prepare(ctx, flags); err != nil {
		stop()
		return nil, err
	}
	return l, nil
}

// statIfPresent returns nil where there is no such file.
func statIfPresent(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return info, err
}

// prepare notes the size at the start, and gives a new Static CT log its issuers.
func (l *runningLog) prepare(ctx context.Context, flags logFlags) (err error) {
	if l.sizeBefore, err = l.reader.IntegratedSize(ctx); err != nil {
		return err
	}
	if flags.ct && l.sizeBefore == 0 {
		return writeIssuers(flags.dir)
	}
	return nil
}

func appendOptions(key logKey, tuning appenderTuning, ct bool) *tessera.AppendOptions {
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(key.signer).
		WithBatching(tuning.batchSize, tuning.batchAge).
		WithCheckpointInterval(checkpointInterval).
		WithCheckpointRepublishInterval(tuning.republish).
		WithGarbageCollectionInterval(tuning.gcInterval)
	if ct {
		options = options.WithCTLayout()
	}
	return options
}

// entryAdder returns the function that makes the n-th entry and adds it.
func entryAdder(appender *tessera.Appender, flags logFlags) func(context.Context, uint64) tessera.IndexFuture {
	spec := entrySpec{seed: flags.seed, meanSize: flags.entrySize}
	if flags.ct {
		addCertificate := tessera.NewCertificateTransparencyAppender(appender)
		return func(ctx context.Context, n uint64) tessera.IndexFuture {
			return addCertificate(ctx, spec.certificate(n))
		}
	}
	return func(ctx context.Context, n uint64) tessera.IndexFuture {
		return appender.Add(ctx, tessera.NewEntry(spec.plain(n)))
	}
}

// finish waits for a checkpoint of the log's own key that covers size entries, shuts the Appender down, and
// reports the checkpoint. Unless there is nothing to publish, it must be one that this Appender wrote.
func (l *runningLog) finish(ctx context.Context, size uint64) (logReport, error) {
	report := l.awaitCheckpoint(ctx, size, size > l.sizeBefore || l.republish)
	if err := l.shutdown(ctx); err != nil {
		return logReport{}, fmt.Errorf("shutting down: %w", err)
	}
	l.stop()
	// Tessera offers nothing to wait for its publisher with; an exit between its temporary file and the rename
	// would leave the file behind.
	time.Sleep(20 * time.Millisecond)
	return report, nil
}

// awaitCheckpoint polls until the published checkpoint is of the log's own key, covers size entries, and is new if
// it must be. One that another key signed is what a migrated log starts with.
func (l *runningLog) awaitCheckpoint(ctx context.Context, size uint64, mustBeNew bool) logReport {
	for ; ; time.Sleep(5 * time.Millisecond) {
		if mustBeNew && !l.publishedOwn() {
			continue
		}
		raw, err := l.reader.ReadCheckpoint(ctx)
		if err != nil {
			continue
		}
		checkpoint, _, _, err := log.ParseCheckpoint(raw, l.key.verifier.Name(), l.key.verifier)
		if err == nil && checkpoint.Size >= size {
			return newLogReport(*checkpoint, raw, l.key)
		}
	}
}

// publishedOwn says whether the checkpoint was written since the Appender started: Tessera writes a new file and
// renames it into place.
func (l *runningLog) publishedOwn() bool {
	now, err := os.Stat(l.checkpointPath)
	if err != nil || l.checkpointBefore == nil {
		return err == nil
	}
	return !os.SameFile(now, l.checkpointBefore) || !now.ModTime().Equal(l.checkpointBefore.ModTime())
}
