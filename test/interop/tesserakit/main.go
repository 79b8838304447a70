// Command tesserakit lets tests drive the real Tessera: it makes logs, takes them over, keeps one growing,
// checks them with Tessera's own fsck, and opens them the way Tessera's own migration would.
//
// Every subcommand prints one JSON document to standard output (live prints two lines of it), logs to standard
// error, and exits with 0, or with 1 and Tessera's own words on standard error.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// commands maps a subcommand's name to what runs it and returns the document to print.
var commands = map[string]func(args []string) (any, error){
	"make":         makeLog,
	"make-ct":      makeCTLog,
	"takeover":     takeOver,
	"live":         runLive,
	"fsck":         checkLog,
	"migrate-open": openForMigration,
}

func main() {
	if err := runCommand(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "tesserakit: %v\n", err)
		os.Exit(1)
	}
}

// runCommand runs the subcommand that the first argument names and prints its result.
func runCommand(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no subcommand given")
	}
	run, ok := commands[args[0]]
	if !ok {
		return fmt.Errorf("unknown subcommand %q", args[0])
	}
	result, err := run(args[1:])
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return printJSON(result)
}

// printJSON writes v to standard output as one line of JSON.
func printJSON(v any) error {
	return json.NewEncoder(os.Stdout).Encode(v)
}
