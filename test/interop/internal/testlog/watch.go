package testlog

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

const (
	// lookInterval is short: every checkpoint is to be seen.
	lookInterval = 2 * time.Millisecond
	maxFaults    = 20
)

// WatchReport says what a reader saw who read a log again and again.
type WatchReport struct {
	// Checkpoints were seen, each other than the one before.
	Checkpoints int    `json:"checkpoints"`
	FirstSize   uint64 `json:"firstSize"`
	LastSize    uint64 `json:"lastSize"`
	// Faults are the first of what was missing or wrong.
	Faults []string `json:"faults"`
}

// AddFault adds one of which there may be many.
func (r *WatchReport) AddFault(size uint64, err error) {
	if len(r.Faults) < maxFaults {
		r.Faults = append(r.Faults, fmt.Sprintf("at size %d: %v", size, shorten(err)))
	}
}

// watcher checks each checkpoint of a log, completely and at once, and the one before it once more.
type watcher struct {
	source   fsck.Fetcher
	verifier note.Verifier
	ct       bool
	seen     []byte
	last     *log.Checkpoint
	lastRaw  []byte
	report   WatchReport
}

// pinnedFetcher has the checkpoint that was seen, whatever the log has published since.
type pinnedFetcher struct {
	fsck.Fetcher
	checkpoint []byte
}

func (p pinnedFetcher) ReadCheckpoint(context.Context) ([]byte, error) { return p.checkpoint, nil }

// watchLog watches a log until it is told to stop.
func (k Kit) watchLog(args []string) (any, error) {
	set := flag.NewFlagSet("watch", flag.ContinueOnError)
	openHome := k.HomeFlags(set)
	vkey := set.String("vkey", "", "verifier key of the log")
	ct := set.Bool("ct", false, "Static CT layout and entries")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	verifier, err := fnote.NewVerifier(*vkey)
	if err != nil {
		return nil, err
	}
	home, err := openHome()
	if err != nil {
		return nil, err
	}
	source, err := home.Fetcher(context.Background(), *ct)
	if err != nil {
		return nil, err
	}
	w := watcher{source: source, verifier: verifier, ct: *ct, report: WatchReport{Faults: []string{}}}
	return Watch(w.look, &w.report)
}

// Watch calls look again and again until the program is told to stop, and returns the report.
func Watch(look func(ctx context.Context), report *WatchReport) (any, error) {
	ctx, stop := UntilToldToStop()
	defer stop()
	if err := PrintJSON(map[string]bool{"ready": true}); err != nil {
		return nil, err
	}
	for ctx.Err() == nil {
		look(context.Background())
		time.Sleep(lookInterval)
	}
	return report, nil
}

func (w *watcher) look(ctx context.Context) {
	raw, err := w.source.ReadCheckpoint(ctx)
	if err != nil {
		// Before the first there is none.
		if w.last != nil {
			w.report.AddFault(w.last.Size, fmt.Errorf("no checkpoint: %w", err))
		}
		return
	}
	if bytes.Equal(raw, w.seen) {
		return
	}
	w.seen = raw
	checkpoint, _, _, err := client.FetchCheckpoint(ctx, pinnedFetcher{w.source, raw}.ReadCheckpoint, w.verifier, w.verifier.Name())
	if err != nil {
		w.report.AddFault(0, err)
		return
	}
	w.report.Checkpoints++
	if w.last == nil {
		w.report.FirstSize = checkpoint.Size
	}
	w.report.LastSize = checkpoint.Size
	if err := w.checkAll(raw); err != nil {
		w.report.AddFault(checkpoint.Size, err)
	}
	if w.last != nil {
		if err := w.checkConsistency(ctx, checkpoint); err != nil {
			w.report.AddFault(checkpoint.Size, err)
		}
		if err := w.checkAll(w.lastRaw); err != nil {
			w.report.AddFault(w.last.Size, fmt.Errorf("read again with size %d published: %w", checkpoint.Size, err))
		}
	}
	w.last, w.lastRaw = checkpoint, raw
}

// checkAll reads and verifies every bundle and every tile of the tree of a checkpoint.
func (w *watcher) checkAll(raw []byte) error {
	source := pinnedFetcher{w.source, raw}
	return awaitCheck(fsck.New(w.verifier.Name(), w.verifier, source, MigrationOptions(w.ct).LeafHasher(), fsck.Opts{N: fsckWorkers}))
}

func (w *watcher) checkConsistency(ctx context.Context, now *log.Checkpoint) error {
	if now.Size < w.last.Size {
		return fmt.Errorf("it came after size %d", w.last.Size)
	}
	builder, err := client.NewProofBuilder(ctx, now.Size, w.source.ReadTile)
	if err != nil {
		return err
	}
	hashes, err := builder.ConsistencyProof(ctx, w.last.Size, now.Size)
	if err != nil {
		return err
	}
	return proof.VerifyConsistency(rfc6962.DefaultHasher, w.last.Size, now.Size, hashes, w.last.Hash, now.Hash)
}
