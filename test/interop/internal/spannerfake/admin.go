package spannerfake

import (
	"context"
	"slices"

	lropb "cloud.google.com/go/longrunning/autogen/longrunningpb"
	adminpb "cloud.google.com/go/spanner/admin/database/apiv1/databasepb"
	"cloud.google.com/go/spanner/spansql"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// GetDatabase says that the database is there.
func (s *Server) GetDatabase(_ context.Context, request *adminpb.GetDatabaseRequest) (*adminpb.Database, error) {
	d, err := s.database(request.Name)
	if err != nil {
		return nil, err
	}
	return &adminpb.Database{Name: d.name, State: adminpb.Database_READY}, nil
}

// GetDatabaseDdl returns the statements that would make the tables.
func (s *Server) GetDatabaseDdl(ctx context.Context, request *adminpb.GetDatabaseDdlRequest) (*adminpb.GetDatabaseDdlResponse, error) {
	d, err := s.database(request.Database)
	if err != nil {
		return nil, err
	}
	response, err := d.admin.GetDatabaseDdl(ctx, request)
	slices.Sort(response.GetStatements())
	return response, err
}

// UpdateDatabaseDdl changes the schema, and answers with an operation that is over.
func (s *Server) UpdateDatabaseDdl(ctx context.Context, request *adminpb.UpdateDatabaseDdlRequest) (*lropb.Operation, error) {
	d, err := s.database(request.Database)
	if err != nil {
		return nil, err
	}
	var statements []spansql.DDLStmt
	for _, text := range request.Statements {
		statement, err := spansql.ParseDDLStmt(text)
		if err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "Error parsing Spanner DDL statement: %s : %v", text, err)
		}
		statements = append(statements, statement)
	}
	metadata, err := anypb.New(&adminpb.UpdateDatabaseDdlMetadata{Database: d.name, Statements: request.Statements})
	if err != nil {
		return nil, err
	}
	operation := &lropb.Operation{Name: d.name + "/operations/ddl", Metadata: metadata, Done: true}
	if err := d.applyDDL(ctx, statements); err != nil {
		operation.Result = &lropb.Operation_Error{Error: status.Convert(err).Proto()}
		return operation, nil
	}
	nothing, err := anypb.New(&empty{})
	operation.Result = &lropb.Operation_Response{Response: nothing}
	return operation, err
}

// applyDDL applies statements one by one, without those that ask for what is there.
func (d *database) applyDDL(ctx context.Context, statements []spansql.DDLStmt) error {
	d.ddl.Lock()
	defer d.ddl.Unlock()
	for _, statement := range statements {
		tables, err := d.schema(ctx)
		if err != nil {
			return err
		}
		if tables.hasAlready(statement) {
			continue
		}
		if err := d.store.UpdateDDL(&spansql.DDL{List: []spansql.DDLStmt{statement}}); err != nil {
			return err
		}
	}
	return nil
}
