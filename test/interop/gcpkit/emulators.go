package main

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"

	"tlog-migrate/test/interop/internal/faults"
	"tlog-migrate/test/interop/internal/gcsfake"
	"tlog-migrate/test/interop/internal/spannerfake"
	"tlog-migrate/test/interop/internal/testlog"
)

type addresses struct {
	// Storage is a URL, as STORAGE_EMULATOR_HOST has it for the Node and the Go clients.
	Storage string `json:"storage"`
	// Spanner is a host and port, as SPANNER_EMULATOR_HOST has it.
	Spanner  string `json:"spanner"`
	Instance string `json:"instance"`
	// Control is the URL of faults.Rules, and of PUT /page-limit with the most objects of a page of a listing.
	Control string `json:"control"`
}

// runEmulators serves Cloud Storage and Spanner until the standard input ends, so that they never outlive who started
// them. It prints where they are, and in the end how often they were called.
func runEmulators(args []string) (any, error) {
	if len(args) > 0 {
		return nil, errors.New("emulators takes no arguments")
	}
	rules := faults.New()
	storage, err := gcsfake.New()
	if err != nil {
		return nil, err
	}
	spanner, err := spannerfake.Start(rules.ServerOptions("spanner")...)
	if err != nil {
		return nil, err
	}
	defer spanner.Close()
	storageURL, err := serve(rules.Handler("storage", storage))
	if err != nil {
		return nil, err
	}
	controlURL, err := serve(control(rules, storage))
	if err != nil {
		return nil, err
	}
	ctx, stop := testlog.UntilToldToStop()
	defer stop()
	if err := testlog.PrintJSON(addresses{storageURL, spanner.Addr, spannerfake.Instance, controlURL}); err != nil {
		return nil, err
	}
	<-ctx.Done()
	return rules.Counts(), nil
}

func control(rules *faults.Rules, storage *gcsfake.Server) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", rules.Control())
	mux.HandleFunc("PUT /page-limit", func(w http.ResponseWriter, request *http.Request) {
		var limit int64
		if err := json.NewDecoder(request.Body).Decode(&limit); err != nil || limit < 0 {
			http.Error(w, "no number of objects", http.StatusBadRequest)
			return
		}
		storage.LimitPages(limit)
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func serve(handler http.Handler) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() { _ = http.Serve(listener, handler) }()
	return "http://" + listener.Addr().String(), nil
}
