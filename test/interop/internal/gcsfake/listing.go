package gcsfake

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
)

// maxPage is the largest page of a listing, and the one that a request gets which asks for none.
const maxPage = 1000

// page is a page of a listing. Its token is the name of the next object.
type page struct {
	Kind      string            `json:"kind"`
	Items     []json.RawMessage `json:"items,omitempty"`
	Prefixes  []string          `json:"prefixes,omitempty"`
	NextToken string            `json:"nextPageToken,omitempty"`
}

// item is an object in a listing.
type item struct {
	name string
	json json.RawMessage
}

// LimitPages makes listings have pages of at most n objects from now on; 0 is as many as Cloud Storage gives.
func (s *Server) LimitPages(n int64) { s.pageLimit.Store(n) }

func (s *Server) maxPage() int {
	if limit := int(s.pageLimit.Load()); limit > 0 {
		return min(limit, maxPage)
	}
	return maxPage
}

// list answers with a page that is put together from one of each store.
func (s *Server) list(w http.ResponseWriter, request *http.Request) {
	limit := s.maxPage()
	if asked, err := strconv.Atoi(request.URL.Query().Get("maxResults")); err == nil && asked > 0 {
		limit = min(limit, asked)
	}
	// A page of a store holds its share of the whole, and a few more.
	setQuery(request, "maxResults", strconv.Itoa(2*limit/storeCount+8))
	var items []item
	whole := page{Kind: "storage#objects"}
	for _, store := range s.stores {
		recorder := httptest.NewRecorder()
		store.ServeHTTP(recorder, request.Clone(request.Context()))
		if recorder.Code != http.StatusOK {
			copyAnswer(w, recorder)
			return
		}
		var part page
		if err := json.Unmarshal(recorder.Body.Bytes(), &part); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		for _, raw := range part.Items {
			var object struct{ Name string }
			if err := json.Unmarshal(raw, &object); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			items = append(items, item{object.Name, raw})
		}
		whole.Prefixes = append(whole.Prefixes, part.Prefixes...)
		whole.NextToken = earlier(whole.NextToken, part.NextToken)
	}
	whole.fill(items, limit)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(whole)
}

// fill takes the items up to the token, beyond which a store may have more, and as many as there may be.
func (p *page) fill(items []item, limit int) {
	slices.SortFunc(items, func(a, b item) int { return strings.Compare(a.name, b.name) })
	for _, item := range items {
		if p.NextToken != "" && item.name >= p.NextToken {
			break
		}
		if len(p.Items) == limit {
			p.NextToken = item.name
			break
		}
		p.Items = append(p.Items, item.json)
	}
	slices.Sort(p.Prefixes)
	p.Prefixes = slices.Compact(p.Prefixes)
}

// earlier returns the token that comes first; an empty one is that of the end.
func earlier(a, b string) string {
	if a == "" || b == "" {
		return max(a, b)
	}
	return min(a, b)
}

func setQuery(request *http.Request, name, value string) {
	query := request.URL.Query()
	query.Set(name, value)
	request.URL.RawQuery = query.Encode()
}

func copyAnswer(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}
