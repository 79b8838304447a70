package spannerfake

import (
	"context"
	"time"

	"cloud.google.com/go/spanner/apiv1/spannerpb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// BeginTransaction waits, if the transaction may write, until no other does.
func (s *Server) BeginTransaction(ctx context.Context, request *spannerpb.BeginTransactionRequest) (*spannerpb.Transaction, error) {
	d, id, err := s.session(request.Session)
	if err != nil {
		return nil, err
	}
	request.Session = id
	if request.GetOptions().GetReadWrite() == nil {
		return d.data.BeginTransaction(ctx, request)
	}
	if err := d.writers.take(ctx); err != nil {
		return nil, err
	}
	transaction, err := d.data.BeginTransaction(ctx, request)
	if err != nil {
		d.writers.abandon()
		return nil, err
	}
	d.writers.give(ctx, id, transaction.Id)
	return transaction, nil
}

// Rollback ends a transaction without a trace.
func (s *Server) Rollback(_ context.Context, request *spannerpb.RollbackRequest) (*empty, error) {
	d, id, err := s.session(request.Session)
	if err != nil {
		return nil, err
	}
	if d.writers.end(string(request.TransactionId)) {
		d.forget(id, request.TransactionId)
	}
	return &empty{}, nil
}

// Commit writes all mutations or none. One that is sent again gets the answer that it had.
func (s *Server) Commit(ctx context.Context, request *spannerpb.CommitRequest) (*spannerpb.CommitResponse, error) {
	d, id, err := s.session(request.Session)
	if err != nil {
		return nil, err
	}
	request.Session = id
	if request.GetSingleUseTransaction() != nil {
		return d.commitSingleUse(ctx, request)
	}
	transaction := string(request.GetTransactionId())
	if answer, ok := d.committed.Load(transaction); ok {
		return answer.(*spannerpb.CommitResponse), nil
	}
	if err := d.writers.check([]byte(transaction)); err != nil {
		return nil, err
	}
	answer, err := d.commit(request)
	if err == nil {
		d.committed.Store(transaction, answer)
	}
	d.writers.end(transaction)
	return answer, err
}

// Abort ends the transaction of a commit that is not to be carried out, and tells the client to try again at once.
func (s *Server) Abort(ctx context.Context, request any) {
	commit, ok := request.(*spannerpb.CommitRequest)
	if !ok {
		return
	}
	_, _ = s.Rollback(ctx, &spannerpb.RollbackRequest{Session: commit.Session, TransactionId: commit.GetTransactionId()})
	if delay, err := proto.Marshal(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)}); err == nil {
		_ = grpc.SetTrailer(ctx, metadata.Pairs("google.rpc.retryinfo-bin", string(delay)))
	}
}

// commitSingleUse begins a transaction for a commit that comes without one; spannertest wants one.
func (d *database) commitSingleUse(ctx context.Context, request *spannerpb.CommitRequest) (*spannerpb.CommitResponse, error) {
	if err := d.writers.take(ctx); err != nil {
		return nil, err
	}
	defer d.writers.abandon()
	transaction, err := d.data.BeginTransaction(ctx, &spannerpb.BeginTransactionRequest{Session: request.Session})
	if err != nil {
		return nil, err
	}
	request.Transaction = &spannerpb.CommitRequest_TransactionId{TransactionId: transaction.Id}
	return d.commit(request)
}

// commit writes the mutations, and takes back those of a commit that fails half way: spannertest leaves them. A
// client that is gone changes nothing about it.
func (d *database) commit(request *spannerpb.CommitRequest) (*spannerpb.CommitResponse, error) {
	d.committing.Lock()
	defer d.committing.Unlock()
	ctx := context.Background()
	before, err := d.imageOf(ctx, request)
	if err != nil {
		return nil, err
	}
	response, err := d.data.Commit(ctx, request)
	if err != nil {
		if undone := d.restore(ctx, request.Session, before); undone != nil {
			return nil, status.Errorf(codes.Internal, "undoing a failed commit (%v): %v", err, undone)
		}
	}
	return response, err
}
