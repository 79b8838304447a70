package spannerfake

import (
	"context"
	"fmt"
	"slices"

	adminpb "cloud.google.com/go/spanner/admin/database/apiv1/databasepb"
	"cloud.google.com/go/spanner/spansql"
)

// schema is the tables by their names.
type schema map[string]tableSchema

type tableSchema struct {
	columns, primaryKey []string
}

// schema reads the tables as spannertest has them.
func (d *database) schema(ctx context.Context) (schema, error) {
	statements, err := d.statements(ctx)
	if err != nil {
		return nil, err
	}
	tables := make(schema)
	for _, statement := range statements {
		create, ok := statement.(*spansql.CreateTable)
		if !ok {
			return nil, fmt.Errorf("%s: a schema statement of type %T", d.name, statement)
		}
		var table tableSchema
		for _, column := range create.Columns {
			table.columns = append(table.columns, string(column.Name))
		}
		for _, part := range create.PrimaryKey {
			table.primaryKey = append(table.primaryKey, string(part.Column))
		}
		tables[string(create.Name)] = table
	}
	return tables, nil
}

// statements reads the schema.
func (d *database) statements(ctx context.Context) ([]spansql.DDLStmt, error) {
	response, err := d.admin.GetDatabaseDdl(ctx, &adminpb.GetDatabaseDdlRequest{})
	if err != nil {
		return nil, err
	}
	var statements []spansql.DDLStmt
	for _, text := range response.Statements {
		statement, err := spansql.ParseDDLStmt(text)
		if err != nil {
			return nil, err
		}
		statements = append(statements, statement)
	}
	return statements, nil
}

// hasAlready says whether a statement with IF NOT EXISTS has nothing to do.
func (tables schema) hasAlready(statement spansql.DDLStmt) bool {
	switch statement := statement.(type) {
	case *spansql.CreateTable:
		_, ok := tables[string(statement.Name)]
		return statement.IfNotExists && ok
	case *spansql.AlterTable:
		addition, ok := statement.Alteration.(spansql.AddColumn)
		return ok && addition.IfNotExists && slices.Contains(tables[string(statement.Name)].columns, string(addition.Def.Name))
	}
	return false
}
