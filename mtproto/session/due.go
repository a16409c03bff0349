package session

import (
	"github.com/natsgram/natsgram/mtproto/mt"
)

// Due reports whether [Session.Append] has something to send, so that a loop need not be woken for every packet that came.
// It may be wrong in one direction: that Append finds nothing after all.
func (s *Session) Due() bool {
	if !s.conn.up || s.err != nil {
		return false
	}
	return s.calls.queue.head != nil || s.calls.ask || s.conn.ping.due || s.acks.now && len(s.acks.ids) > 0 ||
		len(s.asks.answers) > 0 || len(s.asks.replies) > 0
}

// Flush has the acknowledgements that are owed go with the next packet, for when no other one will: the session ends with
// its connection, and what is not acknowledged comes again in the next (C15).
func (s *Session) Flush() { s.acks.now = len(s.acks.ids) > 0 }

// Destroy has the server told to forget another session of the same key, which somebody has left (C38).
func (s *Session) Destroy(sessionID int64) {
	if sessionID != s.self.id {
		s.asks.reply(&mt.DestroySession{SessionID: sessionID}, true)
	}
}
