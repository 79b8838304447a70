package gcsfake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

const (
	apiRoot      = "/storage/v1"
	uploadRoot   = "/upload/storage/v1"
	downloadRoot = "/download/storage/v1"
)

// route is what a request is about: an object, a listing of a bucket, or neither.
type route struct {
	bucket, object string
	listing        bool
}

// routeOf returns the route of a request, after it has completed its path and, for an upload, its query.
func routeOf(request *http.Request) (route, error) {
	path := request.URL.EscapedPath()
	if path == "/b" || strings.HasPrefix(path, "/b/") { // no bucket's name is shorter than three characters
		request.URL.Path, request.URL.RawPath = apiRoot+request.URL.Path, apiRoot+path
		path = apiRoot + path
	}
	if rest, ok := strings.CutPrefix(path, uploadRoot+"/b/"); ok {
		return uploadRoute(request, rest)
	}
	for _, root := range []string{apiRoot, downloadRoot} {
		if rest, ok := strings.CutPrefix(path, root+"/b/"); ok {
			return resourceRoute(request, rest)
		}
	}
	if strings.HasPrefix(path, apiRoot) {
		return route{}, nil
	}
	bucket, object, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return unescaped(bucket, object)
}

// resourceRoute routes what follows /b/ in a path of the JSON API.
func resourceRoute(request *http.Request, rest string) (route, error) {
	bucket, objects, ok := strings.Cut(rest, "/o")
	if !ok {
		return route{bucket: bucket}, nil
	}
	object := strings.TrimPrefix(objects, "/")
	if object == "" {
		return route{bucket: bucket, listing: request.Method == http.MethodGet}, nil
	}
	if strings.Contains(object, "/") { // rewriteTo, copyTo, compose, acl
		return route{}, fmt.Errorf("not emulated: %s", rest)
	}
	return unescaped(bucket, object)
}

// uploadRoute routes what follows /b/ in the path of an upload. The object's name is in the query, or in the metadata
// that come first in the body.
func uploadRoute(request *http.Request, rest string) (route, error) {
	bucket, _, _ := strings.Cut(rest, "/")
	query := request.URL.Query()
	if !query.Has("name") {
		name, err := nameInBody(request)
		if err != nil {
			return route{}, err
		}
		query.Set("name", name)
		request.URL.RawQuery = query.Encode()
	}
	return route{bucket: bucket, object: query.Get("name")}, nil
}

// nameInBody returns the name in an upload's metadata, and leaves the body as it was.
func nameInBody(request *http.Request) (string, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return "", err
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	metadata := io.Reader(bytes.NewReader(body))
	if kind, parameters, err := mime.ParseMediaType(request.Header.Get("Content-Type")); err == nil && strings.HasPrefix(kind, "multipart/") {
		if metadata, err = multipart.NewReader(metadata, parameters["boundary"]).NextPart(); err != nil {
			return "", err
		}
	}
	var object struct{ Name string }
	if err := json.NewDecoder(metadata).Decode(&object); err != nil {
		return "", err
	}
	return object.Name, nil
}

func unescaped(bucket, object string) (route, error) {
	name, err := url.PathUnescape(object)
	return route{bucket: bucket, object: name}, err
}
