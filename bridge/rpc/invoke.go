package rpc

import (
	"context"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/mtproto"
)

// invoker makes calls that are encoded, and hands their results on to be answered.
type invoker struct {
	c       *Config
	encoder *encoder
	memory  *memory
	results *results
	refuser *refuser
}

// call asks Telegram, and hands on what it says.
func (i *invoker) call(ctx context.Context, j *job, call *buffer) {
	call, result, err := i.invoke(ctx, j, call)
	if err != nil {
		i.failed(ctx, j, call.b, err) // the buffer is left to the collector: who was asked may still hold it
		return
	}
	defer call.free()
	i.memory.done(ctx, j, result)
	i.results.answer(j, call.b, result)
	if j.m.Moves && i.c.Observe != nil {
		i.c.Observe(call.b, result, j.asked.msgID)
	}
}

// failed tells of a call that failed; or, where it was executed before, what came of that.
func (i *invoker) failed(ctx context.Context, j *job, call []byte, err error) {
	fault := i.c.explain(err)
	if mtproto.SentOf(err) == mtproto.SentRefused && fault.Telegram == "" {
		fault.Sent = answer.No // it was, and refused, and is not sent again: nothing was executed
	}
	if i.refuser.passes(j, &fault) {
		return
	}
	before, refused := i.memory.executed(ctx, j, call, &fault)
	if refused != nil {
		j.Refuse(refused)
		return
	}
	i.memory.done(ctx, j, before)
	i.results.answer(j, call, before)
}

// invoke makes the call, in its turn. Where Telegram lacks something of a file that it names, it is made again, with that file as it is then.
func (i *invoker) invoke(ctx context.Context, j *job, call *buffer) (made *buffer, result []byte, err error) {
	for {
		to := i.c.Invoke
		if turn := j.Turn(); turn != nil {
			to = turn
		}
		if result, err = to.Invoke(ctx, call.b); err == nil {
			return call, result, nil
		}
		again, fault := i.encoder.mended(ctx, j, err)
		if again {
			j.Leave() // whoever is behind it goes before it
			call = buffers.Get().(*buffer)
			fault = i.encoder.encode(ctx, call, j)
		}
		if fault != nil {
			return call, nil, fault
		}
		if !again {
			return call, nil, err
		}
	}
}
