package subjects

// MostID is above all ids that Telegram gives to users, groups and channels, which have 52 bits at most.
const MostID = 1 << 53

// botAPIChannels is what the Bot API adds to a channel's id before it puts it below zero. Basic groups are below zero as they are.
const botAPIChannels = 1_000_000_000_000

// FromBotAPI is the chat of which the Bot API, and programs made for it, write the id so. Above zero it is a user's.
func FromBotAPI(id int64) ChatRef {
	switch {
	case id < -botAPIChannels:
		return ChatRef{Channel, -(id + botAPIChannels)}
	case id < 0:
		return ChatRef{Chat, -id}
	case id > 0:
		return ChatRef{User, id}
	}
	return ChatRef{Kind: None}
}

// BotAPI is the reverse of [FromBotAPI].
func (c ChatRef) BotAPI() int64 {
	switch c.Kind {
	case Channel:
		return -c.ID - botAPIChannels
	case Chat:
		return -c.ID
	}
	return c.ID
}
