// Command awskit lets tests drive the real Tessera on a bucket of S3 and a MySQL database. Which S3 it talks to, and with
// which credentials, is for the variables of AWS's own libraries to say.
package main

import "tlog-migrate/test/interop/internal/testlog"

func main() {
	testlog.Kit{
		Name:      "awskit",
		HomeFlags: testlog.BucketFlags("mysql", "user:password@tcp(host:port)/database", openBucket),
		// A batch is a row in MySQL.
		DefaultBatch: 4096,
	}.Main()
}
