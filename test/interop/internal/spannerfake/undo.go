package spannerfake

import (
	"context"
	"slices"

	"cloud.google.com/go/spanner/apiv1/spannerpb"
	"google.golang.org/protobuf/types/known/structpb"
)

// image is what stood under the keys that a commit writes to, table by table.
type image map[string]*tableImage

type tableImage struct {
	columns []string
	keys    *spannerpb.KeySet
	rows    []*structpb.ListValue
}

// imageOf reads what the mutations of a commit may change.
func (d *database) imageOf(ctx context.Context, request *spannerpb.CommitRequest) (image, error) {
	schema, err := d.schema(ctx)
	if err != nil {
		return nil, err
	}
	before := make(image)
	for _, mutation := range request.Mutations {
		name, keys := target(mutation, schema)
		table, ok := schema[name]
		if !ok {
			continue // the commit will fail, and say why
		}
		seen, ok := before[name]
		if !ok {
			seen = &tableImage{columns: table.columns, keys: &spannerpb.KeySet{}}
			before[name] = seen
		}
		seen.keys.Keys = append(seen.keys.Keys, keys.GetKeys()...)
		seen.keys.Ranges = append(seen.keys.Ranges, keys.GetRanges()...)
		seen.keys.All = seen.keys.All || keys.GetAll()
	}
	for name, table := range before {
		if table.rows, err = d.rowsOf(ctx, request.Session, name, table); err != nil {
			return nil, err
		}
	}
	return before, nil
}

// target returns the table of a mutation and the keys that it writes to.
func target(mutation *spannerpb.Mutation, schema schema) (string, *spannerpb.KeySet) {
	if deletion := mutation.GetDelete(); deletion != nil {
		return deletion.Table, deletion.KeySet
	}
	write := mutation.GetInsert()
	for _, other := range []*spannerpb.Mutation_Write{mutation.GetUpdate(), mutation.GetInsertOrUpdate(), mutation.GetReplace()} {
		if write == nil {
			write = other
		}
	}
	keys := &spannerpb.KeySet{}
	for _, row := range write.GetValues() {
		if key := keyOf(row, write.Columns, schema[write.GetTable()].primaryKey); key != nil {
			keys.Keys = append(keys.Keys, key)
		}
	}
	return write.GetTable(), keys
}

// keyOf returns the primary key in a row, nil where it is not whole.
func keyOf(row *structpb.ListValue, columns, primaryKey []string) *structpb.ListValue {
	key := &structpb.ListValue{}
	for _, column := range primaryKey {
		i := slices.Index(columns, column)
		if i < 0 || i >= len(row.Values) {
			return nil
		}
		key.Values = append(key.Values, row.Values[i])
	}
	return key
}

// rowsOf reads the rows under a table's keys.
func (d *database) rowsOf(ctx context.Context, session, name string, table *tableImage) ([]*structpb.ListValue, error) {
	if len(table.keys.Keys) == 0 && len(table.keys.Ranges) == 0 && !table.keys.All {
		return nil, nil
	}
	stream, err := d.data.StreamingRead(ctx, &spannerpb.ReadRequest{Session: session, Table: name, Columns: table.columns, KeySet: table.keys})
	if err != nil {
		return nil, err
	}
	results, err := received(stream)
	if err != nil {
		return nil, err
	}
	var rows []*structpb.ListValue
	for _, result := range results {
		if len(result.Values) > 0 { // spannertest sends a row a message
			rows = append(rows, &structpb.ListValue{Values: result.Values})
		}
	}
	return rows, nil
}

// restore puts back what stood there before.
func (d *database) restore(ctx context.Context, session string, before image) error {
	transaction, err := d.data.BeginTransaction(ctx, &spannerpb.BeginTransactionRequest{Session: session})
	if err != nil {
		return err
	}
	request := &spannerpb.CommitRequest{
		Session:     session,
		Transaction: &spannerpb.CommitRequest_TransactionId{TransactionId: transaction.Id},
	}
	for name, table := range before {
		request.Mutations = append(request.Mutations,
			&spannerpb.Mutation{Operation: &spannerpb.Mutation_Delete_{
				Delete: &spannerpb.Mutation_Delete{Table: name, KeySet: table.keys}}},
			&spannerpb.Mutation{Operation: &spannerpb.Mutation_Insert{
				Insert: &spannerpb.Mutation_Write{Table: name, Columns: table.columns, Values: table.rows}}})
	}
	_, err = d.data.Commit(ctx, request)
	return err
}
