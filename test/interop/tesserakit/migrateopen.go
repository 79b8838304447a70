package main

import (
	"context"
	"errors"
	"flag"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
)

// openReport says that Tessera took the directory for a migration target.
type openReport struct {
	Opened bool `json:"opened"`
}

// openForMigration opens a directory as Tessera's own migration does, and migrates nothing.
func openForMigration(args []string) (any, error) {
	set := flag.NewFlagSet("migrate-open", flag.ContinueOnError)
	dir := set.String("dir", "", "directory of the log")
	ct := set.Bool("ct", false, "Static CT layout and entries")
	timeout := set.Duration("timeout", 10*time.Minute, "longest time to take")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if *dir == "" {
		return nil, errors.New("--dir is required")
	}
	exitAfter(*timeout)

	driver, err := posix.New(context.Background(), posix.Config{Path: *dir})
	if err != nil {
		return nil, err
	}
	if _, err := tessera.NewMigrationTarget(context.Background(), driver, migrationOptions(*ct)); err != nil {
		return nil, err
	}
	return openReport{Opened: true}, nil
}
