// Package gcsfake serves Google Cloud Storage from the in-memory buckets of fake-gcs-server, and adds what its users
// here need:
//
//   - Many stores behind one address: a store looks through all its objects for each that it is asked for, which would
//     bound the speed of everything that is measured against it.
//   - The paths of the Node client, which takes STORAGE_EMULATOR_HOST for the root of the JSON API.
//   - Listings in pages of at most 1,000, as Cloud Storage has them, or fewer for who tests what comes after a page.
package gcsfake

import (
	"bytes"
	"hash/fnv"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

// storeCount keeps the stores small for logs of millions of entries.
const storeCount = 64

// publicHost is the name by which objects are served as http://<host>/<bucket>/<object>.
const publicHost = "127.0.0.1"

// Server is a Cloud Storage whose objects are spread over stores by their names. Every store has every bucket.
type Server struct {
	stores    [storeCount]http.Handler
	pageLimit atomic.Int64
}

// New returns a Cloud Storage without buckets.
func New() (*Server, error) {
	s := &Server{}
	for i := range s.stores {
		store, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true, PublicHost: publicHost})
		if err != nil {
			return nil, err
		}
		s.stores[i] = store.HTTPHandler()
	}
	return s, nil
}

func (s *Server) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r, err := routeOf(request)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case r.object != "":
		s.storeOf(r.bucket, r.object).ServeHTTP(w, request)
	case r.listing:
		s.list(w, request)
	case request.Method == http.MethodDelete:
		http.Error(w, "buckets cannot be deleted here", http.StatusNotImplemented)
	default:
		s.everyStore(w, request)
	}
}

// storeOf returns the store of an object.
func (s *Server) storeOf(bucket, object string) http.Handler {
	hash := fnv.New32a()
	_, _ = io.WriteString(hash, bucket+"/"+object)
	return s.stores[hash.Sum32()%storeCount]
}

// everyStore carries a request for a bucket out everywhere, and answers with what the first store answers.
func (s *Server) everyStore(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for i, store := range s.stores {
		answer := w
		if i > 0 {
			answer = httptest.NewRecorder()
		}
		again := request.Clone(request.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		store.ServeHTTP(answer, again)
	}
}
