package spannerfake

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	schemas "cloud.google.com/go/spanner/admin/database/apiv1"
	adminpb "cloud.google.com/go/spanner/admin/database/apiv1/databasepb"
	"google.golang.org/grpc/codes"
	"tlog-migrate/test/interop/internal/faults"
)

const counters = "CREATE TABLE IF NOT EXISTS Counters (id INT64 NOT NULL, n INT64 NOT NULL, v BYTES(MAX)) PRIMARY KEY (id)"

// start returns a server for the length of a test, and the rules in force there.
func start(t *testing.T) *faults.Rules {
	t.Helper()
	rules := faults.New()
	server, err := Start(rules.ServerOptions("spanner")...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	t.Setenv("SPANNER_EMULATOR_HOST", server.Addr)
	return rules
}

// open returns a client of a database that has the tables.
func open(t *testing.T, name string) *spanner.Client {
	t.Helper()
	if err := updateSchema(t, name, counters); err != nil {
		t.Fatal(err)
	}
	client, err := spanner.NewClient(t.Context(), Instance+"/databases/"+name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func updateSchema(t *testing.T, name string, statements ...string) error {
	t.Helper()
	admin, err := schemas.NewDatabaseAdminClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	operation, err := admin.UpdateDatabaseDdl(t.Context(), &adminpb.UpdateDatabaseDdlRequest{Database: Instance + "/databases/" + name, Statements: statements})
	if err != nil {
		return err
	}
	return operation.Wait(t.Context())
}

func insert(id, n int) *spanner.Mutation {
	return spanner.Insert("Counters", []string{"id", "n"}, []any{id, n})
}

func apply(t *testing.T, client *spanner.Client, mutations ...*spanner.Mutation) {
	t.Helper()
	if _, err := client.Apply(t.Context(), mutations); err != nil {
		t.Fatal(err)
	}
}

// count returns the n of a row, -1 where there is none.
func count(t *testing.T, client *spanner.Client, id int) int64 {
	t.Helper()
	row, err := client.Single().ReadRow(t.Context(), "Counters", spanner.Key{id}, []string{"n"})
	if spanner.ErrCode(err) == codes.NotFound {
		return -1
	}
	var n int64
	if err != nil || row.Column(0, &n) != nil {
		t.Fatal(err)
	}
	return n
}

// increment adds one to a row in a transaction, after a pause between reading and writing.
func increment(ctx context.Context, client *spanner.Client, pause time.Duration) error {
	_, err := client.ReadWriteTransaction(ctx, func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		row, err := tx.ReadRow(ctx, "Counters", spanner.Key{0}, []string{"n"})
		if err != nil {
			return err
		}
		var n int64
		if err := row.Column(0, &n); err != nil {
			return err
		}
		time.Sleep(pause)
		return tx.BufferWrite([]*spanner.Mutation{spanner.Update("Counters", []string{"id", "n"}, []any{0, n + 1})})
	})
	return err
}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestDatabasesAreApart(t *testing.T) {
	start(t)
	one, two := open(t, "one"), open(t, "two")
	apply(t, one, insert(0, 7))
	expect(t, "in the one", count(t, one, 0), 7)
	expect(t, "in the other", count(t, two, 0), -1)
}

func TestMissingDatabaseIsNotFound(t *testing.T) {
	start(t)
	expect(t, "code", spanner.ErrCode(updateSchema(t, "missing-one", counters)), codes.NotFound)
}

func TestIfNotExistsIsHeeded(t *testing.T) {
	start(t)
	client := open(t, "d")
	apply(t, client, insert(0, 7))
	for range 2 {
		if err := updateSchema(t, "d", counters, "ALTER TABLE Counters ADD COLUMN IF NOT EXISTS more INT64"); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, "row of before", count(t, client, 0), 7)
	plain := "CREATE TABLE Counters (id INT64 NOT NULL) PRIMARY KEY (id)"
	expect(t, "without it", spanner.ErrCode(updateSchema(t, "d", plain)), codes.AlreadyExists)
}

func TestColumnsAreListed(t *testing.T) {
	start(t)
	client := open(t, "d")
	columns := func(schema string) (names []string) {
		query := spanner.NewStatement("SELECT TABLE_NAME, COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = '" + schema + "'")
		err := client.Single().Query(t.Context(), query).Do(func(row *spanner.Row) error {
			var table, column string
			err := row.Columns(&table, &column)
			names = append(names, table+"."+column)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		return names
	}
	expect(t, "tables", fmt.Sprint(columns("")), "[Counters.id Counters.n Counters.v]")
	expect(t, "the system's", len(columns("INFORMATION_SCHEMA")), 3)
	if err := updateSchema(t, "d", "ALTER TABLE Counters ADD COLUMN more INT64"); err != nil {
		t.Fatal(err)
	}
	expect(t, "tables that have changed", fmt.Sprint(columns("")), "[Counters.id Counters.more Counters.n Counters.v]")
}

func TestFailedCommitChangesNothing(t *testing.T) {
	start(t)
	client := open(t, "d")
	apply(t, client, insert(0, 7), insert(1, 8))
	_, err := client.Apply(t.Context(), []*spanner.Mutation{
		insert(2, 9),
		spanner.InsertOrUpdate("Counters", []string{"id", "n"}, []any{0, 100}),
		spanner.Delete("Counters", spanner.Key{1}),
		insert(0, 1),
	})
	expect(t, "code", spanner.ErrCode(err), codes.AlreadyExists)
	expect(t, "updated row", count(t, client, 0), 7)
	expect(t, "deleted row", count(t, client, 1), 8)
	expect(t, "inserted row", count(t, client, 2), -1)
}

func TestTransactionsAreAlone(t *testing.T) {
	start(t)
	client := open(t, "d")
	apply(t, client, insert(0, 0))
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			if err := increment(t.Context(), client, 5*time.Millisecond); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	expect(t, "increments", count(t, client, 0), 10)
}

func TestTransactionEndsWithItsConnection(t *testing.T) {
	start(t)
	client, other := open(t, "d"), open(t, "d")
	apply(t, client, insert(0, 0))
	_, err := other.ReadWriteTransaction(t.Context(), func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		if _, err := tx.ReadRow(ctx, "Counters", spanner.Key{0}, []string{"n"}); err != nil {
			return err
		}
		other.Close() // it never commits
		return fmt.Errorf("gone")
	})
	if err == nil {
		t.Fatal("a transaction of a closed client succeeded")
	}
	ctx, cancel := context.WithTimeout(t.Context(), idleLimit/2)
	defer cancel()
	if err := increment(ctx, client, 0); err != nil {
		t.Fatal(err)
	}
}

func TestCommitThatFailsIsSentAgainAndHappensOnce(t *testing.T) {
	for name, rule := range map[string]faults.Rule{
		"answer is lost": {Method: "Commit", Code: "UNAVAILABLE", After: true, Times: 2},
		"aborted":        {Method: "Commit", Contains: `table:"Counters"`, Code: "ABORTED", Times: 2},
	} {
		t.Run(name, func(t *testing.T) {
			rules := start(t)
			client := open(t, "d")
			apply(t, client, insert(0, 0))
			rules.Set([]faults.Rule{rule})
			if err := increment(t.Context(), client, 0); err != nil {
				t.Fatal(err)
			}
			expect(t, "hits", rules.Hits()[0], 2)
			expect(t, "increments", count(t, client, 0), 1)
		})
	}
}
