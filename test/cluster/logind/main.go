// Command logind stands in for systemd-logind (org.freedesktop.login1(5)) on a node's own system bus: as much of it as
// a kubelet uses for graceful node shutdown. Whoever calls Inhibit gets a lock; SIGTERM is the order to switch the node
// off: it is announced by PrepareForShutdown, and the stand-in ends as soon as all locks are released. Unlike the real
// one it waits for that however long it takes; who gave the order decides how long is too long.
//
//	logind LOCKS
//
// LOCKS is an existing folder that holds a file for each lock while that is held, as /run/systemd/inhibit does.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/godbus/dbus/v5"
)

const (
	name    = "org.freedesktop.login1"
	path    = dbus.ObjectPath("/org/freedesktop/login1")
	manager = "org.freedesktop.login1.Manager"
	// More than any kubelet of a test asks for: one that finds less would set the machine's logind.conf.
	inhibitDelayMaxUSec = uint64(600_000_000)
)

// logind is what the bus calls: its exported methods are those of the interfaces that it is exported for.
type logind struct {
	folder string

	mutex sync.Mutex
	locks []lock
}

// lock is a pipe: whoever holds its end for writing, or a copy of that, holds the lock.
type lock struct {
	file        string
	read, write *os.File
}

// Inhibit answers with a new lock. The stand-in keeps a copy of it until the order to switch off: when the answer has
// been sent, so that the copy can be closed, only the bus knows.
func (l *logind) Inhibit(what, who, why, mode string) (dbus.UnixFD, *dbus.Error) {
	if mode != "delay" {
		return 0, dbus.MakeFailedError(fmt.Errorf("mode %q: this stand-in has only \"delay\"", mode))
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	read, write, err := os.Pipe()
	if err != nil {
		return 0, dbus.MakeFailedError(err)
	}
	file := filepath.Join(l.folder, fmt.Sprint(len(l.locks)+1))
	text := fmt.Sprintf("WHAT=%s\nWHO=%s\nWHY=%s\nMODE=%s\n", what, who, why, mode)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return 0, dbus.MakeFailedError(err)
	}
	l.locks = append(l.locks, lock{file, read, write})
	fmt.Printf("%s has a lock: %s\n", who, why)
	return dbus.UnixFD(write.Fd()), nil
}

// switchOff announces that the node is switched off, and returns when no lock is held any more.
func (l *logind) switchOff(bus *dbus.Conn) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, lock := range l.locks {
		if err := lock.write.Close(); err != nil {
			return err
		}
	}
	if err := bus.Emit(path, manager+".PrepareForShutdown", true); err != nil {
		return err
	}
	fmt.Println("the node is about to be switched off")
	for _, lock := range l.locks {
		// Nobody writes: this ends when the last copy of the other end is closed.
		if _, err := lock.read.Read(make([]byte, 1)); err == nil {
			return fmt.Errorf("%s: something was written into the lock", lock.file)
		}
		if err := os.Remove(lock.file); err != nil {
			return err
		}
	}
	fmt.Println("all locks are released")
	return nil
}

// properties answers for org.freedesktop.DBus.Properties.
type properties struct{}

func (properties) Get(of, property string) (dbus.Variant, *dbus.Error) {
	if of != manager || property != "InhibitDelayMaxUSec" {
		return dbus.Variant{}, dbus.MakeFailedError(fmt.Errorf("%s.%s: this stand-in lacks it", of, property))
	}
	return dbus.MakeVariant(inhibitDelayMaxUSec), nil
}

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: logind LOCKS"))
	}
	if err := run(os.Args[1]); err != nil {
		fail(err)
	}
}

func run(folder string) error {
	off := make(chan os.Signal, 1)
	signal.Notify(off, syscall.SIGTERM)
	bus, err := dbus.ConnectSystemBus()
	if err != nil {
		return err
	}
	defer bus.Close()
	standIn := &logind{folder: folder}
	if err := bus.Export(properties{}, path, "org.freedesktop.DBus.Properties"); err != nil {
		return err
	}
	if err := bus.ExportMethodTable(map[string]any{"Inhibit": standIn.Inhibit}, path, manager); err != nil {
		return err
	}
	reply, err := bus.RequestName(name, dbus.NameFlagDoNotQueue)
	if err != nil {
		return err
	}
	if reply != dbus.RequestNameReplyPrimaryOwner {
		return fmt.Errorf("somebody else has the name %s on this bus", name)
	}
	<-off
	return standIn.switchOff(bus)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "logind:", err)
	os.Exit(1)
}
