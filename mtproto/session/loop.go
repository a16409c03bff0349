package session

// maxRounds is of refusals without a success between, until the connection is given up (C23).
const maxRounds = 5

// loop counts rounds of refusals. A round is everything that was on its way when its first refusal came.
type loop struct {
	rounds int
	mark   int64 // last id that was made before the round's first refusal
}

func (l *loop) refused(id, last int64) {
	if id > l.mark {
		l.rounds++
		l.mark = last
	}
}

// ended notes a success.
func (l *loop) ended() { l.rounds = 0 }
