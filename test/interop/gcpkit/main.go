// Command gcpkit lets tests drive the real Tessera on a bucket and a database of Google's cloud, and emulates both.
// Which ones it talks to is for STORAGE_EMULATOR_HOST and SPANNER_EMULATOR_HOST to say.
package main

import "tlog-migrate/test/interop/internal/testlog"

func main() {
	testlog.Kit{
		Name:      "gcpkit",
		HomeFlags: testlog.BucketFlags("spanner", "projects/P/instances/I/databases/D", openBucket),
		// A batch is a row in Spanner, and the emulated one takes no message of more than 4 MiB.
		DefaultBatch: 2048,
		MoreCommands: map[string]testlog.Command{"emulators": runEmulators},
	}.Main()
}
