package main

import (
	"context"
	"crypto/sha256"
	"fmt"

	"filippo.io/sunlight"
	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"tlog-migrate/test/interop/internal/testlog"
)

// ctWatcher reads a log completely with Sunlight's client, issuers included, whenever it has another checkpoint.
type ctWatcher struct {
	log    *verifiedLog
	last   *tlog.Tree
	report testlog.WatchReport
}

func watchLog(args []string) (any, error) {
	log, err := openLog("watch", args)
	if err != nil {
		return nil, err
	}
	w := ctWatcher{log: log, report: testlog.WatchReport{Faults: []string{}}}
	return testlog.Watch(w.look, &w.report)
}

func (w *ctWatcher) look(ctx context.Context) {
	checkpoint, _, err := w.log.client.Checkpoint(ctx)
	if err != nil {
		// Before the first there is none.
		if w.last != nil {
			w.report.AddFault(uint64(w.last.N), err)
		}
		return
	}
	tree := checkpoint.Tree
	if w.last != nil && *w.last == tree {
		return
	}
	w.report.Checkpoints++
	if w.last == nil {
		w.report.FirstSize = uint64(tree.N)
	}
	w.report.LastSize = uint64(tree.N)
	// Those that were read before may be gone.
	w.log.issuers = map[[sha256.Size]byte][]byte{}
	if err := w.readAll(ctx, tree); err != nil {
		w.report.AddFault(uint64(tree.N), err)
	}
	if w.last != nil {
		if err := w.checkConsistency(ctx, tree); err != nil {
			w.report.AddFault(uint64(tree.N), err)
		}
		if err := w.readAll(ctx, *w.last); err != nil {
			w.report.AddFault(uint64(w.last.N), fmt.Errorf("read again with size %d published: %w", tree.N, err))
		}
	}
	w.last = &tree
}

func (w *ctWatcher) readAll(ctx context.Context, tree tlog.Tree) error {
	return w.log.visitTree(ctx, tree, func(_ int64, entry *sunlight.LogEntry) error {
		for _, fingerprint := range entry.ChainFingerprints {
			if _, err := w.log.issuer(ctx, fingerprint); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *ctWatcher) checkConsistency(ctx context.Context, now tlog.Tree) error {
	if now.N < w.last.N {
		return fmt.Errorf("it came after size %d", w.last.N)
	}
	if w.last.N == 0 {
		return nil
	}
	hashes := torchwood.TileHashReaderWithContext(ctx, now, w.log.client.TileReader())
	proof, err := tlog.ProveTree(now.N, w.last.N, hashes)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, now.N, now.Hash, w.last.N, w.last.Hash)
}
