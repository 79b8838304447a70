package testlog

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/transparency-dev/tessera"
)

type makeFlags struct {
	logFlags
	size  uint64
	batch uint64
}

func (k Kit) makeLog(name string, ct bool, args []string) (any, error) {
	var flags makeFlags
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.register(set, k.HomeFlags, "make")
	set.Uint64Var(&flags.size, "size", 0, "number of entries")
	set.Uint64Var(&flags.batch, "batch", k.DefaultBatch, "entries a batch; each batch that ends inside a tile leaves partials")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if err := flags.validate(); err != nil {
		return nil, err
	}
	if flags.batch == 0 {
		return nil, fmt.Errorf("--batch must be at least 1")
	}
	flags.ct = flags.ct || ct
	home, err := flags.openHome()
	if err != nil {
		return nil, err
	}
	k.exitAfter(flags.timeout)
	return makePhases(home, flags)
}

// makePhases adds all full batches with one Appender and the rest, or nothing, with another whose batch is just as
// large. So every batch ends because it is full, never because of a timer, and two runs give Tessera the same batches.
func makePhases(home Home, flags makeFlags) (logReport, error) {
	rest := flags.size % flags.batch
	full := flags.size - rest
	var report logReport
	var err error
	if full > 0 {
		if report, err = growLog(home, flags.logFlags, 0, full, flags.batch); err != nil {
			return logReport{}, err
		}
	}
	if rest > 0 || full == 0 {
		report, err = growLog(home, flags.logFlags, full, flags.size, max(rest, 1))
	}
	return report, err
}

// growLog adds the entries from index from up to index to, in order, in batches of the given size.
func growLog(home Home, flags logFlags, from, to, batch uint64) (logReport, error) {
	// On GCP, an empty log is published by a republication alone.
	tuning := appenderTuning{batchSize: uint(batch), batchAge: time.Hour, republish: from == to}
	l, err := openLog(home, flags, tuning)
	if err != nil {
		return logReport{}, err
	}
	if l.sizeBefore != from {
		return logReport{}, fmt.Errorf("%s holds a log of %d entries where %d were expected", home, l.sizeBefore, from)
	}
	ctx := context.Background()
	futures := make([]tessera.IndexFuture, 0, to-from)
	for n := from; n < to; n++ {
		futures = append(futures, l.add(ctx, n))
	}
	for n, future := range futures {
		index, err := future()
		if err != nil {
			return logReport{}, fmt.Errorf("adding entry %d: %w", from+uint64(n), err)
		}
		if want := from + uint64(n); index.Index != want {
			return logReport{}, fmt.Errorf("entry %d was given index %d", want, index.Index)
		}
	}
	return l.finish(ctx, to)
}
