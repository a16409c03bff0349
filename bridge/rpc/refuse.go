package rpc

import (
	"context"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/turns"
)

// refuser answers requests whose calls are not made, or keeps them for the next owner.
type refuser struct {
	ctx     context.Context //nolint:containedctx // the service's life
	pool    *turns.Pool
	replier *replier
}

// refuse answers with a fault, unless the next owner answers the request.
func (r *refuser) refuse(j *job, fault *Fault) {
	if !r.passes(j, fault) {
		r.replier.reply(j, nil, fault)
	}
}

// passes keeps a request that was cancelled before it was sent, so that the next owner may answer it.
func (r *refuser) passes(j *job, fault *Fault) bool {
	if r.ctx.Err() == nil || j.IsInside() || fault.Code != 503 || fault.Sent != answer.No {
		return false
	}
	run := j.run
	j.named = named{}
	if !r.pool.Keep(&j.Job) {
		j.run = run
		return false
	}
	if run != nil {
		run.Leave(r.ctx) // before the next owner can see it
	}
	return true
}
