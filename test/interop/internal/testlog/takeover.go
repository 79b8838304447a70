package testlog

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/transparency-dev/tessera"
)

type takeoverReport struct {
	logReport
	SizeBefore uint64 `json:"sizeBefore"`
	// Indices are the lowest and the highest index given out, null when nothing was added.
	Indices *[2]uint64 `json:"indices"`
	// Contiguous says that every index from the size before on was given out exactly once.
	Contiguous bool `json:"contiguous"`
}

// takeOver opens a home as Appender and appends --add entries from as many goroutines at once.
func (k Kit) takeOver(args []string) (any, error) {
	var flags logFlags
	set := flag.NewFlagSet("takeover", flag.ContinueOnError)
	flags.register(set, k.HomeFlags, "takeover")
	add := set.Uint64("add", 300, "entries to append")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if err := flags.validate(); err != nil {
		return nil, err
	}
	home, err := flags.openHome()
	if err != nil {
		return nil, err
	}
	deadline := k.exitAfter(flags.timeout)
	l, err := openLog(home, flags, takeoverTuning(*add))
	if err != nil {
		return nil, err
	}
	indices, err := addConcurrently(context.Background(), l, *add)
	if err != nil {
		return nil, err
	}
	size := l.sizeBefore + *add
	deadline.at("no checkpoint covers %d entries, and the indices given out are %s", size, span(indices))
	report, err := l.finish(context.Background(), size)
	if err != nil {
		return nil, err
	}
	return newTakeoverReport(report, l.sizeBefore, indices), nil
}

// takeoverTuning is Tessera's default batch size with a shorter wait. Where nothing is added, only a republication
// shows that the Appender signs what it found.
func takeoverTuning(add uint64) appenderTuning {
	return appenderTuning{batchSize: tessera.DefaultBatchMaxSize, batchAge: 50 * time.Millisecond, republish: add == 0}
}

// addConcurrently adds count entries, each from its own goroutine, and returns their indices in ascending order.
func addConcurrently(ctx context.Context, l *runningLog, count uint64) ([]uint64, error) {
	indices := make([]uint64, count)
	failures := make([]error, count)
	var group sync.WaitGroup
	for n := range count {
		group.Go(func() {
			index, err := l.add(ctx, n)()
			indices[n], failures[n] = index.Index, err
		})
	}
	group.Wait()
	if failed := slices.DeleteFunc(failures, func(err error) bool { return err == nil }); len(failed) > 0 {
		return nil, fmt.Errorf("%d of %d entries were not added: %w", len(failed), count, failed[0])
	}
	slices.Sort(indices)
	return indices, nil
}

func newTakeoverReport(report logReport, sizeBefore uint64, indices []uint64) takeoverReport {
	r := takeoverReport{logReport: report, SizeBefore: sizeBefore, Contiguous: true}
	for n, index := range indices {
		r.Contiguous = r.Contiguous && index == sizeBefore+uint64(n)
	}
	if len(indices) > 0 {
		r.Indices = &[2]uint64{indices[0], indices[len(indices)-1]}
	}
	return r
}

func span(indices []uint64) string {
	if len(indices) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d to %d", indices[0], indices[len(indices)-1])
}
