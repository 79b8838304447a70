package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tesseract"
	"github.com/transparency-dev/tesseract/storage"
	"golang.org/x/mod/sumdb/note"
	"tlog-migrate/test/interop/internal/testlog"
)

// httpDeadline is how long TesseraCT may take to answer: far longer than by default, for machines that are busy.
const httpDeadline = 5 * time.Minute

// tesseractFlags are the flags of tesseract. What has none is as TesseraCT's own programs have it by default, but for
// what counts seconds: the limits on old and on repeated certificates are lifted.
type tesseractFlags struct {
	directory                   string
	bucket, spanner, antispamDB string

	origin, roots string
}

// ctHome is where TesseraCT keeps a log, as its programs for that kind of home set it up.
type ctHome interface {
	// prepare makes the place for remotely fetched roots, which TesseraCT does first.
	prepare(ctx context.Context) (storage.RootsStorage, error)
	driver(ctx context.Context) (tessera.Driver, error)
	antispam(ctx context.Context) (tessera.Antispam, error)
	issuers(ctx context.Context) (storage.IssuerStorage, error)
	// checkpointInterval is the shortest that Tessera permits.
	checkpointInterval() time.Duration
	// monitoring serves the log to readers; nil where somebody else does.
	monitoring() http.Handler
}

type tesseractReady struct {
	logKey
	// URL is where the origin's host is: the submission prefix lies below it, at the origin's path. It is the
	// monitoring prefix too where the home is a directory.
	URL string `json:"url"`
	// Size is the integrated size that the Appender found.
	Size uint64 `json:"size"`
}

type tesseractReport struct {
	Size       uint64 `json:"size"`
	RootHash   []byte `json:"rootHash"`
	Checkpoint string `json:"checkpoint"`
}

// runTesseraCT takes submissions until the standard input ends.
func runTesseraCT(args []string) (any, error) {
	var flags tesseractFlags
	set := flag.NewFlagSet("tesseract", flag.ContinueOnError)
	origin, openKey := keyFlags(set)
	set.StringVar(&flags.directory, "dir", "", "directory of the log")
	set.StringVar(&flags.bucket, "bucket", "", "bucket of the log")
	set.StringVar(&flags.spanner, "spanner", "", "database of the log: projects/P/instances/I/databases/D")
	set.StringVar(&flags.antispamDB, "antispam-spanner", "", "database of its antispam index")
	set.StringVar(&flags.roots, "roots", "", "PEM file of the accepted roots")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	flags.origin = *origin
	key, err := openKey()
	if err != nil {
		return nil, err
	}
	home, err := flags.home()
	if err != nil {
		return nil, err
	}
	return serveLog(flags, key, home)
}

func (f tesseractFlags) home() (ctHome, error) {
	switch {
	case f.directory != "":
		return ctDirectory(f.directory), nil
	case f.bucket != "" && f.spanner != "" && f.antispamDB != "":
		return newCTBucket(f.bucket, f.spanner, f.antispamDB)
	}
	return nil, errors.New("--dir, or --bucket, --spanner and --antispam-spanner, is required")
}

func serveLog(flags tesseractFlags, key logKey, home ctHome) (any, error) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var appender runningAppender
	handler, err := newLogHandler(ctx, flags, key, home, &appender)
	if err != nil {
		return nil, err
	}
	size, err := appender.reader.IntegratedSize(ctx)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(pathOf(flags.origin)+"/ct/v1/", handler)
	mux.HandleFunc("/kit/antispam", appender.reportIndexed)
	if monitoring := home.monitoring(); monitoring != nil {
		mux.Handle("/", monitoring)
	}
	server := http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }()

	told, stopWaiting := testlog.UntilToldToStop()
	defer stopWaiting()
	if err := testlog.PrintJSON(tesseractReady{key, "http://" + listener.Addr().String(), size}); err != nil {
		return nil, err
	}
	<-told.Done()
	if err := server.Shutdown(ctx); err != nil {
		return nil, err
	}
	return appender.finish(ctx, stop, key, flags.origin)
}

