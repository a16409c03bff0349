package tg

// How users and chats that Telegram sent are named in calls. A min object, which Telegram sends where it says little about
// somebody, has an access hash that is good for photos and nothing else, so that its conversions answer false: name
// it by the message where it was seen ([InputUserFromMessage], [InputPeerChannelFromMessage]), or find it otherwise. Other objects
// answer false where they have no access hash.

// AsInputPeer is x as a peer to write to.
func (x *User) AsInputPeer() (peer InputPeerClass, ok bool) {
	switch {
	case x == nil:
		return nil, false
	case x.Self:
		return &InputPeerSelf{}, true
	case x.Min || !x.AccessHash.Ok:
		return nil, false
	}
	return &InputPeerUser{UserID: x.ID, AccessHash: x.AccessHash.V}, true
}

// AsInputUser is x as a user in a call.
func (x *User) AsInputUser() (user InputUserClass, ok bool) {
	switch {
	case x == nil:
		return nil, false
	case x.Self:
		return &InputUserSelf{}, true
	case x.Min || !x.AccessHash.Ok:
		return nil, false
	}
	return &InputUser{UserID: x.ID, AccessHash: x.AccessHash.V}, true
}

// AsInputPeer is x as a peer to write to. A group that has become a supergroup is named by that.
func (x *Chat) AsInputPeer() (peer InputPeerClass, ok bool) {
	if x == nil {
		return nil, false
	}
	if c, moved := x.MigratedTo.(*InputChannel); moved && c != nil {
		return &InputPeerChannel{ChannelID: c.ChannelID, AccessHash: c.AccessHash}, true
	}
	return &InputPeerChat{ChatID: x.ID}, true
}

// AsInputPeer is x as a peer to write to.
func (x *Channel) AsInputPeer() (peer InputPeerClass, ok bool) {
	if x == nil || x.Min || !x.AccessHash.Ok {
		return nil, false
	}
	return &InputPeerChannel{ChannelID: x.ID, AccessHash: x.AccessHash.V}, true
}

// AsInputChannel is x as a channel in a call.
func (x *Channel) AsInputChannel() (channel InputChannelClass, ok bool) {
	if x == nil || x.Min || !x.AccessHash.Ok {
		return nil, false
	}
	return &InputChannel{ChannelID: x.ID, AccessHash: x.AccessHash.V}, true
}
