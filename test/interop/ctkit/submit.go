package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"filippo.io/sunlight"
	ct "github.com/google/certificate-transparency-go"
	"github.com/google/certificate-transparency-go/x509"
	"tlog-migrate/test/interop/internal/testca"
)

// retryPause is what the submitter waits when it is pushed back, however long it was told to.
const retryPause = 100 * time.Millisecond

type submitReport struct {
	// Indices are the leaf indices in the SCTs, in the order of the submissions.
	Indices []int64 `json:"indices"`
	// Pushbacks counts the answers 429 and 503, by their status.
	Pushbacks map[string]int `json:"pushbacks"`
	// RetryAfter is the last value of that header that came with one.
	RetryAfter string `json:"retryAfter"`
	// LastPushbackMs is when the last of them came, in milliseconds from the start.
	LastPushbackMs int64 `json:"lastPushbackMs"`
	ElapsedMs      int64 `json:"elapsedMs"`
}

type submitter struct {
	client *http.Client
	prefix string // of the submission API, with the address of the log
	host   string // that the log is asked by
	key    *ct.SignatureVerifier
	logID  [sha256.Size]byte
	start  time.Time
	// parsed are the certificates above the leaves, by their bytes.
	parsed sync.Map

	mu     sync.Mutex
	report submitReport
}

// submit submits the chains --from up to --from plus --count of a seed, --concurrency at once.
func submit(args []string) (any, error) {
	set := flag.NewFlagSet("submit", flag.ContinueOnError)
	url := set.String("url", "", "address of the log")
	origin := set.String("origin", "", "origin of the log")
	publicKey := set.String("public-key", "", "key of the log, base64 DER SPKI")
	seed := set.String("seed", "", "seed of the authorities")
	from := set.Uint64("from", 0, "number of the first chain")
	count := set.Uint64("count", 1, "number of chains")
	concurrency := set.Int("concurrency", 1024, "requests at once")
	startTimeout := timeoutFlag(set)
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	startTimeout()
	authorities, err := testca.New(*seed)
	if err != nil {
		return nil, err
	}
	s, err := newSubmitter(*url, *origin, *publicKey, *concurrency)
	if err != nil {
		return nil, err
	}
	if err := s.submitAll(authorities, *from, *count, *concurrency); err != nil {
		return nil, err
	}
	s.report.ElapsedMs = time.Since(s.start).Milliseconds()
	return s.report, nil
}

func newSubmitter(url, origin, publicKey string, concurrency int) (*submitter, error) {
	spki, key, err := parsePublicKey(publicKey)
	if err != nil {
		return nil, err
	}
	verifier, err := ct.NewSignatureVerifier(key)
	if err != nil {
		return nil, err
	}
	host, _, _ := strings.Cut(origin, "/")
	transport := &http.Transport{MaxIdleConnsPerHost: concurrency}
	return &submitter{
		client: &http.Client{Transport: transport, Timeout: httpDeadline},
		prefix: url + pathOf(origin) + "/ct/v1/",
		host:   host,
		key:    verifier,
		logID:  sha256.Sum256(spki),
		start:  time.Now(),
		report: submitReport{Pushbacks: map[string]int{}},
	}, nil
}

func (s *submitter) submitAll(authorities *testca.Authorities, from, count uint64, concurrency int) error {
	ctx, fail := context.WithCancelCause(context.Background())
	defer fail(nil)
	s.report.Indices = make([]int64, count)
	var next atomic.Uint64
	var group sync.WaitGroup
	for range min(uint64(concurrency), count) {
		group.Go(func() {
			for n := next.Add(1) - 1; n < count && ctx.Err() == nil; n = next.Add(1) - 1 {
				index, err := s.submitOne(ctx, authorities, from+n)
				if err != nil {
					fail(fmt.Errorf("chain %d: %w", from+n, err))
					return
				}
				s.report.Indices[n] = index
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// submitOne submits a chain until the log takes it, and returns its index.
func (s *submitter) submitOne(ctx context.Context, authorities *testca.Authorities, n uint64) (int64, error) {
	submission, err := authorities.Submission(n)
	if err != nil {
		return 0, err
	}
	for ctx.Err() == nil {
		response, err := s.post(ctx, submission)
		if err != nil {
			return 0, err
		}
		if response != nil {
			return s.verifySCT(submission, *response)
		}
		time.Sleep(retryPause)
	}
	return 0, context.Cause(ctx)
}

// post returns nil where the log pushed back.
func (s *submitter) post(ctx context.Context, submission testca.Submission) (*ct.AddChainResponse, error) {
	body, err := json.Marshal(ct.AddChainRequest{Chain: submission.Chain})
	if err != nil {
		return nil, err
	}
	endpoint := "add-chain"
	if submission.Precertificate {
		endpoint = "add-pre-chain"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.prefix+endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Host = s.host
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable:
		s.pushedBack(response)
		return nil, nil
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answered %s: %s", endpoint, response.Status, bytes.TrimSpace(answer))
	}
	var sct ct.AddChainResponse
	return &sct, json.Unmarshal(answer, &sct)
}

func (s *submitter) pushedBack(response *http.Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Pushbacks[fmt.Sprint(response.StatusCode)]++
	s.report.RetryAfter = response.Header.Get("Retry-After")
	s.report.LastPushbackMs = time.Since(s.start).Milliseconds()
}

// verifySCT holds the answer against the chain, as certificate-transparency-go builds the entry from it, and returns
// the index that it promises.
func (s *submitter) verifySCT(submission testca.Submission, response ct.AddChainResponse) (int64, error) {
	sct, err := response.ToSignedCertificateTimestamp()
	if err != nil {
		return 0, err
	}
	if sct.LogID.KeyID != s.logID {
		return 0, errors.New("the SCT is of another log")
	}
	entry, err := s.entryOf(submission, sct.Timestamp)
	if err != nil {
		return 0, err
	}
	if err := s.key.VerifySCTSignature(*sct, entry); err != nil {
		return 0, fmt.Errorf("the SCT's signature: %w", err)
	}
	extensions, err := sunlight.ParseExtensions(sct.Extensions)
	return extensions.LeafIndex, err
}

func (s *submitter) entryOf(submission testca.Submission, timestamp uint64) (ct.LogEntry, error) {
	leaf, err := parseLax(submission.Chain[0])
	if err != nil {
		return ct.LogEntry{}, err
	}
	chain := []*x509.Certificate{leaf}
	for _, der := range submission.Issuers {
		issuer, err := s.parseIssuer(der)
		if err != nil {
			return ct.LogEntry{}, err
		}
		chain = append(chain, issuer)
	}
	kind := ct.X509LogEntryType
	if submission.Precertificate {
		kind = ct.PrecertLogEntryType
	}
	merkleLeaf, err := ct.MerkleTreeLeafFromChain(chain, kind, timestamp)
	if err != nil {
		return ct.LogEntry{}, err
	}
	return ct.LogEntry{Leaf: *merkleLeaf}, nil
}

func (s *submitter) parseIssuer(der []byte) (*x509.Certificate, error) {
	if issuer, seen := s.parsed.Load(string(der)); seen {
		return issuer.(*x509.Certificate), nil
	}
	issuer, err := parseLax(der)
	if err == nil {
		s.parsed.Store(string(der), issuer)
	}
	return issuer, err
}
