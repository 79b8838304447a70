package testlog

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

type logFlags struct {
	openHome  func() (Home, error)
	key       string
	origin    string
	seed      string
	entrySize int
	ct        bool
	timeout   time.Duration
}

// register declares the flags on set; defaultSeed is the seed of the entries' contents.
func (f *logFlags) register(set *flag.FlagSet, home HomeFlags, defaultSeed string) {
	f.openHome = home(set)
	set.StringVar(&f.key, "key", "", "seed of the signing key")
	set.StringVar(&f.origin, "origin", "", "origin of the log, also the name of its key")
	set.StringVar(&f.seed, "seed", defaultSeed, "seed of the entries' contents")
	set.IntVar(&f.entrySize, "entry-size", 100, "mean size of an entry in bytes")
	set.BoolVar(&f.ct, "ct", false, "Static CT layout, entries and signature")
	registerTimeout(set, &f.timeout)
}

func registerTimeout(set *flag.FlagSet, timeout *time.Duration) {
	set.DurationVar(timeout, "timeout", 10*time.Minute, "longest time to take")
}

// validate returns an error that names the first flag that is missing or out of range.
func (f *logFlags) validate() error {
	switch {
	case f.key == "":
		return errors.New("--key is required")
	case f.origin == "":
		return errors.New("--origin is required")
	case f.entrySize < 0 || f.entrySize > maxMeanEntrySize:
		return fmt.Errorf("--entry-size must lie between 0 and %d", maxMeanEntrySize)
	}
	return nil
}

// deadline ends the process with an error once its time has passed, and says what the process was at. Tessera takes
// its locks, and waits for a batch, without looking at a context; nothing gentler would bound it.
type deadline struct {
	doing atomic.Pointer[string]
}

func (k Kit) exitAfter(timeout time.Duration) *deadline {
	d := &deadline{}
	d.at("starting")
	time.AfterFunc(timeout, func() {
		fmt.Fprintf(os.Stderr, "%s: gave up after %v: %s\n", k.Name, timeout, *d.doing.Load())
		os.Exit(1)
	})
	return d
}

func (d *deadline) at(format string, args ...any) {
	doing := fmt.Sprintf(format, args...)
	d.doing.Store(&doing)
}
