package storage

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Why is for what reason an item should be other than it is.
type Why string

// The reasons.
const (
	Needed  Why = "needed"  // natsgram does not work without
	Set     Why = "set"     // the environment says so
	Default Why = "default" // only what would be made anew: nothing is changed for that
)

// Difference is what an item has otherwise than it should.
type Difference struct {
	What  string `json:"what"`
	Have  string `json:"have"`
	Want  string `json:"want"`
	Why   Why    `json:"why"`
	Loses string `json:"loses,omitempty"` // what is lost by bringing it there; empty: nothing

	manual bool // only `natsgram storage apply` does it
	apply  func(*jetstream.StreamConfig)
}

// differences are all of one item.
func (s *Storage) differences(it Item, info *jetstream.StreamInfo) (all []Difference) {
	want := it.wanted(s.o)
	have := info.Config
	all = append(all, needs(have, want, it)...)
	if d, ok := s.copies(have, want); ok {
		all = append(all, d)
	}
	if set, aged := map[string]bool{Updates: s.o.MaxAge.Set, Done: s.o.DoneAge.Set, Files: s.o.FilesAge.Set, History: s.o.HistoryAge.Set}[it.Name]; aged {
		if d, ok := agedBy(have, want, set); ok {
			all = append(all, d)
		}
	}
	if d, ok := s.limit(it, info, want); ok {
		all = append(all, d)
	}
	if d, ok := placed(have, want); ok {
		all = append(all, d)
	}
	return all
}

// needs are what natsgram does not work without. All else that an operator has changed stays.
func needs(have, want jetstream.StreamConfig, it Item) (all []Difference) {
	for _, subject := range want.Subjects {
		if !slices.Contains(have.Subjects, subject) {
			all = append(all, Difference{What: "subjects", Have: strings.Join(have.Subjects, " "), Want: subject, Why: Needed,
				apply: func(c *jetstream.StreamConfig) { c.Subjects = append(slices.Clone(c.Subjects), subject) }})
		}
	}
	for _, f := range []struct {
		what string
		of   func(*jetstream.StreamConfig) *bool
	}{
		{"atomic batches", func(c *jetstream.StreamConfig) *bool { return &c.AllowAtomicPublish }},
		{"lifetimes of messages", func(c *jetstream.StreamConfig) *bool { return &c.AllowMsgTTL }},
		{"rollup", func(c *jetstream.StreamConfig) *bool { return &c.AllowRollup }},
		{"direct reading", func(c *jetstream.StreamConfig) *bool { return &c.AllowDirect }},
	} {
		if *f.of(&want) && !*f.of(&have) {
			all = append(all, Difference{What: f.what, Have: "no", Want: "yes", Why: Needed, apply: func(c *jetstream.StreamConfig) { *f.of(c) = true }})
		}
	}
	if it.Name == Leases && have.MaxAge != want.MaxAge {
		all = append(all, Difference{What: "age", Have: age(have.MaxAge), Want: age(want.MaxAge), Why: Needed,
			apply: func(c *jetstream.StreamConfig) { c.MaxAge, c.Duplicates = want.MaxAge, want.Duplicates }})
	}
	if (it.Name == Queue || it.Name == State) && have.Discard != want.Discard { // what is there is never pushed out
		all = append(all, Difference{What: "discard", Have: have.Discard.String(), Want: want.Discard.String(), Why: Needed,
			apply: func(c *jetstream.StreamConfig) { c.Discard = want.Discard }})
	}
	if n := want.MaxMsgsPerSubject; it.Kind == Bucket && have.MaxMsgsPerSubject < n {
		all = append(all, Difference{What: "versions", Have: strconv.FormatInt(have.MaxMsgsPerSubject, 10), Want: strconv.FormatInt(n, 10),
			Why: Needed, apply: func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = n }})
	}
	return all
}

func why(set bool) Why {
	if set {
		return Set
	}
	return Default
}

func (s *Storage) copies(have, want jetstream.StreamConfig) (Difference, bool) {
	d := Difference{What: "replicas", Have: strconv.Itoa(have.Replicas), Want: strconv.Itoa(want.Replicas), Why: why(s.o.Replicas.Set),
		apply: func(c *jetstream.StreamConfig) { c.Replicas = want.Replicas }}
	if want.Replicas < have.Replicas {
		d.Loses = fmt.Sprintf("%d of %d copies", have.Replicas-want.Replicas, have.Replicas)
	}
	return d, have.Replicas != want.Replicas
}

func agedBy(have, want jetstream.StreamConfig, set bool) (Difference, bool) {
	d := Difference{What: "age", Have: age(have.MaxAge), Want: age(want.MaxAge), Why: why(set),
		apply: func(c *jetstream.StreamConfig) { c.MaxAge, c.Duplicates = want.MaxAge, want.Duplicates }}
	if want.MaxAge > 0 && (have.MaxAge == 0 || want.MaxAge < have.MaxAge) {
		d.Loses = "what is older than " + age(want.MaxAge)
	}
	return d, have.MaxAge != want.MaxAge
}

func age(d time.Duration) string {
	if d == 0 {
		return "for ever"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func (s *Storage) limit(it Item, info *jetstream.StreamInfo, want jetstream.StreamConfig) (Difference, bool) {
	limit, set := s.o.Limits[it.Name]
	have := info.Config.MaxBytes
	if !set || have == want.MaxBytes || limit <= 0 && have <= 0 {
		return Difference{}, false // a default limit depends on the room there was
	}
	d := Difference{What: "limit", Have: Bytes(have), Want: Bytes(want.MaxBytes), Why: Set,
		apply: func(c *jetstream.StreamConfig) { c.MaxBytes = want.MaxBytes }}
	if want.MaxBytes > 0 && (have <= 0 || want.MaxBytes < have) {
		d.Loses = "what does not fit into " + Bytes(want.MaxBytes)
		if info.Config.Discard == jetstream.DiscardNew { // what is there stays, and nothing more is taken
			d.Loses = "the room above " + Bytes(want.MaxBytes)
		}
	}
	return d, true
}

func placed(have, want jetstream.StreamConfig) (Difference, bool) {
	if want.Placement == nil {
		return Difference{}, false
	}
	return Difference{What: "placement", Have: place(have.Placement), Want: place(want.Placement), Why: Set, manual: true,
		apply: func(c *jetstream.StreamConfig) { c.Placement = want.Placement }}, place(have.Placement) != place(want.Placement)
}

func place(p *jetstream.Placement) string {
	if p == nil || p.Cluster == "" && len(p.Tags) == 0 {
		return "anywhere"
	}
	return strings.Join(append(slices.DeleteFunc([]string{p.Cluster}, func(c string) bool { return c == "" }), p.Tags...), " ")
}

// Bytes writes a number of bytes as the settings take it.
func Bytes(n int64) string {
	if n <= 0 {
		return "none"
	}
	for _, unit := range []struct {
		name string
		size int64
	}{{"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}} {
		if n >= unit.size {
			return strconv.FormatFloat(float64(n)/float64(unit.size), 'f', -1, 32) + unit.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}
