package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"cloud.google.com/go/storage"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/fsck"
	"github.com/transparency-dev/tessera/storage/gcp"
	"tlog-migrate/test/interop/internal/testlog"
)

// bucket is a log's home in a bucket, below a prefix that may be empty, with the state of the log in a database.
type bucket struct {
	name, prefix, database string
	objects                *storage.BucketHandle
}

func bucketFlags(set *flag.FlagSet) func() (testlog.Home, error) {
	var b bucket
	set.StringVar(&b.name, "bucket", "", "bucket of the log")
	set.StringVar(&b.prefix, "prefix", "", "prefix of the names of its objects")
	set.StringVar(&b.database, "spanner", "", "database of the log: projects/P/instances/I/databases/D")
	return func() (testlog.Home, error) {
		if b.name == "" {
			return nil, errors.New("--bucket is required")
		}
		client, err := storage.NewClient(context.Background(), storage.WithJSONReads())
		if err != nil {
			return nil, err
		}
		b.objects = client.Bucket(b.name)
		return b, nil
	}
}

func (b bucket) String() string { return "gs://" + path.Join(b.name, b.prefix) }

// CheckpointInterval is the shortest that Tessera permits on GCP.
func (b bucket) CheckpointInterval() time.Duration { return 1200 * time.Millisecond }

func (b bucket) Driver(ctx context.Context) (tessera.Driver, error) {
	if b.database == "" {
		return nil, errors.New("--spanner is required")
	}
	return gcp.New(ctx, gcp.Config{Bucket: b.name, BucketPrefix: b.prefix, Spanner: b.database})
}

// WatchCheckpoint relies on an object's having another generation once it is written again.
func (b bucket) WatchCheckpoint(ctx context.Context) (func(context.Context) bool, error) {
	before, err := b.generation(ctx, layout.CheckpointPath)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) bool {
		now, err := b.generation(ctx, layout.CheckpointPath)
		return err == nil && now != before
	}, nil
}

func (b bucket) generation(ctx context.Context, name string) (int64, error) {
	attributes, err := b.object(name).Attrs(ctx)
	if errors.Is(err, storage.ErrObjectNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", b, err)
	}
	return attributes.Generation, nil
}

// StoreIssuer stores a certificate as TesseraCT does.
func (b bucket) StoreIssuer(ctx context.Context, path string, der []byte) error {
	w := b.object(path).NewWriter(ctx)
	w.ContentType = "application/pkix-cert"
	if _, err := w.Write(der); err != nil {
		return err
	}
	return w.Close()
}

func (b bucket) Fetcher(_ context.Context, ct bool) (fsck.Fetcher, error) {
	return testlog.ObjectFetcher(b.read, ct), nil
}

func (b bucket) object(name string) *storage.ObjectHandle {
	return b.objects.Object(path.Join(b.prefix, name))
}

func (b bucket) read(ctx context.Context, name string) ([]byte, error) {
	r, err := b.object(name).NewReader(ctx)
	if errors.Is(err, storage.ErrObjectNotExist) {
		return nil, fmt.Errorf("%s in %s: %w", name, b, os.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
