// Package spannerfake serves Spanner's gRPC interface from the in-memory databases of spannertest, and adds what
// clients rely on and spannertest lacks:
//
//   - Databases of their own: spannertest ignores their names.
//   - Full names of sessions, which the Node client expects.
//   - IF NOT EXISTS, without which Tessera starts only once on a database.
//   - Transactions: one that reads and writes is alone from its beginning to its end, as if it had locked every row,
//     and a commit that fails changes nothing.
//   - INFORMATION_SCHEMA.COLUMNS, with the names of schemas, tables and columns.
//   - UNIMPLEMENTED for the methods that spannertest lacks, which end its process.
package spannerfake

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"

	lropb "cloud.google.com/go/longrunning/autogen/longrunningpb"
	adminpb "cloud.google.com/go/spanner/admin/database/apiv1/databasepb"
	"cloud.google.com/go/spanner/apiv1/spannerpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Instance is the instance that exists. Its databases come into being when they are first named, but for those whose
// id starts with "missing".
const Instance = "projects/interop/instances/interop"

// maxMessageSize is Spanner's own limit for a commit.
const maxMessageSize = 100 << 20

// Server is a running Spanner.
type Server struct {
	// Addr is its host and port, as SPANNER_EMULATOR_HOST has them.
	Addr string

	grpc *grpc.Server

	mu        sync.Mutex
	databases map[string]*database

	spannerpb.UnimplementedSpannerServer
	adminpb.UnimplementedDatabaseAdminServer
	lropb.UnimplementedOperationsServer
}

// Start serves on a free port of the loopback.
func Start(options ...grpc.ServerOption) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	options = append(options, grpc.MaxRecvMsgSize(maxMessageSize), grpc.StatsHandler(connections{}))
	s := &Server{
		Addr:      listener.Addr().String(),
		grpc:      grpc.NewServer(options...),
		databases: make(map[string]*database),
	}
	spannerpb.RegisterSpannerServer(s.grpc, s)
	adminpb.RegisterDatabaseAdminServer(s.grpc, s)
	lropb.RegisterOperationsServer(s.grpc, s)
	go func() { _ = s.grpc.Serve(listener) }()
	return s, nil
}

// Close ends every call and every database.
func (s *Server) Close() {
	s.grpc.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.databases {
		d.close()
	}
}

var databaseName = regexp.MustCompile(`^(projects/[^/]+/instances/[^/]+)/databases/([^/]+)$`)

// database returns the database of that full name.
func (s *Server) database(name string) (*database, error) {
	parts := databaseName.FindStringSubmatch(name)
	switch {
	case parts == nil:
		return nil, status.Errorf(codes.InvalidArgument, "Invalid database name: %q", name)
	case parts[1] != Instance:
		return nil, status.Errorf(codes.NotFound, "Instance not found: %s", parts[1])
	case strings.HasPrefix(parts[2], "missing"):
		return nil, status.Errorf(codes.NotFound, "Database not found: %s", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.databases[name]; ok {
		return d, nil
	}
	d, err := newDatabase(name)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	s.databases[name] = d
	return d, nil
}

// session returns the database that a session of that full name belongs to, and the name that spannertest gave it.
func (s *Server) session(name string) (*database, string, error) {
	databaseName, id, ok := strings.Cut(name, "/sessions/")
	if !ok {
		return nil, "", status.Errorf(codes.InvalidArgument, "Invalid session name: %q", name)
	}
	d, err := s.database(databaseName)
	return d, id, err
}

// CreateSession gives sessions the names that Spanner gives them.
func (s *Server) CreateSession(ctx context.Context, request *spannerpb.CreateSessionRequest) (*spannerpb.Session, error) {
	d, err := s.database(request.Database)
	if err != nil {
		return nil, err
	}
	session, err := d.data.CreateSession(ctx, request)
	return d.named(session), err
}

func (s *Server) BatchCreateSessions(ctx context.Context, request *spannerpb.BatchCreateSessionsRequest) (*spannerpb.BatchCreateSessionsResponse, error) {
	d, err := s.database(request.Database)
	if err != nil {
		return nil, err
	}
	response, err := d.data.BatchCreateSessions(ctx, request)
	for _, session := range response.GetSession() {
		d.named(session)
	}
	return response, err
}

func (s *Server) GetSession(ctx context.Context, request *spannerpb.GetSessionRequest) (*spannerpb.Session, error) {
	d, id, err := s.session(request.Name)
	if err != nil {
		return nil, err
	}
	session, err := d.data.GetSession(ctx, &spannerpb.GetSessionRequest{Name: id})
	return d.named(session), err
}

// DeleteSession does nothing: sessions cost nothing here.
func (s *Server) DeleteSession(context.Context, *spannerpb.DeleteSessionRequest) (*empty, error) {
	return &empty{}, nil
}
