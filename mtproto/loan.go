package mtproto

import "context"

// Loan is a buffer that an answer of file traffic stands in, and that is wanted back: see [WithLoan]. The zero Loan is none.
type Loan struct {
	buf  []byte
	back func([]byte)
}

type loanKey struct{}

// WithLoan has the call that is made with a context, by [Client.InvokeFile], lend its result instead of giving it away, if that is worth
// while: parts of files then need neither a copy nor a new buffer each. A Loan is for one call.
func WithLoan(ctx context.Context, l *Loan) context.Context {
	return context.WithValue(ctx, loanKey{}, l)
}

// Lend notes what is lent, and who wants it back. It is for who makes calls in place of a [Client].
func (l *Loan) Lend(buf []byte, back func([]byte)) { l.buf, l.back = buf, back }

// LoanOf is the Loan of a context, nil if there is none, for who makes calls in place of a [Client].
func LoanOf(ctx context.Context) *Loan {
	l, _ := ctx.Value(loanKey{}).(*Loan)
	return l
}

// Return gives back what was lent. The result must not be used any more. A Loan that is never returned is the caller's for good.
func (l *Loan) Return() {
	if l.back != nil {
		l.back(l.buf)
		*l = Loan{}
	}
}
