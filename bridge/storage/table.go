// Package storage is everything that natsgram keeps in JetStream: one table of its streams and buckets, how they are made where
// they are missing, what may be changed of those that are there, and how they are made anew when they vanish.
//
// Storage belongs to the operator. What is missing is made as the settings and their defaults say. What is there is changed by
// what the environment sets, never by a default; a daemon only ever adds: fewer copies, a shorter age or a lower limit delete
// something, so that only `natsgram storage apply --reduce` does it. Commands open what is there and change nothing.
package storage

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/subjects"
)

// Names of the streams and buckets, behind the prefix: TG_UPDATES.
const (
	Updates   = "UPDATES"
	Events    = "EVENTS"
	Sessions  = "SESSIONS"
	Leases    = "LEASES"
	Accounts  = "ACCOUNTS"
	Positions = "POSITIONS"
	Schema    = "SCHEMA"
	Once      = "ONCE"
	Flood     = "FLOOD"
	Limits    = "LIMITS"
	Queue     = "QUEUE"
	Done      = "DONE"
	Jobs      = "JOBS"
	State     = "STATE"
	Files     = "FILES"
	Peers     = "PEERS"
	Transfers = "TRANSFERS"
	History   = "HISTORY"
)

// Kind is what an item is to its users.
type Kind string

// The kinds.
const (
	Stream  Kind = "stream"
	Bucket  Kind = "bucket"  // of keys and values
	Objects Kind = "objects" // an object store
)

// Item is one stream or bucket.
type Item struct {
	Name  string // behind the prefix
	Kind  Kind
	About string
	Lazy  bool  // made when it is first needed, not by every daemon
	Limit int64 // bytes, where the account wants a limit and none is set
	Most  int64 // bytes that it grows to where no limit is set; 0: as it needs
	// shape is what natsgram needs of it, beside what its kind does.
	shape func(*jetstream.StreamConfig, Options)
}

// part is which part of the room an item gets that grows to Most.
func (it Item) part() int64 {
	if it.Kind == Objects {
		return 4
	}
	return 32
}

// SessionVersions is how many versions of a session are kept: whatever is written over one, the last good one is not far.
const SessionVersions = 8

// OnceTTL is how long a request is known again by its Nats-Msg-Id.
const OnceTTL = 24 * time.Hour

// TransfersAge is how long it is known how far a file has come on its way. Telegram keeps parts for hours.
const TransfersAge = 24 * time.Hour

// LeaseTTL is how long a daemon's lease outlives it.
const LeaseTTL = 10 * time.Second

// duplicates is the window in which a stream knows message ids again. They are a guard that should never fire.
const duplicates = 2 * time.Minute

// onceOnly is the shortest such window that there is. JetStream calls two messages with an id duplicates whatever their subjects.
const onceOnly = 100 * time.Millisecond

const mib = 1 << 20

