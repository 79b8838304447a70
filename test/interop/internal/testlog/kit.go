// Package testlog lets tests drive the real Tessera, wherever the log lives: it makes logs, takes them over, keeps one
// growing, checks them with Tessera's own fsck, and opens them the way Tessera's own migration would.
//
// Every subcommand prints one JSON document to standard output (live prints two lines of it), logs to standard
// error, and exits with 0, or with 1 and Tessera's own words on standard error.
package testlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// Kit is a program that drives Tessera's storage driver for one kind of home.
type Kit struct {
	Name      string
	HomeFlags HomeFlags
	// DefaultBatch is the number of entries a batch when a log is made.
	DefaultBatch uint64
	MoreCommands map[string]Command
}

// Command runs a subcommand and returns the document to print.
type Command func(args []string) (any, error)

// Main runs the subcommand that the first argument of the command line names, prints its result, and exits.
func (k Kit) Main() {
	if err := k.run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", k.Name, err)
		os.Exit(1)
	}
}

func (k Kit) run(args []string) error {
	if len(args) == 0 {
		return errors.New("no subcommand given")
	}
	command, ok := k.command(args[0])
	if !ok {
		return fmt.Errorf("unknown subcommand %q", args[0])
	}
	result, err := command(args[1:])
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return PrintJSON(result)
}

func (k Kit) command(name string) (Command, bool) {
	switch name {
	case "make":
		return func(args []string) (any, error) { return k.makeLog(name, false, args) }, true
	case "make-ct":
		return func(args []string) (any, error) { return k.makeLog(name, true, args) }, true
	case "takeover":
		return k.takeOver, true
	case "live":
		return k.runLive, true
	case "fsck":
		return k.checkLog, true
	case "watch":
		return k.watchLog, true
	case "migrate-open":
		return k.openForMigration, true
	}
	command, ok := k.MoreCommands[name]
	return command, ok
}

func PrintJSON(v any) error {
	return json.NewEncoder(os.Stdout).Encode(v)
}
