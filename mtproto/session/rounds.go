package session

// maxRounds is of refusals without a success between, until the connection is given up (C23).
const maxRounds = 5

// rounds counts rounds of refusals. A round is everything that was on its way when its first refusal came.
type rounds struct {
	count int
	mark  int64 // last id that was made before the round's first refusal
}

func (r *rounds) refused(id, last int64) {
	if id > r.mark {
		r.count++
		r.mark = last
	}
}

// ended notes a success.
func (r *rounds) ended() { r.count = 0 }
