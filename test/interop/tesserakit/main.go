// Command tesserakit lets tests drive the real Tessera on a directory.
package main

import "tlog-migrate/test/interop/internal/testlog"

func main() {
	testlog.Kit{Name: "tesserakit", HomeFlags: directoryFlags, DefaultBatch: 65_536}.Main()
}
