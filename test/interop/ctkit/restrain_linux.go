package main

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// restrain ends the program with this thread, and keeps it from marking files immutable, as Sunlight does where it
// may: a test could not remove them.
func restrain(child *exec.Cmd) error {
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_LINUX_IMMUTABLE, 0, 0, 0)
	if errors.Is(err, unix.EPERM) {
		return nil // who may not drop the capability does not have it
	}
	return err
}
