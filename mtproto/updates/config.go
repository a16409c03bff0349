package updates

import "time"

// Config is what a machine is told about its account, and its limits; zero values mean the defaults.
type Config struct {
	SelfID int64 // the account's own user id, for updateShortMessage (E5); 0: these become a difference
	Bot    bool  // the sequences are the same (E25); nothing differs yet

	// Known tells whether a user or chat, which an updateShortMessage mentions, is known to whoever reads what is
	// published; where not, the message is fetched by a difference, which brings them along (E5). Nil: all are.
	Known func(Peer) bool

	GapWait     time.Duration // for the missing piece before a difference; 500 ms (E6)
	ChannelWait time.Duration // the same for channels; 0: the difference at once, as TDLib does (E6)
	Quiet       time.Duration // without any update before a difference; 15 min (E18)
	RetryMin    time.Duration // first wait after a failed fetch, doubled each time; 1 s (E15)
	RetryMax    time.Duration // 60 s (E15)

	ChannelLimit  int // of getChannelDifference; 100 (E11)
	Concurrent    int // getChannelDifference at a time; 10 (E16)
	MaxBatch      int // items of a batch; 1000, what JetStream takes
	MaxHeld       int // updates waiting for a difference; 10,000 (E7)
	MaxHeldBytes  int // bytes of containers they keep; 16 MiB
	MaxUnreadable int // times in a row a difference may be unreadable before it becomes a gap; 5
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
	orInt(&c.ChannelLimit, 100)
	orInt(&c.Concurrent, 10)
	orInt(&c.MaxBatch, 1000)
	orInt(&c.MaxHeld, 10_000)
	orInt(&c.MaxHeldBytes, 16<<20)
	orInt(&c.MaxUnreadable, 5)
	return c
}
