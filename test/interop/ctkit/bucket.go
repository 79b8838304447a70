package main

import (
	"context"
	"net/http"
	"time"

	gcs "cloud.google.com/go/storage"
	"github.com/transparency-dev/tessera"
	tgcp "github.com/transparency-dev/tessera/storage/gcp"
	antispam "github.com/transparency-dev/tessera/storage/gcp/antispam"
	"github.com/transparency-dev/tesseract/storage"
	"github.com/transparency-dev/tesseract/storage/gcp"
)

// ctBucket is a log's home in Google's cloud, as TesseraCT's program for GCP has it, at the bucket's root. That
// program speaks gRPC to Cloud Storage and keeps the log's key in Secret Manager; this one speaks JSON, which the
// emulator understands.
type ctBucket struct {
	name, database, antispamDatabase string
	client                           *gcs.Client
}

func newCTBucket(name, database, antispamDatabase string) (ctHome, error) {
	client, err := gcs.NewClient(context.Background(), gcs.WithJSONReads())
	if err != nil {
		return nil, err
	}
	return ctBucket{name, database, antispamDatabase, client}, nil
}

func (b ctBucket) checkpointInterval() time.Duration { return 1200 * time.Millisecond }

func (b ctBucket) prepare(ctx context.Context) (storage.RootsStorage, error) {
	return gcp.NewRootsStorage(ctx, b.name, b.client)
}

func (b ctBucket) driver(ctx context.Context) (tessera.Driver, error) {
	return tgcp.New(ctx, tgcp.Config{Bucket: b.name, Spanner: b.database, GCSClient: b.client})
}

func (b ctBucket) antispam(ctx context.Context) (tessera.Antispam, error) {
	return antispam.NewAntispam(ctx, b.antispamDatabase, antispam.AntispamOpts{})
}

func (b ctBucket) issuers(ctx context.Context) (storage.IssuerStorage, error) {
	return gcp.NewIssuerStorage(ctx, b.name, b.client)
}

func (b ctBucket) monitoring() http.Handler { return nil }
