package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// wholeLines is a file that lines are appended to. Of a line that did not fit, on a full disk, it takes back what it wrote: so the file can be
// read, and who goes on appending begins a line.
type wholeLines struct{ file }

type file interface {
	io.Writer
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
}

// linesTo is where lines go: a file, or anything else.
func linesTo(out io.Writer) io.Writer {
	if f, ok := out.(*os.File); ok {
		return wholeLines{f}
	}
	return out
}

func (w wholeLines) Write(line []byte) (int, error) {
	n, err := w.file.Write(line)
	if err == nil || n == 0 {
		return n, err
	}
	info, statErr := w.Stat()
	if statErr != nil || !info.Mode().IsRegular() {
		return n, err
	}
	return 0, errors.Join(err, w.Truncate(info.Size()-int64(n)))
}
