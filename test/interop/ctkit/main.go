// Command ctkit lets tests drive real Static CT log software: it runs TesseraCT's handlers on a directory or a bucket,
// looks after Sunlight's programs, submits chains, and reads logs with Sunlight's client.
//
// Every subcommand prints JSON documents, one a line, to standard output (those that run until their standard input
// ends print one when they are ready and one at the end), logs to standard error, and exits with 0, or with 1 and the
// reason on standard error.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"tlog-migrate/test/interop/internal/testca"
	"tlog-migrate/test/interop/internal/testlog"
)

var commands = map[string]testlog.Command{
	"key":       describeKey,
	"roots":     printRoots,
	"tesseract": runTesseraCT,
	"supervise": supervise,
	"submit":    submit,
	"read":      readLog,
	"watch":     watchLog,
	"precerts":  checkPrecertificates,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "ctkit: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no subcommand given")
	}
	command, ok := commands[args[0]]
	if !ok {
		return fmt.Errorf("unknown subcommand %q", args[0])
	}
	result, err := command(args[1:])
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return testlog.PrintJSON(result)
}

// timeoutFlag ends the process, with an error, once the time is up: log software waits for its locks without looking
// at a context.
func timeoutFlag(set *flag.FlagSet) (start func()) {
	timeout := set.Duration("timeout", 10*time.Minute, "longest time to take")
	return func() {
		time.AfterFunc(*timeout, func() {
			fmt.Fprintf(os.Stderr, "ctkit %s: gave up after %v\n", set.Name(), *timeout)
			os.Exit(1)
		})
	}
}

type roots struct {
	PEM string `json:"pem"`
}

func printRoots(args []string) (any, error) {
	set := flag.NewFlagSet("roots", flag.ContinueOnError)
	seed := set.String("seed", "", "seed of the authorities")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	authorities, err := testca.New(*seed)
	if err != nil {
		return nil, err
	}
	return roots{string(authorities.RootsPEM())}, nil
}
