package sim

// fault is something that goes wrong.
type fault int

const (
	// Of the server.
	loseQuery  fault = iota // a query in a packet that arrived is not taken
	refuse                  // a packet is refused, with any code; nothing in it is executed
	refuseDone              // code 20 about what was executed
	ackQuery                // no fault: a query is acknowledged before its answer
	hideAnswer              // news of an answer in place of it
	lateAnswer              // the answer comes with the next connection
	again                   // unacknowledged content is sent again for no reason
	newSalt                 // every salt so far is wrong from now on
	nextSalt                // no fault: another salt is announced, and begins some time
	forget                  // all sessions are forgotten, without a word
	forgetKey               // the key is: -404
	overload                // -429
	push                    // no fault: an update
	pushPing                // no fault: a ping
	unasked                 // states that nobody asked for
	askAgain                // msg_resend_req for what was lost
	askStates               // msgs_state_req
	refuseKey               // a key exchange ends in failure
	retryKey                // or goes in rounds
	// Of the network and its people.
	cut        // a connection breaks
	cutServer  // the server closes one
	mute       // nothing of the client arrives any more: half-open
	deaf       // nothing arrives at the client any more
	heal       // both are over
	corrupt    // a bit flips, either way
	replay     // an old packet of the client arrives again from elsewhere
	replayBack // an old packet of the server arrives again
	// Of the client's machine and of its operator.
	sleep   // the client's clock stands still for a while
	step    // the server's is set back a little
	restart // another session, with a clock that may be wrong by hours
	rekey   // another temporary key
	// Of the server, where there are senders.
	flood  // a flood wait of one call
	reject // no fault: a call is answered with an error that stands
	faults
)

var faultNames = [faults]string{"loseQuery", "refuse", "refuseDone", "ackQuery", "hideAnswer", "lateAnswer", "again",
	"newSalt", "nextSalt", "forget", "forgetKey", "overload", "push", "pushPing", "unasked", "askAgain", "askStates",
	"refuseKey", "retryKey", "cut", "cutServer", "mute", "deaf", "heal", "corrupt", "replay", "replayBack", "sleep",
	"step", "restart", "rekey", "flood", "reject"}

func (f fault) String() string { return faultNames[f] }

// usual is that a fault happens once in so many occasions.
var usual = [faults]int{
	loseQuery: 25, refuse: 60, refuseDone: 80, ackQuery: 3, hideAnswer: 10, lateAnswer: 12, again: 12, newSalt: 30,
	nextSalt: 2, forget: 40, forgetKey: 150, overload: 150, push: 4, pushPing: 30, unasked: 15, askAgain: 15, askStates: 30,
	refuseKey: 6, retryKey: 4,
	cut: 4, cutServer: 10, mute: 12, deaf: 12, heal: 4, corrupt: 12, replay: 10, replayBack: 10,
	sleep: 20, step: 30, restart: 40, rekey: 30,
	flood: 12, reject: 30,
}

// draw decides for a run which faults it has: about two in three, so that one does not always hide another.
func (r *source) draw(odds *[faults]int, from, to fault) {
	for f, n := range usual[from:to] {
		if !r.one(3) {
			odds[int(from)+f] = max(n*(1+r.n(4))/2, 2)
		}
	}
}
