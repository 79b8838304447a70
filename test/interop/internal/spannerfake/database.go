package spannerfake

import (
	"context"
	"sync"

	adminpb "cloud.google.com/go/spanner/admin/database/apiv1/databasepb"
	"cloud.google.com/go/spanner/apiv1/spannerpb"
	"cloud.google.com/go/spanner/spannertest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
)

type empty = emptypb.Empty

// database is one of spannertest's, which knows a single one, and whose turn it is to write to it.
type database struct {
	name  string
	store *spannertest.Server
	conn  *grpc.ClientConn
	data  spannerpb.SpannerClient
	admin adminpb.DatabaseAdminClient
	// writers lets one read-write transaction at a time into the database.
	writers *turns
	// committing is held while a commit is made, so that nobody reads half of it.
	committing sync.RWMutex
	// committed has the answers to commits, by their transactions.
	committed sync.Map
	// ddl is held while the schema changes.
	ddl sync.Mutex
}

func newDatabase(name string) (*database, error) {
	store, err := spannertest.NewServer("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	store.SetLogger(func(string, ...any) {})
	conn, err := grpc.NewClient(store.Addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageSize)))
	if err != nil {
		store.Close()
		return nil, err
	}
	d := &database{
		name:  name,
		store: store,
		conn:  conn,
		data:  spannerpb.NewSpannerClient(conn),
		admin: adminpb.NewDatabaseAdminClient(conn),
	}
	d.writers = newTurns(d.forget)
	return d, nil
}

func (d *database) close() {
	_ = d.conn.Close()
	d.store.Close()
}

// named gives a session of spannertest its full name.
func (d *database) named(session *spannerpb.Session) *spannerpb.Session {
	if session != nil {
		session.Name = d.name + "/sessions/" + session.Name
	}
	return session
}

// forget ends a transaction of spannertest that nobody will commit.
func (d *database) forget(session string, transaction []byte) {
	_, _ = d.data.Rollback(context.Background(), &spannerpb.RollbackRequest{Session: session, TransactionId: transaction})
}
