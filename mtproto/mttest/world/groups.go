package world

import (
	"maps"
	"slices"
)

// Chat is a basic group as one of its members sees it.
type Chat struct {
	ID      int64
	Title   string
	Creator int64
	Members []int64
	Date    int
	Version int
}

type chat struct{ Chat }

// Channel is a broadcast channel or a supergroup.
type Channel struct {
	ID        int64
	Title     string
	About     string
	Username  string
	Megagroup bool
	Creator   int64
	Members   int
	Date      int
	Pts       int
	Top       int // id of the newest message, 0 none
}

// Standing is what a user is to a channel.
type Standing struct{ Member, Creator bool }

type channel struct {
	Channel
	box     box
	shelf   shelf
	members map[int64]*member
	mark    int // logical date of the last event
}

type member struct{ readIn int }

// AddChat makes a basic group of creator and members, with its first service message.
func (w *World) AddChat(title string, creator int64, members []int64, origin any) (Chat, Sent, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if title == "" {
		return Chat{}, Sent{}, refuse("CHAT_TITLE_EMPTY")
	}
	all := []int64{creator}
	for _, id := range members {
		if w.users[id] == nil {
			return Chat{}, Sent{}, refuse("USER_ID_INVALID")
		}
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	w.lastID.chat++
	c := &chat{Chat{ID: w.lastID.chat, Title: title, Creator: creator, Members: all, Date: w.Date(), Version: 1}}
	w.chats[c.ID] = c
	sent, err := w.send(creator, ChatPeer(c.ID), Draft{Origin: origin, action: &Action{What: ChatCreated, Title: title, Users: all}})
	return c.Chat, sent, err
}

// Chat finds a basic group, if viewer is in it.
func (w *World) Chat(viewer, id int64) (Chat, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	c := w.chats[id]
	if c == nil || !slices.Contains(c.Members, viewer) {
		return Chat{}, false
	}
	return c.Chat, true
}

// AddToChat brings a user into a basic group.
func (w *World) AddToChat(by, id, who int64, origin any) (Sent, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.chats[id]
	switch {
	case c == nil || !slices.Contains(c.Members, by):
		return Sent{}, refuse("CHAT_ID_INVALID")
	case w.users[who] == nil:
		return Sent{}, refuse("USER_ID_INVALID")
	case slices.Contains(c.Members, who):
		return Sent{}, refuse("USER_ALREADY_PARTICIPANT")
	}
	c.Members = append(slices.Clone(c.Members), who)
	c.Version++
	return w.send(by, ChatPeer(id), Draft{Origin: origin, action: &Action{What: UsersAdded, Users: []int64{who}}})
}

// NewChannel is what a channel starts from.
type NewChannel struct {
	Title, About, Username string
	Megagroup              bool
	Creator                int64
	Members                []int64
	Origin                 any
}

// AddChannel makes a channel, with its first service message.
func (w *World) AddChannel(n NewChannel) (Channel, Sent, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n.Title == "" {
		return Channel{}, Sent{}, refuse("CHANNEL_TITLE_EMPTY")
	}
	if w.users[n.Creator] == nil {
		return Channel{}, Sent{}, refuse("USER_ID_INVALID")
	}
	w.lastID.channel++
	c := &channel{members: map[int64]*member{}, Channel: Channel{
		ID: w.lastID.channel, Title: n.Title, About: n.About, Username: n.Username, Megagroup: n.Megagroup, Creator: n.Creator, Date: w.Date(),
	}}
	// A channel's pts begins at 1: 0 would say that there is none.
	c.box.pts, c.box.begin = 1, 1
	w.channels[c.ID] = c
	w.name(n.Username, ChannelPeer(c.ID))
	for _, id := range append([]int64{n.Creator}, n.Members...) {
		w.join(c, id)
	}
	sent, err := w.send(n.Creator, ChannelPeer(c.ID), Draft{Origin: n.Origin, action: &Action{What: ChannelCreated, Title: n.Title}})
	return c.snapshot(), sent, err
}

func (c *channel) snapshot() Channel {
	s := c.Channel
	s.Members, s.Pts = len(c.members), c.box.pts
	if m := c.shelf.top(); m != nil {
		s.Top = m.ID
	}
	return s
}

func (w *World) join(c *channel, id int64) bool {
	u := w.users[id]
	if u == nil || c.members[id] != nil {
		return false
	}
	c.members[id] = &member{}
	u.joined = append(u.joined, c.ID)
	return true
}

// Channel finds a channel and what it is to viewer.
func (w *World) Channel(viewer, id int64) (Channel, Standing, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	c := w.channels[id]
	if c == nil {
		return Channel{}, Standing{}, false
	}
	return c.snapshot(), Standing{Member: c.members[viewer] != nil, Creator: c.Creator == viewer}, true
}

// unread counts what others wrote after the last message that viewer has read.
func (c *channel) unread(viewer int64) (n int) {
	m := c.members[viewer]
	if m == nil {
		return 0
	}
	for i := len(c.shelf.all); i > m.readIn; i-- {
		if msg := c.shelf.get(i); msg != nil && msg.From != viewer {
			n++
		}
	}
	return n
}

// visible finds a channel that viewer may read: as a member, or because it has a public name.
func (w *World) visible(viewer, id int64) (*channel, error) {
	c := w.channels[id]
	switch {
	case c == nil:
		return nil, refuse("CHANNEL_INVALID")
	case c.members[viewer] == nil && c.Username == "":
		return nil, refuse("CHANNEL_PRIVATE")
	}
	return c, nil
}

// Join makes a user a member of a channel with a public name.
func (w *World) Join(id, channelID int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, err := w.visible(id, channelID)
	if err != nil {
		return err
	}
	if !w.join(c, id) {
		return refuse("USER_ALREADY_PARTICIPANT")
	}
	w.deliver(id, Event{What: Membership, Peer: ChannelPeer(channelID), Date: w.Date()})
	return nil
}

// Leave takes a user out of a channel.
func (w *World) Leave(id, channelID int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, u := w.channels[channelID], w.users[id]
	if c == nil || u == nil || c.members[id] == nil {
		return refuse("USER_NOT_PARTICIPANT")
	}
	delete(c.members, id)
	u.joined = slices.DeleteFunc(u.joined, func(j int64) bool { return j == channelID })
	w.deliver(id, Event{What: Membership, Peer: ChannelPeer(channelID), Date: w.Date()})
	return nil
}

// Members lists who is in a channel, by ascending id.
func (w *World) Members(channelID int64) []int64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if c := w.channels[channelID]; c != nil {
		return slices.Sorted(maps.Keys(c.members))
	}
	return nil
}
