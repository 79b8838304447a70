package spannerfake

import (
	"context"
	"errors"
	"io"
	"strings"

	"cloud.google.com/go/spanner/apiv1/spannerpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// StreamingRead reads rows by their keys.
func (s *Server) StreamingRead(request *spannerpb.ReadRequest, stream spannerpb.Spanner_StreamingReadServer) error {
	d, id, err := s.session(request.Session)
	if err != nil {
		return err
	}
	for _, r := range request.GetKeySet().GetRanges() {
		if r.StartKeyType == nil || r.EndKeyType == nil { // spannertest would end the process
			return status.Error(codes.InvalidArgument, "a key range needs a start and an end")
		}
	}
	request.Session = id
	return d.read(stream, id, request.Transaction, func(ctx context.Context) (resultStream, error) {
		return d.data.StreamingRead(ctx, request)
	})
}

// ExecuteStreamingSql runs a query. Statements that write are not served: spannertest would carry them out at once,
// outside any transaction.
func (s *Server) ExecuteStreamingSql(request *spannerpb.ExecuteSqlRequest, stream spannerpb.Spanner_ExecuteStreamingSqlServer) error {
	d, id, err := s.session(request.Session)
	if err != nil {
		return err
	}
	if strings.Contains(request.Sql, columnsView) {
		_ = stream.SendHeader(metadata.MD{}) // as in read
		results, err := d.queryColumns(stream.Context(), request)
		if err != nil {
			return err
		}
		return sendAll(stream, results)
	}
	request.Session = id
	return d.read(stream, id, request.Transaction, func(ctx context.Context) (resultStream, error) {
		return d.data.ExecuteStreamingSql(ctx, request)
	})
}

// ExecuteSql serves what sessions are kept alive with.
func (s *Server) ExecuteSql(ctx context.Context, request *spannerpb.ExecuteSqlRequest) (*spannerpb.ResultSet, error) {
	d, id, err := s.session(request.Session)
	if err != nil {
		return nil, err
	}
	if request.Transaction.GetSelector() != nil && request.Transaction.GetSingleUse().GetReadOnly() == nil {
		return nil, status.Error(codes.Unimplemented, "statements that write are not emulated: use mutations")
	}
	request.Session = id
	return d.data.ExecuteSql(ctx, request)
}

type resultStream = grpc.ServerStreamingClient[spannerpb.PartialResultSet]

// read answers with what open reads, as part of the transaction that the selector names, or begins.
func (d *database) read(
	answer grpc.ServerStreamingServer[spannerpb.PartialResultSet],
	session string,
	selector *spannerpb.TransactionSelector,
	open func(context.Context) (resultStream, error),
) error {
	ctx := answer.Context()
	// The Node client takes seconds over an error that comes before any header.
	_ = answer.SendHeader(metadata.MD{}) // an injected delay may have sent it
	if err := d.writers.check(selector.GetId()); err != nil {
		return err
	}
	begins := selector.GetBegin().GetReadWrite() != nil
	if begins {
		if err := d.writers.take(ctx); err != nil {
			return err
		}
	}
	results, err := d.readAll(ctx, open)
	if begins {
		if transaction := transactionOf(results); transaction != nil {
			d.writers.give(ctx, session, transaction)
		} else {
			d.writers.abandon()
		}
	}
	if err != nil {
		return err
	}
	return sendAll(answer, results)
}

func sendAll(answer grpc.ServerStreamingServer[spannerpb.PartialResultSet], results []*spannerpb.PartialResultSet) error {
	for _, result := range results {
		if err := answer.Send(result); err != nil {
			return err
		}
	}
	return nil
}

// readAll reads what open reads, while no commit is made.
func (d *database) readAll(ctx context.Context, open func(context.Context) (resultStream, error)) ([]*spannerpb.PartialResultSet, error) {
	d.committing.RLock()
	defer d.committing.RUnlock()
	stream, err := open(ctx)
	if err != nil {
		return nil, err
	}
	return received(stream)
}

// received reads a stream to its end.
func received(stream resultStream) ([]*spannerpb.PartialResultSet, error) {
	var results []*spannerpb.PartialResultSet
	for {
		result, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return results, nil
		}
		if err != nil {
			return results, err
		}
		results = append(results, result)
	}
}

// transactionOf returns the transaction that a read has begun.
func transactionOf(results []*spannerpb.PartialResultSet) []byte {
	for _, result := range results {
		if id := result.GetMetadata().GetTransaction().GetId(); id != nil {
			return id
		}
	}
	return nil
}
