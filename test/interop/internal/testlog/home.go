package testlog

import (
	"context"
	"flag"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/fsck"
)

// Home is where a log lives: a directory, or a bucket with its database.
type Home interface {
	String() string
	Driver(ctx context.Context) (tessera.Driver, error)
	// Fetcher reads what the log publishes there, in the Static CT layout or in that of tlog-tiles.
	Fetcher(ctx context.Context, ct bool) (fsck.Fetcher, error)
	// WatchCheckpoint returns a function that says whether the checkpoint was written since. A signature cannot tell
	// that, since the log may have had the same key before.
	WatchCheckpoint(ctx context.Context) (written func(context.Context) bool, err error)
	// StoreIssuer stores a certificate of a Static CT log under its path. Tessera leaves that to its caller.
	StoreIssuer(ctx context.Context, path string, der []byte) error
	// CheckpointInterval is the shortest that Tessera permits there.
	CheckpointInterval() time.Duration
}

// HomeFlags declares the flags that name a home. Once they are parsed, the function that it returns opens the home.
type HomeFlags func(set *flag.FlagSet) (open func() (Home, error))
