package chats

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/subjects"
)

// fault is a defect planted on purpose, so that it can be shown that the model finds it.
type fault int

// The defects. None is no defect.
const (
	None           fault = iota
	DeafToMissed         // that pushes may have been lost is not heard
	DeafToDoubt          // that a call of the account's own has changed a dialog is not heard
	ForgetListing        // that the list was being asked for is not read back
	DropFact             // the keeper is not told of some updates
	SkipLast             // who reads back misses the last update
	TwoOwners            // the former owner still writes
	TornWrite            // of a batch not all is written
	TooFar               // records go not as far as they say
	AllTooFar            // the word of how far all records go is written before all are
	KeepGone             // that a dialog is gone is not written
	KeepFolders          // nor what the folders are
	Timeless             // it is not told when updates came
	BlindToOthers        // that others write over records is not looked for
	BlindToMissing       // nor that they take some out
	faults
)

var faultNames = [faults]string{"None", "DeafToMissed", "DeafToDoubt", "ForgetListing", "DropFact", "SkipLast", "TwoOwners", "TornWrite", "TooFar", "AllTooFar",
	"KeepGone", "KeepFolders", "Timeless", "BlindToOthers", "BlindToMissing"}

func (f fault) String() string { return faultNames[f] }

// planted reports whether a fault spoils this one.
func (m *model) planted(f fault, n uint64) bool { return m.fault == f && n%3 == 0 }

// read is a record as a keeper reads it back.
func (m *memory) read(one message) message {
	if _, what, _, _, _ := subjects.Records(m.names()).Parse(one.subject); m.fault == ForgetListing && what == subjects.StateThrough {
		one.data = changed(one.data, func(to *through) { to.Listing = false })
	}
	return one
}

func changed(data []byte, change func(*through)) []byte {
	var to through
	if err := json.Unmarshal(data, &to); err != nil {
		return data
	}
	change(&to)
	data, err := json.Marshal(to)
	if err != nil {
		panic(err)
	}
	return data
}

// spoil is what becomes of a batch.
func (m *memory) spoil(all []*nats.Msg) (spoiled []*nats.Msg) {
	for i, one := range all {
		_, what, _, _, _ := subjects.Records(m.names()).Parse(one.Subject)
		at, _ := strconv.ParseUint(one.Header.Get(subjects.HeaderThrough), 10, 64)
		switch {
		case m.fault == TornWrite && i == 0 && len(all) > 2, m.fault == KeepGone && string(one.Data) == string(gone), m.fault == KeepFolders && what == subjects.StateFolders:
			continue
		case m.fault == TooFar && what == subjects.StateDialog:
			one.Header.Set(subjects.HeaderThrough, strconv.FormatUint(at+3, 10))
		case m.fault == AllTooFar && what == subjects.StateThrough:
			one.Data = changed(one.Data, func(to *through) { to.Seq, to.Listing = at, false })
		}
		spoiled = append(spoiled, one)
	}
	return spoiled
}

// Errorf notes what was found, where a fault was planted: that is no failure.
func (m *model) Errorf(format string, args ...any) {
	if m.fault == None {
		m.Helper()
		m.T.Errorf(format, args...)
	} else if m.found == nil {
		m.found = fmt.Errorf(format, args...) //nolint:err113 // for people
	}
}

// Fatalf is the same, and the end.
func (m *model) Fatalf(format string, args ...any) {
	m.Helper()
	if m.fault == None {
		m.T.Fatalf(format, args...)
	}
	m.Errorf(format, args...)
	runtime.Goexit()
}

// Fatal is that of an error.
func (m *model) Fatal(args ...any) { m.Fatalf("%s", fmt.Sprint(args...)) }

const mostMutants = 800

// The test of the test: each planted defect is found, soon.
func TestMutants(t *testing.T) {
	for f := None + 1; f < faults; f++ {
		t.Run(f.String(), func(t *testing.T) {
			for n := range uint64(mostMutants) {
				if err := found(t, n, f); err != nil {
					t.Logf("found by seed %d: %.300v", n, err)
					return
				}
			}
			t.Errorf("not found by %d seeds", mostMutants)
		})
	}
}

var errUnfinished = errors.New("it did not end")

// found is what a run finds of a fault.
func found(t *testing.T, n uint64, f fault) error {
	err := errUnfinished
	synctest.Test(t, func(t *testing.T) {
		m := newModel(t, n, nil, f)
		done := make(chan struct{})
		go func() {
			defer close(done)
			m.run()
			err = nil
		}()
		<-done
		if m.found != nil {
			err = m.found
		}
	})
	return err
}
