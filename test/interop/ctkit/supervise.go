package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"time"

	"tlog-migrate/test/interop/internal/testlog"
)

type supervised struct {
	PID int `json:"pid"`
}

type exited struct {
	How string `json:"how"`
}

// supervise runs a program that serves HTTP until the standard input ends; then it interrupts it and waits. Whatever
// becomes of this process, the program ends with it.
func supervise(args []string) (any, error) {
	set := flag.NewFlagSet("supervise", flag.ContinueOnError)
	ready := set.String("ready", "", "URL at which the program answers once it is ready")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() == 0 {
		return nil, errors.New("no program given")
	}
	runtime.LockOSThread() // the program ends with the thread that started it
	child := exec.Command(set.Arg(0), set.Args()[1:]...)
	child.Stdout, child.Stderr = nil, os.Stderr
	if err := restrain(child); err != nil {
		return nil, err
	}
	if err := child.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	if err := awaitAnswer(*ready, ended); err != nil {
		return nil, err
	}
	told, stopWaiting := testlog.UntilToldToStop()
	defer stopWaiting()
	if err := testlog.PrintJSON(supervised{child.Process.Pid}); err != nil {
		return nil, err
	}
	select {
	case <-ended:
		return nil, fmt.Errorf("%s ended: %v", set.Arg(0), child.ProcessState)
	case <-told.Done():
	}
	if err := child.Process.Signal(os.Interrupt); err != nil {
		return nil, err
	}
	<-ended
	return exited{child.ProcessState.String()}, nil
}

func awaitAnswer(url string, ended <-chan error) error {
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("the program ended before it answered: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
		response, err := http.Get(url)
		if err == nil {
			return response.Body.Close()
		}
	}
}
