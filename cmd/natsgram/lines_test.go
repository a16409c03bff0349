package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFullDisk appends to a file on a disk that is full for a while.
func TestFullDisk(t *testing.T) {
	name := filepath.Join(t.TempDir(), "updates.jsonl")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	disk := &disk{File: f, room: 8}
	for _, step := range []struct {
		room int
		line string
		err  error
	}{{8, "one\n", nil}, {4, "longer\n", syscall.ENOSPC}, {0, "two\n", syscall.ENOSPC}, {100, "longer\n", nil}} {
		disk.room = step.room
		if _, err := (wholeLines{disk}).Write([]byte(step.line)); !errors.Is(err, step.err) {
			t.Errorf("%q: %v", step.line, err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "one\nlonger\n" {
		t.Errorf("%q %v", got, err)
	}
	pipe, _, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	if _, err := linesTo(pipe).Write([]byte("one\n")); !errors.Is(err, syscall.EBADF) { // its end for reading
		t.Errorf("into what is no file: %v", err)
	}
}

// disk is a file with so much room.
type disk struct {
	*os.File
	room int
}

func (d *disk) Write(b []byte) (int, error) {
	if len(b) <= d.room {
		return d.File.Write(b)
	}
	n, err := d.File.Write(b[:d.room])
	if err == nil {
		err = syscall.ENOSPC
	}
	return n, err
}
