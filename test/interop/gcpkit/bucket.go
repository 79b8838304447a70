package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"cloud.google.com/go/storage"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/gcp"
	"tlog-migrate/test/interop/internal/testlog"
)

func openBucket(place testlog.Place) (testlog.Bucket, error) {
	client, err := storage.NewClient(context.Background(), storage.WithJSONReads())
	if err != nil {
		return testlog.Bucket{}, err
	}
	driver := gcp.Config{Bucket: place.Bucket, BucketPrefix: place.Prefix, Spanner: place.Database}
	return testlog.Bucket{
		Place:       place,
		Objects:     objects{client.Bucket(place.Bucket)},
		MinInterval: 1200 * time.Millisecond,
		OpenDriver:  func(ctx context.Context) (tessera.Driver, error) { return gcp.New(ctx, driver) },
	}, nil
}

type objects struct{ bucket *storage.BucketHandle }

// Version relies on an object's having another generation once it is written again.
func (o objects) Version(ctx context.Context, name string) (string, error) {
	attributes, err := o.bucket.Object(name).Attrs(ctx)
	if errors.Is(err, storage.ErrObjectNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return strconv.FormatInt(attributes.Generation, 10), nil
}

func (o objects) Write(ctx context.Context, name, contentType string, data []byte) error {
	w := o.bucket.Object(name).NewWriter(ctx)
	w.ContentType = contentType
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Close()
}

func (o objects) Read(ctx context.Context, name string) ([]byte, error) {
	r, err := o.bucket.Object(name).NewReader(ctx)
	if errors.Is(err, storage.ErrObjectNotExist) {
		return nil, fmt.Errorf("%s: %w", name, os.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
