package faults

import (
	"context"
	"fmt"
	"path"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// ServerOptions interfere with the calls of a gRPC server.
func (r *Rules) ServerOptions(service string) []grpc.ServerOption {
	unary := func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		fault := r.meet(newCall(service, info.FullMethod, request))
		if fault == nil {
			return handle(ctx, request)
		}
		if fault.After {
			if response, err := handle(ctx, request); err != nil {
				return response, err
			}
		}
		err := fault.failure(ctx)
		if err == nil && !fault.After {
			return handle(ctx, request)
		}
		if server, ok := info.Server.(aborter); ok && status.Code(err) == codes.Aborted && !fault.After {
			server.Abort(ctx, request)
		}
		return nil, err
	}
	streaming := func(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		return handle(server, &watchedStream{ServerStream: stream, rules: r, service: service, method: info.FullMethod})
	}
	return []grpc.ServerOption{grpc.UnaryInterceptor(unary), grpc.StreamInterceptor(streaming)}
}

func newCall(service, fullMethod string, request any) Call {
	return Call{service, path.Base(fullMethod), func() string { return fmt.Sprint(request) }}
}

// aborter is a server of transactions, which end when it says that it aborts them.
type aborter interface {
	Abort(ctx context.Context, request any)
}

// watchedStream meets the rules when the request arrives; After is as good as before for a call that only reads.
type watchedStream struct {
	grpc.ServerStream
	rules           *Rules
	service, method string
}

func (s *watchedStream) RecvMsg(request any) error {
	if err := s.ServerStream.RecvMsg(request); err != nil {
		return err
	}
	fault := s.rules.meet(newCall(s.service, s.method, request))
	if fault == nil {
		return nil
	}
	// The Node client takes seconds over an error that comes before any header.
	if err := s.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	return fault.failure(s.Context())
}

// failure waits as the rule says and returns the error that it asks for. An answer that is withheld for good is
// UNAVAILABLE, as when a connection breaks.
func (i *interference) failure(ctx context.Context) error {
	if !i.hold(ctx) {
		return status.FromContextError(ctx.Err()).Err()
	}
	code := codes.OK
	if i.Code != "" {
		if err := code.UnmarshalJSON([]byte(strconv.Quote(i.Code))); err != nil {
			code = codes.Internal
		}
	} else if i.After {
		code = codes.Unavailable
	}
	return status.Error(code, "an injected fault")
}
