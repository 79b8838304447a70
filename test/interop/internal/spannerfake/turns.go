package spannerfake

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// idleLimit is how long Spanner keeps the locks of a transaction that does nothing.
const idleLimit = 10 * time.Second

// turns lets one transaction at a time through. A turn ends with its transaction, with the connection that began it,
// or when its transaction does nothing for too long.
type turns struct {
	free   chan struct{}
	forget func(session string, transaction []byte)

	mu sync.Mutex
	// begun are all transactions that ever had a turn, each with what ends it for idling; nil once it has ended.
	begun map[string]*time.Timer
}

func newTurns(forget func(session string, transaction []byte)) *turns {
	t := &turns{free: make(chan struct{}, 1), forget: forget, begun: make(map[string]*time.Timer)}
	t.free <- struct{}{}
	return t
}

// take waits for the turn. What follows it is give or abandon.
func (t *turns) take(ctx context.Context) error {
	select {
	case <-t.free:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

// abandon ends a turn that was taken and given to nobody.
func (t *turns) abandon() { t.free <- struct{}{} }

// give leaves the turn to a transaction.
func (t *turns) give(ctx context.Context, session string, transaction []byte) {
	id := string(transaction)
	drop := func() {
		if t.end(id) {
			t.forget(session, transaction)
		}
	}
	t.mu.Lock()
	t.begun[id] = time.AfterFunc(idleLimit, drop)
	t.mu.Unlock()
	connectionOf(ctx).atEnd(drop)
}

// check notes that a transaction is alive, or says that it has lost its turn. One that only reads needs none.
func (t *turns) check(transaction []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	idle, ok := t.begun[string(transaction)]
	switch {
	case !ok:
		return nil
	case idle == nil:
		return status.Error(codes.Aborted, "The transaction has ended, or was idle for too long.")
	}
	idle.Reset(idleLimit)
	return nil
}

// end ends a transaction's turn, and says whether it had one.
func (t *turns) end(transaction string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	idle := t.begun[transaction]
	if idle == nil {
		return false
	}
	idle.Stop()
	t.begun[transaction] = nil
	t.free <- struct{}{}
	return true
}

// connections tells calls which connection they came by.
type connections struct{}

type connectionKey struct{}

// connection knows what to do when it ends.
type connection struct {
	mu    sync.Mutex
	ended bool
	drops []func()
}

func connectionOf(ctx context.Context) *connection {
	return ctx.Value(connectionKey{}).(*connection)
}

// atEnd calls drop when the connection has ended; a drop that is not needed any more does no harm.
func (c *connection) atEnd(drop func()) {
	c.mu.Lock()
	ended := c.ended
	c.drops = append(c.drops, drop)
	c.mu.Unlock()
	if ended {
		drop()
	}
}

func (connections) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{})
}

func (connections) HandleConn(ctx context.Context, event stats.ConnStats) {
	if _, ok := event.(*stats.ConnEnd); !ok {
		return
	}
	c := connectionOf(ctx)
	c.mu.Lock()
	c.ended = true
	drops := c.drops
	c.mu.Unlock()
	for _, drop := range drops {
		go drop()
	}
}

func (connections) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (connections) HandleRPC(context.Context, stats.RPCStats)                       {}