// pathOf is what follows the host in an origin, which is a submission prefix without its scheme.
func pathOf(origin string) string {
	_, path, found := strings.Cut(origin, "/")
	if !found {
		return ""
	}
	return "/" + path
}

func newLogHandler(ctx context.Context, flags tesseractFlags, key logKey, home ctHome, appender *runningAppender) (http.Handler, error) {
	fetchedRoots, err := home.prepare(ctx)
	if err != nil {
		return nil, err
	}
	createStorage := func(ctx context.Context, signer note.Signer) (*storage.CTStorage, error) {
		return appender.start(ctx, signer, home)
	}
	validation := tesseract.ChainValidationConfig{
		RootsPEMFile:           flags.roots,
		RootsRemoteFetchBackup: fetchedRoots,
		AcceptSHA1:             true,
	}
	limits := tesseract.LogHandlerOpts{MaxCertChainBytes: 512 << 10, DedupRL: -1}
	return tesseract.NewLogHandler(ctx, flags.origin, key.private, validation, createStorage, httpDeadline, false, pathOf(flags.origin), limits)
}

type runningAppender struct {
	reader   tessera.LogReader
	shutdown func(context.Context) error
	indexed  func(context.Context) (uint64, error)
}

func (a *runningAppender) reportIndexed(w http.ResponseWriter, r *http.Request) {
	indexed, err := a.indexed(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, indexed)
}

func (a *runningAppender) start(ctx context.Context, signer note.Signer, home ctHome) (*storage.CTStorage, error) {
	driver, err := home.driver(ctx)
	if err != nil {
		return nil, err
	}
	antispam, err := home.antispam(ctx)
	if err != nil {
		return nil, err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCTLayout().
		WithAntispam(256_000, antispam).
		WithCheckpointInterval(home.checkpointInterval()).
		WithCheckpointRepublishInterval(30 * time.Second).
		WithGarbageCollectionInterval(10 * time.Second)
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return nil, err
	}
	issuers, err := home.issuers(ctx)
	if err != nil {
		return nil, err
	}
	a.reader, a.shutdown, a.indexed = reader, shutdown, antispam.Follower(nil).EntriesProcessed
	return storage.NewCTStorage(ctx, &storage.CTStorageOptions{
		Appender:         appender,
		Reader:           reader,
		IssuerStorage:    issuers,
		EnablePubAwaiter: true,
	})
}

// finish waits until all that was accepted is published, and ends the Appender, which TesseraCT's own programs do not.
func (a *runningAppender) finish(ctx context.Context, stop context.CancelFunc, key logKey, origin string) (any, error) {
	if err := a.shutdown(ctx); err != nil {
		return nil, fmt.Errorf("shutting down: %w", err)
	}
	size, err := a.reader.IntegratedSize(ctx)
	if err != nil {
		return nil, err
	}
	report, err := a.published(ctx, size, key, origin)
	stop()
	time.Sleep(20 * time.Millisecond) // an exit between a temporary file of the publisher and its renaming leaves it behind
	return report, err
}

// published waits for a checkpoint of that size: a log that was taken over has none at first.
func (a *runningAppender) published(ctx context.Context, size uint64, key logKey, origin string) (tesseractReport, error) {
	verifier, err := fnote.NewRFC6962Verifier(key.VKey)
	if err != nil {
		return tesseractReport{}, err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		raw, err := a.reader.ReadCheckpoint(ctx)
		if err == nil {
			checkpoint, _, _, parseErr := log.ParseCheckpoint(raw, origin, verifier)
			if parseErr == nil && checkpoint.Size >= size {
				return tesseractReport{checkpoint.Size, checkpoint.Hash, string(raw)}, nil
			}
			err = parseErr
		}
		if time.Now().After(deadline) {
			return tesseractReport{}, fmt.Errorf("no checkpoint covers %d entries: %v", size, err)
		}
	}
}
