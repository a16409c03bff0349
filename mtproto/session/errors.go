package session

import "errors"

// Errors that [Session.Receive] and [Session.Tick] return: the connection has to be closed and made again. Calls stay.
var (
	// ErrPacket says that a packet failed a check and was discarded (C3 to C6, C9, C18).
	ErrPacket = errors.New("session: packet refused")
	// ErrDead says that the peer has not answered for too long (C35).
	ErrDead = errors.New("session: connection is dead")
	// ErrTime says that a message is from the future, so that our idea of the server's time is wrong (C8).
	ErrTime = errors.New("session: message from the future")
	// ErrLoop says that the server refuses again and again what is sent anew (C23, C25).
	ErrLoop = errors.New("session: refused too often")
)

// Errors of calls, in [Failed].
var (
	// ErrQuery says that a query is no TL object, or too large. It was not sent.
	ErrQuery = errors.New("session: bad query")
	// ErrRefused says that the server refused every attempt. It did not execute the call.
	ErrRefused = errors.New("session: call refused")
	// ErrForgotten says that the server forgot the session the call was sent in (C37), or that we had to leave it (C25),
	// before the answer came. What became of the call cannot be found out.
	ErrForgotten = errors.New("session: the session that the call was sent in is gone")
	// ErrAnswer says that the call was executed, but its answer cannot be read or never came.
	ErrAnswer = errors.New("session: answer lost")
	// ErrTurn says that the call that this one was to come after has ended meanwhile, or was sent in a session that was left
	// (C39). This one was not sent, or not again.
	ErrTurn = errors.New("session: out of turn")
	// ErrClosed says that the session was closed.
	ErrClosed = errors.New("session: closed")
)
