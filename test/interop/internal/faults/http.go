package faults

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
)

// Handler interferes with calls to a handler.
func (r *Rules) Handler(service string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		fault := r.meet(Call{service, request.Method, func() string { return decodedURL(request.URL) }})
		if fault == nil {
			next.ServeHTTP(w, request)
			return
		}
		if fault.After {
			next.ServeHTTP(httptest.NewRecorder(), request)
		}
		if !fault.hold(request.Context()) {
			return
		}
		switch {
		case fault.Status != 0:
			writeError(w, fault.Status)
		case fault.After:
			panic(http.ErrAbortHandler) // there is no answer left to give
		default:
			next.ServeHTTP(w, request)
		}
	})
}

func decodedURL(u *url.URL) string {
	query, err := url.QueryUnescape(u.RawQuery)
	if err != nil {
		query = u.RawQuery
	}
	return u.Path + "?" + query
}

func writeError(w http.ResponseWriter, status int) {
	message := http.StatusText(status)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
		"code":    status,
		"message": message,
		"errors":  []map[string]string{{"domain": "global", "reason": "injected", "message": message}},
	}})
}

// Control serves the rules to a test: PUT /rules replaces them, GET /rules returns their hits, GET /counts the calls.
func (r *Rules) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /rules", func(w http.ResponseWriter, request *http.Request) {
		var rules []Rule
		decoder := json.NewDecoder(request.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&rules); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Set(rules)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /rules", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, r.Hits()) })
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, r.Counts()) })
	return mux
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
