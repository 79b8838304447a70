package spannerfake

import (
	"context"
	"strings"

	"cloud.google.com/go/spanner/apiv1/spannerpb"
	"cloud.google.com/go/spanner/spansql"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

// columnsView is the table of every table's columns, which spannertest lacks.
const columnsView = "INFORMATION_SCHEMA.COLUMNS"

const columnsTable = `CREATE TABLE Columns (
	TABLE_SCHEMA STRING(MAX), TABLE_NAME STRING(MAX), COLUMN_NAME STRING(MAX)
) PRIMARY KEY (TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME)`

// queryColumns runs a query over columnsView, on a database of spannertest's that has it as a table of its own.
func (d *database) queryColumns(ctx context.Context, request *spannerpb.ExecuteSqlRequest) ([]*spannerpb.PartialResultSet, error) {
	if selector := request.GetTransaction(); selector.GetSelector() != nil && selector.GetSingleUse().GetReadOnly() == nil {
		return nil, status.Errorf(codes.Unimplemented, "%s is emulated for single reads alone", columnsView)
	}
	tables, err := d.schema(ctx)
	if err != nil {
		return nil, err
	}
	view, err := newDatabase(d.name)
	if err != nil {
		return nil, err
	}
	defer view.close()
	ddl, err := spansql.ParseDDL("", columnsTable)
	if err != nil {
		return nil, err
	}
	if err := view.store.UpdateDDL(ddl); err != nil {
		return nil, err
	}
	session, err := view.data.CreateSession(ctx, &spannerpb.CreateSessionRequest{Database: d.name})
	if err != nil {
		return nil, err
	}
	rows := &spannerpb.Mutation_Write{
		Table:   "Columns",
		Columns: []string{"TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME"},
		Values:  tables.columnRows(),
	}
	insertion := &spannerpb.Mutation{Operation: &spannerpb.Mutation_Insert{Insert: rows}}
	commit := &spannerpb.CommitRequest{Session: session.Name, Mutations: []*spannerpb.Mutation{insertion}}
	if _, err := view.commitSingleUse(ctx, commit); err != nil {
		return nil, err
	}
	query := &spannerpb.ExecuteSqlRequest{Session: session.Name, Sql: strings.ReplaceAll(request.Sql, columnsView, "Columns")}
	stream, err := view.data.ExecuteStreamingSql(ctx, query)
	if err != nil {
		return nil, err
	}
	return received(stream)
}

// columnRows lists all columns, those of the view itself among them.
func (tables schema) columnRows() []*structpb.ListValue {
	var rows []*structpb.ListValue
	add := func(names ...string) {
		row := &structpb.ListValue{}
		for _, name := range names {
			row.Values = append(row.Values, structpb.NewStringValue(name))
		}
		rows = append(rows, row)
	}
	for name, table := range tables {
		for _, column := range table.columns {
			add("", name, column)
		}
	}
	for _, column := range []string{"TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME"} {
		add("INFORMATION_SCHEMA", "COLUMNS", column)
	}
	return rows
}
