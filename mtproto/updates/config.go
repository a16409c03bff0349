package updates

import (
	"cmp"
	"time"
)

// Config is what a machine is told about its account, and its limits; zero values mean the defaults.
type Config struct {
	SelfID int64 // the account's own user id, for updateShortMessage (E5); 0: these become a difference
	Bot    bool  // the sequences are the same; a bot has no dialogs and watches nothing (E25), but confirms (E28)

	// Known reports whether a user or chat, which an updateShortMessage mentions, is known to whoever reads what is
	// published; where not, the message is fetched by a difference, which brings them along (E5). Nil: all are.
	Known func(Peer) bool

	// Begin says that the account begins with this machine, and why: a [Gap] with this reason, from 0 to where the account stands,
	// comes before everything else. The state given to New is then where it begins, if it is not zero. Empty: the account
	// goes on, or nobody needs to be told where it begins.
	Begin string
	// Era is a number above all that a machine of the account was given before. What is counted anew is counted under it.
	Era uint64

	GapWait     time.Duration // for the missing piece before a difference; 500 ms (E6)
	ChannelWait time.Duration // the same for channels; 0: the difference at once, as TDLib does (E6)
	Quiet       time.Duration // without any update before a difference; 15 min (E18)
	RetryMin    time.Duration // first wait after a failed fetch, doubled each time; 1 s (E15)
	RetryMax    time.Duration // 60 s (E15)

	ChannelLimit  int           // of getChannelDifference; 100 (E11)
	Concurrent    int           // getChannelDifference at a time; 10 (E16)
	MaxBatch      int           // items of a batch; 1000, what JetStream takes
	MaxHeld       int           // updates waiting for a difference; 10,000 (E7)
	MaxHeldBytes  int           // bytes of containers they keep; 16 MiB
	Forget        time.Duration // after which a channel that was left, or is closed to us, is forgotten; a week
	MaxUnreadable int           // times in a row a difference may be unreadable before it is read in part, or becomes a gap; 2

	Fill    Fill
	Look    Look
	Confirm int // events after which a bot tells Telegram that it has them; 100,000 (E28)

	Rand func() float64 // from [0,1), so that accounts do not ask all at once; nil: always the middle
}

// Fill says how messages in gaps are fetched from history (E12).
type Fill struct {
	Messages int           // of one gap, the newest; 10,000; < 0: none
	Boxes    int           // with messages to fetch at a time; 100. Gaps of further ones are not filled
	Pause    time.Duration // after each call for history, or for dialogs at first login; 200 ms
}

// Look says how the machine looks for what was not pushed to it.
type Look struct {
	Every time.Duration // a page of dialogs and one of other channels are compared; 1 min; < 0: never (E29, E36)
	Most  time.Duration // the longest that this becomes while rounds find nothing; 8 min; not more than Every: it stays what it is
	Page  int           // dialogs or channels on such a page; 50, at most 100
	State time.Duration // updates.getState, and up to a fifth later; 5 min; < 0: never (E19)
	List  int           // pages of 100 dialogs that are gone through once, at first login; 50; < 0: none (E17)
}

func (c Config) withDefaults() Config {
	orDuration := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	orInt := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	orDuration(&c.GapWait, 500*time.Millisecond)
	orDuration(&c.Quiet, 15*time.Minute)
	orDuration(&c.RetryMin, time.Second)
	orDuration(&c.RetryMax, time.Minute)
	orDuration(&c.Forget, 7*24*time.Hour)
	orInt(&c.ChannelLimit, 100)
	orInt(&c.Concurrent, 10)
	orInt(&c.MaxBatch, 1000)
	orInt(&c.MaxHeld, 10_000)
	orInt(&c.MaxHeldBytes, 16<<20)
	orInt(&c.MaxUnreadable, 2)
	return c.withBackground()
}

// withBackground has the defaults of what may be turned off.
func (c Config) withBackground() Config {
	c.Fill.Messages = cmp.Or(c.Fill.Messages, 10_000)
	c.Fill.Boxes = cmp.Or(c.Fill.Boxes, 100)
	c.Fill.Pause = cmp.Or(c.Fill.Pause, 200*time.Millisecond)
	c.Look.Every = cmp.Or(c.Look.Every, time.Minute)
	c.Look.Most = cmp.Or(c.Look.Most, 8*time.Minute)
	c.Look.Page = min(max(cmp.Or(c.Look.Page, 50), 1), 100)
	c.Look.State = cmp.Or(c.Look.State, 5*time.Minute)
	c.Look.List = cmp.Or(c.Look.List, 50)
	c.Confirm = cmp.Or(c.Confirm, 100_000)
	return c
}
