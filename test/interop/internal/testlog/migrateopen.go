package testlog

import (
	"context"
	"flag"
	"time"

	"github.com/transparency-dev/tessera"
)

type openReport struct {
	Opened bool `json:"opened"`
}

// openForMigration opens a home as Tessera's own migration does, and migrates nothing.
func (k Kit) openForMigration(args []string) (any, error) {
	var timeout time.Duration
	set := flag.NewFlagSet("migrate-open", flag.ContinueOnError)
	openHome := k.HomeFlags(set)
	ct := set.Bool("ct", false, "Static CT layout and entries")
	registerTimeout(set, &timeout)
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	home, err := openHome()
	if err != nil {
		return nil, err
	}
	k.exitAfter(timeout)
	driver, err := home.Driver(context.Background())
	if err != nil {
		return nil, err
	}
	if _, err := tessera.NewMigrationTarget(context.Background(), driver, MigrationOptions(*ct)); err != nil {
		return nil, err
	}
	return openReport{Opened: true}, nil
}
