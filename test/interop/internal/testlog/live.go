package testlog

import (
	"context"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

type liveFlags struct {
	logFlags
	rate       float64
	maxEntries uint64
	gcInterval time.Duration
}

type readyLine struct {
	Ready  bool   `json:"ready"`
	Origin string `json:"origin"`
	Size   uint64 `json:"size"`
	VKey   string `json:"vkey"`
}

type liveReport struct {
	logReport
	SizeBefore uint64 `json:"sizeBefore"`
}

// runLive keeps a log growing until SIGTERM, SIGINT, the end of standard input, or --max-entries entries.
func (k Kit) runLive(args []string) (any, error) {
	flags, err := k.parseLiveFlags(args)
	if err != nil {
		return nil, err
	}
	home, err := flags.openHome()
	if err != nil {
		return nil, err
	}
	ctx, stop := UntilToldToStop()
	defer stop()
	l, err := openLog(home, flags.logFlags, appenderTuning{batchSize: 256, batchAge: 50 * time.Millisecond, gcInterval: flags.gcInterval})
	if err != nil {
		return nil, err
	}
	if err := PrintJSON(readyLine{Ready: true, Origin: flags.origin, Size: l.sizeBefore, VKey: l.key.vkey}); err != nil {
		return nil, err
	}
	added, err := addAtRate(ctx, l, flags.rate, flags.maxEntries)
	if err != nil {
		return nil, err
	}
	k.exitAfter(flags.timeout)
	report, err := l.finish(context.Background(), l.sizeBefore+added)
	if err != nil {
		return nil, err
	}
	return liveReport{logReport: report, SizeBefore: l.sizeBefore}, nil
}

func (k Kit) parseLiveFlags(args []string) (liveFlags, error) {
	var flags liveFlags
	set := flag.NewFlagSet("live", flag.ContinueOnError)
	flags.register(set, k.HomeFlags, "live")
	set.Float64Var(&flags.rate, "rate", 100, "entries a second")
	set.Uint64Var(&flags.maxEntries, "max-entries", math.MaxUint64, "stop after that many entries")
	set.DurationVar(&flags.gcInterval, "gc", 0, "time between two removals of obsolete partials; 0 is never")
	if err := set.Parse(args); err != nil {
		return flags, err
	}
	if flags.rate <= 0 {
		return flags, errors.New("--rate must be above 0")
	}
	return flags, flags.validate()
}

// UntilToldToStop returns a context that ends with SIGTERM, SIGINT or the end of standard input.
func UntilToldToStop() (context.Context, context.CancelFunc) {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return ctx, cancel
}

// addAtRate adds entries at about rate a second until ctx ends, or limit were added, and every one has its index.
// It returns how many it added, and the first error that Tessera answered with.
func addAtRate(ctx context.Context, l *runningLog, rate float64, limit uint64) (uint64, error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var pending sync.WaitGroup
	var added uint64
	var failure error
	var failOnce sync.Once
	start := time.Now()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for added < limit && ctx.Err() == nil {
		due := min(limit, uint64(time.Since(start).Seconds()*rate))
		for ; added < due; added++ {
			future := l.add(context.WithoutCancel(ctx), l.sizeBefore+added)
			pending.Go(func() {
				if _, err := future(); err != nil {
					failOnce.Do(func() { failure = err })
					fail(err)
				}
			})
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	pending.Wait()
	return added, failure
}
