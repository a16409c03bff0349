package queue

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/queue/plan"
	"github.com/natsgram/natsgram/subjects"
)

// job is a message of the stream of jobs.
type job struct {
	plan.Job
	account string
	chat    subjects.ChatRef
	named   bool // by its sender
	stored  time.Time
	header  nats.Header
	body    []byte
	fault   *answer.Fault // what is wrong with it; nil: nothing, as far as can be seen here
}

// headersOfJob are the headers that are read here, or mean nothing in a job: a result is one message. What else there is goes on to
// the call.
var headersOfJob = []string{subjects.HeaderPriority, subjects.HeaderNotBefore, subjects.HeaderExpires, subjects.HeaderCoalesce,
	subjects.HeaderMsgID, subjects.HeaderReply}

const (
	maxHeader  = 256        // bytes of one that is read here
	scheduler  = "Nats-Sch" // begins the headers that a server adds to what it published by a schedule
	noMethod   = "?"
	farthest   = 366 * 24 * time.Hour // from when it was stored: what is later is a mistake in the unit
	unixBegins = 1_000_000_000        // a number from here on is Unix seconds
)

// readJob takes a message apart. A job that cannot be what it says is one all the same: its sender is to be told. Only a subject that
// names no account leaves nobody to tell.
func readJob(scheme subjects.Scheme, subject string, seq uint64, stored time.Time, h nats.Header, body []byte) (account string, j *job, ok bool) {
	q, valid := subjects.Jobs(scheme).Parse(subject)
	if q.Account == "" {
		return "", nil, false
	}
	if q.Place == "" {
		return "", nil, false // the stream takes no such subject
	}
	j = &job{account: q.Account, Job: plan.Job{Seq: seq, ID: utoa(seq), Method: q.Method, Chat: q.Place}, chat: q.Chat, stored: stored, header: h, body: body}
	if !valid {
		j.chat, j.Method = subjects.ChatRef{Kind: subjects.None}, noMethod
		j.fault = answer.Refuse(404, "no job has the subject "+answer.Quote(subject)+": want "+subjects.Jobs(scheme).Subject(q.Account, subjects.ChatRef{Kind: "KIND", ID: 0}, "NS.METHOD"))
	}
	j.name()
	j.readHeaders()
	return q.Account, j, true
}

// name gives a job the id that its sender chose.
func (j *job) name() {
	id := ""
	for k, v := range j.header { // as JetStream reads it, or written in another case
		if strings.EqualFold(k, subjects.HeaderMsgID) && len(v) > 0 && (id == "" || k == subjects.HeaderMsgID) {
			id = v[0]
		}
	}
	switch {
	case id == "":
	case len(id) > subjects.MaxJob || !printable(id):
		j.wrong(subjects.HeaderMsgID, "up to "+strconv.Itoa(subjects.MaxJob)+" bytes of printable text", id)
	default:
		j.ID, j.named = id, true
	}
}

func (j *job) readHeaders() {
	for k := range j.header {
		if len(k) >= len(scheduler) && strings.EqualFold(k[:len(scheduler)], scheduler) {
			// Whose right to this subject was judged is not known: see docs/decisions/0006.
			j.fault = answer.Refuse(403, k+": a job that a schedule of NATS made is not run: say "+subjects.HeaderNotBefore)
		}
	}
	if text := j.comfort(subjects.HeaderPriority); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < -plan.MostUrgent || n > plan.MostUrgent {
			j.wrong(subjects.HeaderPriority, "a number from -9 to 9", text)
		} else {
			j.Priority = n
		}
	}
	j.NotBefore = j.time(subjects.HeaderNotBefore)
	j.Expires = j.time(subjects.HeaderExpires)
	if j.Coalesce = j.comfort(subjects.HeaderCoalesce); j.Coalesce != "" && !printable(j.Coalesce) {
		j.wrong(subjects.HeaderCoalesce, "printable text", j.Coalesce)
	}
	if j.fault != nil { // it is told at once
		j.NotBefore, j.Expires, j.Coalesce, j.Priority = time.Time{}, time.Time{}, "", 0
	}
}

// comfort is a header that may be there once.
func (j *job) comfort(name string) string {
	var all []string
	for k, v := range j.header {
		if strings.EqualFold(k, name) {
			all = append(all, v...)
		}
	}
	switch {
	case len(all) == 0:
		return ""
	case len(all) > 1:
		j.fault = answer.Refuse(400, name+": it is there "+strconv.Itoa(len(all))+" times, want one")
	case len(all[0]) > maxHeader:
		j.fault = answer.Refuse(400, name+": it has "+strconv.Itoa(len(all[0]))+" bytes, want "+strconv.Itoa(maxHeader)+" at most")
	}
	return all[0]
}

func (j *job) wrong(name, want, got string) {
	j.fault = answer.Refuse(400, name+": want "+want+", got "+answer.Quote(got))
}

// time reads a time, or how long after the job was stored.
func (j *job) time(name string) time.Time {
	text := strings.TrimSpace(j.comfort(name))
	if text == "" {
		return time.Time{}
	}
	t, ok := parseTime(text, j.stored)
	if !ok {
		j.wrong(name, "a time such as 2026-12-24T18:00:00Z, Unix seconds, or how long after now, such as 90s or 2h, within a year", text)
	}
	return t
}

func parseTime(text string, stored time.Time) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, t.Sub(stored) < farthest
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= unixBegins {
		t := time.Unix(n, 0)
		return t, t.Sub(stored) < farthest
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		d, err = time.ParseDuration(text + "s")
	}
	return stored.Add(d), err == nil && d >= 0 && d < farthest
}

// callID is the id under which the call is made: the sender's, or one that no other job ever has, also in a stream that was made
// anew.
func (j *job) callID() string {
	if j.named {
		return j.ID
	}
	return j.ID + "." + strconv.FormatInt(j.stored.UnixNano(), 36)
}

// digest tells whether two jobs with the same id are the same.
func (j *job) digest() string {
	return subjects.JobDigest(j.Method, j.header.Get(subjects.HeaderContentType), j.body)
}

// callHeader is the header of the call.
func (j *job) callHeader() nats.Header {
	h := nats.Header{}
	for k, v := range j.header {
		if !slices.ContainsFunc(headersOfJob, func(name string) bool { return strings.EqualFold(k, name) }) {
			h[k] = v
		}
	}
	h[subjects.HeaderMsgID] = []string{j.callID()}
	return h
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

func utoa(n uint64) string { return strconv.FormatUint(n, 10) }
