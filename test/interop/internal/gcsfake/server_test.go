package gcsfake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"
)

const objectCount = 1200

// open returns a client of a server with a bucket of that name.
func open(t *testing.T, bucket string) (*storage.BucketHandle, *httptest.Server) {
	t.Helper()
	stores, err := New()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(stores)
	t.Cleanup(server.Close)
	t.Setenv("STORAGE_EMULATOR_HOST", server.URL)
	client, err := storage.NewClient(t.Context(), storage.WithJSONReads())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if err := client.Bucket(bucket).Create(t.Context(), "project", nil); err != nil {
		t.Fatal(err)
	}
	return client.Bucket(bucket), server
}

func write(ctx context.Context, object *storage.ObjectHandle, text string) error {
	w := object.NewWriter(ctx)
	w.ChunkSize = 0 // or the client keeps 16 MiB for each
	if _, err := w.Write([]byte(text)); err != nil {
		return err
	}
	return w.Close()
}

func mustWrite(t *testing.T, object *storage.ObjectHandle, text string) {
	t.Helper()
	if err := write(t.Context(), object, text); err != nil {
		t.Fatal(err)
	}
}

// names lists a bucket page by page, and returns the names and how many pages held them.
func names(t *testing.T, bucket *storage.BucketHandle, prefix string, pageSize int) (found []string, pages int) {
	t.Helper()
	pager := iterator.NewPager(bucket.Objects(t.Context(), &storage.Query{Prefix: prefix}), pageSize, "")
	for {
		var page []*storage.ObjectAttrs
		next, err := pager.NextPage(&page)
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range page {
			found = append(found, object.Name)
		}
		pages++
		if next == "" {
			return found, pages
		}
	}
}

func TestListingIsWholeAndInOrder(t *testing.T) {
	bucket, server := open(t, "bucket")
	var want []string
	for n := range objectCount {
		name := fmt.Sprintf("tile/0/%04d", n)
		mustWrite(t, bucket.Object(name), name)
		want = append(want, name)
	}
	mustWrite(t, bucket.Object("elsewhere"), "")
	for _, pageSize := range []int{1000, 100, 7} {
		got, pages := names(t, bucket, "tile/", pageSize)
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: %d names instead of %d, or others", pageSize, len(got), len(want))
		}
		if pages < objectCount/pageSize {
			t.Errorf("%d pages of %d hold %d", pages, pageSize, objectCount)
		}
	}
	answer, err := http.Get(server.URL + "/bucket/tile/0/0042")
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("the public cannot read an object: %v, %v", answer, err)
	}
}

func TestPagesAreLimited(t *testing.T) {
	bucket, server := open(t, "bucket")
	for n := range 10 {
		mustWrite(t, bucket.Object(fmt.Sprint(n)), "")
	}
	for limit, want := range []int{10, 1, 2, 3} {
		server.Config.Handler.(*Server).LimitPages(int64(limit))
		answer, err := http.Get(server.URL + "/storage/v1/b/bucket/o?maxResults=100")
		if err != nil {
			t.Fatal(err)
		}
		var got page
		if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if len(got.Items) != want || (got.NextToken == "") != (limit == 0) {
			t.Errorf("limit %d: %d objects, next %q", limit, len(got.Items), got.NextToken)
		}
	}
}

func TestObjectIsWrittenOnce(t *testing.T) {
	bucket, server := open(t, "bucket")
	object := bucket.Object("a/b").If(storage.Conditions{DoesNotExist: true})
	mustWrite(t, object, "first")
	var failure *googleapi.Error
	if err := write(t.Context(), object, "second"); !errors.As(err, &failure) || failure.Code != http.StatusPreconditionFailed {
		t.Errorf("a second write: %v", err)
	}
	multipart := "--x\r\nContent-Type: application/json\r\n\r\n{\"name\":\"a/b\"}\r\n--x\r\nContent-Type: text/plain\r\n\r\nthird\r\n--x--\r\n"
	url := server.URL + "/upload/storage/v1/b/bucket/o?uploadType=multipart&ifGenerationMatch=0"
	answer, err := http.Post(url, "multipart/related; boundary=x", strings.NewReader(multipart))
	if err != nil || answer.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("a write that has its name in the body alone: %v, %v", answer, err)
	}
}

func TestPathsOfNodesClient(t *testing.T) {
	bucket, server := open(t, "bucket")
	mustWrite(t, bucket.Object("a/b"), "bytes")
	for path, want := range map[string]int{
		"/b/bucket":              http.StatusOK,
		"/b/bucket/o":            http.StatusOK,
		"/b/bucket/o/a%2Fb":      http.StatusOK,
		"/b/bucket/o/a%2Fc":      http.StatusNotFound,
		"/b/another":             http.StatusNotFound,
		"/b/another/o":           http.StatusNotFound,
		"/storage/v1/b/bucket/o": http.StatusOK,
	} {
		answer, err := http.Get(server.URL + path)
		if err != nil || answer.StatusCode != want {
			t.Errorf("%s: %v, %v", path, answer, err)
		}
	}
}
