package session

// reaction is what a refusal leads to.
type reaction struct {
	says  string
	then  remedy // for the calls that were refused
	time  bool   // the notice itself shows the server's time; take it over
	renew bool   // leave this session for a new one (C42): its ids or its numbering are spoilt
	bug   bool   // cannot happen unless we have a bug; it is reported
}

type remedy uint8

const (
	again   remedy = iota // not executed: send it again, with a new id
	enquire               // not known whether it was received: ask
	alone                 // not executed: send it again, but not in a container
)

// reactions has the reaction to each error_code of bad_msg_notification and bad_server_salt (C23, C25).
//
// A message that is refused was not executed, with the one exception of code 20. So calls are always sent again, the
// codes differ in what has to be put right before. A code about a container is about all messages in it.
var reactions = map[int32]reaction{
	16: {says: "msg_id too low", then: again, time: true},
	17: {says: "msg_id too high", then: again, time: true, renew: true},
	18: {says: "msg_id not divisible by 4", then: again, renew: true, bug: true},
	19: {says: "container msg_id used before", then: again, renew: true, bug: true},
	20: {says: "message too old to know whether it was received", then: enquire},
	32: {says: "seq_no too low", then: again, renew: true},
	33: {says: "seq_no too high", then: again, renew: true},
	34: {says: "seq_no odd, should be even", then: again, renew: true, bug: true},
	35: {says: "seq_no even, should be odd", then: again, renew: true, bug: true},
	48: {says: "wrong server salt", then: again},
	64: {says: "invalid container", then: alone, renew: true, bug: true},
}

// otherwise is the reaction to codes that are not in the table.
var otherwise = reaction{says: "unknown code", then: again, renew: true, bug: true}

func reactionTo(code int32) reaction {
	if r, ok := reactions[code]; ok {
		return r
	}
	return otherwise
}
