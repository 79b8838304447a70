package testlog

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"slices"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

const (
	fsckWorkers = 8
	// maxErrorLength cuts fsck's errors, which hold two whole tiles in hex.
	maxErrorLength = 600
)

type fsckFlags struct {
	openHome  func() (Home, error)
	url, vkey string
	ct        bool
	timeout   time.Duration
}

// fsckReport is the checkpoint that the log was held against.
type fsckReport struct {
	OK       bool   `json:"ok"`
	Origin   string `json:"origin"`
	Size     uint64 `json:"size"`
	RootHash []byte `json:"rootHash"`
}

func (k Kit) checkLog(args []string) (any, error) {
	flags, err := k.parseFsckFlags(args)
	if err != nil {
		return nil, err
	}
	k.exitAfter(flags.timeout)
	verifier, err := fnote.NewVerifier(flags.vkey)
	if err != nil {
		return nil, err
	}
	source, err := openFetcher(flags)
	if err != nil {
		return nil, err
	}
	check := fsck.New(verifier.Name(), verifier, source, MigrationOptions(flags.ct).LeafHasher(), fsck.Opts{N: fsckWorkers})
	if err := awaitCheck(check); err != nil {
		return nil, err
	}
	return newFsckReport(source, verifier)
}

func (k Kit) parseFsckFlags(args []string) (fsckFlags, error) {
	var flags fsckFlags
	set := flag.NewFlagSet("fsck", flag.ContinueOnError)
	flags.openHome = k.HomeFlags(set)
	set.StringVar(&flags.url, "url", "", "URL of a tlog-tiles log, instead of a home")
	set.StringVar(&flags.vkey, "vkey", "", "verifier key of the log")
	set.BoolVar(&flags.ct, "ct", false, "Static CT layout and entries; not with --url")
	registerTimeout(set, &flags.timeout)
	if err := set.Parse(args); err != nil {
		return flags, err
	}
	if flags.ct && flags.url != "" {
		return flags, errors.New("--url serves no --ct")
	}
	return flags, nil
}

func openFetcher(flags fsckFlags) (fsck.Fetcher, error) {
	if flags.url == "" {
		home, err := flags.openHome()
		if err != nil {
			return nil, err
		}
		return home.Fetcher(context.Background(), flags.ct)
	}
	root, err := url.Parse(flags.url)
	if err != nil {
		return nil, err
	}
	return client.NewHTTPFetcher(root, nil)
}

// MigrationOptions are Tessera's way to its leaf hashers and entry paths from outside.
func MigrationOptions(ct bool) *tessera.MigrationOptions {
	options := tessera.NewMigrationOptions()
	if ct {
		options = options.WithCTLayout()
	}
	return options
}

// awaitCheck runs the check and returns what it found. In v1.0.4 each tile that differs ends one of fsck's workers,
// and with the last of them gone it waits for ever: so its status is watched too. A bundle that holds fewer entries
// than it must makes it panic.
func awaitCheck(check *fsck.Fsck) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if cause := recover(); cause != nil {
				done <- fmt.Errorf("fsck panicked: %v", cause)
			}
		}()
		done <- check.Check(context.Background())
	}()
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	for sawInvalid := false; ; {
		select {
		case err := <-done:
			return shorten(err)
		case <-ticker.C:
			if sawInvalid {
				return errors.New("fsck found invalid tiles and got stuck")
			}
			sawInvalid = holdsInvalidTile(check.Status())
		}
	}
}

func holdsInvalidTile(status fsck.Status) bool {
	return slices.ContainsFunc(status.TileRanges, func(level []fsck.Range) bool {
		return slices.ContainsFunc(level, func(r fsck.Range) bool {
			return r.State == fsck.Invalid || r.State == fsck.FetchError
		})
	})
}

// shorten returns err with no more of its text than a person reads.
func shorten(err error) error {
	if err == nil || len(err.Error()) <= maxErrorLength {
		return err
	}
	return errors.New(err.Error()[:maxErrorLength] + "…")
}

func newFsckReport(source fsck.Fetcher, verifier note.Verifier) (fsckReport, error) {
	checkpoint, _, _, err := client.FetchCheckpoint(context.Background(), source.ReadCheckpoint, verifier, verifier.Name())
	if err != nil {
		return fsckReport{}, err
	}
	return fsckReport{OK: true, Origin: checkpoint.Origin, Size: checkpoint.Size, RootHash: checkpoint.Hash}, nil
}
