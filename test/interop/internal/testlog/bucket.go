package testlog

import (
	"context"
	"errors"
	"flag"
	"path"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/fsck"
)

// Objects are those of a bucket, by their names in it.
type Objects interface {
	// Read returns an error that is os.ErrNotExist where there is none.
	Read(ctx context.Context, name string) ([]byte, error)
	Write(ctx context.Context, name, contentType string, data []byte) error
	// Version says when an object was written, or which of its versions is there; it is empty where there is none.
	Version(ctx context.Context, name string) (string, error)
}

// Place is a bucket, the part of it below a prefix that may be empty, and the database with the private state of a log.
type Place struct{ Bucket, Prefix, Database string }

// Bucket is a log's home in a bucket.
type Bucket struct {
	Place
	Objects Objects
	// MinInterval is the shortest interval between checkpoints that Tessera permits there.
	MinInterval time.Duration
	OpenDriver  func(ctx context.Context) (tessera.Driver, error)
}

// BucketFlags declares the flags that name a place. database is the name of the flag for its database.
func BucketFlags(database, usage string, open func(Place) (Bucket, error)) HomeFlags {
	return func(set *flag.FlagSet) func() (Home, error) {
		var place Place
		set.StringVar(&place.Bucket, "bucket", "", "bucket of the log")
		set.StringVar(&place.Prefix, "prefix", "", "prefix of the names of its objects")
		set.StringVar(&place.Database, database, "", "database of the log: "+usage)
		return func() (Home, error) {
			if place.Bucket == "" {
				return nil, errors.New("--bucket is required")
			}
			return open(place)
		}
	}
}

func (b Bucket) String() string { return path.Join(b.Bucket, b.Prefix) }

func (b Bucket) CheckpointInterval() time.Duration { return b.MinInterval }

func (b Bucket) Driver(ctx context.Context) (tessera.Driver, error) {
	if b.Database == "" {
		return nil, errors.New("a database is required")
	}
	return b.OpenDriver(ctx)
}

func (b Bucket) Fetcher(_ context.Context, ct bool) (fsck.Fetcher, error) {
	read := func(ctx context.Context, name string) ([]byte, error) { return b.Objects.Read(ctx, b.key(name)) }
	return objectFetcher{read, MigrationOptions(ct).EntriesPath()}, nil
}

func (b Bucket) WatchCheckpoint(ctx context.Context) (func(context.Context) bool, error) {
	checkpoint := b.key(layout.CheckpointPath)
	before, err := b.Objects.Version(ctx, checkpoint)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) bool {
		now, err := b.Objects.Version(ctx, checkpoint)
		return err == nil && now != before
	}, nil
}

// StoreIssuer stores a certificate as TesseraCT does.
func (b Bucket) StoreIssuer(ctx context.Context, path string, der []byte) error {
	return b.Objects.Write(ctx, b.key(path), "application/pkix-cert", der)
}

func (b Bucket) key(name string) string { return path.Join(b.Prefix, name) }
