package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/transparency-dev/tessera"
	tposix "github.com/transparency-dev/tessera/storage/posix"
	antispam "github.com/transparency-dev/tessera/storage/posix/antispam"
	"github.com/transparency-dev/tesseract/storage"
	"github.com/transparency-dev/tesseract/storage/posix"
)

type ctDirectory string

func (d ctDirectory) checkpointInterval() time.Duration { return 100 * time.Millisecond }

func (d ctDirectory) prepare(ctx context.Context) (storage.RootsStorage, error) {
	return posix.NewRootsStorage(ctx, string(d))
}

func (d ctDirectory) driver(ctx context.Context) (tessera.Driver, error) {
	return tposix.New(ctx, tposix.Config{Path: string(d)})
}

func (d ctDirectory) antispam(ctx context.Context) (tessera.Antispam, error) {
	return antispam.NewAntispam(ctx, filepath.Join(string(d), ".state", "antispam"), antispam.AntispamOpts{})
}

func (d ctDirectory) issuers(ctx context.Context) (storage.IssuerStorage, error) {
	return posix.NewIssuerStorage(ctx, string(d))
}

func (d ctDirectory) monitoring() http.Handler { return http.FileServerFS(os.DirFS(string(d))) }