var table = []Item{
	{Updates, Stream, "updates, once and in order; who owns which account", false, 1 << 30, 0, func(c *jetstream.StreamConfig, o Options) {
		c.Subjects = []string{o.Scheme.AllUpdates(), o.Scheme.AllOwners()}
		c.MaxAge = o.MaxAge.Value
		c.AllowAtomicPublish, c.AllowMsgTTL = true, true
	}},
	{Events, Stream, "the last of each event in an account's life", false, 32 * mib, 0, func(c *jetstream.StreamConfig, o Options) {
		c.Subjects = []string{o.Scheme.AllEvents()}
		c.MaxMsgsPerSubject = 1
	}},
	{Sessions, Bucket, "sealed Telegram sessions", false, 64 * mib, 0, func(c *jetstream.StreamConfig, _ Options) {
		c.MaxMsgsPerSubject = SessionVersions
		byLeader(c)
	}},
	{Leases, Bucket, "the daemons that live", false, 8 * mib, 0, func(c *jetstream.StreamConfig, o Options) {
		c.MaxAge = o.LeaseTTL
		c.AllowMsgTTL = true // the bucket's beginning stays, see bridge/lease
		byLeader(c)
	}},
	{Accounts, Bucket, "the accounts, and which daemon runs which", false, 8 * mib, 0, func(c *jetstream.StreamConfig, _ Options) { byLeader(c) }},
	{Positions, Bucket, "where recovery begins, and which messages are in which chats", false, 32 * mib, 0, nil},
	{Once, Bucket, "requests with a Nats-Msg-Id, and their answers, sealed", false, 64 * mib, 512 * mib, func(c *jetstream.StreamConfig, _ Options) {
		c.MaxAge = OnceTTL
		c.AllowAtomicPublish = true
		c.Discard = jetstream.DiscardOld // of all there is the oldest is asked for least
		byLeader(c)
	}},
	{Flood, Bucket, "which calls Telegram wants to wait, and until when", false, 8 * mib, 0, func(c *jetstream.StreamConfig, _ Options) {
		c.AllowMsgTTL = true // each wait is there for as long as it lasts
		c.Discard = jetstream.DiscardOld
	}},
	{Limits, Bucket, "which accounts are frozen, their budgets, and what was used of them", false, 8 * mib, 0, func(c *jetstream.StreamConfig, _ Options) { byLeader(c) }},
	{Schema, Objects, "the API as documents", true, 32 * mib, 0, nil},
	{Queue, Stream, "jobs that wait to be run", false, 64 * mib, 0, func(c *jetstream.StreamConfig, o Options) {
		c.Subjects = subjects.Jobs(o.Scheme).All()
		c.Discard = jetstream.DiscardNew // a job that was accepted is never pushed out by another
		c.Duplicates = onceOnly          // of two jobs with an id bridge/queue judges, which knows their chats
		byLeader(c)
	}},
	{Done, Stream, "what became of jobs", false, 64 * mib, 0, func(c *jetstream.StreamConfig, o Options) {
		c.Subjects = []string{subjects.Results(o.Scheme).All()}
		c.MaxMsgsPerSubject = 1
		c.MaxAge = o.DoneAge.Value
		byLeader(c)
	}},
	{Peers, Bucket, "who the accounts have met: names, and what gives access, sealed", false, 64 * mib, 256 * mib, func(c *jetstream.StreamConfig, _ Options) {
		c.AllowAtomicPublish = true
		c.Discard = jetstream.DiscardOld // who was written first is written again when he is met again
	}},
	{State, Stream, "dialogs as they are now", true, 64 * mib, 0, func(c *jetstream.StreamConfig, o Options) {
		c.Subjects = []string{subjects.Records(o.Scheme).All()}
		c.MaxMsgsPerSubject = 1
		c.AllowAtomicPublish = true
		c.Discard = jetstream.DiscardNew // who joins would not know of a dialog that was pushed out
		byLeader(c)
	}},
	{History, Stream, "messages out of history that were asked for", true, 32 * mib, 4 << 10 * mib, func(c *jetstream.StreamConfig, o Options) {
		c.Subjects = []string{subjects.Histories(o.Scheme).All()}
		c.MaxAge = o.HistoryAge.Value
		c.AllowAtomicPublish = true
		c.Discard = jetstream.DiscardNew // what was fetched is never pushed out by more of it
		c.Duplicates = onceOnly          // what stands there already, bridge/history reads
	}},
	{Jobs, Bucket, "which jobs may have been run", false, 8 * mib, 0, func(c *jetstream.StreamConfig, _ Options) { byLeader(c) }},
	{Files, Objects, "files of Telegram's, and such as are to go there", true, 32 * mib, 16 << 10 * mib, func(c *jetstream.StreamConfig, o Options) {
		c.MaxAge = o.FilesAge.Value
	}},
	{Transfers, Bucket, "how far files on their way have come", false, 8 * mib, 0, func(c *jetstream.StreamConfig, _ Options) {
		c.MaxAge = TransfersAge
		c.Discard = jetstream.DiscardOld // what is lost is begun anew
		byLeader(c)
	}},
}

