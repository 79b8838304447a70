package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

// logFlags are the flags of every subcommand that runs an Appender.
type logFlags struct {
	dir       string
	key       string
	origin    string
	seed      string
	entrySize int
	ct        bool
	timeout   time.Duration
}

// register declares the flags on set; defaultSeed is the seed of the entries' contents.
func (f *logFlags) register(set *flag.FlagSet, defaultSeed string) {
	set.StringVar(&f.dir, "dir", "", "directory of the log")
	set.StringVar(&f.key, "key", "", "seed of the signing key")
	set.StringVar(&f.origin, "origin", "", "origin of the log, also the name of its key")
	set.StringVar(&f.seed, "seed", defaultSeed, "seed of the entries' contents")
	set.IntVar(&f.entrySize, "entry-size", 100, "mean size of an entry in bytes")
	set.BoolVar(&f.ct, "ct", false, "Static CT layout, entries and signature")
	set.DurationVar(&f.timeout, "timeout", 10*time.Minute, "longest time to take")
}

// validate returns an error that names the first flag that is missing or out of range.
func (f *logFlags) validate() error {
	switch {
	case f.dir == "":
		return errors.New("--dir is required")
	case f.key == "":
		return errors.New("--key is required")
	case f.origin == "":
		return errors.New("--origin is required")
	case f.entrySize < 0 || f.entrySize > maxMeanEntrySize:
		return fmt.Errorf("--entry-size must lie between 0 and %d", maxMeanEntrySize)
	}
	return nil
}

// exitAfter ends the process with an error once d has passed. Tessera takes its locks, and waits for a batch,
// without looking at a context; nothing gentler would bound it.
func exitAfter(d time.Duration) {
	time.AfterFunc(d, func() {
		fmt.Fprintf(os.Stderr, "tesserakit: gave up after %v\n", d)
		os.Exit(1)
	})
}
