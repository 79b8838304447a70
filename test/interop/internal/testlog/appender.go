package testlog

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/tessera"
)

// appenderTuning are the knobs of a Tessera Appender that differ between the subcommands.
type appenderTuning struct {
	batchSize uint
	batchAge  time.Duration
	// republish is when an unchanged checkpoint is signed anew; 0 is never.
	republish bool
	// gcInterval is the time between two removals of obsolete partials; 0 is never.
	gcInterval time.Duration
}

type runningLog struct {
	// add hands the n-th entry of the log's entrySpec to Tessera.
	add func(ctx context.Context, n uint64) tessera.IndexFuture
	// sizeBefore is the integrated size at the start.
	sizeBefore uint64

	key       logKey
	republish bool
	// published says whether this Appender has written a checkpoint.
	published func(context.Context) bool
	pollEvery time.Duration
	reader    tessera.LogReader
	shutdown  func(context.Context) error
	stop      context.CancelFunc
}

func openLog(home Home, flags logFlags, tuning appenderTuning) (*runningLog, error) {
	key, err := newLogKey(flags.key, flags.origin, flags.ct)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	l, err := startAppender(ctx, home, flags, key, tuning)
	if err != nil {
		stop()
		return nil, err
	}
	l.stop = stop
	return l, nil
}

func startAppender(ctx context.Context, home Home, flags logFlags, key logKey, tuning appenderTuning) (*runningLog, error) {
	published, err := home.WatchCheckpoint(ctx)
	if err != nil {
		return nil, err
	}
	driver, err := home.Driver(ctx)
	if err != nil {
		return nil, err
	}
	interval := home.CheckpointInterval()
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, appendOptions(key, tuning, interval, flags.ct))
	if err != nil {
		return nil, err
	}
	sizeBefore, err := reader.IntegratedSize(ctx)
	if err != nil {
		return nil, err
	}
	if flags.ct && sizeBefore == 0 {
		if err := storeIssuers(ctx, home); err != nil {
			return nil, err
		}
	}
	return &runningLog{
		add:        entryAdder(appender, flags),
		sizeBefore: sizeBefore,
		key:        key,
		republish:  tuning.republish,
		published:  published,
		pollEvery:  interval / 20,
		reader:     reader,
		shutdown:   shutdown,
	}, nil
}

func appendOptions(key logKey, tuning appenderTuning, interval time.Duration, ct bool) *tessera.AppendOptions {
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(key.signer).
		WithBatching(tuning.batchSize, tuning.batchAge).
		// A log is made faster than it is integrated.
		WithPushback(math.MaxInt32).
		WithCheckpointInterval(interval).
		WithGarbageCollectionInterval(tuning.gcInterval)
	if tuning.republish {
		options = options.WithCheckpointRepublishInterval(interval)
	} else {
		options = options.WithCheckpointRepublishInterval(0)
	}
	if ct {
		options = options.WithCTLayout()
	}
	return options
}

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
	// Tessera offers nothing to wait for its publisher with; on POSIX, an exit between its temporary file and the
	// rename would leave the file behind.
	time.Sleep(20 * time.Millisecond)
	return report, nil
}

// awaitCheckpoint polls until the published checkpoint is of the log's own key, covers size entries, and is new if
// it must be. One that another key signed is what a migrated log starts with.
func (l *runningLog) awaitCheckpoint(ctx context.Context, size uint64, mustBeNew bool) logReport {
	for ; ; time.Sleep(l.pollEvery) {
		if mustBeNew && !l.published(ctx) {
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
