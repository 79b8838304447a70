// Package faults lets a test slow down, spoil or hold up calls to a server, and count them.
package faults

import (
	"context"
	"strings"
	"sync"
	"time"
)

// Rule says which calls are interfered with, and how.
type Rule struct {
	// Service is "storage" or "spanner"; empty is both.
	Service string `json:"service"`
	// Method is an HTTP method, or the name of an RPC such as "Commit"; empty is all.
	Method string `json:"method"`
	// Contains is part of the decoded URL, or of the request's text; empty is all.
	Contains string `json:"contains"`
	// Skip is how many of these calls go through first.
	Skip int `json:"skip"`
	// Times is how many are interfered with then; 0 is all.
	Times int `json:"times"`

	// DelayMs is time to wait first.
	DelayMs int `json:"delayMs"`
	// Status is the HTTP status to fail with.
	Status int `json:"status"`
	// Code is the gRPC code to fail with, such as "UNAVAILABLE".
	Code string `json:"code"`
	// Hang is to give no answer, until the rules change or the caller is gone.
	Hang bool `json:"hang"`
	// After is to carry the call out first, and to withhold its answer.
	After bool `json:"after"`
}

// Call is a call as rules see it.
type Call struct {
	Service, Method string
	// Text is made only for rules that look at it.
	Text func() string
}

// Rules are those in force.
type Rules struct {
	mu      sync.Mutex
	rules   []*standing
	changed chan struct{}
	counts  map[string]int
}

// standing is a rule with the number of calls that it matched and that it interfered with.
type standing struct {
	Rule
	matched int
	hits    int
}

// New returns rules that interfere with nothing.
func New() *Rules {
	return &Rules{changed: make(chan struct{}), counts: make(map[string]int)}
}

// Set replaces all rules, and lets go of the calls that were held up.
func (r *Rules) Set(rules []Rule) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rules = nil
	for _, rule := range rules {
		r.rules = append(r.rules, &standing{Rule: rule})
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// Hits returns, for each rule, how many calls it has interfered with.
func (r *Rules) Hits() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	hits := make([]int, 0, len(r.rules))
	for _, rule := range r.rules {
		hits = append(hits, rule.hits)
	}
	return hits
}

// Counts returns the number of calls since the start, by service and method.
func (r *Rules) Counts() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := make(map[string]int, len(r.counts))
	for kind, n := range r.counts {
		counts[kind] = n
	}
	return counts
}

// interference is what happens to one call.
type interference struct {
	*Rule
	changed <-chan struct{}
}

// meet counts a call and returns what is to happen to it, nil for nothing. The first rule that fits decides.
func (r *Rules) meet(call Call) *interference {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[call.Service+" "+call.Method]++
	for _, rule := range r.rules {
		if !rule.fits(call) {
			continue
		}
		rule.matched++
		if rule.matched > rule.Skip && (rule.Times == 0 || rule.hits < rule.Times) {
			rule.hits++
			return &interference{Rule: &rule.Rule, changed: r.changed}
		}
	}
	return nil
}

func (r *Rule) fits(call Call) bool {
	return (r.Service == "" || r.Service == call.Service) &&
		(r.Method == "" || r.Method == call.Method) &&
		(r.Contains == "" || strings.Contains(call.Text(), r.Contains))
}

// hold waits as the rule says, and returns whether the caller is still there.
func (i *interference) hold(ctx context.Context) bool {
	if i.DelayMs > 0 {
		select {
		case <-time.After(time.Duration(i.DelayMs) * time.Millisecond):
		case <-ctx.Done():
		}
	}
	if i.Hang {
		select {
		case <-i.changed:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}