// byLeader has records read from the stream's leader alone: a copy that lags would tell of former owners and sessions.
func byLeader(c *jetstream.StreamConfig) { c.AllowDirect = false }

// Names are those of all streams and buckets.
func Names() []string {
	all := make([]string, len(table))
	for i, it := range table {
		all[i] = it.Name
	}
	return all
}

// item finds one by its name.
func item(name string) (Item, error) {
	for _, it := range table {
		if it.Name == name {
			return it, nil
		}
	}
	return Item{}, fmt.Errorf("natsgram keeps nothing called %.40q", name)
}

// Opt is a setting: its value, and whether the environment sets it or it is the default.
type Opt[T any] struct {
	Value T
	Set   bool
}

// Options are what the settings say of storage. The zero value is fine: one copy of everything, kept for ever, without limits.
type Options struct {
	Scheme     subjects.Scheme
	Replicas   Opt[int]           // 0: 1
	MaxAge     Opt[time.Duration] // of updates; 0: for ever
	DoneAge    Opt[time.Duration] // of what became of jobs; 0: for ever
	FilesAge   Opt[time.Duration] // of files; 0: for ever
	HistoryAge Opt[time.Duration] // of messages of the past; 0: for ever
	Limits     map[string]int64   // bytes, by name; what the environment sets alone. -1: none
	Cluster    string             // placement
	Tags       []string
	LeaseTTL   time.Duration // 0: LeaseTTL
	// Room is how much the JetStream server holds, in bytes, where that is known (the embedded one): updates get half of it,
	// unless a limit is set, so that leases always find some.
	Room int64
}

func (o Options) replicas() int { return max(o.Replicas.Value, 1) }

// StreamName is how JetStream calls an item.
func (it Item) StreamName(s subjects.Scheme) string {
	switch name := s.StreamName(it.Name); it.Kind {
	case Bucket:
		return "KV_" + name
	case Objects:
		return "OBJ_" + name
	default:
		return name
	}
}

// wanted is the configuration of an item that is made now. It is of the same form as the libraries of NATS make it, so that any
// program opens it as the bucket that it is; but for erasable, what they forbid is forbidden too.
func (it Item) wanted(o Options) jetstream.StreamConfig {
	if o.LeaseTTL <= 0 {
		o.LeaseTTL = LeaseTTL
	}
	name := o.Scheme.StreamName(it.Name)
	c := jetstream.StreamConfig{
		Name: it.StreamName(o.Scheme), Description: "natsgram: " + it.About, Storage: jetstream.FileStorage, Replicas: o.replicas(),
		MaxBytes: -1, MaxMsgs: -1, MaxConsumers: -1, MaxMsgSize: -1, AllowDirect: true, Placement: o.placement(),
	}
	switch it.Kind {
	case Bucket:
		c.Subjects = []string{"$KV." + name + ".>"}
		c.MaxMsgsPerSubject, c.AllowRollup, c.DenyDelete, c.Discard = 1, true, !erasable[it.Name], jetstream.DiscardNew
	case Objects:
		c.Subjects = []string{"$O." + name + ".C.>", "$O." + name + ".M.>"}
		c.AllowRollup, c.Discard = true, jetstream.DiscardNew
	case Stream:
	}
	if it.shape != nil {
		it.shape(&c, o)
	}
	if c.Duplicates == 0 {
		c.Duplicates = duplicates
	}
	if c.MaxAge > 0 {
		c.Duplicates = min(c.Duplicates, c.MaxAge) // NATS wants it so
	}
	if limit, set := o.Limits[it.Name]; set && limit > 0 {
		c.MaxBytes = limit
	}
	return c
}

func (o Options) placement() *jetstream.Placement {
	if o.Cluster == "" && len(o.Tags) == 0 {
		return nil
	}
	return &jetstream.Placement{Cluster: o.Cluster, Tags: o.Tags}
}
