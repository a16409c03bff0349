package world

// Message is one message as one box holds it. It is never changed: an edit makes a new one.
type Message struct {
	ID       int
	Peer     Peer // the conversation, seen from the box's owner
	From     int64
	Out      bool // in a common box: written by its owner
	Post     bool // a broadcast channel's: shown without author
	Silent   bool
	Date     int
	EditDate int
	Text     string
	Entities any // formatting, passed through
	ReplyTo  int
	Top      int // of a reply to a reply, in a supergroup: what its thread began with; 0: that is ReplyTo
	Media    *File
	Action   *Action
	RandomID int64
	UID      int64 // the same in every box that has a copy
}

// Action makes a message a service message.
type Action struct {
	What  ActionKind
	Title string
	Users []int64
}

// ActionKind says what a service message tells.
type ActionKind uint8

// What service messages tell.
const (
	ChatCreated ActionKind = iota + 1
	ChannelCreated
	UsersAdded
	JoinedByLink
)

// File is an uploaded document or photo.
type File struct {
	ID       int64
	DC       int
	Photo    bool
	Name     string
	MimeType string
	Date     int
	Data     []byte
}

// Draft is what is about to be sent.
type Draft struct {
	Text     string
	Entities any
	RandomID int64 // 0: none, not checked
	ReplyTo  int
	Silent   bool
	Media    *File
	Origin   any // see Event
	action   *Action
}

// shelf keeps messages by id: ids are given without holes, a deleted message leaves nil.
type shelf struct {
	all  []*Message
	last *Message // the newest that ever was
}

func (s *shelf) next() int { return len(s.all) + 1 }

func (s *shelf) put(m *Message) { s.all, s.last = append(s.all, m), m }

func (s *shelf) get(id int) *Message {
	if id < 1 || id > len(s.all) {
		return nil
	}
	return s.all[id-1]
}

func (s *shelf) set(id int, m *Message) { s.all[id-1] = m }

// top is the newest message that is still there.
func (s *shelf) top() *Message {
	for i := len(s.all) - 1; i >= 0; i-- {
		if s.all[i] != nil {
			return s.all[i]
		}
	}
	return nil
}
